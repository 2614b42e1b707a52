/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of an application, of a program's own appliance, of configs and
 * traces: the nth call for memory, a mapping, a descriptor or a thread fails,
 * for every n there is. Each time what was asked for succeeds or is refused with
 * an error that says so, nothing is left over, and the same done again works.
 */
#include "rig.h"
#include "tests/lib/faults.h"
#include "core/vine_pipe.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "utils/utils_config.h"
#include "utils/utils_trace.h"

#define REFS 5

static struct rig rig;

/* --- an application --- */

static int first_rc;		/* of the life that runs */

/* A step that fails works when it is done again: only one call fails. */
#define TWICE(call) \
	do { \
		int rc_ = (call); \
		if (rc_ < 0) { \
			first_rc = first_rc ? first_rc : rc_; \
			rc_ = (call); \
		} \
		rig_check(rc_ >= 0); \
	} while (0)

static void
run_task(struct vine_task_opts *o, enum vine_status expected)
{
	struct vine_task_result r = { .size = sizeof(r) };
	vine_task *task;

	TWICE(vine_task_issue_opts(o, &task));
	rig_check(vine_task_wait_for(task, 60 * SECOND) == 0);
	rig_check(vine_task_result(task, &r) == 0 && r.status == expected);
	vine_task_free(task);
}

/* Everything that an application does once. */
static void
use(struct vine_session *s)
{
	struct vine_task_opts o = { .size = sizeof(o) };
	struct vine_slice slices[REFS];
	vine_accel *virtual;
	vine_data *d;
	int fd;

	TWICE(vine_accel_find(s, CPU, "rig", &o.accel));
	TWICE(vine_proc_find(s, CPU, "sum", &o.proc));
	TWICE(vine_session_fd(s, &fd));
	run_task(&o, VINE_STATUS_OK);
	TWICE(vine_data_alloc_in(s, 100, 0, &d));
	for (int i = 0; i < REFS; i++)
		slices[i] = vine_slice_all(d);
	o.in = slices;
	o.in_count = REFS;	/* they need a table */
	run_task(&o, VINE_STATUS_OK);
	vine_data_free(d);
	TWICE(vine_data_alloc_in(s, 300000, 0, &d));
	vine_data_free(d);
	TWICE(vine_accel_open(o.accel, 1, &virtual));
	o.accel = virtual;
	o.in_count = 0;
	run_task(&o, VINE_STATUS_OK);
	rig_check(vine_accel_close(virtual) == 0);
}

static uint32_t
claims(void)
{
	const struct vine_seg *seg = rig.pipe->seg;
	uint32_t n = 0;

	for (uint32_t i = 0; i < seg->layout.sessions; i++)
		n += arch_load32(&vine_seg_session(seg, i)->claim) != 0;
	return n;
}

static int
live_application(void)
{
	struct vine_session *s = NULL;
	int rc;

	first_rc = 0;
	rc = rig_attach_for(&rig, 30 * SECOND, &s);
	if (rc) {
		/* who is not admitted keeps no slot */
		rig_check(claims() == 0);
		return rc;
	}
	use(s);
	vine_session_close(s);
	return first_rc;
}

/* The appliance's thread, whose memory is not the application's. */
static void *
serve_apart(void *arg)
{
	faults_others = 1;
	return rig_serve(arg);
}

START_TEST(an_application_bears_each_fault)
{
	rig_listen();
	rig_init(&rig, 2 * RIG_MIB, NULL);
	rig_serve_on(&rig);
	rig.running = 1;
	ck_assert_int_eq(pthread_create(&rig.thread, NULL, serve_apart, &rig),
			 0);
	ck_assert_uint_gt(faults_sweep("an application", live_application), 15);
	rig_close(&rig);
}
END_TEST

/* --- an appliance --- */

static uint8_t *memory;
static struct vine_pipe_opts pipe_opts = { .size = sizeof(pipe_opts) };

