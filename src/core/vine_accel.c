/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application's accelerators. Physical ones are read from the directory
 * into a cache of the session, an object per handle, which stays until the
 * session closes; so an application may keep what it was given.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_accel.h"
#include "core/vine_errand.h"
#include "core/vine_session.h"
#include "utils/utils_trace.h"

static struct vine_accel_s *
accel_new(struct vine_session *s, uint32_t handle, uint32_t type,
	  const char *name)
{
	struct vine_accel_s *a = aligned_alloc(64, sizeof(*a));

	if (a == NULL)
		return NULL;
	memset(a, 0, sizeof(*a));
	a->session = s;
	a->handle = handle;
	a->type = type < VINE_ACCEL_TYPES ? (vine_accel_type_e)type : ANY;
	memcpy(a->name, name, sizeof(a->name) - 1);
	return a;
}

/*
 * The cached object of a directory entry, made if it is new; NULL: no
 * accelerator stands there. Under the lock. Returns 0 or -ENOMEM.
 */
static int
accel_at(struct vine_session *s, uint32_t index, struct vine_accel_s **accel)
{
	const struct vine_accel_shm *shm = vine_seg_accel(s->seg, index);
	/* DIR-A1: pairs with DIR-R1 in accel_tell(). */
	uint32_t handle = arch_load_acquire32(&shm->handle);
	struct vine_accel_s **at = &s->phys;
	char name[sizeof(shm->name)];

	*accel = NULL;
	/* a forged one would lead out of the directory, see entry_of() */
	if ((handle & 0xffff) != index || arch_load32(&shm->phys) != 0)
		return 0;
	while (*at && (*at)->handle != handle)
		at = &(*at)->next;
	if (*at == NULL) {
		for (size_t i = 0; i < sizeof(name); i++)
			name[i] = (char)arch_load8(&shm->name[i]);
		*at = accel_new(s, handle, arch_load32(&shm->type), name);
	}
	*accel = *at;
	return *at ? 0 : -ENOMEM;
}

int
vine_accel_list_raw(struct vine_session *s, vine_accel_type_e type,
		    vine_accel **accels, size_t max)
{
	size_t n = 0;
	int rc = vine_session_usable(s);

	if (rc)
		return rc;
	pthread_mutex_lock(&s->lock);
	for (uint32_t i = 1; i < s->seg->layout.accels && rc == 0; i++) {
		struct vine_accel_s *a;

		rc = accel_at(s, i, &a);
		if (a == NULL || (type != ANY && a->type != type))
			continue;
		if (n < max)
			accels[n] = a;
		n++;
	}
	pthread_mutex_unlock(&s->lock);
	return rc ? rc : (int)n;
}

int
vine_accel_list_in(struct vine_session *session, vine_accel_type_e type,
		   vine_accel **accels, size_t max)
{
	UTILS_TRACE_BEGIN(t);
	int rc = vine_accel_list_raw(session, type, accels, max);

	UTILS_TRACE_END(t, vine_accel_list_in, rc, session, type, max);
	return rc;
}

int
vine_accel_find(struct vine_session *session, vine_accel_type_e type,
		const char *name, vine_accel **accel)
{
	UTILS_TRACE_BEGIN(t);
	struct vine_accel_s *found = NULL;
	int rc = vine_session_usable(session);

	if (rc == 0) {
		pthread_mutex_lock(&session->lock);
		for (uint32_t i = 1; i < session->seg->layout.accels &&
		     rc == 0 && !found; i++) {
			struct vine_accel_s *a;

			rc = accel_at(session, i, &a);
			if (a && (type == ANY || a->type == type) &&
			    strcmp(a->name, name) == 0)
				found = a;
		}
		pthread_mutex_unlock(&session->lock);
		if (rc == 0 && found == NULL)
			rc = -ENOENT;
	}
	if (rc == 0)
		*accel = found;
	UTILS_TRACE_END_TEXT(t, vine_accel_find, rc, name, session, type,
			     found);
	return rc;
}

int
vine_accel_open_raw(struct vine_accel_s *accel, int priority,
		    struct vine_accel_s **vaccel)
{
	struct vine_session *s;
	struct vine_accel_s *v;
	uint64_t handle = 0;
	int rc;

