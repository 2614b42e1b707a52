/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service as the appliance uses it, on a fake framework: what it offers,
 * where requests run, and how they end.
 */
#include <dirent.h>
#include <errno.h>

#include "fake_framework.h"
#include "kernel_case.h"
#include "kernel_library.h"
#include "services/cpu/svc_cpu_kernels.h"
#include "utils/utils_config.h"

extern const struct svc_ops svc_cpu_ops;

static struct svc_host host;
static void *state;

static int
start(const char *text)
{
	struct utils_config *config;
	char whole[8192];
	int err;

	snprintf(whole, sizeof(whole), "shm_file vine-test\n%s", text);
	ck_assert_int_eq(utils_config_parse(whole, "test", &config), 0);
	memset(&host, 0, sizeof(host));
	host.refuse_proc = -1;
	err = svc_cpu_ops.start(&host, config, &state);
	utils_config_free(config);
	return err;
}

static void *
ctx_of(const char *name)
{
	int i;

	for (i = 0; i < host.proc_count; i++)
		if (!strcmp(host.procs[i].name, name))
			return host.procs[i].ctx;
	ck_abort_msg("no procedure %s", name);
	return NULL;
}

/* A request of a kernel of this test. */
static void
prepare(struct vine_req *req, const struct vine_kernel *kernel, size_t size)
{
	memset(req, 0, sizeof(*req));
	req->ctx = (void *)kernel;
	req->in[0] = case_empty(size);
	req->in_count = 1;
}

static int
answer_42(struct vine_kernel_call *call)
{
	call->value = 42;
	return 0;
}

static const struct vine_kernel quick = { "quick", answer_42, 1000, 0 };
static const struct vine_kernel unknown = { "unknown", answer_42, 0, 0 };

static int
fail_with(struct vine_kernel_call *call)
{
	int err;

	memcpy(&err, call->in[0].ptr, sizeof(err));
	call->value = 99;
	return err;
}

static const struct vine_kernel failing = { "failing", fail_with, 1, 0 };

/* A kernel that waits until the test lets it go. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static int gate_open, gate_waiting;

static int
wait_in_gate(struct vine_kernel_call *call)
{
	(void)call;
	pthread_mutex_lock(&gate);
	gate_waiting++;
	pthread_cond_broadcast(&gate_moved);
	while (!gate_open)
		pthread_cond_wait(&gate_moved, &gate);
	pthread_mutex_unlock(&gate);
	return 0;
}

static const struct vine_kernel slow = { "slow", wait_in_gate, 0, 0 };

static void
wait_for_gate(int count)
{
	pthread_mutex_lock(&gate);
	while (gate_waiting < count)
		pthread_cond_wait(&gate_moved, &gate);
	pthread_mutex_unlock(&gate);
}

static void
open_gate(void)
{
	pthread_mutex_lock(&gate);
	gate_open = 1;
	pthread_cond_broadcast(&gate_moved);
	pthread_mutex_unlock(&gate);
}

START_TEST(one_accelerator_and_every_kernel_are_offered)
{
	const struct vine_kernel_table *table = svc_cpu_kernels();
	uint32_t i;

	ck_assert_int_eq(start("cpu_threads 3\n"), 0);
	ck_assert_int_eq(host.accels, 1);
	ck_assert_str_eq(host.accel, "cpu0");
	ck_assert_int_eq(host.accel_type, CPU);
	ck_assert_uint_eq(host.units, 3);
	ck_assert_int_eq(host.proc_count, (int)table->count);
	for (i = 0; i < table->count; i++) {
		ck_assert_ptr_eq(ctx_of(table->kernels[i].name),
				 &table->kernels[i]);
		ck_assert_int_eq(host.procs[i].type, CPU);
	}
	ck_assert_ptr_null(host.build);
	svc_cpu_ops.stop(state);
}
END_TEST

START_TEST(by_default_there_is_a_thread_for_each_core)
{
	cpu_set_t set;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	ck_assert_int_eq(start(""), 0);
	ck_assert_uint_eq(host.units, (unsigned)CPU_COUNT(&set));
	svc_cpu_ops.stop(state);
}
END_TEST

START_TEST(a_short_call_runs_inside_submit)
{
	struct vine_req req;

	ck_assert_int_eq(start("cpu_threads 1\n"), 0);
	prepare(&req, &quick, 2047);
	svc_cpu_ops.submit(state, &req);
	ck_assert_int_eq(req.completed, 1);
	ck_assert_int_eq(req.held, 0);
	ck_assert_int_eq(req.status, VINE_STATUS_OK);
	ck_assert_uint_eq(req.value, 42);
	ck_assert(pthread_equal(req.thread, pthread_self()));
	svc_cpu_ops.stop(state);
}
END_TEST

static void
assert_pooled(struct vine_req *req)
{
	svc_cpu_ops.submit(state, req);
	fake_wait(req);
	ck_assert_int_eq(req->held, 1);
	ck_assert_int_eq(req->executed, 1);
	ck_assert_int_eq(req->status, VINE_STATUS_OK);
	ck_assert_uint_eq(req->value, 42);
	ck_assert(!pthread_equal(req->thread, pthread_self()));
}

START_TEST(a_call_of_2_us_or_of_unknown_time_runs_on_the_pool)
{
	struct vine_req req;

	ck_assert_int_eq(start("cpu_threads 1\n"), 0);
	prepare(&req, &quick, 2048);
	assert_pooled(&req);
	prepare(&req, &unknown, 0);
	assert_pooled(&req);
	/* Output counts as input does. */
	prepare(&req, &quick, 1024);
	req.out[0] = case_empty(1024);
	req.out_count = 1;
	assert_pooled(&req);
	svc_cpu_ops.stop(state);
}
END_TEST

