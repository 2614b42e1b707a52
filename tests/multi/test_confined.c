/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon may do beside its work: as whom it runs, what it gave up, and
 * what happens to a call that it has no need of. The calls are made by kernels
 * of an operator, that is, from where a hostile payload would make them. And
 * payload that changes under each kernel, which is how one would try.
 *
 * ctest: soak=600
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stddef.h>

#include <vine/vine.h>

#include "appliance.h"

static struct appliance appliance;

static struct vine_session *
attach_to(const char *segment)
{
	char text[512];
	struct vine_session_opts o = { .size = sizeof(o), .config = text,
		.attach_timeout = INT64_C(20000000000) };
	struct vine_session *s = NULL;

	snprintf(text, sizeof(text), "shm_file %s\ntrace 0\n"
		 "restart_wait 0\n", segment);
	ck_assert_int_eq(vine_session_open(&o, &s), 0);
	return s;
}

static struct vine_session *
attach(void)
{
	return attach_to(appliance.name);
}

/* Carry out a procedure of cpu0 on some data; returns its status. */
static enum vine_status
run(struct vine_session *s, const char *proc)
{
	struct vine_task_opts o = { .size = sizeof(o), .in_count = 1 };
	struct vine_task_result r = { .size = sizeof(r) };
	struct vine_slice slice;
	vine_data *data;
	vine_task *task;

	ck_assert_int_eq(vine_accel_find(s, CPU, "cpu0", &o.accel), 0);
	ck_assert_int_eq(vine_proc_find(s, CPU, proc, &o.proc), 0);
	ck_assert_int_eq(vine_data_alloc_in(s, 100000, 0, &data), 0);
	slice = vine_slice_all(data);
	o.in = &slice;
	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	ck_assert_int_eq(vine_task_wait_for(task, VINE_FOREVER), 0);
	ck_assert_int_eq(vine_task_result(task, &r), 0);
	return r.status;
}

static void
serves(void)
{
	struct vine_session *s = attach();

	ck_assert_int_eq(run(s, "crc32c"), VINE_STATUS_OK);
	vine_session_close(s);
}

static void
path_of(char *path, size_t size, const char *format)
{
	snprintf(path, size, format, (int)appliance.pid);
}

/*
 * Each thread of vined has a line of its status that begins with `want`. A
 * sanitizer's own thread is older than main and keeps its capabilities.
 */
static void
all_threads_have(const char *want)
{
	char folder[64], path[512], all[8192];
	struct dirent *e;
	int threads = 0;
	DIR *dir;

	path_of(folder, sizeof(folder), "/proc/%d/task");
	dir = opendir(folder);
	ck_assert_ptr_nonnull(dir);
	while ((e = readdir(dir)) != NULL) {
		FILE *file;
		size_t n;

		if (e->d_name[0] == '.' ||
		    (APPLIANCE_SANITIZED && atoi(e->d_name) != appliance.pid))
			continue;
		snprintf(path, sizeof(path), "%s/%s/status", folder, e->d_name);
		file = fopen(path, "r");
		n = file ? fread(all, 1, sizeof(all) - 1, file) : 0;
		if (file)
			fclose(file);
		if (n == 0)	/* it has ended meanwhile */
			continue;
		all[n] = '\0';
		ck_assert_msg(strstr(all, want) != NULL, "no \"%s\" in:\n%s",
			      want, all);
		threads++;
	}
	closedir(dir);
	ck_assert_int_ge(threads, APPLIANCE_SANITIZED ? 1 : 5);
}

/* --- rights ------------------------------------------------------------- */