	if (accel == NULL || accel->session == NULL || accel->phys ||
	    priority < -8 || priority > 7)
		return -EINVAL;
	s = accel->session;
	v = accel_new(s, 0, accel->type, accel->name);
	if (v == NULL)
		return -ENOMEM;
	rc = vine_errand_run(s, VINE_CTL_ACCEL_OPEN, accel->handle,
			     (uint64_t)(int64_t)priority, 0, NULL,
			     &handle);
	if (rc) {
		free(v);
		return rc;
	}
	v->handle = (uint32_t)handle;
	v->phys = accel;
	pthread_mutex_lock(&s->lock);
	v->next = s->virt;
	s->virt = v;
	pthread_mutex_unlock(&s->lock);
	*vaccel = v;
	return 0;
}

int
vine_accel_close_raw(struct vine_accel_s *vaccel)
{
	struct vine_accel_s **at;
	struct vine_session *s;
	int rc;

	if (vaccel == NULL || vaccel->phys == NULL)
		return -EINVAL;
	s = vaccel->session;
	rc = vine_errand_run(s, VINE_CTL_ACCEL_CLOSE, vaccel->handle, 0,
			     0, NULL, NULL);
	if (rc == -ECHILD)
		return rc;
	/* whatever the appliance says of it, here it is gone */
	pthread_mutex_lock(&s->lock);
	for (at = &s->virt; *at && *at != vaccel; at = &(*at)->next)
		;
	if (*at)
		*at = vaccel->next;
	pthread_mutex_unlock(&s->lock);
	free(vaccel);
	return rc == -EINVAL ? 0 : rc;	/* its physical one was withdrawn */
}

int
vine_accel_open(vine_accel *accel, int priority, vine_accel **vaccel)
{
	UTILS_TRACE_BEGIN(t);
	struct vine_accel_s *v = NULL;
	int rc = vine_accel_open_raw(accel, priority, &v);

	if (rc == 0)
		*vaccel = v;
	UTILS_TRACE_END(t, vine_accel_open, rc, accel, priority, v);
	return rc;
}

int
vine_accel_close(vine_accel *vaccel)
{
	UTILS_TRACE_BEGIN(t);
	int rc = vine_accel_close_raw(vaccel);

	UTILS_TRACE_END(t, vine_accel_close, rc, vaccel);
	return rc;
}

const char *
vine_accel_name(const vine_accel *accel)
{
	return accel->name;
}

static const struct vine_accel_s *
physical(const struct vine_accel_s *accel)
{
	return accel->phys ? accel->phys : accel;
}

static const struct vine_accel_shm *
entry_of(const struct vine_accel_s *accel)
{
	return vine_seg_accel(accel->session->seg,
			      physical(accel)->handle & 0xffff);
}

void
vine_accel_where(const struct vine_accel_s *accel, vine_accel_loc_s *location)
{
	memcpy(location->name, physical(accel)->name, sizeof(location->name));
	location->segment = accel->session->seg->incarnation;
	location->index = physical(accel)->handle & 0xffff;
	location->numa_node = (int32_t)arch_load32(&entry_of(accel)->numa_node);
}

vine_accel_state_e
vine_accel_look(const struct vine_accel_s *accel, vine_accel_stats_s *stats)
{
	const struct vine_accel_shm *shm = entry_of(accel);
	uint64_t in_flight = arch_load64(&shm->in_flight);

	if (arch_load_acquire32(&shm->handle) != physical(accel)->handle ||
	    arch_load32(&shm->state) == 0)
		return accel_failed;
	if (stats) {
		stats->tasks_completed = arch_load64(&shm->completed);
		stats->tasks_failed = arch_load64(&shm->failed);
		stats->tasks_in_flight = in_flight;
		stats->busy_ns = arch_load64(&shm->busy_ns);
		stats->units = arch_load32(&shm->units);
		stats->virtual_accels = arch_load32(&shm->vaccels);
	}
	return in_flight ? accel_busy : accel_idle;
}

static void
free_list(struct vine_accel_s *a)
{
	struct vine_accel_s *next;

	for (; a; a = next) {
		next = a->next;
		free(a);
	}
}

void
vine_accel_free_all(struct vine_session *session)
{
	free_list(session->phys);
	free_list(session->virt);
}