START_TEST(lengths_whose_sum_wraps_are_not_short)
{
	struct vine_req req;

	ck_assert_int_eq(start("cpu_threads 1\n"), 0);
	prepare(&req, &quick, 0);
	req.in[0].length = SIZE_MAX;	/* the kernel does not look */
	req.in[1] = req.in[0];
	req.in[1].length = 2;
	req.in_count = 2;
	assert_pooled(&req);
	svc_cpu_ops.stop(state);
}
END_TEST

START_TEST(a_kernels_errno_becomes_the_tasks_error)
{
	static const int given[] = { -EINVAL, -ENOSPC, -4095, -4096, 5,
				     INT32_MIN };
	static const int taken[] = { EINVAL, ENOSPC, 4095, EIO, EIO, EIO };
	struct vine_req req;
	size_t i;

	ck_assert_int_eq(start("cpu_threads 1\n"), 0);
	for (i = 0; i < 6; i++) {
		prepare(&req, &failing, sizeof(int));
		memcpy(req.in[0].ptr, &given[i], sizeof(int));
		svc_cpu_ops.submit(state, &req);
		ck_assert_int_eq(req.status, VINE_STATUS_FAILED);
		ck_assert_int_eq(req.error, taken[i]);
		ck_assert_uint_eq(req.value, 0);
	}
	svc_cpu_ops.stop(state);
}
END_TEST

START_TEST(a_request_past_its_deadline_is_not_executed)
{
	struct vine_req blocker, late, early;

	ck_assert_int_eq(start("cpu_threads 1\n"), 0);
	prepare(&blocker, &slow, 0);
	svc_cpu_ops.submit(state, &blocker);
	wait_for_gate(1);
	prepare(&late, &unknown, 0);
	svc_cpu_ops.submit(state, &late);
	late.expired = 1;	/* while it waits behind the blocker */
	prepare(&early, &quick, 0);
	early.expired = 1;
	svc_cpu_ops.submit(state, &early);
	ck_assert_int_eq(early.status, VINE_STATUS_DEADLINE);
	ck_assert_int_eq(early.held, 0);
	open_gate();
	fake_wait(&late);
	ck_assert_int_eq(late.status, VINE_STATUS_DEADLINE);
	ck_assert_int_eq(late.executed, 0);
	svc_cpu_ops.stop(state);
}
END_TEST

START_TEST(cancel_ends_a_waiting_request_and_leaves_a_running_one)
{
	struct vine_req blocker, waiting;

	ck_assert_int_eq(start("cpu_threads 1\n"), 0);
	prepare(&blocker, &slow, 0);
	svc_cpu_ops.submit(state, &blocker);
	wait_for_gate(1);
	prepare(&waiting, &unknown, 0);
	svc_cpu_ops.submit(state, &waiting);
	svc_cpu_ops.cancel(state, &waiting);
	ck_assert_int_eq(waiting.completed, 1);
	ck_assert_int_eq(waiting.status, VINE_STATUS_CANCELED);
	svc_cpu_ops.cancel(state, &blocker);
	ck_assert_int_eq(blocker.completed, 0);
	open_gate();
	fake_wait(&blocker);
	ck_assert_int_eq(blocker.status, VINE_STATUS_OK);
	svc_cpu_ops.stop(state);
	ck_assert_int_eq(waiting.completed, 1);
	ck_assert_int_eq(waiting.executed, 0);
}
END_TEST