START_TEST(every_thread_has_a_filter_and_no_right)
{
	appliance_start(&appliance, "rights", "shm_size 8M\n");
	all_threads_have("\nNoNewPrivs:\t1\n");
	all_threads_have("\nSeccomp:\t2\n");
	all_threads_have("\nCapInh:\t0000000000000000\n");
	all_threads_have("\nCapPrm:\t0000000000000000\n");
	all_threads_have("\nCapEff:\t0000000000000000\n");
	all_threads_have("\nCapAmb:\t0000000000000000\n");
	serves();
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

START_TEST(seccomp_off_means_no_filter)
{
	appliance_start(&appliance, "off", "shm_size 8M\nseccomp off\n");
	all_threads_have("\nNoNewPrivs:\t1\n");
	all_threads_have("\nSeccomp:\t0\n");
	ck_assert(appliance_logged(&appliance, 0, "seccomp is off"));
	serves();
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

START_TEST(each_engine_of_io_serves_where_it_may)
{
	static const char *const lines[] = {
		"shm_size 8M\nio_engine epoll\n",
		"shm_size 8M\nio_engine auto\nseccomp off\n",
	};

	for (int i = 0; i < 2; i++) {
		appliance_start(&appliance, i ? "auto" : "epoll", lines[i]);
		serves();
		ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
	}
}
END_TEST

/* How many of its descriptors are rings. */
static int
rings(void)
{
	char folder[64], path[512], what[64];
	struct dirent *e;
	int n = 0;
	DIR *dir;

	path_of(folder, sizeof(folder), "/proc/%d/fd");
	dir = opendir(folder);
	ck_assert_ptr_nonnull(dir);
	while ((e = readdir(dir)) != NULL) {
		ssize_t length;

		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		length = readlink(path, what, sizeof(what) - 1);
		what[length < 0 ? 0 : length] = '\0';
		n += strstr(what, "io_uring") != NULL;
	}
	closedir(dir);
	return n;
}

START_TEST(workers_have_a_ring_each_behind_the_filter)
{
	if (!appliance_has_rings()) {
		fprintf(stderr, "left out: no rings that can be confined\n");
		return;
	}
	appliance_start(&appliance, "rings",
			"shm_size 8M\nio_engine uring\n");
	all_threads_have("\nSeccomp:\t2\n");
	ck_assert_int_eq(rings(), 2);
	serves();
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
	/* auto takes them where descriptors are waited for, and not else */
	appliance_start(&appliance, "rings-net",
			"shm_size 8M\nnet_listen tcp:127.0.0.1:*\n");
	ck_assert_int_eq(rings(), 2);
	serves();
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
	appliance_start(&appliance, "rings-none", "shm_size 8M\n");
	ck_assert_int_eq(rings(), 0);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* From here on this process has kernels without restrictions of rings. */
static void
forbid_restrictions(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_register,
			 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 11, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog all = { sizeof(code) / sizeof(code[0]), code };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all), 0);
}

/* In a process of its own: what it forbids stays so. */
START_TEST(rings_that_cannot_be_confined_are_not_used_behind_the_filter)
{
	char *argv[] = { "vined", "--config", appliance.config, NULL };

	forbid_restrictions();
	appliance_plan(&appliance, "loose", "shm_size 8M\nio_engine uring\n");
	appliance_spawn(&appliance, argv);
	ck_assert_int_ne(appliance_wait(&appliance), 0);
	ck_assert(appliance_logged(&appliance, 0, "io_engine uring: "));
	appliance_start(&appliance, "loose-auto",
			"shm_size 8M\nnet_listen tcp:127.0.0.1:*\n");
	ck_assert(appliance_logged(&appliance, 0, "the workers wait by epoll"));
	ck_assert_int_eq(rings(), 0);
	serves();
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* Whose /proc files are says whether the process may be dumped and traced. */
static uid_t
owner_of_mem(void)
{
	char path[64];
	struct stat st;

	path_of(path, sizeof(path), "/proc/%d/mem");
	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_uid;
}

START_TEST(started_by_root_it_serves_as_the_user_of_its_config)
{
	const struct passwd *nobody = getpwnam("nobody");
	char want[128], path[256];
	struct stat st;

	if (getuid() != 0 || nobody == NULL) {
		fprintf(stderr, "left out: needs root and a user nobody\n");
		return;
	}
	appliance_start(&appliance, "user", "shm_size 8M\nuser nobody\n");
	snprintf(want, sizeof(want), "\nUid:\t%u\t%u\t%u\t%u\n", nobody->pw_uid,
		 nobody->pw_uid, nobody->pw_uid, nobody->pw_uid);
	all_threads_have(want);
	snprintf(want, sizeof(want), "\nGid:\t%u\t%u\t%u\t%u\n", nobody->pw_gid,
		 nobody->pw_gid, nobody->pw_gid, nobody->pw_gid);
	all_threads_have(want);
	snprintf(want, sizeof(want), "\nGroups:\t%u \n", nobody->pw_gid);
	all_threads_have(want);
	all_threads_have("\nCapPrm:\t0000000000000000\n");
	ck_assert_uint_eq(owner_of_mem(), 0);
	snprintf(path, sizeof(path), "/dev/shm/%s", appliance.name);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, nobody->pw_uid);
	ck_assert_uint_eq(st.st_gid, nobody->pw_gid);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	serves();
	/* and the next one, on the object of the one before */
	ck_assert_int_eq(appliance_stop(&appliance, SIGKILL), 128 + SIGKILL);
	appliance_run(&appliance);
	serves();
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(core_dumps_1_leaves_the_process_to_its_user)
{
	const struct passwd *nobody = getpwnam("nobody");

	if (getuid() != 0 || nobody == NULL) {
		fprintf(stderr, "left out: needs root and a user nobody\n");
		return;
	}
	appliance_start(&appliance, "cores",
			"shm_size 8M\nuser nobody\ncore_dumps 1\n");
	ck_assert_uint_eq(owner_of_mem(), nobody->pw_uid);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

START_TEST(a_user_that_is_not_there_is_exit_status_1)
{
	char *argv[] = { "vined", "--config", appliance.config, NULL };
	char path[256];

	appliance_plan(&appliance, "nouser", "shm_size 8M\nuser no-such-one\n");
	appliance_spawn(&appliance, argv);
	ck_assert_int_eq(appliance_wait(&appliance), 1);
	ck_assert(appliance_logged(&appliance, 0, "user is no-such-one: there "
				   "is no such user"));
	snprintf(path, sizeof(path), "/dev/shm/%s", appliance.name);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

/* What vined did not inherit from us would not outlive an exec either. */
START_TEST(its_descriptors_close_on_exec)
{
	char folder[64], path[512], line[128];
	struct dirent *e;
	int checked = 0;
	DIR *dir;

	appliance_start(&appliance, "fds", "shm_size 8M\n");
	path_of(folder, sizeof(folder), "/proc/%d/fdinfo");
	dir = opendir(folder);
	ck_assert_ptr_nonnull(dir);
	while ((e = readdir(dir)) != NULL) {
		unsigned int flags = 0;
		FILE *file;

		if (e->d_name[0] == '.' || atoi(e->d_name) <= 2 ||
		    fcntl(atoi(e->d_name), F_GETFD) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		file = fopen(path, "r");
		ck_assert_ptr_nonnull(file);
		while (fgets(line, sizeof(line), file))
			if (sscanf(line, "flags: %o", &flags) == 1)
				break;
		fclose(file);
		ck_assert_msg(flags & O_CLOEXEC, "descriptor %s: flags %o",
			      e->d_name, flags);
		checked++;
	}
	closedir(dir);
	ck_assert_int_ge(checked, 2);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* --- calls -------------------------------------------------------------- */

/* Kernels that each make one call and answer 0 if it came back. */
static const struct {
	const char *kernel;
	const char *names;	/* what the log says: one of them */
	int sanitized;		/* the builds of sanitizers need it */
} forbidden[] = {
	{ "net", "(socket)", 0 },
	{ "mount_", "(mount)", 0 },
	{ "setuid_", "(setuid)", 0 },
	{ "modules", "(delete_module)", 0 },
	{ "nnp", "(personality)", 0 },
	{ "ring", "(io_uring_setup)", 0 },
	{ "register_", "(io_uring_register)", 0 },
	{ "enter_", "(io_uring_enter)", 0 },	/* by epoll there are none */
	{ "run_", "(execve)", 1 },
	{ "trace_", "(ptrace)", 1 },
	{ "fork_", "(clone)", 1 },
	{ "write_", "(openat)", 1 },
	{ "code", "(mprotect)", 1 },
	{ "kill_", "(kill)", 1 },
};

enum { CALLS = sizeof(forbidden) / sizeof(forbidden[0]) };

static const char kernels_source[] =
	"#define _GNU_SOURCE\n"
	"#include <errno.h>\n"
	"#include <fcntl.h>\n"
	"#include <signal.h>\n"
	"#include <sys/mman.h>\n"
	"#include <sys/socket.h>\n"
	"#include <sys/syscall.h>\n"
	"#include <unistd.h>\n"
	"#include <vine/kernel.h>\n"
	"static long got;\n"
	"static char page[8192] __attribute__((aligned(4096)));\n"
	"#define K(name, ...) static int name(struct vine_kernel_call *call)\\\n"
	"{ (void)call; got = syscall(__VA_ARGS__); return 0; }\n"
	"K(net, SYS_socket, AF_INET, SOCK_STREAM, 0)\n"
	"K(mount_, SYS_mount, \"a\", \"/\", \"tmpfs\", 0, 0)\n"
	"K(setuid_, SYS_setuid, 0)\n"
	"K(modules, SYS_delete_module, \"a\", 0)\n"
	"K(nnp, SYS_personality, 0xffffffff)\n"
	"K(ring, SYS_io_uring_setup, 1, page)\n"
	"K(enter_, SYS_io_uring_enter, -1, 0, 0, 0, 0, 0)\n"
	"K(register_, SYS_io_uring_register, -1, 12, 0, 0)\n"
	"static char *const none[] = { 0 };\n"
	"K(run_, SYS_execve, \"/bin/true\", none, none)\n"
	"K(trace_, SYS_ptrace, 16, getpid(), 0, 0)\n"
	"K(fork_, SYS_clone, SIGCHLD, 0, 0, 0, 0)\n"
	"K(write_, SYS_openat, AT_FDCWD, \"/dev/null\", O_WRONLY)\n"
	"K(code, SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC)\n"
	"K(kill_, SYS_kill, getpid(), 0)\n"
	"#define R(name) { #name, name, 0, 0 }\n"
	"static const struct vine_kernel k[] = { R(net), R(mount_),\n"
	"	R(setuid_), R(modules), R(nnp), R(ring), R(enter_),\n"
	"	R(register_), R(run_), R(trace_),\n"
	"	R(fork_), R(write_), R(code), R(kill_) };\n"
	"const struct vine_kernel_table vine_kernels =\n"
	"	{ VINE_KERNEL_ABI, sizeof(k) / sizeof(k[0]), k };\n";

/* Lines of a config that load those kernels. */
static void
kernels(char *lines, size_t size)
{
	const char *tree = getenv("VINE_SRC_DIR"), *cc = getenv("CC");
	char source[256], object[256], command[2048];

	appliance_path(source, sizeof(source), "calls.c");
	appliance_path(object, sizeof(object), "calls.so");
	appliance_write(source, kernels_source);
	snprintf(command, sizeof(command), "%s -shared -fPIC -I'%s/include' "
		 "-o '%s' '%s'", cc ? cc : "cc", tree ? tree : ".", object,
		 source);
	ck_assert_int_eq(system(command), 0);
	snprintf(lines, size, "shm_size 8M\ncpu_kernels %s\n", object);
}

START_TEST(a_forbidden_call_kills_vined_and_the_log_names_it)
{
	enum vine_status status;
	struct vine_session *s;
	char lines[512];
	long from;

	if (APPLIANCE_SANITIZED && forbidden[_i].sanitized)
		return;	/* on their list */
#ifdef VINE_COVERAGE
	if (strcmp(forbidden[_i].kernel, "write_") == 0)
		return;	/* gcov does */
#endif
	kernels(lines, sizeof(lines) - 32);
	strcat(lines, "io_engine epoll\n");
	appliance_start(&appliance, forbidden[_i].kernel, lines);
	from = appliance_log_size(&appliance);
	s = attach();
	status = run(s, forbidden[_i].kernel);
	if (forbidden[_i].names) {
		ck_assert_int_eq(status, VINE_STATUS_APPLIANCE_LOST);
		ck_assert_int_eq(appliance_wait(&appliance), 128 + SIGSYS);
		ck_assert(appliance_logged(&appliance, from, "vined: error: "
					   "forbidden system call "));
		ck_assert(appliance_logged(&appliance, from,
					   forbidden[_i].names));
		ck_assert(appliance_logged(&appliance, from,
					   " in thread vine-cpu-"));
	} else {
		ck_assert_int_eq(status, VINE_STATUS_OK);
		ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
	}
	vine_session_close(s);
}
END_TEST

START_TEST(seccomp_log_lets_a_call_pass)
{
	struct vine_session *s;
	char lines[600];

	kernels(lines, sizeof(lines) - 16);
	strcat(lines, "seccomp log\n");
	appliance_start(&appliance, "log", lines);
	all_threads_have("\nSeccomp:\t2\n");
	s = attach();
	ck_assert_int_eq(run(s, "net"), VINE_STATUS_OK);
	ck_assert_int_eq(run(s, "mount_"), VINE_STATUS_OK);
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* What vined does after its start, each of it with the filter on. */
START_TEST(a_reload_and_a_stop_need_no_forbidden_call)
{
	long from;

	appliance_start(&appliance, "reload", "shm_size 8M\n");
	from = appliance_log_size(&appliance);
	ck_assert_int_eq(kill(appliance.pid, SIGHUP), 0);
	appliance_await(&appliance, from, "was read again");
	serves();
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* --- payload that changes under a kernel -------------------------------- */

enum { PAYLOAD = 192 * 1024 };

/* Every kernel of cpu0, so that PAYLOAD is enough for each. */
static const struct {
	const char *name;
	uint32_t in, out;	/* how many */
	uint32_t args_size;
	uint32_t args[5];
} every[] = {
	{ "zstd_compress", 1, 1, 0, { 0 } },
	{ "copy", 1, 1, 0, { 0 } },
	{ "fill", 0, 1, 1, { 'x' } },
	{ "add", 1, 1, 0, { 0 } },
	{ "crc32c", 1, 1, 0, { 0 } },
	{ "sha256", 1, 1, 0, { 0 } },
	{ "zstd_decompress", 1, 1, 0, { 0 } },
	{ "grayscale", 1, 1, 8, { 256, 256 } },
	{ "sobel", 1, 1, 8, { 256, 256 } },
	/* alpha and beta are 1.0 */
	{ "sgemm", 2, 1, 20, { 128, 128, 128, 0x3f800000, 0x3f800000 } },
	{ "fft1d", 1, 1, 8, { 16384, 1 } },
};

enum { EVERY = sizeof(every) / sizeof(every[0]) };

static struct liar {
	struct vine_session *s;
	vine_data *data[3];
	_Atomic int stop;
} liar;

/* The races here are meant: this is what a liar does. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RACES __attribute__((no_sanitize("thread")))
#endif
#endif
#ifndef RACES
#define RACES
#endif

/* Writes into what the kernels read and write, as fast as it can. */
static RACES void *
change_payload(void *arg)
{
	uint64_t r = 1;

	(void)arg;
	while (!liar.stop) {
		uint8_t *at = vine_data_deref(liar.data[r >> 32 & 1]);

		r = r * UINT64_C(6364136223846793005) + 1;
		at[(r >> 33) % PAYLOAD] = (uint8_t)(r >> 24);
		/* headers of frames, and what they begin with */
		at[(r >> 40) % 16] = (uint8_t)(r >> 16);
	}
	return NULL;
}

/* One task; any end is good that is an answer. Returns 0 then. */
static int
lie(const char *name, uint32_t in, uint32_t out, const void *args,
    uint32_t args_size)
{
	struct vine_slice slices[3] = { vine_slice_all(liar.data[0]),
		vine_slice_all(liar.data[1]), vine_slice_all(liar.data[2]) };
	struct vine_task_opts o = { .size = sizeof(o), .in = slices,
		.in_count = in, .out = slices + 2, .out_count = out,
		.args = args, .args_size = args_size };
	struct vine_task_result r = { .size = sizeof(r) };
	vine_task *task;
	int rc = vine_accel_find(liar.s, CPU, "cpu0", &o.accel);

	if (rc == 0)
		rc = vine_proc_find(liar.s, CPU, name, &o.proc);
	if (rc == 0)
		rc = vine_task_issue_opts(&o, &task);
	if (rc == 0)
		rc = vine_task_wait_for(task, VINE_FOREVER);
	if (rc)
		return rc;
	vine_task_result(task, &r);
	vine_task_free(task);
	vine_proc_release(o.proc);
	return r.status == VINE_STATUS_OK || r.status == VINE_STATUS_FAILED ?
		0 : -EPROTO;
}

/* memcpy is looked at by the sanitizer whatever calls it. */
static RACES void
copy_payload(const uint8_t *from, volatile uint8_t *to)
{
	for (size_t i = 0; i < PAYLOAD; i++)
		to[i] = from[i];
}

static int
lie_until(int64_t end)
{
	pthread_t thread;
	int rc = 0;

	liar.s = attach();
	for (int i = 0; i < 3; i++)
		if (vine_data_alloc_in(liar.s, PAYLOAD, 0, &liar.data[i]) != 0)
			return 1;
	memset(vine_data_deref(liar.data[0]), 1, PAYLOAD);
	memset(vine_data_deref(liar.data[1]), 2, PAYLOAD);
	if (pthread_create(&thread, NULL, change_payload, NULL) != 0)
		return 1;
	while (rc == 0 && appliance_now() < end)
		for (int i = 0; i < EVERY && rc == 0; i++) {
			rc = lie(every[i].name, every[i].in, every[i].out,
				 every[i].args, every[i].args_size);
			/* a frame to decompress, for the rounds to come */
			if (i == 0)
				copy_payload(vine_data_deref(liar.data[2]),
					     vine_data_deref(liar.data[0]));
		}
	liar.stop = 1;
	pthread_join(thread, NULL);
	vine_session_close(liar.s);
	return rc != 0;
}

/* The other tenant: what it copies must be what it gave. */
static int
is_served_well(struct vine_session *s, uint32_t n)
{
	struct vine_task_opts o = { .size = sizeof(o), .in_count = 1,
		.out_count = 1 };
	struct vine_task_result r = { .size = sizeof(r) };
	struct vine_slice in, out;
	vine_data *from, *to;
	vine_task *task;
	uint32_t *p;
	int good;

	ck_assert_int_eq(vine_accel_find(s, CPU, "cpu0", &o.accel), 0);
	ck_assert_int_eq(vine_proc_find(s, CPU, "copy", &o.proc), 0);
	ck_assert_int_eq(vine_data_alloc_in(s, PAYLOAD, 0, &from), 0);
	ck_assert_int_eq(vine_data_alloc_in(s, PAYLOAD, 0, &to), 0);
	p = vine_data_deref(from);
	for (uint32_t i = 0; i < PAYLOAD / 4; i++)
		p[i] = n + i;
	in = vine_slice_all(from);
	out = vine_slice_all(to);
	o.in = &in;
	o.out = &out;
	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	ck_assert_int_eq(vine_task_wait_for(task, VINE_FOREVER), 0);
	ck_assert_int_eq(vine_task_result(task, &r), 0);
	good = r.status == VINE_STATUS_OK && r.value == PAYLOAD;
	p = vine_data_deref(to);
	for (uint32_t i = 0; i < PAYLOAD / 4; i++)
		good = good && p[i] == n + i;
	vine_task_free(task);
	vine_data_free(from);
	vine_data_free(to);
	vine_proc_release(o.proc);
	return good;
}

START_TEST(payload_that_changes_under_a_kernel_harms_only_its_owner)
{
	struct appliance other;
	char *argv[] = { "vined", "--config", appliance.config, "-c",
		other.config, NULL };
	const char *seconds = getenv("VINE_TEST_SECONDS");
	int64_t end = appliance_now() +
		1000 * (seconds ? atoi(seconds) : 3);
	struct vine_session *s;
	uint32_t n = 0;
	int status;
	pid_t pid;

	appliance_plan(&other, "calm", "shm_size 8M\n");
	appliance_plan(&appliance, "liar", "shm_size 8M\n");
	appliance_spawn(&appliance, argv);
	appliance_await(&appliance, 0, other.name);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(lie_until(end));
	s = attach_to(other.name);
	while (appliance_now() < end)
		ck_assert_int_eq(is_served_well(s, n++), 1);
	ck_assert_uint_gt(n, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(status == 0, "the liar ended with %#x", status);
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("confined");

	tcase_add_test(tcase, every_thread_has_a_filter_and_no_right);
	tcase_add_test(tcase, seccomp_off_means_no_filter);
	tcase_add_test(tcase, each_engine_of_io_serves_where_it_may);
	tcase_add_test(tcase, workers_have_a_ring_each_behind_the_filter);
	tcase_add_test(tcase,
		rings_that_cannot_be_confined_are_not_used_behind_the_filter);
	tcase_add_test(tcase,
		started_by_root_it_serves_as_the_user_of_its_config);
	tcase_add_test(tcase, core_dumps_1_leaves_the_process_to_its_user);
	tcase_add_test(tcase, a_user_that_is_not_there_is_exit_status_1);
	tcase_add_test(tcase, its_descriptors_close_on_exec);
	tcase_add_loop_test(tcase,
		a_forbidden_call_kills_vined_and_the_log_names_it, 0, CALLS);
	tcase_add_test(tcase, seccomp_log_lets_a_call_pass);
	tcase_add_test(tcase, a_reload_and_a_stop_need_no_forbidden_call);
	tcase_add_test(tcase,
		payload_that_changes_under_a_kernel_harms_only_its_owner);
	return appliance_main("confined", tcase);
}
