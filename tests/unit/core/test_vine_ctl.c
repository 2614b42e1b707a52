/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_ctl: what a session may ask of the appliance, and may not. */
#include "rig.h"
#include "core/vine_pipe.h"
#include "core/vine_session.h"

static struct rig rig;

/* Register `size` bytes under "code<i>". */
static int
add_code(struct vine_session *s, int i, size_t size, vine_proc **proc)
{
	char *code = malloc(size), name[16];
	int rc;

	memset(code, i, size);
	snprintf(name, sizeof(name), "code%d", i);
	rc = vine_proc_add(s, CPU, name, code, size, proc);
	free(code);
	return rc;
}

/* The appliance keeps a copy: a guest could have it keep any number of them. */
START_TEST(code_of_applications_fills_no_more_than_the_segment_has)
{
	struct vine_session *s, *other;
	vine_proc *procs[8], *again;
	int n = 0, rc;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	other = rig_attach(&rig);
	while (n < 8 && (rc = add_code(s, n, RIG_MIB, &procs[n])) == 0)
		n++;
	ck_assert_int_eq(rc, -EDQUOT);
	ck_assert_int_ge(n, 2);
	ck_assert_int_lt(n, 4);
	/* nor by another session; what is there already costs nothing */
	ck_assert_int_eq(add_code(other, n, RIG_MIB, &again), -EDQUOT);
	ck_assert_int_eq(add_code(other, 0, RIG_MIB, &again), 0);
	vine_proc_release(again);
	while (n > 0)
		vine_proc_release(procs[--n]);
	rig_await(add_code(other, 7, RIG_MIB, &again) == 0);
	vine_session_close(s);
	vine_session_close(other);
	rig_close(&rig);
}
END_TEST

START_TEST(an_operation_that_does_not_exist_is_enosys)
{
	struct vine_session *s;
	uint64_t value = 7;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	ck_assert_int_eq(vine_session_control(s, (enum vine_ctl)0, 1, 2, 3,
					      NULL, &value), -ENOSYS);
	ck_assert_int_eq(vine_session_control(s, (enum vine_ctl)10, 1, 2, 3,
					      NULL, &value), -ENOSYS);
	ck_assert_uint_eq(value, 7);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

START_TEST(operands_at_the_edges_are_errors)
{
	static const uint64_t edges[] = { 0, 1, 4095, 0xffff, 0x10000,
		0x7fffffff, 0x80000000, 0xffffffff, UINT64_C(1) << 32,
		UINT64_C(1) << 48, INT64_MAX, UINT64_C(1) << 63,
		UINT64_MAX - 4095, UINT64_MAX };
	enum { N = sizeof(edges) / sizeof(edges[0]) };
	struct vine_session *s;
	struct vine_task_opts o;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	s = rig_attach(&rig);
	o = rig_opts(s, "nop");
	for (int op = VINE_CTL_RETURN; op <= VINE_CTL_CANCEL; op++)
		for (int i = 0; i < N * N; i++)
			ck_assert_int_lt(
				vine_session_control(s, (enum vine_ctl)op,
						     edges[i % N], edges[i / N],
						     edges[i % N], "x", NULL),
				op == VINE_CTL_CANCEL ||
				op == VINE_CTL_PROC_ADD);
	for (int i = 4; i < N; i++)
		ck_assert_int_eq(vine_session_control(s, VINE_CTL_GRANT,
						      edges[i] < 4 * RIG_MIB ?
						      0 : edges[i], 0, 0, NULL,
						      NULL),
				 edges[i] < 4 * RIG_MIB ? -EINVAL : -ENOMEM);
	ck_assert_int_eq(rig_run(&o, NULL), VINE_STATUS_OK);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(code_of_applications_fills_no_more_than_the_segment_has),
	RIG_CASE(an_operation_that_does_not_exist_is_enosys),
	RIG_CASE(operands_at_the_edges_are_errors),
};

RIG_MAIN("vine_ctl", cases)