static int
serve_a_little(vine_pipe_s *pipe)
{
	struct vine_req *req;
	vine_accel_s *accel;
	int rc = vine_pipe_add_accel(pipe, CPU, "one", &accel);

	if (rc == 0)
		rc = vine_pipe_add_proc(pipe, CPU, "f", NULL, NULL);
	if (rc == 0)
		rig_check(vine_pipe_take(pipe, 0, &req) == -ETIMEDOUT);
	vine_pipe_exit(pipe);
	return rc;
}

static int
live_in_memory(void)
{
	vine_pipe_s *pipe = vine_pipe_init(memory, RIG_MIB, 64);

	return pipe ? serve_a_little(pipe) : -errno;
}

static int
live_in_an_object(void)
{
	vine_pipe_s *pipe;
	int rc = vine_pipe_open(&pipe_opts, &pipe);

	if (rc == 0)
		rc = serve_a_little(pipe);
	/* nobody is left who would remove it */
	rig_check(shm_unlink(rig.name) == -1 && errno == ENOENT);
	return rc;
}

START_TEST(an_appliance_in_memory_bears_each_fault)
{
	rig_listen();
	memory = mmap(NULL, RIG_MIB, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_uint_gt(faults_sweep("an appliance in memory", live_in_memory), 8);
}
END_TEST

START_TEST(an_appliance_on_an_object_bears_each_fault)
{
	rig_listen();
	rig_init(&rig, RIG_MIB, NULL);
	pipe_opts.config = rig.config;
	ck_assert_uint_gt(faults_sweep("an appliance on an object",
				       live_in_an_object), 12);
}
END_TEST

/*
 * The appliance's thread fails while applications come, work and go. Some are
 * refused; the next is served.
 */
struct served {
	struct rig *rig;
	uint32_t n;
	_Atomic int ready;
	_Atomic int stop;
	uint32_t failed;
};

static void *
serve_with_faults(void *arg)
{
	struct served *served = arg;
	struct vine_req *req;

	/* whose thread polls it first: not the faults' affair */
	vine_pipe_take(served->rig->pipe, 0, &req);
	faults_arm(served->n, FAULTS_MINE);
	served->ready = 1;
	while (!served->stop) {
		if (vine_pipe_take(served->rig->pipe, 1000000, &req) != 0)
			continue;
		((rig_fn)(uintptr_t)vine_req_ctx(req))(served->rig, req);
	}
	served->failed = faults_disarm();
	return NULL;
}

static int
come_and_go(void)
{
	struct vine_task_opts o;
	struct vine_slice slices[REFS];
	struct vine_session *s;
	vine_accel *virtual;
	vine_task *task;
	vine_data *d;
	int rc = rig_attach_for(&rig, 30 * SECOND, &s);

	if (rc)
		return rc;
	o = rig_opts(s, "sum");
	rc = vine_data_alloc_in(s, 100, 0, &d);
	if (rc == 0) {
		for (int i = 0; i < REFS; i++)
			slices[i] = vine_slice_all(d);
		o.in = slices;
		o.in_count = REFS;
		rc = vine_task_issue_opts(&o, &task);
	}
	if (rc == 0) {
		ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
		if (rig_result(task).status != VINE_STATUS_OK)
			rc = -EIO;
		vine_task_free(task);
	}
	if (vine_accel_open(o.accel, 1, &virtual) == 0)
		vine_accel_close(virtual);
	vine_session_close(s);
	return rc;
}

static uint32_t
serve_once(uint32_t n)
{
	struct served served = { .rig = &rig, .n = n };
	pthread_t thread;
	int rc;

	ck_assert_int_eq(pthread_create(&thread, NULL, serve_with_faults,
					&served), 0);
	rig_await(served.ready);
	rc = faults_turn(come_and_go, FAULTS_MINE, 0).rc;
	ck_assert_msg(rc == 0 || rc == -EUSERS || rc == -ENOMEM || rc == -EIO,
		      "call %u, %s: %s", n, atomic_load(&faults_name),
		      strerror(-rc));
	/* the next one works, or meets the fault, which may be yet to come */
	rc = faults_turn(come_and_go, FAULTS_MINE, 0).rc;
	ck_assert_msg(rc == 0 || rc == -EUSERS || rc == -ENOMEM || rc == -EIO,
		      "%s", strerror(-rc));
	faults_spare();
	ck_assert_int_eq(faults_turn(come_and_go, FAULTS_MINE, 0).rc, 0);
	served.stop = 1;
	pthread_join(thread, NULL);
	ck_assert_uint_eq(rig.pipe->recs_open, 0);
	return served.failed;
}

START_TEST(an_appliance_at_work_bears_each_fault)
{
	struct faults_left before, after;
	uint32_t n, failed = 1;

	rig_listen();
	for (n = 1; failed; n++) {
		before = faults_count();
		rig_init(&rig, 2 * RIG_MIB, NULL);
		rig_serve_on(&rig);
		failed = serve_once(n);
		rig_close(&rig);
		after = faults_count();
		ck_assert(faults_same(&before, &after));
	}
	printf("an appliance at work: %u calls\n", n - 2);
	ck_assert_uint_gt(n, 8);
}
END_TEST

/* --- configs and traces --- */

static char config_file[4096];

static int
live_config(void)
{
	struct utils_config *config;
	int rc = utils_config_parse("shm_file x\n", "text", &config);

	if (rc == 0) {
		utils_config_free(config);
		rc = utils_config_read(config_file, &config);
	}
	if (rc == 0)
		utils_config_free(config);
	return rc;
}

START_TEST(a_config_bears_each_fault)
{
	FILE *file;

	snprintf(config_file, sizeof(config_file), "%s/faults-%d.conf",
		 getenv("HOME"), (int)getpid());
	file = fopen(config_file, "w");
	ck_assert_ptr_nonnull(file);
	fputs("shm_file x\n", file);
	fclose(file);
	rig_listen();
	ck_assert_uint_gt(faults_sweep("a config", live_config), 6);
	unlink(config_file);
}
END_TEST

#ifdef VINE_TRACE_ENABLE
/* Of this process: there can be so many in a second and not more. */
static void
remove_traces(void)
{
	DIR *dir = opendir(getenv("HOME"));
	char mine[64], path[4096];
	struct dirent *e;

	snprintf(mine, sizeof(mine), "_%d_", (int)getpid());
	while (dir && (e = readdir(dir)) != NULL) {
		if (strncmp(e->d_name, "trace_", 6) != 0 ||
		    !strstr(e->d_name, mine))
			continue;
		snprintf(path, sizeof(path), "%s/%s", getenv("HOME"),
			 e->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
}

static int
live_traced(void)
{
	static uint64_t size = 4096;
	uint64_t words[2] = { 0, 1 };
	int rc;

	/* buffers stay for the next of their size: here each is of another */
	faults_others = 1;
	size += UTILS_TRACE_RECORD;
	rc = utils_trace_start_in(getenv("HOME"), size);
	/* a call of this thread: its buffer, if there is memory for it */
	utils_trace_call(utils_clock_ticks(), UTILS_TRACE_FN_vine_session_reap,
			 NULL, 2, words);
	utils_trace_stop();
	remove_traces();
	return rc;
}

START_TEST(a_trace_bears_each_fault)
{
	rig_listen();
	ck_assert_uint_ge(faults_sweep("a trace", live_traced), 4);
}
END_TEST
#endif

static const struct rig_case cases[] = {
	RIG_CASE(an_application_bears_each_fault),
	RIG_CASE(an_appliance_in_memory_bears_each_fault),
	RIG_CASE(an_appliance_on_an_object_bears_each_fault),
	RIG_CASE(an_appliance_at_work_bears_each_fault),
	RIG_CASE(a_config_bears_each_fault),
#ifdef VINE_TRACE_ENABLE
	RIG_CASE(a_trace_bears_each_fault),
#endif
};

RIG_MAIN("faults", cases)
