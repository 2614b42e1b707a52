/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VineTalk's functions on top of the native ones: one default session, errno
 * in place of -errno. Only this file and vine_program.c know VineTalk's
 * conventions.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_accel.h"
#include "core/vine_data.h"
#include "core/vine_proc.h"
#include "core/vine_queue.h"
#include "core/vine_session.h"
#include "core/vine_task.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"
#include "utils/utils_trace.h"

static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct vine_session *) session;
static unsigned int inits;

static int
fail(int rc)
{
	errno = -rc;
	return 0;
}

/* After a fork the child's first call opens a session of its own. */
static int
open_default(void)
{
	struct vine_session *s = atomic_load(&session);
	int rc = 0;

	if (s && vine_session_usable(s) == -ECHILD)
		s = NULL;
	if (s == NULL) {
		rc = vine_session_open(NULL, &s);
		if (rc == 0)
			atomic_store(&session, s);
		inits = 0;
	}
	return rc;
}

void
vine_talk_init(void)
{
	int rc;

	pthread_mutex_lock(&init_lock);
	rc = open_default();
	if (rc == 0)
		inits++;
	pthread_mutex_unlock(&init_lock);
	errno = -rc;
}

void
vine_talk_exit(void)
{
	struct vine_session *s = NULL;

	pthread_mutex_lock(&init_lock);
	if (inits > 0 && --inits == 0) {
		s = atomic_load(&session);
		atomic_store(&session, NULL);
	}
	pthread_mutex_unlock(&init_lock);
	vine_session_close(s);
}

/* The default session, opened if the program did not call vine_talk_init. */
static struct vine_session *
mine(void)
{
	struct vine_session *s = atomic_load_explicit(&session,
						      memory_order_acquire);

	if (__builtin_expect(s != NULL && vine_session_usable(s) != -ECHILD, 1))
		return s;
	vine_talk_init();
	s = atomic_load(&session);
	if (s == NULL)
		errno = ENOTCONN;
	return s;
}

struct vine_session *
vine_session_default(void)
{
	return atomic_load(&session);
}

int
vine_accel_list(vine_accel_type_e type, vine_accel ***accels)
{
	UTILS_TRACE_BEGIN(t);
	struct vine_session *s = mine();
	vine_accel **list = NULL;
	int n = 0, room = 0;

	if (accels)
		*accels = NULL;
	if (s && type >= VINE_ACCEL_TYPES) {
		errno = EINVAL;
	} else if (s) {
		/* once more if one was added between count and copy */
		do {
			room = n;
			free(list);
			list = room ? malloc((size_t)room * sizeof(*list)) :
				NULL;
			if (room && list == NULL) {
				n = -ENOMEM;
				break;
			}
			n = vine_accel_list_raw(s, type, list, (size_t)room);
		} while (n > room);
		if (n < 0)
			n = fail(n);
		if (n && accels)
			*accels = list;
		else
			free(list);
	}
	UTILS_TRACE_END(t, vine_accel_list, n, type);
	return n;
}

vine_accel_loc_s
vine_accel_location(vine_accel *accel)
{
	UTILS_TRACE_BEGIN(t);
	vine_accel_loc_s loc = { .numa_node = -1 };

	if (accel && accel->session)
		vine_accel_where(accel, &loc);
	else
		errno = EINVAL;
	UTILS_TRACE_END(t, vine_accel_location, 0, accel);
	return loc;
}

vine_accel_type_e
vine_accel_type(vine_accel *accel)
{
	UTILS_TRACE_BEGIN(t);
	vine_accel_type_e type = accel ? accel->type : ANY;

	if (accel == NULL)
		errno = EINVAL;
	UTILS_TRACE_END(t, vine_accel_type, type, accel);
	return type;
}

vine_accel_state_e
vine_accel_stat(vine_accel *accel, vine_accel_stats_s *stat)
{
	UTILS_TRACE_BEGIN(t);
	vine_accel_state_e state = accel_failed;
	int rc = accel && accel->session ? vine_session_usable(accel->session) :
		-EINVAL;

	if (stat)
		memset(stat, 0, sizeof(*stat));
	if (rc == 0)
		state = vine_accel_look(accel, stat);
	else
		errno = -rc;
	UTILS_TRACE_END(t, vine_accel_stat, state, accel, stat);
	return state;
}

