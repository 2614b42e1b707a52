/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_talk: VineTalk's conventions, its counts and its errnos. */
#include "rig.h"

static struct rig rig;
static char path[128];

static void
begin(void)
{
	FILE *f;

	rig_open(&rig, 16 * RIG_MIB, NULL);
	snprintf(path, sizeof(path), "/tmp/vine-test-%d.conf", (int)getpid());
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(rig.config, f);
	fclose(f);
	setenv("VINE_CONFIG", path, 1);
}

static void
end(void)
{
	unlink(path);
	rig_close(&rig);
}

START_TEST(a_program_of_2016_works)
{
	vine_accel **accels = NULL;
	vine_data *in, *out, *in_set[1], *out_set[1];
	vine_task_stats_s stats;
	vine_accel *accel;
	vine_proc *proc;
	vine_task *task;

	begin();
	errno = EIO;
	vine_talk_init();
	ck_assert_int_eq(errno, 0);
	ck_assert_int_eq(vine_accel_list(CPU, &accels), 1);
	ck_assert_int_eq(vine_accel_list(ANY, NULL), 1);
	accel = accels[0];
	free(accels);
	ck_assert_int_eq(vine_accel_list(GPU, &accels), 0);
	ck_assert_ptr_null(accels);
	ck_assert_int_eq(vine_accel_type(accel), CPU);
	ck_assert_str_eq(vine_accel_location(accel).name, "rig");
	ck_assert_int_eq(vine_accel_acquire(&accel), 1);
	proc = vine_proc_get(CPU, "copy");
	ck_assert_ptr_nonnull(proc);
	in_set[0] = in = vine_data_alloc(100, Both);
	out_set[0] = out = vine_data_alloc(100, Both);
	memset(vine_data_deref(in), 5, 100);
	vine_data_mark_ready(in);
	task = vine_task_issue(accel, proc, NULL, 1, in_set, 1, out_set);
	ck_assert_ptr_nonnull(task);
	ck_assert_int_eq(vine_task_wait(task), task_completed);
	ck_assert_int_eq(vine_task_wait(task), task_completed);
	ck_assert_int_eq(vine_task_stat(task, &stats), task_completed);
	ck_assert_uint_eq(stats.value, 100);
	ck_assert_int_eq(stats.error, 0);
	ck_assert_mem_eq(vine_data_deref(out), vine_data_deref(in), 100);
	ck_assert_int_eq(vine_proc_put(proc), 1);
	vine_data_free(in);
	vine_data_free(out);
	vine_task_free(task);
	ck_assert_int_eq(vine_accel_release(&accel), 1);
	ck_assert_ptr_null(accel);
	vine_talk_exit();
	end();
}
END_TEST

START_TEST(references_of_a_procedure_are_counted_down_to_one)
{
	vine_proc *a, *b, *c;

	begin();
	vine_talk_init();
	a = vine_proc_get(CPU, "nop");
	b = vine_proc_get(CPU, "nop");
	ck_assert_ptr_eq(a, b);
	ck_assert_int_eq(vine_proc_put(a), 2);
	ck_assert_int_eq(vine_proc_put(b), 1);
	errno = 0;
	ck_assert_ptr_null(vine_proc_get(CPU, "none"));
	ck_assert_int_eq(errno, ENOENT);
	a = vine_proc_register(CPU, "code", "abc", 3);
	b = vine_proc_register(CPU, "code", "abc", 3);
	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_eq(a, b);
	errno = 0;
	c = vine_proc_register(CPU, "code", "abd", 3);
	ck_assert_ptr_null(c);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_ptr_null(vine_proc_register(CPU, "nop", "abd", 3));
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(vine_proc_put(a), 2);
	ck_assert_int_eq(vine_proc_put(b), 1);
	ck_assert_ptr_null(vine_proc_get(CPU, "code"));
	ck_assert_int_eq(vine_proc_put(NULL), 0);
	vine_talk_exit();
	end();
}
END_TEST

