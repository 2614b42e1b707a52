/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application's procedures. However often a procedure is found or added,
 * the session holds it once at the appliance; the uses are counted here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_data.h"
#include "core/vine_errand.h"
#include "core/vine_proc.h"
#include "core/vine_session.h"
#include "utils/utils_trace.h"

/* The object of a handle, with one use more. Under the lock. */
static int
proc_use(struct vine_session *s, uint32_t handle, vine_accel_type_e type,
	 const char *name, struct vine_proc_s **out)
{
	struct vine_proc_s *p = s->procs;

	while (p && p->handle != handle)
		p = p->next;
	if (p == NULL) {
		p = calloc(1, sizeof(*p));
		if (p == NULL)
			return -ENOMEM;
		p->session = s;
		p->handle = handle;
		p->type = type;
		strncpy(p->name, name, sizeof(p->name) - 1);
		p->next = s->procs;
		s->procs = p;
	}
	p->users++;
	*out = p;
	return 0;
}

static int
obtain(struct vine_session *s, enum vine_ctl op, vine_accel_type_e type,
       uint64_t off, uint64_t size, const char *name, struct vine_proc_s **out)
{
	uint64_t handle = 0;
	int rc;

	if (name == NULL || name[0] == '\0' || type >= VINE_ACCEL_TYPES ||
	    strnlen(name, VINE_CTL_NAME) == VINE_CTL_NAME)
		return -EINVAL;
	/* the lock keeps a release in another thread from dropping the
	 * reference between the answer and our count */
	pthread_mutex_lock(&s->lock);
	rc = vine_errand_run(s, op, type, off, size, name, &handle);
	if (rc == 0)
		rc = proc_use(s, (uint32_t)handle, type, name, out);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int
vine_proc_find_raw(struct vine_session *session, vine_accel_type_e type,
		   const char *name, struct vine_proc_s **proc)
{
	return obtain(session, VINE_CTL_PROC_GET, type, 0, 0, name, proc);
}

int
vine_proc_add_raw(struct vine_session *session, vine_accel_type_e type,
		  const char *name, const void *code, size_t size,
		  struct vine_proc_s **proc)
{
	struct vine_data_s *copy = NULL;
	int rc;

	if (size && code == NULL)
		return -EINVAL;
	rc = vine_session_usable(session);
	if (rc == 0)
		rc = vine_data_make(session, size, VINE_DATA_ALIGN, &copy);
	if (rc)
		return rc;
	if (size)
		memcpy(vine_data_at(copy), code, size);
	rc = obtain(session, VINE_CTL_PROC_ADD, type, copy->off, size, name,
		    proc);
	vine_data_drop(copy);
	return rc;
}

int
vine_proc_release_raw(struct vine_proc_s *proc)
{
	struct vine_session *s = proc->session;
	struct vine_proc_s **at;
	int left;

	pthread_mutex_lock(&s->lock);
	left = (int)--proc->users;
	if (left == 0) {
		for (at = &s->procs; *at && *at != proc; at = &(*at)->next)
			;
		if (*at)
			*at = proc->next;
		vine_errand_run(s, VINE_CTL_PROC_PUT, proc->handle, 0, 0,
				NULL, NULL);
		free(proc);
	}
	pthread_mutex_unlock(&s->lock);
	return left;
}

int
vine_proc_find(struct vine_session *session, vine_accel_type_e type,
	       const char *name, vine_proc **proc)
{
	UTILS_TRACE_BEGIN(t);
	struct vine_proc_s *p = NULL;
	int rc = vine_proc_find_raw(session, type, name, &p);

	if (rc == 0)
		*proc = p;
	UTILS_TRACE_END_TEXT(t, vine_proc_find, rc, name, session, type, p);
	return rc;
}

int
vine_proc_add(struct vine_session *session, vine_accel_type_e type,
	      const char *name, const void *code, size_t size,
	      vine_proc **proc)
{
	UTILS_TRACE_BEGIN(t);
	struct vine_proc_s *p = NULL;
	int rc = vine_proc_add_raw(session, type, name, code, size, &p);

	if (rc == 0)
		*proc = p;
	UTILS_TRACE_END_TEXT(t, vine_proc_add, rc, name, session, type, code,
			     size, p);
	return rc;
}

int
vine_proc_release(vine_proc *proc)
{
	UTILS_TRACE_BEGIN(t);
	int left = vine_proc_release_raw(proc);

	UTILS_TRACE_END(t, vine_proc_release, left, proc);
	return left;
}

const char *
vine_proc_name(const vine_proc *proc)
{
	return proc->name;
}

void
vine_proc_free_all(struct vine_session *session)
{
	struct vine_proc_s *p, *next;

	for (p = session->procs; p; p = next) {
		next = p->next;
		free(p);
	}
}
