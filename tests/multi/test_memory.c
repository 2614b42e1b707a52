/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits that an application meets: a full segment, a full queue, data of no
 * size and of all of it; and code that is not vined's own: an operator's
 * library, an application's bytes.
 */
#include <pthread.h>

#include <vine/vine.h>

#include "segment_view.h"

static struct appliance appliance;
static struct vine_session *session;

static int
open_with(const char *more, struct vine_session **s)
{
	char text[512];
	struct vine_session_opts o = { .size = sizeof(o), .config = text };

	snprintf(text, sizeof(text), "shm_file %s\ntrace 0\n%s", appliance.name,
		 more);
	return vine_session_open(&o, s);
}

static void
start_with(const char *tag, const char *more)
{
	appliance_start(&appliance, tag, more);
	ck_assert_int_eq(open_with("", &session), 0);
}

static void
stop(void)
{
	vine_session_close(session);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}

/* Options of a task; in and out may be NULL. */
static struct vine_task_opts
opts_of(vine_accel_type_e type, const char *accel, const char *proc)
{
	struct vine_task_opts o = { .size = sizeof(o) };

	ck_assert_int_eq(vine_accel_find(session, type, accel, &o.accel), 0);
	ck_assert_int_eq(vine_proc_find(session, type, proc, &o.proc), 0);
	return o;
}

static struct vine_task_result
carry_out(const struct vine_task_opts *o)
{
	struct vine_task_result r = { .size = sizeof(r) };
	vine_task *task;

	ck_assert_int_eq(vine_task_issue_opts(o, &task), 0);
	ck_assert_int_eq(vine_task_wait_for(task, VINE_FOREVER), 0);
	ck_assert_int_eq(vine_task_result(task, &r), 0);
	vine_task_free(task);
	return r;
}

/* --- memory ------------------------------------------------------------- */

enum { MANY = 100000 };

static vine_data *held[MANY];

/* Take all there is in pieces of a size; returns how many. */
static int
fill_up(size_t size)
{
	int n = 0, rc;

	while ((rc = vine_data_alloc_in(session, size, 0, &held[n])) == 0) {
		memset(vine_data_deref(held[n]), n, size);
		ck_assert_int_lt(++n, MANY);
	}
	ck_assert_int_eq(rc, -ENOMEM);
	return n;
}

static void
free_all(int n)
{
	while (n-- > 0) {
		unsigned char *p = vine_data_deref(held[n]);
		size_t size = vine_data_size(held[n]);

		/* nobody else was given the same bytes */
		ck_assert(size == 0 || (p[0] == (unsigned char)n &&
					p[size - 1] == (unsigned char)n));
		vine_data_free(held[n]);
	}
}

/* Memory of that size, which may be waited for. */
static int
want(size_t bytes, int64_t wait_ns, vine_data **data)
{
	struct vine_data_opts o = { .size = sizeof(o), .bytes = bytes,
				    .wait_ns = wait_ns };

	return vine_data_alloc_opts(session, &o, data);
}

START_TEST(a_full_segment_is_enomem_and_recovers)
{
	static const size_t sizes[] = { 1 << 20, 100000, 4096, 1000 };
	struct vine_session_info info = { .size = sizeof(info) };
	struct vine_task_opts o;
	vine_data *data;
	int64_t end;
	int first[4];

	start_with("full", "shm_size 16M\n");
	o = opts_of(GPU_SOFT, "noop", "noop");
	ck_assert_int_eq(carry_out(&o).status, VINE_STATUS_OK);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 4; i++) {
			int n = fill_up(sizes[i]);

			/* tasks of a full segment still go through */
			ck_assert_int_eq(carry_out(&o).status, VINE_STATUS_OK);
			free_all(n);
			if (round == 0)
				first[i] = n;
			/* what is given back is free when the appliance's
			 * lanes have passed by: a slow one is asked again */
			end = appliance_now() + APPLIANCE_PATIENCE_MS;
			while (n < first[i] - first[i] / 10 &&
			       appliance_now() < end) {
				appliance_nap(100);
				n = fill_up(sizes[i]);
				free_all(n);
			}
			ck_assert_msg(n >= first[i] - first[i] / 10,
				      "round %d: %d pieces of %zu bytes, first "
				      "%d", round, n, sizes[i], first[i]);
		}
	}
	ck_assert_int_eq(vine_session_info(session, &info), 0);
	ck_assert_uint_ge((uint64_t)first[2] * 4096, info.heap_size / 2);
	ck_assert_int_eq(want(info.heap_size / 2, APPLIANCE_PATIENCE_MS *
			      INT64_C(1000000), &data), 0);
	vine_data_free(data);
	stop();
}
END_TEST

