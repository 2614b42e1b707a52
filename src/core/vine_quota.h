/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quota: how much of something a session may have at a time; and the two of a
 * segment, its sessions and its tasks in flight. The operator sets them, for
 * each segment, and may change them while it is served: what is held already
 * stays, the next request is judged by the new ones.
 *
 * What is asked for by a control task is counted under the pipe's lock and
 * refused with -EDQUOT. Tasks in flight are counted without a lock, and a task
 * beyond the quota is not refused: it waits in its ring (vine_park.h).
 */
#ifndef VINE_QUOTA_H
#define VINE_QUOTA_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/vine_limits.h"

struct utils_config;
struct vine_lane;
struct vine_rec;

enum vine_quota {
#define VINE_QUOTA(NAME, name, bits, value, what) VINE_QUOTA_##NAME,
#include "core/quotas.def"
#undef VINE_QUOTA
	VINE_QUOTA_MAX
};

/* A segment's quotas; 0: none. Read by any thread, written by one. */
struct vine_quotas {
	_Atomic uint64_t session[VINE_QUOTA_MAX]; /* of each of its sessions */
	_Atomic uint64_t sessions;	/* of the segment: open at a time */
	_Atomic uint64_t tasks;		/* of the segment: in flight */
	_Atomic uint32_t on_tasks;	/* 1: there is one on tasks */
};

/* vine_quota_init sets the defaults. */
void vine_quota_init(struct vine_quotas *quotas);

/* vine_quota_read takes over what a config says. Any thread, one at a time. */
void vine_quota_read(struct vine_quotas *quotas,
		     const struct utils_config *config);

/*
 * vine_quota_set sets the one of a config key (enum utils_key); vine_quota_get
 * tells it. Both return 0, or -ENOENT where the key is that of no quota. Any
 * thread, one at a time.
 */
int vine_quota_set(struct vine_quotas *quotas, int key, uint64_t value);
int vine_quota_get(struct vine_quotas *quotas, int key, uint64_t *value);

/* vine_quota_of returns a session's quota; UINT64_MAX where there is none. */
static inline uint64_t
vine_quota_of(const struct vine_quotas *quotas, enum vine_quota which)
{
	uint64_t limit = atomic_load_explicit(&quotas->session[which],
					      memory_order_relaxed);

	return limit ? limit : UINT64_MAX;
}

/*
 * vine_quota_allows tells whether a session that has `used` of something may
 * have `more`. If not, that is counted, and logged at most once a second. The
 * lane's thread, under the pipe's lock.
 */
int vine_quota_allows(struct vine_lane *lane, const struct vine_rec *rec,
		      enum vine_quota which, uint64_t used, uint64_t more);

#endif