START_TEST(as_many_tasks_execute_at_a_time_as_there_are_threads)
{
	struct vine_req req[3];
	int i;

	ck_assert_int_eq(start("cpu_threads 3\n"), 0);
	for (i = 0; i < 3; i++) {
		prepare(&req[i], &slow, 0);
		svc_cpu_ops.submit(state, &req[i]);
	}
	wait_for_gate(3);	/* for ever, if they ran one by one */
	open_gate();
	for (i = 0; i < 3; i++)
		fake_wait(&req[i]);
	svc_cpu_ops.stop(state);
}
END_TEST

static int
threads_of_process(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	int count = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

START_TEST(there_are_no_threads_but_those_of_the_pool)
{
	struct svc_cpu_sgemm_args args = { 300, 300, 300, 1.0f, 0.0f };
	struct vine_req req = { .args = &args, .args_size = sizeof(args) };
	int before = threads_of_process();

	ck_assert_int_eq(start("cpu_threads 2\n"), 0);
	req.ctx = ctx_of("sgemm");
	req.in[0] = case_empty(360000);
	req.in[1] = case_empty(360000);
	req.out[0] = case_empty(360000);
	req.in_count = 2;
	req.out_count = 1;
	svc_cpu_ops.submit(state, &req);
	fake_wait(&req);
	ck_assert_int_eq(req.status, VINE_STATUS_OK);
	/* Without its limit to one thread OpenBLAS would start more here. */
	ck_assert_int_le(threads_of_process(), before + 2);
	svc_cpu_ops.stop(state);
}
END_TEST

START_TEST(a_built_in_kernel_does_its_work_on_the_pool)
{
	struct vine_req req = { 0 };
	float a[4] = { 1, 2, 3, 4 }, b[4] = { 5, 6, 7, 8 }, c[4];
	static const float product[4] = { 19, 22, 43, 50 };
	struct svc_cpu_sgemm_args args = { 2, 2, 2, 1.0f, 0.0f };

	ck_assert_int_eq(start("cpu_threads 2\n"), 0);
	req.ctx = ctx_of("sgemm");
	req.in[0] = (struct vine_view){ a, sizeof(a) };
	req.in[1] = (struct vine_view){ b, sizeof(b) };
	req.out[0] = (struct vine_view){ c, sizeof(c) };
	req.in_count = 2;
	req.out_count = 1;
	req.args = &args;
	req.args_size = sizeof(args);
	svc_cpu_ops.submit(state, &req);
	fake_wait(&req);
	ck_assert_int_eq(req.status, VINE_STATUS_OK);
	ck_assert_int_eq(req.held, 1);
	ck_assert_mem_eq(c, product, sizeof(c));
	svc_cpu_ops.stop(state);
}
END_TEST

START_TEST(the_operators_kernels_are_offered_beside_the_others)
{
	char *one = library_compile("one", LIBRARY_ONE("op1", 11));
	char *two = library_compile("two", LIBRARY_ONE("op2", 22));
	struct vine_req req;
	char text[8192];

	snprintf(text, sizeof(text), "cpu_kernels %s\ncpu_kernels %s\n", one,
		 two);
	ck_assert_int_eq(start(text), 0);
	ck_assert_int_eq(host.proc_count, (int)svc_cpu_kernels()->count + 2);
	prepare(&req, ctx_of("op2"), 0);
	svc_cpu_ops.submit(state, &req);
	fake_wait(&req);
	ck_assert_uint_eq(req.value, 22);
	svc_cpu_ops.stop(state);
	free(one);
	free(two);
}
END_TEST

START_TEST(a_name_that_is_taken_ends_the_start)
{
	char *builtin = library_compile("builtin", LIBRARY_ONE("sha256", 1));
	char *one = library_compile("dup1", LIBRARY_ONE("op", 1));
	char *two = library_compile("dup2", LIBRARY_ONE("op", 2));
	char text[8192];

	snprintf(text, sizeof(text), "cpu_kernels %s\n", builtin);
	ck_assert_int_eq(start(text), -EEXIST);
	snprintf(text, sizeof(text), "cpu_kernels %s\ncpu_kernels %s\n", one,
		 two);
	ck_assert_int_eq(start(text), -EEXIST);
	free(builtin);
	free(one);
	free(two);
}
END_TEST

START_TEST(a_library_that_cannot_be_loaded_ends_the_start)
{
	ck_assert_int_eq(start("cpu_kernels /no/such.so\n"), -ENOEXEC);
	ck_assert_int_eq(start("cpu_kernels relative.so\n"), -EINVAL);
}
END_TEST

START_TEST(a_procedure_that_the_appliance_refuses_ends_the_start)
{
	struct utils_config *config;

	ck_assert_int_eq(utils_config_parse("shm_file vine-test\n", "test",
					    &config), 0);
	memset(&host, 0, sizeof(host));
	host.refuse_proc = 4;
	ck_assert_int_eq(svc_cpu_ops.start(&host, config, &state), -ENOSPC);
	utils_config_free(config);
}
END_TEST

/* Registers the code of a library as an application would. */
static int
build(const char *path, const char *name, void **ctx)
{
	size_t size;
	char *bytes = library_read(path, &size);
	int err = host.build(state, name, bytes, size, ctx);

	free(bytes);
	return err;
}

START_TEST(application_code_runs_on_the_pool_if_it_is_allowed)
{
	/* It says that it is quick; that is not for it to decide. */
	char *path = library_compile("app", LIBRARY_BEGIN(5)
		"static const struct vine_kernel k[] = {\n"
		"{ \"other\", run, 1, 0 } };\n" LIBRARY_END);
	struct vine_req req;
	void *ctx = NULL;

	ck_assert_int_eq(start("cpu_app_code 1\n"), 0);
	ck_assert_ptr_nonnull(host.build);
	/* One kernel: it is the one, whatever its name. */
	ck_assert_int_eq(build(path, "any_name", &ctx), 0);
	prepare(&req, ctx, 0);
	svc_cpu_ops.submit(state, &req);
	fake_wait(&req);
	ck_assert_int_eq(req.held, 1);
	ck_assert_uint_eq(req.value, 5);
	host.drop(state, ctx);
	svc_cpu_ops.stop(state);
	free(path);
}
END_TEST

START_TEST(application_code_with_several_kernels_is_chosen_by_name)
{
	char *path = library_compile("several", LIBRARY_BEGIN(5)
		"static int run2(struct vine_kernel_call *c)\n"
		"{ c->value = 6; return 0; }\n"
		"static const struct vine_kernel k[] = {\n"
		"{ \"first\", run, 0, 0 }, { \"second\", run2, 0, 0 } };\n"
		LIBRARY_END);
	struct vine_req req;
	void *ctx = NULL;

	ck_assert_int_eq(start("cpu_app_code 1\n"), 0);
	ck_assert_int_eq(build(path, "third", &ctx), -ENOEXEC);
	ck_assert_ptr_null(ctx);
	ck_assert_int_eq(build(path, "second", &ctx), 0);
	prepare(&req, ctx, 0);
	svc_cpu_ops.submit(state, &req);
	fake_wait(&req);
	ck_assert_uint_eq(req.value, 6);
	host.drop(state, ctx);
	ck_assert_int_eq(host.build(state, "text", "hello", 5, &ctx),
			 -ENOEXEC);
	svc_cpu_ops.stop(state);
	free(path);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("cpu");

	tcase_add_unchecked_fixture(tcase, library_folder_make,
				    library_folder_remove);
	tcase_add_test(tcase, one_accelerator_and_every_kernel_are_offered);
	tcase_add_test(tcase, by_default_there_is_a_thread_for_each_core);
	tcase_add_test(tcase, a_short_call_runs_inside_submit);
	tcase_add_test(tcase,
		       a_call_of_2_us_or_of_unknown_time_runs_on_the_pool);
	tcase_add_test(tcase, lengths_whose_sum_wraps_are_not_short);
	tcase_add_test(tcase, a_kernels_errno_becomes_the_tasks_error);
	tcase_add_test(tcase, a_request_past_its_deadline_is_not_executed);
	tcase_add_test(tcase,
		       cancel_ends_a_waiting_request_and_leaves_a_running_one);
	tcase_add_test(tcase,
		       as_many_tasks_execute_at_a_time_as_there_are_threads);
	tcase_add_test(tcase, there_are_no_threads_but_those_of_the_pool);
	tcase_add_test(tcase, a_built_in_kernel_does_its_work_on_the_pool);
	tcase_add_test(tcase,
		       the_operators_kernels_are_offered_beside_the_others);
	tcase_add_test(tcase, a_name_that_is_taken_ends_the_start);
	tcase_add_test(tcase, a_library_that_cannot_be_loaded_ends_the_start);
	tcase_add_test(tcase,
		       a_procedure_that_the_appliance_refuses_ends_the_start);
	tcase_add_test(tcase,
		       application_code_runs_on_the_pool_if_it_is_allowed);
	tcase_add_test(tcase,
		       application_code_with_several_kernels_is_chosen_by_name);
	return case_main("svc_cpu", tcase);
}