START_TEST(null_and_nonsense_are_einval)
{
	vine_accel *accel = NULL, **list;
	vine_data *d;

	begin();
	vine_talk_init();
#define EINVAL_OF(expression) \
	do { \
		errno = 0; \
		ck_assert(!(expression)); \
		ck_assert_int_eq(errno, EINVAL); \
	} while (0)
	EINVAL_OF(vine_accel_acquire(NULL));
	EINVAL_OF(vine_accel_acquire(&accel));
	EINVAL_OF(vine_accel_release(NULL));
	EINVAL_OF(vine_accel_release(&accel));
	EINVAL_OF(vine_accel_type(NULL));
	EINVAL_OF(vine_accel_stat(NULL, NULL));
	EINVAL_OF(vine_accel_location(NULL).name[0]);
	EINVAL_OF(vine_accel_list((vine_accel_type_e)77, &list));
	EINVAL_OF(vine_proc_get(CPU, NULL));
	EINVAL_OF(vine_proc_get(CPU, ""));
	EINVAL_OF(vine_proc_register(CPU, "x", NULL, 5));
	EINVAL_OF(vine_data_alloc(10, (vine_data_alloc_place_e)0));
	EINVAL_OF(vine_data_alloc(10, (vine_data_alloc_place_e)4));
	EINVAL_OF(vine_data_size(NULL));
	EINVAL_OF(vine_data_deref(NULL));
	EINVAL_OF(vine_task_issue(NULL, NULL, NULL, 0, NULL, 0, NULL));
	EINVAL_OF(vine_task_wait(NULL));
	EINVAL_OF(vine_task_stat(NULL, NULL));
	d = vine_data_alloc(10, AccelOnly);
	EINVAL_OF(vine_data_deref(d));
	vine_data_free(d);
	ck_assert_int_eq(vine_accel_list(CPU, &list), 1);
	accel = list[0];
	EINVAL_OF(vine_accel_release(&accel));
	ck_assert_ptr_eq(accel, list[0]);
	EINVAL_OF(vine_task_issue(accel, vine_proc_get(CPU, "nop"), NULL, 65,
				  NULL, 0, NULL));
	EINVAL_OF(vine_task_issue(accel, vine_proc_get(CPU, "nop"), NULL, 1,
				  NULL, 0, NULL));
	free(list);
	vine_data_free(NULL);
	vine_task_free(NULL);
	vine_talk_exit();
	end();
}
END_TEST

START_TEST(a_failed_task_sets_errno)
{
	vine_accel **list;
	vine_task *task;

	begin();
	vine_talk_init();
	ck_assert_int_eq(vine_accel_list(CPU, &list), 1);
	task = vine_task_issue(list[0], vine_proc_get(CPU, "fail"), NULL, 0,
			       NULL, 0, NULL);
	errno = 0;
	ck_assert_int_eq(vine_task_wait(task), task_failed);
	ck_assert_int_eq(errno, EDOM);
	vine_task_free(task);
	free(list);
	vine_talk_exit();
	end();
}
END_TEST

START_TEST(inits_nest)
{
	struct vine_session *s;

	begin();
	vine_talk_init();
	s = vine_session_default();
	vine_talk_init();
	ck_assert_ptr_eq(vine_session_default(), s);
	vine_talk_exit();
	ck_assert_ptr_eq(vine_session_default(), s);
	ck_assert_int_eq(vine_accel_list(ANY, NULL), 1);
	vine_talk_exit();
	ck_assert_ptr_null(vine_session_default());
	vine_talk_exit();	/* one too many is ignored */
	vine_talk_init();
	ck_assert_int_eq(vine_accel_list(ANY, NULL), 1);
	vine_talk_exit();
	end();
}
END_TEST

START_TEST(without_a_session_it_is_enotconn)
{
	rig_listen();
	setenv("VINE_CONFIG", "/nonexistent/config", 1);
	errno = 0;
	vine_talk_init();
	ck_assert_int_eq(errno, ENOENT);
	errno = 0;
	ck_assert_ptr_null(vine_data_alloc(10, Both));
	ck_assert_int_eq(errno, ENOTCONN);
	ck_assert_int_eq(vine_accel_list(ANY, NULL), 0);
	ck_assert_int_eq(errno, ENOTCONN);
	ck_assert_ptr_null(vine_proc_get(CPU, "x"));
	ck_assert_int_eq(errno, ENOTCONN);
	vine_talk_exit();
}
END_TEST

/* The virtual one went with the physical one; the pointer must not stay. */
START_TEST(releasing_what_the_appliance_withdrew_leaves_no_pointer)
{
	vine_accel **list, *accel;
	int ok;

	begin();
	vine_talk_init();
	ck_assert_int_eq(vine_accel_list(CPU, &list), 1);
	accel = list[0];
	free(list);
	ck_assert_int_eq(vine_accel_acquire(&accel), 1);
	rig_stop(&rig);
	ck_assert_int_eq(vine_pipe_delete_accel(rig.pipe, rig.accel), 1);
	rig_start(&rig);
	ok = vine_accel_release(&accel);
	ck_assert_msg(accel == NULL && ok == 1, "returned %d with %s", ok,
		      accel ? "a pointer to freed memory" : "NULL");
	vine_talk_exit();
	end();
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_program_of_2016_works),
	RIG_CASE(references_of_a_procedure_are_counted_down_to_one),
	RIG_CASE(null_and_nonsense_are_einval),
	RIG_CASE(a_failed_task_sets_errno),
	RIG_CASE(inits_nest),
	RIG_CASE(without_a_session_it_is_enotconn),
	RIG_CASE(releasing_what_the_appliance_withdrew_leaves_no_pointer),
};

RIG_MAIN("vine_talk", cases)