int
vine_accel_acquire(vine_accel **accel)
{
	UTILS_TRACE_BEGIN(t);
	struct vine_accel_s *v = NULL;
	int rc = accel ? vine_accel_open_raw(*accel, 0, &v) : -EINVAL;
	int ok = rc ? fail(rc) : 1;

	if (ok)
		*accel = v;
	UTILS_TRACE_END(t, vine_accel_acquire, ok, v);
	return ok;
}

int
vine_accel_release(vine_accel **accel)
{
	UTILS_TRACE_BEGIN(t);
	struct vine_accel_s *was = accel ? *accel : NULL;
	int rc = vine_accel_close_raw(was);
	int ok = rc == -EINVAL || rc == -ECHILD ? fail(rc) : 1;

	if (ok)
		*accel = NULL;
	UTILS_TRACE_END(t, vine_accel_release, ok, was);
	return ok;
}

vine_proc *
vine_proc_register(vine_accel_type_e type, const char *func_name,
		   const void *func_bytes, size_t func_bytes_size)
{
	UTILS_TRACE_BEGIN(t);
	struct vine_session *s = mine();
	struct vine_proc_s *p = NULL;

	if (s)
		fail(vine_proc_add_raw(s, type, func_name, func_bytes,
				       func_bytes_size, &p));
	UTILS_TRACE_END_TEXT(t, vine_proc_register, p, func_name, type,
			     func_bytes, func_bytes_size);
	return p;
}

vine_proc *
vine_proc_get(vine_accel_type_e type, const char *func_name)
{
	UTILS_TRACE_BEGIN(t);
	struct vine_session *s = mine();
	struct vine_proc_s *p = NULL;

	if (s)
		fail(vine_proc_find_raw(s, type, func_name, &p));
	UTILS_TRACE_END_TEXT(t, vine_proc_get, p, func_name, type);
	return p;
}

int
vine_proc_put(vine_proc *func)
{
	UTILS_TRACE_BEGIN(t);
	int was = 0;

	if (func)
		was = vine_proc_release_raw(func) + 1;
	else
		errno = EINVAL;
	UTILS_TRACE_END(t, vine_proc_put, was, func);
	return was;
}

vine_data *
vine_data_alloc(size_t size, vine_data_alloc_place_e place)
{
	UTILS_TRACE_BEGIN(t);
	struct vine_session *s = mine();
	struct vine_data_s *d = NULL;
	int rc = 0;

	if (place < HostOnly || place > Both)
		rc = -EINVAL;
	if (s && rc == 0)
		rc = vine_data_make_wait(s, size, s->throttle, &d);
	if (d)
		atomic_store_explicit(&d->place, (uint8_t)place,
				      memory_order_relaxed);
	else if (s)
		errno = -rc;
	UTILS_TRACE_END(t, vine_data_alloc, d, size, place);
	return d;
}

size_t
vine_data_size(vine_data *data)
{
	UTILS_TRACE_BEGIN(t);
	size_t size = data ? data->size : 0;

	if (data == NULL)
		errno = EINVAL;
	UTILS_TRACE_END(t, vine_data_size, size, data);
	return size;
}

void *
vine_data_deref(vine_data *data)
{
	UTILS_TRACE_BEGIN(t);
	void *ptr = data && data->place & HostOnly ? data->ptr : NULL;

	if (ptr == NULL)
		errno = EINVAL;
	UTILS_TRACE_END(t, vine_data_deref, ptr, data);
	return ptr;
}

void
vine_data_mark_ready(vine_data *data)
{
	UTILS_TRACE_BEGIN(t);

	/* readiness belongs to the task here, see vine_talk.h */
	if (data == NULL)
		errno = EINVAL;
	UTILS_TRACE_END(t, vine_data_mark_ready, 0, data);
}

