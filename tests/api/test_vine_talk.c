/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VineTalk's functions as a program of June 2016 used them: no header but
 * <vine_talk.h>, compiled as gnu99, against the real vined.
 */
#include <pthread.h>

#include <vine_talk.h>

#include "../multi/appliance.h"

static struct appliance appliance;

static void
start(void)
{
	appliance_start(&appliance, "talk", "shm_size 64M\n");
	ck_assert_int_eq(setenv("VINE_CONFIG", appliance.config, 1), 0);
}

static void
stop(void)
{
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}

/* The accelerator of that name, out of the list of its type. */
static vine_accel *
accel_of(vine_accel_type_e type, const char *name)
{
	vine_accel **accels = NULL, *found = NULL;
	int n = vine_accel_list(type, &accels);

	for (int i = 0; i < n && found == NULL; i++)
		if (strcmp(vine_accel_location(accels[i]).name, name) == 0)
			found = accels[i];
	free(accels);
	ck_assert_msg(found != NULL, "%s is not among %d of type %d", name, n,
		      (int)type);
	return found;
}

static vine_accel *
cpu0(void)
{
	return accel_of(CPU, "cpu0");
}

static vine_proc *
proc_of(vine_accel_type_e type, const char *name)
{
	vine_proc *proc = vine_proc_get(type, name);

	ck_assert_msg(proc != NULL, "%s: %s", name, strerror(errno));
	return proc;
}

static vine_data *
data_of(const void *bytes, size_t size)
{
	vine_data *data = vine_data_alloc(size, Both);

	ck_assert_ptr_nonnull(data);
	if (bytes)
		memcpy(vine_data_deref(data), bytes, size);
	return data;
}

/* One noop task from beginning to end. */
static vine_task_state_e
noop_once(void)
{
	vine_accel *noop = accel_of(GPU_SOFT, "noop");
	vine_proc *proc = proc_of(GPU_SOFT, "noop");
	vine_task *task = vine_task_issue(noop, proc, NULL, 0, NULL, 0, NULL);
	vine_task_state_e state = vine_task_wait(task);

	vine_task_free(task);
	ck_assert_int_ge(vine_proc_put(proc), 1);
	return state;
}

/* --- init and exit ------------------------------------------------------ */

START_TEST(init_and_exit_nest)
{
	errno = EBADF;
	vine_talk_init();
	ck_assert_int_eq(errno, 0);
	vine_talk_init();
	ck_assert_int_eq(errno, 0);
	ck_assert_int_eq(noop_once(), task_completed);
	/* a session can no longer be opened from here on */
	setenv("VINE_CONFIG", "/no/such/config", 1);
	vine_talk_exit();
	ck_assert_int_eq(noop_once(), task_completed);
	vine_talk_exit();
	ck_assert_int_eq(vine_accel_list(ANY, NULL), 0);
	ck_assert_int_eq(errno, ENOTCONN);
	vine_talk_exit();	/* once too often does no harm */
	setenv("VINE_CONFIG", appliance.config, 1);
	vine_talk_init();
	ck_assert_int_eq(errno, 0);
	ck_assert_int_eq(noop_once(), task_completed);
	vine_talk_exit();
}
END_TEST

START_TEST(the_first_call_opens_the_session)
{
	ck_assert_int_gt(vine_accel_list(ANY, NULL), 0);
	ck_assert_int_eq(noop_once(), task_completed);
	vine_talk_exit();
}
END_TEST

START_TEST(without_a_config_init_fails_and_calls_say_notconn)
{
	vine_accel **accels = (vine_accel **)&accels;

	setenv("VINE_CONFIG", "/no/such/config", 1);
	vine_talk_init();
	ck_assert_int_eq(errno, ENOENT);
	errno = 0;
	ck_assert_int_eq(vine_accel_list(ANY, &accels), 0);
	ck_assert_int_eq(errno, ENOTCONN);
	ck_assert_ptr_null(accels);
	errno = 0;
	ck_assert_ptr_null(vine_data_alloc(64, Both));
	ck_assert_int_eq(errno, ENOTCONN);
	errno = 0;
	ck_assert_ptr_null(vine_proc_get(CPU, "copy"));
	ck_assert_int_eq(errno, ENOTCONN);
	errno = 0;
	ck_assert_ptr_null(vine_proc_register(CPU, "x", "y", 1));
	ck_assert_int_eq(errno, ENOTCONN);
	vine_talk_exit();
}
END_TEST

