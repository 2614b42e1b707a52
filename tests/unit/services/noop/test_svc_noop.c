/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noop service, on a test double for the framework that records the three
 * calls which the service may make.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/svc.h"

extern const struct svc_ops svc_noop_ops;

struct svc_host {
	char accel[48];
	vine_accel_type_e accel_type;
	uint32_t units;
	int accel_err;
	char proc[64];
	vine_accel_type_e proc_type;
	int proc_err;
};

struct vine_req {
	int completed;
	enum vine_status status;
	int error;
	uint64_t value;
};

int
svc_add_accel(struct svc_host *host, vine_accel_type_e type, const char *name,
	      uint32_t units)
{
	strcpy(host->accel, name);
	host->accel_type = type;
	host->units = units;
	return host->accel_err;
}

int
svc_add_proc(struct svc_host *host, vine_accel_type_e type, const char *name,
	     void *ctx)
{
	(void)ctx;
	strcpy(host->proc, name);
	host->proc_type = type;
	return host->proc_err;
}

void
vine_req_complete(struct vine_req *req, enum vine_status status, int error,
		  uint64_t value)
{
	req->completed++;
	req->status = status;
	req->error = error;
	req->value = value;
}

START_TEST(it_offers_one_accelerator_and_one_procedure)
{
	struct svc_host host = { 0 };
	void *state;

	ck_assert_uint_eq(svc_noop_ops.size, sizeof(struct svc_ops));
	ck_assert_str_eq(svc_noop_ops.name, "noop");
	ck_assert_int_eq(svc_noop_ops.start(&host, NULL, &state), 0);
	ck_assert_str_eq(host.accel, "noop");
	ck_assert_int_eq(host.accel_type, GPU_SOFT);
	ck_assert_uint_eq(host.units, 1);
	ck_assert_str_eq(host.proc, "noop");
	ck_assert_int_eq(host.proc_type, GPU_SOFT);
	svc_noop_ops.stop(state);
}
END_TEST

START_TEST(a_request_is_completed_once_inside_submit)
{
	struct svc_host host = { 0 };
	struct vine_req req = { .status = VINE_STATUS_FAILED, .value = 1 };
	void *state;

	ck_assert_int_eq(svc_noop_ops.start(&host, NULL, &state), 0);
	svc_noop_ops.submit(state, &req);
	ck_assert_int_eq(req.completed, 1);
	ck_assert_int_eq(req.status, VINE_STATUS_OK);
	ck_assert_int_eq(req.error, 0);
	ck_assert_uint_eq(req.value, 0);
	svc_noop_ops.stop(state);
}
END_TEST

START_TEST(what_the_appliance_refuses_ends_the_start)
{
	struct svc_host no_accel = { .accel_err = -EEXIST };
	struct svc_host no_proc = { .proc_err = -ENOSPC };
	void *state;

	ck_assert_int_eq(svc_noop_ops.start(&no_accel, NULL, &state), -EEXIST);
	ck_assert_int_eq(svc_noop_ops.start(&no_proc, NULL, &state), -ENOSPC);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("svc_noop");
	TCase *tcase = tcase_create("noop");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, it_offers_one_accelerator_and_one_procedure);
	tcase_add_test(tcase, a_request_is_completed_once_inside_submit);
	tcase_add_test(tcase, what_the_appliance_refuses_ends_the_start);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