START_TEST(one_that_took_all_gives_it_back_at_its_end)
{
	struct vine_session *other;
	vine_data *data;
	int64_t end;
	int n;

	start_with("greed", "shm_size 8M\n");
	n = fill_up(100000);
	ck_assert_int_ge(n, 20);
	vine_session_close(session);
	ck_assert_int_eq(open_with("", &other), 0);
	end = appliance_now() + APPLIANCE_PATIENCE_MS;
	while (vine_data_alloc_in(other, 4 << 20, 0, &data) != 0) {
		ck_assert(appliance_now() < end);
		appliance_nap(5);
	}
	session = other;
	stop();
}
END_TEST

/* --- waiting for memory --- */

struct wanted {
	pthread_t thread;
	size_t bytes;
	vine_data *data;
	_Atomic int rc;		/* 1: waits yet */
};

static void *
want_for_ever(void *arg)
{
	struct wanted *w = arg;

	w->rc = want(w->bytes, VINE_FOREVER, &w->data);
	return NULL;
}

static void
start_wanting(struct wanted *w, size_t bytes)
{
	w->bytes = bytes;
	w->rc = 1;
	ck_assert_int_eq(pthread_create(&w->thread, NULL, want_for_ever, w), 0);
	appliance_nap(50);
	ck_assert_int_eq(w->rc, 1);
}

/* It got its memory and can use it. */
static void
got(struct wanted *w)
{
	ck_assert_int_eq(pthread_join(w->thread, NULL), 0);
	ck_assert_int_eq(w->rc, 0);
	memset(vine_data_deref(w->data), 1, w->bytes);
	vine_data_free(w->data);
}

START_TEST(a_wait_for_memory_ends_when_another_thread_frees_enough)
{
	struct wanted large, small;
	vine_data *data;
	int n;

	start_with("wait", "shm_size 16M\n");
	n = fill_up(4096);
	ck_assert_int_eq(want(8 << 20, 0, &data), -ENOMEM);
	ck_assert_int_eq(want(8 << 20, 30000000, &data), -ETIMEDOUT);
	start_wanting(&large, 8 << 20);
	start_wanting(&small, 5000);
	free_all(n);
	got(&large);
	got(&small);
	stop();
}
END_TEST