START_TEST(without_an_appliance_init_times_out_and_leaves_no_segment)
{
	struct appliance none;
	char path[256];

	appliance_plan(&none, "nobody", "shm_size 1M\nattach_timeout 50ms\n");
	setenv("VINE_CONFIG", none.config, 1);
	vine_talk_init();
	ck_assert_int_eq(errno, ETIMEDOUT);
	snprintf(path, sizeof(path), "/dev/shm/%s", none.name);
	ck_assert_int_ne(access(path, F_OK), 0);
	vine_talk_exit();
}
END_TEST

START_TEST(a_bad_config_is_einval)
{
	char path[256];

	appliance_path(path, sizeof(path), "bad.conf");
	appliance_write(path, "shm_file x\nshm_size 12potatoes\n");
	setenv("VINE_CONFIG", path, 1);
	vine_talk_init();
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(the_config_may_stand_in_the_home_folder)
{
	char path[256], text[512];

	appliance_path(path, sizeof(path), ".vinetalk");
	snprintf(text, sizeof(text), "shm_file %s\ntrace 0\n", appliance.name);
	appliance_write(path, text);
	unsetenv("VINE_CONFIG");
	setenv("HOME", appliance_folder, 1);
	vine_talk_init();
	ck_assert_int_eq(errno, 0);
	ck_assert_int_eq(noop_once(), task_completed);
	vine_talk_exit();
}
END_TEST

START_TEST(nothing_is_printed_on_stdout)
{
	char path[256];
	struct stat st;
	int fd;

	appliance_path(path, sizeof(path), "stdout");
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	fflush(stdout);
	ck_assert_int_ge(dup2(fd, STDOUT_FILENO), 0);
	setenv("VINE_CONFIG", "/no/such/config", 1);
	vine_talk_init();
	vine_accel_list(ANY, NULL);
	setenv("VINE_CONFIG", appliance.config, 1);
	vine_talk_init();
	ck_assert_int_eq(noop_once(), task_completed);
	vine_proc_get(CPU, "no such procedure");
	vine_data_alloc((size_t)1 << 60, Both);
	vine_data_free(data_of("x", 2));
	vine_talk_exit();
	fflush(stdout);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq((int)st.st_size, 0);
}
END_TEST

START_TEST(a_child_of_fork_opens_a_session_of_its_own)
{
	vine_data *data;
	pid_t child;
	int status;

	vine_talk_init();
	data = data_of("parent", 7);
	child = fork();
	if (child == 0)
		_exit(noop_once() == task_completed ? 0 : 1);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_str_eq(vine_data_deref(data), "parent");
	ck_assert_int_eq(noop_once(), task_completed);
	vine_data_free(data);
	vine_talk_exit();
}
END_TEST

/* --- accelerators ------------------------------------------------------- */

START_TEST(list_counts_and_returns_exactly_one_type)
{
	int sum = 0, all;

	all = vine_accel_list(ANY, NULL);
	ck_assert_int_ge(all, 2);
	for (int type = ANY; type < VINE_ACCEL_TYPES; type++) {
		vine_accel **accels = (vine_accel **)&accels;
		int n = vine_accel_list((vine_accel_type_e)type, &accels);

		ck_assert_int_eq(n, vine_accel_list((vine_accel_type_e)type,
						    NULL));
		ck_assert_int_eq(n == 0, accels == NULL);
		for (int i = 0; i < n && type != ANY; i++) {
			ck_assert_int_eq((int)vine_accel_type(accels[i]), type);
			for (int j = 0; j < i; j++)
				ck_assert_ptr_ne(accels[i], accels[j]);
		}
		if (type == ANY)
			ck_assert_int_eq(n, all);
		else
			sum += n;
		free(accels);
	}
	ck_assert_int_eq(sum, all);
	ck_assert_int_eq(vine_accel_list(FPGA, NULL), 0);
	ck_assert_int_ge(vine_accel_list(CPU, NULL), 1);
	ck_assert_int_ge(vine_accel_list(GPU_SOFT, NULL), 1);
	vine_talk_exit();
}
END_TEST

START_TEST(no_accelerators_are_no_error)
{
	vine_accel **accels = (vine_accel **)&accels;

	vine_talk_init();
	ck_assert_int_eq(errno, 0);
	ck_assert_int_eq(vine_accel_list(FPGA, &accels), 0);
	ck_assert_ptr_null(accels);
	ck_assert_int_eq(errno, 0);
	ck_assert_int_eq(vine_accel_list(VINE_ACCEL_TYPES, &accels), 0);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(vine_accel_list((vine_accel_type_e)-1, &accels), 0);
	ck_assert_int_eq(errno, EINVAL);
	vine_talk_exit();
}
END_TEST

START_TEST(the_list_gives_the_same_accelerators_again)
{
	ck_assert_ptr_eq(accel_of(ANY, "cpu0"), cpu0());
	ck_assert_ptr_eq(cpu0(), cpu0());
	vine_talk_exit();
}
END_TEST

START_TEST(location_names_the_accelerator_and_its_segment)
{
	vine_accel_loc_s cpu = vine_accel_location(cpu0());
	vine_accel_loc_s noop = vine_accel_location(accel_of(GPU_SOFT, "noop"));

	ck_assert_str_eq(cpu.name, "cpu0");
	ck_assert(cpu.segment != 0 && cpu.segment == noop.segment);
	ck_assert_uint_ne(cpu.index, noop.index);
	ck_assert_int_ge(cpu.numa_node, -1);
	errno = 0;
	ck_assert_str_eq(vine_accel_location(NULL).name, "");
	ck_assert_int_eq(errno, EINVAL);
	vine_talk_exit();
}
END_TEST

START_TEST(stat_is_filled_and_counts)
{
	vine_accel *noop = accel_of(GPU_SOFT, "noop");
	vine_accel_stats_s before, now;
	int64_t end = appliance_now() + APPLIANCE_PATIENCE_MS;

	memset(&now, 0xff, sizeof(now));
	ck_assert_int_ne(vine_accel_stat(cpu0(), &now), accel_failed);
	ck_assert_uint_eq(now.units, 2);
	ck_assert_int_ne(vine_accel_stat(noop, &before), accel_failed);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(noop_once(), task_completed);
	do {
		appliance_nap(10);
		ck_assert_int_ne(vine_accel_stat(noop, &now), accel_failed);
		ck_assert(appliance_now() < end);
	} while (now.tasks_completed < before.tasks_completed + 100);
	ck_assert_int_ne(vine_accel_stat(noop, NULL), accel_failed);
	errno = 0;
	ck_assert_int_eq(vine_accel_stat(NULL, &now), accel_failed);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_uint_eq(now.units, 0);
	vine_talk_exit();
}
END_TEST

/* What cpu0 says about virtual accelerators; other cases may run too. */
static uint32_t
virtual_accels(void)
{
	vine_accel_stats_s stat;

	ck_assert_int_ne(vine_accel_stat(cpu0(), &stat), accel_failed);
	return stat.virtual_accels;
}

START_TEST(acquire_swaps_in_a_virtual_accelerator_and_release_ends_it)
{
	vine_accel *physical = cpu0(), *accel = physical, *other = physical;
	uint32_t before = virtual_accels();

	ck_assert_int_eq(vine_accel_acquire(&accel), 1);
	ck_assert_ptr_ne(accel, physical);
	ck_assert_int_eq(vine_accel_acquire(&other), 1);
	ck_assert_ptr_ne(accel, other);
	ck_assert_uint_eq(virtual_accels(), before + 2);
	ck_assert_int_eq((int)vine_accel_type(accel), CPU);
	ck_assert_str_eq(vine_accel_location(accel).name, "cpu0");
	ck_assert_int_ne(vine_accel_stat(accel, NULL), accel_failed);
	ck_assert_int_eq(vine_accel_list(CPU, NULL), 1);
	ck_assert_int_eq(vine_accel_release(&accel), 1);
	ck_assert_ptr_null(accel);
	ck_assert_int_eq(vine_accel_release(&other), 1);
	ck_assert_uint_eq(virtual_accels(), before);
	vine_talk_exit();
}
END_TEST

START_TEST(acquire_and_release_refuse_what_they_must)
{
	vine_accel *physical = cpu0(), *accel = physical, *none = NULL, *was;

	ck_assert_int_eq(vine_accel_acquire(&accel), 1);
	was = accel;
	errno = 0;
	ck_assert_int_eq(vine_accel_acquire(&accel), 0);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_eq(accel, was);
	errno = 0;
	ck_assert_int_eq(vine_accel_acquire(&none), 0);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(vine_accel_acquire(NULL), 0);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(vine_accel_release(&accel), 1);
	errno = 0;
	ck_assert_int_eq(vine_accel_release(&physical), 0);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_eq(physical, cpu0());
	errno = 0;
	ck_assert_int_eq(vine_accel_release(&none), 0);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(vine_accel_release(NULL), 0);
	ck_assert_int_eq(errno, EINVAL);
	vine_talk_exit();
}
END_TEST

START_TEST(a_virtual_accelerator_can_be_had_20000_times)
{
	vine_accel *held[256], *accel, *physical = cpu0();
	int n;

	/* each is two control tasks: laps of a small ring, both sides awake */
	for (int i = 0; i < 20000; i++) {
		accel = physical;
		ck_assert_msg(vine_accel_acquire(&accel) == 1,
			      "acquire %d: %s", i, strerror(errno));
		errno = 0;
		ck_assert_msg(vine_accel_release(&accel) == 1 &&
			      errno != ETIMEDOUT,
			      "release %d: %s", i, strerror(errno));
	}
	for (n = 0; n < 256; n++) {
		held[n] = cpu0();
		if (!vine_accel_acquire(&held[n]))
			break;
	}
	accel = cpu0();
	ck_assert_int_eq(vine_accel_acquire(&accel), 0);
	ck_assert_int_eq(errno, EDQUOT);
	while (n-- > 0)
		ck_assert_int_eq(vine_accel_release(&held[n]), 1);
	ck_assert_int_eq(vine_accel_acquire(&accel), 1);
	vine_talk_exit();
}
END_TEST

/* --- procedures --------------------------------------------------------- */

START_TEST(the_same_code_is_the_same_procedure_and_put_counts_down)
{
	vine_proc *proc = vine_proc_register(CPU, "count", "code", 4);

	ck_assert_ptr_nonnull(proc);
	ck_assert_ptr_eq(vine_proc_register(CPU, "count", "code", 4), proc);
	ck_assert_ptr_eq(vine_proc_get(CPU, "count"), proc);
	ck_assert_int_eq(vine_proc_put(proc), 3);
	ck_assert_int_eq(vine_proc_put(proc), 2);
	ck_assert_int_eq(vine_proc_put(proc), 1);
	errno = 0;
	ck_assert_ptr_null(vine_proc_get(CPU, "count"));
	ck_assert_int_eq(errno, ENOENT);
	errno = 0;
	ck_assert_int_eq(vine_proc_put(NULL), 0);
	ck_assert_int_eq(errno, EINVAL);
	vine_talk_exit();
}
END_TEST

START_TEST(other_code_under_a_known_name_is_eexist)
{
	vine_proc *proc = vine_proc_register(CPU, "twice", "first", 5), *again;

	ck_assert_ptr_nonnull(proc);
	errno = 0;
	ck_assert_ptr_null(vine_proc_register(CPU, "twice", "other", 5));
	ck_assert_int_eq(errno, EEXIST);
	errno = 0;
	ck_assert_ptr_null(vine_proc_register(CPU, "twice", "first!", 6));
	ck_assert_int_eq(errno, EEXIST);
	errno = 0;
	ck_assert_ptr_null(vine_proc_register(CPU, "sha256", "mine", 4));
	ck_assert_int_eq(errno, EEXIST);
	/* another type is another procedure */
	again = vine_proc_register(FPGA, "twice", "other", 5);
	ck_assert_ptr_nonnull(again);
	ck_assert_ptr_ne(again, proc);
	ck_assert_int_eq(vine_proc_put(again), 1);
	ck_assert_int_eq(vine_proc_put(proc), 1);
	again = vine_proc_register(CPU, "twice", "other", 5);
	ck_assert_ptr_nonnull(again);
	ck_assert_int_eq(vine_proc_put(again), 1);
	vine_talk_exit();
}
END_TEST

START_TEST(bad_names_and_types_are_einval)
{
	char name[65];

	memset(name, 'n', sizeof(name) - 1);
	name[64] = '\0';
	errno = 0;
	ck_assert_ptr_null(vine_proc_get(CPU, name));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(vine_proc_get(CPU, ""));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(vine_proc_get(CPU, NULL));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(vine_proc_get(VINE_ACCEL_TYPES, "copy"));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(vine_proc_register(CPU, "null", NULL, 4));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(vine_proc_get(FPGA, "copy"));
	ck_assert_int_eq(errno, ENOENT);
	name[63] = '\0';
	ck_assert_int_eq(vine_proc_put(vine_proc_register(CPU, name, "c", 1)),
			 1);
	vine_talk_exit();
}
END_TEST

START_TEST(procedures_come_and_go_a_thousand_times)
{
	for (int i = 0; i < 1000; i++) {
		vine_proc *proc = vine_proc_register(CPU, "shuttle", "c", 1);

		ck_assert_msg(proc != NULL, "registration %d: %s", i,
			      strerror(errno));
		ck_assert_int_eq(vine_proc_put(proc), 1);
	}
	vine_talk_exit();
}
END_TEST

START_TEST(an_applications_code_is_stored_and_its_tasks_fail_with_eperm)
{
	vine_proc *proc = vine_proc_register(CPU, "mine", "\x90\xc3", 2);
	vine_task_stats_s stats;
	vine_task *task;

	ck_assert_ptr_nonnull(proc);
	task = vine_task_issue(cpu0(), proc, NULL, 0, NULL, 0, NULL);
	ck_assert_ptr_nonnull(task);
	errno = 0;
	ck_assert_int_eq(vine_task_wait(task), task_failed);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(vine_task_stat(task, &stats), task_failed);
	ck_assert_int_eq(stats.error, EPERM);
	ck_assert_uint_eq(stats.status, 20);
	vine_task_free(task);
	ck_assert_int_eq(vine_proc_put(proc), 1);
	vine_talk_exit();
}
END_TEST

/* --- data --------------------------------------------------------------- */

START_TEST(data_has_its_size_an_aligned_address_and_keeps_its_bytes)
{
	static const size_t sizes[] = { 0, 1, 63, 64, 65, 4095, 4096, 100000,
		1 << 20, 10 << 20 };
	enum { N = sizeof(sizes) / sizeof(sizes[0]) };
	vine_data *data[N];

	for (int i = 0; i < N; i++) {
		data[i] = vine_data_alloc(sizes[i], i % 2 ? Both : HostOnly);
		ck_assert_ptr_nonnull(data[i]);
		ck_assert_uint_eq(vine_data_size(data[i]), sizes[i]);
		ck_assert_ptr_nonnull(vine_data_deref(data[i]));
		ck_assert_uint_eq((uintptr_t)vine_data_deref(data[i]) % 64, 0);
		memset(vine_data_deref(data[i]), i + 1, sizes[i]);
	}
	for (int i = 0; i < N; i++) {
		unsigned char *p = vine_data_deref(data[i]);

		for (size_t at = 0; at < sizes[i]; at++)
			if (p[at] != i + 1)
				ck_abort_msg("size %zu byte %zu", sizes[i], at);
		vine_data_mark_ready(data[i]);
		vine_data_free(data[i]);
	}
	vine_talk_exit();
}
END_TEST

START_TEST(accel_only_data_has_no_address_and_still_works)
{
	vine_proc *copy = proc_of(CPU, "copy");
	vine_data *from = data_of("hidden", 7), *to = data_of("-------", 7);
	vine_data *there = vine_data_alloc(7, AccelOnly);
	vine_task *task;

	ck_assert_ptr_nonnull(there);
	errno = 0;
	ck_assert_ptr_null(vine_data_deref(there));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_uint_eq(vine_data_size(there), 7);
	task = vine_task_issue(cpu0(), copy, NULL, 1, &from, 1, &there);
	ck_assert_int_eq(vine_task_wait(task), task_completed);
	vine_task_free(task);
	task = vine_task_issue(cpu0(), copy, NULL, 1, &there, 1, &to);
	ck_assert_int_eq(vine_task_wait(task), task_completed);
	vine_task_free(task);
	ck_assert_str_eq(vine_data_deref(to), "hidden");
	vine_data_free(from);
	vine_data_free(there);
	vine_data_free(to);
	vine_proc_put(copy);
	vine_talk_exit();
}
END_TEST

START_TEST(bad_data_is_refused_with_errno)
{
	static const int places[] = { 0, 4, -1 };

	for (int i = 0; i < 3; i++) {
		errno = 0;
		ck_assert_ptr_null(vine_data_alloc(8,
					(vine_data_alloc_place_e)places[i]));
		ck_assert_int_eq(errno, EINVAL);
	}
	errno = 0;
	ck_assert_ptr_null(vine_data_alloc((size_t)1 << 40, Both));
	ck_assert_int_eq(errno, ENOMEM);
	errno = 0;
	ck_assert_ptr_null(vine_data_alloc(SIZE_MAX, Both));
	ck_assert_int_eq(errno, ENOMEM);
	errno = 0;
	ck_assert_uint_eq(vine_data_size(NULL), 0);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(vine_data_deref(NULL));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	vine_data_mark_ready(NULL);
	ck_assert_int_eq(errno, EINVAL);
	vine_data_free(NULL);
	vine_talk_exit();
}
END_TEST

/* --- tasks -------------------------------------------------------------- */

START_TEST(a_task_goes_from_issued_to_completed)
{
	vine_proc *add = proc_of(CPU, "add");
	vine_data *in[2] = { data_of("Vine", 5), data_of("Talk", 5) };
	vine_data *out = data_of("--------", 9);
	vine_task_stats_s stats;
	vine_task_state_e state;
	vine_task *task;

	task = vine_task_issue(cpu0(), add, NULL, 2, in, 1, &out);
	ck_assert_ptr_nonnull(task);
	while ((state = vine_task_stat(task, &stats)) == task_issued)
		ck_assert_uint_ne(stats.issue_ns, 0);
	ck_assert_int_eq(state, task_completed);
	ck_assert_int_eq(vine_task_wait(task), task_completed);
	ck_assert_int_eq(vine_task_wait(task), task_completed);
	ck_assert_int_eq(vine_task_stat(task, NULL), task_completed);
	ck_assert_str_eq(vine_data_deref(out), "VineTalk");
	ck_assert_uint_eq(stats.value, 8);
	ck_assert_int_eq(stats.error, 0);
	ck_assert_uint_eq(stats.status, 0);
	ck_assert_uint_ne(stats.issue_ns, 0);
	ck_assert_uint_le(stats.issue_ns, stats.take_ns);
	ck_assert_uint_le(stats.take_ns, stats.execute_ns);
	ck_assert_uint_le(stats.execute_ns, stats.complete_ns);
	vine_task_free(task);
	vine_task_free(NULL);
	vine_data_free(in[0]);
	vine_data_free(in[1]);
	vine_data_free(out);
	vine_proc_put(add);
	vine_talk_exit();
}
END_TEST

START_TEST(arguments_are_taken_as_they_are_at_the_issue)
{
	vine_proc *fill = proc_of(CPU, "fill");
	vine_data *arg = data_of("a", 1), *out = data_of(NULL, 4 << 20);
	unsigned char *p = vine_data_deref(out);
	vine_task *task;

	task = vine_task_issue(cpu0(), fill, arg, 0, NULL, 1, &out);
	memcpy(vine_data_deref(arg), "b", 1);
	ck_assert_int_eq(vine_task_wait(task), task_completed);
	for (int i = 0; i < 4 << 20; i++)
		if (p[i] != 'a')
			ck_abort_msg("byte %d is %d", i, p[i]);
	vine_task_free(task);
	vine_data_free(arg);
	vine_data_free(out);
	vine_proc_put(fill);
	vine_talk_exit();
}
END_TEST

START_TEST(a_failed_task_says_why)
{
	vine_proc *sobel = proc_of(CPU, "sobel");
	vine_data *data = data_of(NULL, 64);
	vine_task_stats_s stats;
	vine_task *task;

	/* no arguments */
	task = vine_task_issue(cpu0(), sobel, NULL, 1, &data, 1, &data);
	ck_assert_ptr_nonnull(task);
	errno = 0;
	ck_assert_int_eq(vine_task_wait(task), task_failed);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(vine_task_stat(task, &stats), task_failed);
	ck_assert_int_eq(stats.error, EINVAL);
	ck_assert_uint_eq(stats.status, 16);
	vine_task_free(task);
	vine_data_free(data);
	vine_proc_put(sobel);
	errno = 0;
	ck_assert_int_eq(vine_task_wait(NULL), task_failed);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(vine_task_stat(NULL, &stats), task_failed);
	ck_assert_int_eq(errno, EINVAL);
	vine_talk_exit();
}
END_TEST

START_TEST(a_procedure_of_another_type_fails_its_task)
{
	vine_proc *proc = proc_of(GPU_SOFT, "noop");
	vine_task_stats_s stats;
	vine_task *task = vine_task_issue(cpu0(), proc, NULL, 0, NULL, 0, NULL);

	ck_assert_ptr_nonnull(task);
	ck_assert_int_eq(vine_task_wait(task), task_failed);
	ck_assert_int_ne(errno, 0);
	ck_assert_int_eq(vine_task_stat(task, &stats), task_failed);
	ck_assert_uint_eq(stats.status, 19);
	vine_task_free(task);
	vine_proc_put(proc);
	vine_talk_exit();
}
END_TEST

START_TEST(an_issue_that_makes_no_sense_is_einval)
{
	vine_proc *copy = proc_of(CPU, "copy");
	vine_data *data[65], *large = data_of(NULL, 1025), *none = NULL;

	for (int i = 0; i < 65; i++)
		data[i] = large;
	errno = 0;
	ck_assert_ptr_null(vine_task_issue(NULL, copy, NULL, 0, NULL, 0, NULL));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(vine_task_issue(cpu0(), NULL, NULL, 0, NULL, 0,
					   NULL));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(vine_task_issue(cpu0(), copy, NULL, 65, data, 0,
					   NULL));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(vine_task_issue(cpu0(), copy, NULL, SIZE_MAX, data,
					   1, data));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(vine_task_issue(cpu0(), copy, NULL, 1, NULL, 0,
					   NULL));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(vine_task_issue(cpu0(), copy, NULL, 1, &none, 0,
					   NULL));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(vine_task_issue(cpu0(), copy, large, 0, NULL, 0,
					   NULL));
	ck_assert_int_eq(errno, EINVAL);
	vine_data_free(large);
	vine_proc_put(copy);
	vine_talk_exit();
}
END_TEST

START_TEST(a_task_with_64_references_and_1024_bytes_of_arguments_arrives)
{
	vine_accel *noop = accel_of(GPU_SOFT, "noop");
	vine_proc *crc = proc_of(CPU, "crc32c");
	vine_proc *proc = proc_of(GPU_SOFT, "noop");
	vine_data *args = data_of(NULL, 1024), *in[64];
	vine_task_stats_s stats;
	vine_task *task;

	for (int i = 0; i < 64; i++)
		in[i] = data_of(&"123456789"[i % 9], i % 9 == i ? 1 : 0);
	task = vine_task_issue(noop, proc, args, 32, in, 32, in + 32);
	ck_assert_int_eq(vine_task_wait(task), task_completed);
	vine_task_free(task);
	/* "123456789" in nine pieces and 55 empty ones */
	task = vine_task_issue(cpu0(), crc, NULL, 64, in, 0, NULL);
	ck_assert_int_eq(vine_task_wait(task), task_completed);
	vine_task_stat(task, &stats);
	ck_assert_uint_eq(stats.value, 0xe3069283);
	vine_task_free(task);
	vine_talk_exit();
}
END_TEST

START_TEST(more_tasks_than_a_queue_holds_are_all_carried_out)
{
	enum { N = 1000 };
	vine_task *tasks[N];
	vine_accel *accel = cpu0();
	vine_proc *fill = proc_of(CPU, "fill");
	vine_data *arg = data_of(NULL, 1), *out[N];

	ck_assert_int_eq(vine_accel_acquire(&accel), 1);
	for (int i = 0; i < N; i++) {
		*(unsigned char *)vine_data_deref(arg) = (unsigned char)i;
		out[i] = data_of(NULL, 1);
		tasks[i] = vine_task_issue(accel, fill, arg, 0, NULL, 1,
					   &out[i]);
		ck_assert_ptr_nonnull(tasks[i]);
	}
	for (int i = N; i-- > 0;) {
		ck_assert_int_eq(vine_task_wait(tasks[i]), task_completed);
		ck_assert_int_eq(*(unsigned char *)vine_data_deref(out[i]),
				 i & 0xff);
	}
	/* VineTalk had no vine_task_free: the exit frees all of it */
	vine_talk_exit();
}
END_TEST

static void *
issue_many(void *arg)
{
	vine_accel *accel = arg;
	vine_proc *add = vine_proc_get(CPU, "add");
	vine_data *in = vine_data_alloc(8, Both);
	vine_data *out = vine_data_alloc(8, Both);
	long bad = add == NULL || in == NULL || out == NULL;

	for (int i = 0; i < 500 && !bad; i++) {
		vine_task *task;

		snprintf(vine_data_deref(in), 8, "%d", i);
		task = vine_task_issue(accel, add, NULL, 1, &in, 1, &out);
		bad += vine_task_wait(task) != task_completed ||
			strcmp(vine_data_deref(in), vine_data_deref(out)) != 0;
		vine_task_free(task);
	}
	vine_data_free(in);
	vine_data_free(out);
	vine_proc_put(add);
	return (void *)bad;
}

START_TEST(threads_issue_at_the_same_time)
{
	pthread_t threads[4];
	vine_accel *accel = cpu0();
	void *bad;

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, issue_many,
						accel), 0);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &bad), 0);
		ck_assert_ptr_null(bad);
	}
	vine_talk_exit();
}
END_TEST

