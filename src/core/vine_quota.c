/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of quotas makes one config key, one counter and one word of each.
 */
#include <errno.h>

#include "core/vine_pipe.h"
#include "core/vine_quota.h"
#include "utils/utils_config.h"

static void
set(_Atomic uint64_t *quota, uint64_t value)
{
	atomic_store_explicit(quota, value, memory_order_relaxed);
}

void
vine_quota_init(struct vine_quotas *quotas)
{
#define VINE_QUOTA(NAME, name, bits, value, what) \
	set(&quotas->session[VINE_QUOTA_##NAME], value);
#include "core/quotas.def"
#undef VINE_QUOTA
	set(&quotas->sessions, 0);
	set(&quotas->tasks, 0);
	atomic_store(&quotas->on_tasks, 0);
}

/* Where the quota of a key is, or NULL. */
static _Atomic uint64_t *
at(struct vine_quotas *quotas, int key)
{
	switch (key) {
#define VINE_QUOTA(NAME, name, bits, value, what) \
	case UTILS_KEY_quota_##name: \
		return &quotas->session[VINE_QUOTA_##NAME];
#include "core/quotas.def"
#undef VINE_QUOTA
	case UTILS_KEY_segment_sessions:
		return &quotas->sessions;
	case UTILS_KEY_segment_tasks:
		return &quotas->tasks;
	default:
		return NULL;
	}
}

int
vine_quota_set(struct vine_quotas *quotas, int key, uint64_t value)
{
	_Atomic uint64_t *quota = at(quotas, key);

	if (quota == NULL)
		return -ENOENT;
	set(quota, value);
	atomic_store(&quotas->on_tasks,
		     quotas->session[VINE_QUOTA_TASKS] || quotas->tasks);
	return 0;
}

int
vine_quota_get(struct vine_quotas *quotas, int key, uint64_t *value)
{
	_Atomic uint64_t *quota = at(quotas, key);

	if (quota == NULL)
		return -ENOENT;
	*value = atomic_load(quota);
	return 0;
}

void
vine_quota_read(struct vine_quotas *quotas, const struct utils_config *config)
{
	for (int key = 0; key < UTILS_KEY_COUNT; key++)
		if (at(quotas, key))
			vine_quota_set(quotas, key, utils_config_u64(config,
						(enum utils_key)key));
}

static const struct {
	const char *what;
	enum vine_count count;
} quotas_of[] = {
#define VINE_QUOTA(NAME, name, bits, value, what) \
	{ what, VINE_COUNT_QUOTA_##NAME },
#include "core/quotas.def"
#undef VINE_QUOTA
};

int
vine_quota_allows(struct vine_lane *lane, const struct vine_rec *rec,
		  enum vine_quota which, uint64_t used, uint64_t more)
{
	uint64_t quota = vine_quota_of(&lane->pipe->quotas, which);

	if (more <= quota && used <= quota - more)
		return 1;
	vine_lane_count(lane, quotas_of[which].count, 1);
	utils_log_limited(&lane->pipe->quota_rate, UTILS_LOG_WARN,
			  "segment %s session %u has %llu %s and wants %llu "
			  "more, its quota is %llu", lane->pipe->seg->name,
			  rec->slot, (unsigned long long)used,
			  quotas_of[which].what, (unsigned long long)more,
			  (unsigned long long)quota);
	return 0;
}