/* A process that has all the memory of the segment; it says so on fd. */
static void
take_all_and_stay(int fd)
{
	vine_data *data;

	if (open_with("", &session) != 0)
		_exit(1);
	for (size_t size = 1 << 20; size >= 4096; size /= 2)
		while (vine_data_alloc_in(session, size, 0, &data) == 0)
			;
	if (write(fd, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

START_TEST(a_wait_for_memory_ends_when_another_process_dies)
{
	struct wanted w;
	vine_data *data;
	int fds[2], status;
	pid_t pid;
	char c;

	start_with("widow", "shm_size 16M\n");
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		take_all_and_stay(fds[1]);
	close(fds[1]);
	ck_assert_int_eq((int)read(fds[0], &c, 1), 1);
	ck_assert_int_eq(want(4 << 20, 30000000, &data), -ETIMEDOUT);
	start_wanting(&w, 4 << 20);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	got(&w);
	close(fds[0]);
	stop();
}
END_TEST

START_TEST(a_wait_for_memory_ends_when_vined_dies)
{
	struct wanted w[2];

	start_with("orphaned", "shm_size 8M\n");
	fill_up(100000);
	start_wanting(&w[0], 4 << 20);
	start_wanting(&w[1], 100000);
	appliance_stop(&appliance, SIGKILL);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(pthread_join(w[i].thread, NULL), 0);
		ck_assert_int_eq(w[i].rc, -ECONNRESET);
	}
	vine_session_close(session);
}
END_TEST

START_TEST(data_of_no_bytes_is_data_too)
{
	struct vine_slice slices[2];
	struct vine_task_result r;
	struct vine_task_opts o;
	unsigned char sum[32];
	vine_data *none, *out;
	/* of the empty message */
	static const unsigned char want[4] = { 0xe3, 0xb0, 0xc4, 0x42 };

	start_with("zero", "shm_size 4M\n");
	ck_assert_int_eq(vine_data_alloc_in(session, 0, 0, &none), 0);
	ck_assert_int_eq(vine_data_alloc_in(session, 32, 4096, &out), 0);
	ck_assert_uint_eq((uintptr_t)vine_data_deref(out) % 4096, 0);
	ck_assert_ptr_nonnull(vine_data_deref(none));
	ck_assert_uint_eq(vine_data_size(none), 0);
	slices[0] = vine_slice_all(none);
	slices[1] = vine_slice_all(out);
	o = opts_of(CPU, "cpu0", "sha256");
	o.in = &slices[0];
	o.out = &slices[1];
	o.in_count = o.out_count = 1;
	r = carry_out(&o);
	ck_assert_int_eq(r.status, VINE_STATUS_OK);
	memcpy(sum, vine_data_deref(out), sizeof(sum));
	ck_assert_int_eq(memcmp(sum, want, sizeof(want)), 0);
	stop();
}
END_TEST

START_TEST(data_of_nearly_the_whole_segment_is_worked_on_in_place)
{
	struct vine_session_info info = { .size = sizeof(info) };
	struct vine_slice slice;
	struct vine_task_opts o;
	unsigned char byte = 0x5a, *p;
	size_t size, wrong = 0;
	vine_data *data;

	start_with("huge", "shm_size 256M\n");
	ck_assert_int_eq(vine_session_info(session, &info), 0);
	size = info.heap_size - (4 << 20);
	ck_assert_int_eq(vine_data_alloc_in(session, size, 0, &data), 0);
	slice = vine_slice_all(data);
	o = opts_of(CPU, "cpu0", "fill");
	o.out = &slice;
	o.out_count = 1;
	o.args = &byte;
	o.args_size = 1;
	ck_assert_uint_eq(carry_out(&o).value, size);
	p = vine_data_deref(data);
	for (size_t i = 0; i < size; i += 4093)
		wrong += p[i] != byte;
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(p[size - 1], byte);
	vine_data_free(data);
	ck_assert_int_eq(vine_data_alloc_in(session, info.segment_size, 0,
					    &data), -ENOMEM);
	stop();
}
END_TEST

/* --- queues ------------------------------------------------------------- */

/*
 * A kernel "wait" that returns when its input's first byte is not 0, and "two"
 * whose value is 2.
 */
static void
make_library(char *object, size_t size)
{
	const char *tree = getenv("VINE_SRC_DIR"), *cc = getenv("CC");
	char source[256], command[2048];

	appliance_path(source, sizeof(source), "wait.c");
	appliance_path(object, size, "wait.so");
	appliance_write(source,
		"#include <time.h>\n"
		"#include <vine/kernel.h>\n"
		"static int wait(struct vine_kernel_call *call)\n"
		"{\n"
		"	volatile char *go = call->in[0].ptr;\n"
		"	struct timespec t = { 0, 1000000 };\n"
		"	while (*go == 0)\n"
		"		nanosleep(&t, 0);\n"
		"	return 0;\n"
		"}\n"
		"static int two(struct vine_kernel_call *call)\n"
		"{\n"
		"	call->value = 2;\n"
		"	return 0;\n"
		"}\n"
		"static const struct vine_kernel k[] =\n"
		"	{ { \"wait\", wait, 0, 0 },\n"
		"	  { \"two\", two, 0, 0 } };\n"
		"const struct vine_kernel_table vine_kernels =\n"
		"	{ VINE_KERNEL_ABI, 2, k };\n");
	snprintf(command, sizeof(command), "%s -shared -fPIC -I'%s/include' "
		 "-o '%s' '%s'", cc ? cc : "cc", tree ? tree : ".", object,
		 source);
	ck_assert_int_eq(system(command), 0);
}

static void
start_waiting(const char *tag, struct vine_task_opts *o,
	      struct vine_slice *slice)
{
	char object[256], more[512];
	vine_data *go;

	make_library(object, sizeof(object));
	snprintf(more, sizeof(more), "shm_size 8M\nqueue_slots 16\n"
		 "cpu_kernels %s\n", object);
	start_with(tag, more);
	ck_assert_int_eq(vine_data_alloc_in(session, 1, 0, &go), 0);
	memset(vine_data_deref(go), 0, 1);
	*slice = vine_slice_all(go);
	*o = opts_of(CPU, "cpu0", "wait");
	o->in = slice;
	o->in_count = 1;
	o->flags = VINE_TASK_NOWAIT;
}

START_TEST(a_full_queue_is_eagain_at_once_and_has_room_again)
{
	static vine_task *tasks[MANY];
	struct vine_slice slice;
	struct vine_task_opts o;
	vine_task *more;
	int n = 0, rc;

	start_waiting("ring", &o, &slice);
	/* the appliance takes some away; then no more fit */
	while ((rc = vine_task_issue_opts(&o, &tasks[n])) == 0)
		ck_assert_int_lt(++n, MANY);
	ck_assert_int_eq(rc, -EAGAIN);
	ck_assert_int_ge(n, 16);
	appliance_nap(20);
	while ((rc = vine_task_issue_opts(&o, &tasks[n])) == 0)
		ck_assert_int_lt(++n, MANY);
	ck_assert_int_eq(rc, -EAGAIN);
	while ((rc = vine_task_issue_batch(&o, 1, &tasks[n])) == 1)
		ck_assert_int_lt(++n, MANY);	/* it has taken more since */
	ck_assert_int_eq(rc, -EAGAIN);
	memset(vine_slice_ptr(&slice), 1, 1);
	ck_assert_int_eq(vine_task_wait_all(tasks, (size_t)n, VINE_FOREVER), 0);
	ck_assert_int_eq(vine_task_issue_opts(&o, &more), 0);
	ck_assert_int_eq(vine_task_wait_for(more, VINE_FOREVER), 0);
	stop();
}
END_TEST

static void *
let_go(void *arg)
{
	/* the payload itself: the handle may go with a session meanwhile */
	appliance_nap(100);
	memset(arg, 1, 1);
	return NULL;
}

START_TEST(without_nowait_an_issue_waits_for_room)
{
	static vine_task *tasks[MANY];
	struct vine_slice slice;
	struct vine_task_opts o;
	pthread_t thread;
	int n = 0;

	start_waiting("patience", &o, &slice);
	while (vine_task_issue_opts(&o, &tasks[n]) == 0)
		ck_assert_int_lt(++n, MANY);
	o.flags = 0;
	ck_assert_int_eq(pthread_create(&thread, NULL, let_go,
					vine_slice_ptr(&slice)), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(vine_task_issue_opts(&o, &tasks[n++]), 0);
	ck_assert_int_eq(vine_task_wait_all(tasks, (size_t)n, VINE_FOREVER), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	stop();
}
END_TEST

START_TEST(a_closing_session_waits_for_what_is_in_flight)
{
	struct vine_slice slice;
	struct vine_task_opts o;
	vine_task *task;
	pthread_t thread;
	int64_t begin;

	start_waiting("settle", &o, &slice);
	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	begin = appliance_now();
	ck_assert_int_eq(pthread_create(&thread, NULL, let_go,
					vine_slice_ptr(&slice)), 0);
	vine_session_close(session);
	ck_assert_int_ge(appliance_now() - begin, 90);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* --- code --------------------------------------------------------------- */

START_TEST(the_examples_library_counts_bytes)
{
	char object[4096], more[4200];
	struct vine_slice slices[2];
	struct vine_task_opts o;
	vine_data *in, *out;
	uint64_t *counts;

	appliance_bin(object, sizeof(object), "my-kernel.so");
	if (access(object, R_OK) != 0) {
		fprintf(stderr, "skipped: the examples are not built\n");
		return;
	}
	snprintf(more, sizeof(more), "shm_size 4M\ncpu_kernels %s\n", object);
	start_with("example", more);
	ck_assert_int_eq(vine_data_alloc_in(session, 11, 0, &in), 0);
	ck_assert_int_eq(vine_data_alloc_in(session, 2048, 0, &out), 0);
	memcpy(vine_data_deref(in), "mississippi", 11);
	slices[0] = vine_slice_all(in);
	slices[1] = vine_slice_all(out);
	o = opts_of(CPU, "cpu0", "histogram");
	o.in = &slices[0];
	o.out = &slices[1];
	o.in_count = o.out_count = 1;
	ck_assert_uint_eq(carry_out(&o).value, 11);
	counts = vine_data_deref(out);
	ck_assert_uint_eq(counts['m'], 1);
	ck_assert_uint_eq(counts['i'], 4);
	ck_assert_uint_eq(counts['s'], 4);
	ck_assert_uint_eq(counts['p'], 2);
	o.out_count = 0;
	ck_assert_int_eq(carry_out(&o).error, EINVAL);
	stop();
}
END_TEST

static char *
bytes_of(const char *path, size_t *size)
{
	FILE *file = fopen(path, "r");
	char *bytes;

	ck_assert_ptr_nonnull(file);
	fseek(file, 0, SEEK_END);
	*size = (size_t)ftell(file);
	rewind(file);
	bytes = malloc(*size);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_uint_eq(fread(bytes, 1, *size, file), *size);
	fclose(file);
	return bytes;
}

START_TEST(an_applications_code_runs_where_the_operator_allows_it)
{
	struct vine_session *other;
	struct vine_task_opts o;
	char object[256], *code;
	vine_proc *proc;
	size_t size;

	make_library(object, sizeof(object));
	code = bytes_of(object, &size);
	start_with("code", "shm_size 8M\ncpu_app_code 1\n");
	o = opts_of(CPU, "cpu0", "copy");
	ck_assert_int_eq(vine_proc_add(session, CPU, "two", code, size,
				       &o.proc), 0);
	ck_assert_uint_eq(carry_out(&o).value, 2);
	/* another application finds it, and keeps it when we let it go */
	ck_assert_int_eq(open_with("", &other), 0);
	ck_assert_int_eq(vine_proc_find(other, CPU, "two", &proc), 0);
	ck_assert_int_eq(vine_proc_release(o.proc), 0);
	ck_assert_int_eq(vine_proc_find(session, CPU, "two", &o.proc), 0);
	ck_assert_uint_eq(carry_out(&o).value, 2);
	ck_assert_int_eq(vine_proc_release(o.proc), 0);
	ck_assert_int_eq(vine_proc_release(proc), 0);
	ck_assert_int_eq(vine_proc_find(session, CPU, "two", &o.proc), -ENOENT);
	/* bytes that are no code */
	ck_assert_int_lt(vine_proc_add(session, CPU, "junk", "junk", 4,
				       &o.proc), 0);
	ck_assert_int_eq(vine_proc_add(session, CPU, "two", code, size,
				       &o.proc), 0);
	ck_assert_uint_eq(carry_out(&o).value, 2);
	free(code);
	vine_session_close(other);
	stop();
}
END_TEST

START_TEST(code_in_use_survives_the_death_of_who_brought_it)
{
	char object[256], *code;
	struct vine_task_opts o;
	int fds[2], status;
	size_t size;
	pid_t pid;

	make_library(object, sizeof(object));
	code = bytes_of(object, &size);
	start_with("orphan", "shm_size 8M\ncpu_app_code 1\n");
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct vine_session *s;
		vine_proc *proc;

		if (open_with("", &s) != 0 ||
		    vine_proc_add(s, CPU, "two", code, size, &proc) != 0 ||
		    write(fds[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	ck_assert_int_eq((int)read(fds[0], object, 1), 1);
	o = opts_of(CPU, "cpu0", "two");
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	for (int i = 0; i < 200; i++) {
		ck_assert_uint_eq(carry_out(&o).value, 2);
		appliance_nap(10);
	}
	free(code);
	stop();
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("memory");

	tcase_add_test(tcase, a_full_segment_is_enomem_and_recovers);
	tcase_add_test(tcase, one_that_took_all_gives_it_back_at_its_end);
	tcase_add_test(tcase,
		a_wait_for_memory_ends_when_another_thread_frees_enough);
	tcase_add_test(tcase,
		a_wait_for_memory_ends_when_another_process_dies);
	tcase_add_test(tcase, a_wait_for_memory_ends_when_vined_dies);
	tcase_add_test(tcase, data_of_no_bytes_is_data_too);
	tcase_add_test(tcase,
		data_of_nearly_the_whole_segment_is_worked_on_in_place);
	tcase_add_test(tcase,
		a_full_queue_is_eagain_at_once_and_has_room_again);
	tcase_add_test(tcase, without_nowait_an_issue_waits_for_room);
	tcase_add_test(tcase, a_closing_session_waits_for_what_is_in_flight);
	tcase_add_test(tcase, the_examples_library_counts_bytes);
	tcase_add_test(tcase,
		an_applications_code_runs_where_the_operator_allows_it);
	tcase_add_test(tcase,
		code_in_use_survives_the_death_of_who_brought_it);
	return appliance_main("memory", tcase);
}