static void *
wait_for(void *arg)
{
	return (void *)(long)vine_task_wait(arg);
}

START_TEST(several_threads_wait_for_one_task)
{
	vine_proc *fill = proc_of(CPU, "fill");
	vine_data *arg = data_of("x", 1), *out = data_of(NULL, 8 << 20);
	vine_task *task = vine_task_issue(cpu0(), fill, arg, 0, NULL, 1, &out);
	pthread_t threads[4];
	void *state;

	ck_assert_ptr_nonnull(task);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, wait_for,
						task), 0);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &state), 0);
		ck_assert_int_eq((int)(long)state, task_completed);
	}
	vine_task_free(task);
	vine_talk_exit();
}
END_TEST

START_TEST(a_task_may_be_freed_before_it_has_ended)
{
	vine_accel *noop = accel_of(GPU_SOFT, "noop");
	vine_proc *proc = proc_of(GPU_SOFT, "noop");

	for (int i = 0; i < 1000; i++) {
		vine_task *task = vine_task_issue(noop, proc, NULL, 0, NULL, 0,
						  NULL);

		ck_assert_ptr_nonnull(task);
		vine_task_free(task);
	}
	ck_assert_int_eq(noop_once(), task_completed);
	vine_talk_exit();
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("talk");

	tcase_add_unchecked_fixture(tcase, start, stop);
	tcase_add_test(tcase, init_and_exit_nest);
	tcase_add_test(tcase, the_first_call_opens_the_session);
	tcase_add_test(tcase,
		without_a_config_init_fails_and_calls_say_notconn);
	tcase_add_test(tcase,
		without_an_appliance_init_times_out_and_leaves_no_segment);
	tcase_add_test(tcase, a_bad_config_is_einval);
	tcase_add_test(tcase, the_config_may_stand_in_the_home_folder);
	tcase_add_test(tcase, nothing_is_printed_on_stdout);
	tcase_add_test(tcase, a_child_of_fork_opens_a_session_of_its_own);
	tcase_add_test(tcase, list_counts_and_returns_exactly_one_type);
	tcase_add_test(tcase, no_accelerators_are_no_error);
	tcase_add_test(tcase, the_list_gives_the_same_accelerators_again);
	tcase_add_test(tcase, location_names_the_accelerator_and_its_segment);
	tcase_add_test(tcase, stat_is_filled_and_counts);
	tcase_add_test(tcase,
		acquire_swaps_in_a_virtual_accelerator_and_release_ends_it);
	tcase_add_test(tcase, acquire_and_release_refuse_what_they_must);
	tcase_add_test(tcase,
		a_virtual_accelerator_can_be_had_20000_times);
	tcase_add_test(tcase,
		the_same_code_is_the_same_procedure_and_put_counts_down);
	tcase_add_test(tcase, other_code_under_a_known_name_is_eexist);
	tcase_add_test(tcase, bad_names_and_types_are_einval);
	tcase_add_test(tcase, procedures_come_and_go_a_thousand_times);
	tcase_add_test(tcase,
		an_applications_code_is_stored_and_its_tasks_fail_with_eperm);
	tcase_add_test(tcase,
		data_has_its_size_an_aligned_address_and_keeps_its_bytes);
	tcase_add_test(tcase, accel_only_data_has_no_address_and_still_works);
	tcase_add_test(tcase, bad_data_is_refused_with_errno);
	tcase_add_test(tcase, a_task_goes_from_issued_to_completed);
	tcase_add_test(tcase, arguments_are_taken_as_they_are_at_the_issue);
	tcase_add_test(tcase, a_failed_task_says_why);
	tcase_add_test(tcase, a_procedure_of_another_type_fails_its_task);
	tcase_add_test(tcase, an_issue_that_makes_no_sense_is_einval);
	tcase_add_test(tcase,
		a_task_with_64_references_and_1024_bytes_of_arguments_arrives);
	tcase_add_test(tcase,
		more_tasks_than_a_queue_holds_are_all_carried_out);
	tcase_add_test(tcase, threads_issue_at_the_same_time);
	tcase_add_test(tcase, several_threads_wait_for_one_task);
	tcase_add_test(tcase, a_task_may_be_freed_before_it_has_ended);
	return appliance_main("vine_talk", tcase);
}
