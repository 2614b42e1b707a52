/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotas are written by the main thread alone, here and on SIGHUP. How much is
 * used is looked at under the pipe's lock, session by session.
 */
#include <errno.h>
#include <string.h>

#include "appliance/vined_quota.h"
#include "utils/utils_config.h"
#include "utils/utils_keys.h"
#include "utils/utils_log.h"

/* How much is used; of a session's quota: by the session that has most. */
struct used {
	uint64_t session[VINE_QUOTA_MAX];
	uint64_t sessions;
	uint64_t tasks;
};

static void
at_least(uint64_t *most, uint64_t n)
{
	if (*most < n)
		*most = n;
}

static void
look_at(vine_pipe_s *pipe, struct used *u)
{
	memset(u, 0, sizeof(*u));
	pthread_mutex_lock(&pipe->lock);
	u->sessions = pipe->recs_open;
	for (uint32_t i = 0; i < pipe->seg->layout.sessions; i++) {
		const struct vine_rec *rec = &pipe->recs[i];
		uint32_t tasks = atomic_load(&rec->places.used);

		if (rec->state != VINE_REC_OPEN)
			continue;
		u->tasks += tasks;
		at_least(&u->session[VINE_QUOTA_MEMORY],
			 pipe->extents.use[i].held);
		at_least(&u->session[VINE_QUOTA_TASKS], tasks);
		/* without the one for control tasks */
		at_least(&u->session[VINE_QUOTA_QUEUES], rec->queues - 1);
		at_least(&u->session[VINE_QUOTA_VACCELS], rec->vaccels);
		at_least(&u->session[VINE_QUOTA_PROCS], rec->procs);
		at_least(&u->session[VINE_QUOTA_CODE], rec->code);
	}
	pthread_mutex_unlock(&pipe->lock);
}

static const struct {
	int key;
	const char *of;
	size_t used;		/* offset in struct used */
	enum vine_count refused; /* VINE_COUNT_MAX: not counted alone */
} rows[] = {
#define VINE_QUOTA(NAME, name, bits, value, what) \
	{ UTILS_KEY_quota_##name, "session", \
	  offsetof(struct used, session[VINE_QUOTA_##NAME]), \
	  VINE_COUNT_QUOTA_##NAME },
#include "core/quotas.def"
#undef VINE_QUOTA
	{ UTILS_KEY_segment_sessions, "segment",
	  offsetof(struct used, sessions), VINE_COUNT_MAX },
	{ UTILS_KEY_segment_tasks, "segment", offsetof(struct used, tasks),
	  VINE_COUNT_MAX },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static json_t *
refused_of(const vine_pipe_s *pipe, enum vine_count what)
{
	uint64_t sum = 0;

	if (what == VINE_COUNT_MAX)
		return json_null();
	for (uint32_t i = 0; i < pipe->lane_count; i++)
		sum += atomic_load_explicit(&pipe->lanes[i].count[what],
					    memory_order_relaxed);
	return json_integer(vined_command_int(sum));
}

static json_t *
row_of(vine_pipe_s *pipe, const struct used *u, size_t i)
{
	uint64_t limit = 0, used;

	(void)vine_quota_get(&pipe->quotas, rows[i].key, &limit);
	memcpy(&used, (const char *)u + rows[i].used, sizeof(used));
	return json_pack("{s:o, s:s, s:s, s:o, s:I, s:o}",
		"segment", vined_command_text(pipe->seg->name),
		"key", utils_keys_table[rows[i].key].name,
		"of", rows[i].of,
		"limit", limit ? json_integer(vined_command_int(limit)) :
			json_null(),
		"used", vined_command_int(used),
		"refused", refused_of(pipe, rows[i].refused));
}

static uint32_t
show(struct vined_call *call, const vine_pipe_s *one)
{
	const struct vined_admin *a = call->admin;
	json_t *list = json_array();

	for (uint32_t i = 0; i < a->pipe_count; i++) {
		struct used used;

		if (one && a->pipes[i] != one)
			continue;
		look_at(a->pipes[i], &used);
		for (size_t k = 0; k < ROWS; k++)
			vined_command_row(call, list,
					  row_of(a->pipes[i], &used, k));
	}
	return vined_command_answer(call, json_pack("{s:o}", "quotas", list));
}

/* Returns 1, or 0 after refusing. */
static int
set(struct vined_call *call, vine_pipe_s *pipe, const char *name,
    const char *text)
{
	int key = utils_keys_find(name, strlen(name));
	char expected[UTILS_KEYS_TEXT_MAX];
	uint64_t was, value;

	if (key < 0 || vine_quota_get(&pipe->quotas, key, &was) != 0) {
		vined_command_refuse(call, "%s is the key of no quota, "
				     "expected one that quota shows", name);
		return 0;
	}
	if (utils_keys_check(&utils_keys_table[key], text, &value) != 0) {
		vined_command_refuse(call, "%s is %s, expected %s", name, text,
				     utils_keys_expected(&utils_keys_table[key],
							 expected));
		return 0;
	}
	(void)vine_pipe_set_quota(pipe, key, value);	/* it has this key */
	log_info("segment %s %s is %llu as the operator asks, was %llu",
		 pipe->seg->name, name, (unsigned long long)value,
		 (unsigned long long)was);
	return 1;
}

uint32_t
vined_quota(struct vined_call *call)
{
	vine_pipe_s *pipe = NULL;

	if (call->count == 3)
		return vined_command_refuse(call, "%s has no value",
					    call->words[2]);
	if (call->count > 1) {
		pipe = vined_command_pipe(call->admin, call->words[1]);
		if (pipe == NULL)
			return vined_command_refuse(call, "there is no segment "
						    "%s", call->words[1]);
	}
	if (call->count == 4 &&
	    !set(call, pipe, call->words[2], call->words[3]))
		return 0;
	return show(call, pipe);
}