/* VineTalk's arrays of data become slices of all of each. */
static void
slices_of(struct vine_slice *slices, vine_data **data, size_t count)
{
	for (size_t i = 0; i < count; i++)
		slices[i] = (struct vine_slice){
			.data = data[i],
			.length = data[i] ? data[i]->size : 0,
		};
}

static int
issue(vine_accel *accel, vine_proc *proc, vine_data *args, size_t in_count,
      vine_data **input, size_t out_count, vine_data **output,
      struct vine_task_s **task)
{
	struct vine_slice slices[VINE_TASK_REFS_MAX];
	struct vine_task_opts o = {
		.size = sizeof(o),
		.accel = accel,
		.proc = proc,
		.in = slices,
		.in_count = (uint32_t)in_count,
		.out_count = (uint32_t)out_count,
	};

	if (in_count > VINE_TASK_REFS_MAX ||
	    out_count > VINE_TASK_REFS_MAX - in_count ||
	    (in_count && input == NULL) || (out_count && output == NULL))
		return -EINVAL;
	slices_of(slices, input, in_count);
	slices_of(slices + in_count, output, out_count);
	o.out = slices + in_count;
	if (args) {
		if (args->size > VINE_TASK_ARGS_MAX)
			return -EINVAL;
		o.args = args->ptr;
		o.args_size = (uint32_t)args->size;
	}
	return vine_task_issue_raw(&o, task);
}

vine_task *
vine_task_issue(vine_accel *accel, vine_proc *proc, vine_data *args,
		size_t in_count, vine_data **input, size_t out_count,
		vine_data **output)
{
	UTILS_TRACE_BEGIN(t);
	struct vine_task_s *task = NULL;
	int rc = issue(accel, proc, args, in_count, input, out_count, output,
		       &task);

	if (rc)
		errno = -rc;
	UTILS_TRACE_END(t, vine_task_issue, task, accel, proc, args, in_count,
			in_count && input ? input[0] : NULL, out_count,
			out_count && output ? output[0] : NULL);
	return task;
}

static vine_task_state_e
state_of(const struct vine_task_s *task)
{
	if (!vine_task_is_done(task))
		return task_issued;
	return vine_comp_status(task->how) == VINE_STATUS_OK ? task_completed :
		task_failed;
}

vine_task_state_e
vine_task_stat(vine_task *task, vine_task_stats_s *stats)
{
	UTILS_TRACE_BEGIN(t);
	struct vine_task_result r = { .size = sizeof(r) };
	vine_task_state_e state = task_failed;

	if (stats)
		memset(stats, 0, sizeof(*stats));
	if (task) {
		/* nobody may be waiting: take in what is there */
		if (!vine_task_is_done(task))
			vine_task_wait_raw(task, 0);
		state = state_of(task);
	} else {
		errno = EINVAL;
	}
	if (task && stats && vine_task_result_raw(task, &r) == 0) {
		stats->issue_ns = r.issue_ns;
		stats->take_ns = r.take_ns;
		stats->execute_ns = r.execute_ns;
		stats->complete_ns = r.complete_ns;
		stats->value = r.value;
		stats->error = r.error;
		stats->status = r.status;
	} else if (task && stats && task->issue) {
		stats->issue_ns = utils_clock_to_ns(task->issue);
	}
	UTILS_TRACE_END(t, vine_task_stat, state, task, stats);
	return state;
}

vine_task_state_e
vine_task_wait(vine_task *task)
{
	UTILS_TRACE_BEGIN(t);
	vine_task_state_e state = task_failed;
	int rc = task ? vine_task_wait_raw(task, VINE_FOREVER) : -EINVAL;

	if (rc == 0)
		state = state_of(task);
	if (state == task_failed)
		errno = rc ? -rc : (int)vine_comp_error(task->how);
	UTILS_TRACE_END(t, vine_task_wait, state, task);
	return state;
}

void
vine_task_free(vine_task *task)
{
	UTILS_TRACE_BEGIN(t);

	if (task && task->queue->session->forks == vine_fork_count)
		vine_task_unref(task);
	UTILS_TRACE_END(t, vine_task_free, 0, task);
}
