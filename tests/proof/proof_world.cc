/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words that one thread of every case alone touches are calm, those of a slot
 * are guarded (proof.h).
 */
#include "proof_world.h"

void (*proof_execute)(struct vine_pq *pq, const struct vine_desc *desc);
unsigned proof_logged;

static const uint32_t index_flat[2] = { 1, 2 };
static const uint32_t index_deep[2] = { 1, 65 };

template<typename T>
static void
calm(proof_word<T> *word, typename_of<T> value)
{
	word->calm = true;
	atomic_store_explicit(word, value, memory_order_relaxed);
}

template<typename T>
static void
plain(proof_word<T> *word, typename_of<T> value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

template<typename T>
static void
guarded(proof_word<T> *word, typename_of<T> value)
{
	word->guarded = true;
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static void
make_app(struct proof_world *w, struct proof_queue *q, uint32_t index)
{
	struct vine_queue *app = &q->app;

	app->sub = { q->sub, PROOF_SLOTS - 1, 0 };
	app->comp = { q->comp, PROOF_SLOTS - 1, 0 };
	app->shm = &q->shm;
	app->session = &w->session;
	app->flight = q->flight;
	app->place_mask = PROOF_SLOTS - 1;
	app->index = index;
	app->ready = w->lane.ready;
	plain(&app->bias.inside, 0);
	plain(&app->bias.taken, 0);
	plain(&app->bias.out, 0);
	plain(&app->token, 0);
	plain(&app->head, 0);
	plain(&app->freed, NULL);
	for (unsigned i = 0; i < PROOF_PLACES; i++)
		plain(&q->flight[i], NULL);
	for (unsigned i = 0; i < PROOF_TASKS; i++) {
		struct vine_task_s *task = &q->tasks[i];

		plain(&task->done, 0);
		plain(&task->refs, 2);
		task->queue = app;
	}
	q->owner.session_id = w->session.id;
	q->owner.queue = app;
}

static void
make_pq(struct proof_world *w, struct proof_queue *q, uint32_t index)
{
	struct vine_pq *pq = &q->pq;

	pq->sub = q->app.sub;
	pq->comp = q->app.comp;
	pq->shm = &q->shm;
	pq->lane = &w->lane;
	pq->rec = &w->rec;
	pq->share = &w->share;
	pq->index = index;
	pq->control = 1;
	pq->added = 1;
	pq->journal.entries = q->entries;
	pq->journal.mask = PROOF_PLACES - 1;
	pq->journal.queue = &q->kept;
	pq->fence = w->rec.fence;
	w->lane.all[w->lane.all_count++] = pq;
	calm(&w->by_index[index], pq);
	calm(&w->lane_of[index], 1);
}

static void
make_shm(struct proof_queue *q)
{
	plain(&q->shm.armed, 1);
	plain(&q->shm.waiting, 0);
	plain(&q->shm.taken, 0);
	calm(&q->shm.completed, 0);
	for (unsigned i = 0; i < PROOF_SLOTS; i++) {
		plain(&q->sub[i].w[0], 0);
		plain(&q->comp[i].w[0], 0);
		for (unsigned j = 1; j < 8; j++)
			guarded(&q->sub[i].w[j], 0);
		for (unsigned j = 1; j < 4; j++)
			guarded(&q->comp[i].w[j], 0);
	}
}

static void
make_lane(struct proof_world *w, bool flat)
{
	struct vine_lane *lane = &w->lane;

	plain(&w->bell.sleeping, 0);
	plain(&w->bell.word, 0);
	plain(&w->summary[0], 0);
	plain(&w->leaf[0], 0);
	plain(&w->leaf[1], 0);
	lane->ready.leaf = w->leaf;
	lane->ready.leaf_words = flat ? 1 : 2;
	lane->ready.summary = w->summary;
	lane->ready.summary_words = flat ? 0 : 1;
	lane->ready.bell = &w->bell;
	lane->ready.ring = arch_bell_of_word(&w->bell.word);
	lane->pipe = &w->pipe;
	lane->active = w->active;
	lane->all = w->all;
	lane->all_room = 2;
	lane->task_ticks = 1;
	vine_sched_init(&lane->sched);
	utils_list_init(&lane->parked);
	vine_sched_session_init(&w->share.turns, 0);
	vine_share_init(&w->share);
	calm(&lane->poller, NULL);
	calm(&lane->quiet, 0);
	calm(&lane->asleep, 0);
	calm(&lane->held_count, 0);
	calm(&lane->answers, NULL);
	calm(&lane->posts, NULL);
	calm(&lane->completers, 0);
	calm(&lane->freed, 0);
	for (unsigned i = 0; i < VINE_COUNT_MAX; i++)
		calm(&lane->count[i], 0);
}

void
proof_world_make(struct proof_world *w, unsigned count, bool flat, bool active,
		 bool fence)
{
	proof_logged = 0;
	w->seg.base = (uint8_t *)&w->session_shm;
	w->seg.layout.queues = 128;
	w->session.seg = &w->seg;
	w->session.shm = &w->session_shm;
	w->session.bell = arch_bell_of_word(&w->session_shm.bell);
	w->session.id = 1;
	w->session.fence = fence;
	calm(&w->session.lost, 0);
	calm(&w->session.mute, 0);
	calm(&w->session.watch, NULL);
	plain(&w->session_shm.bell, 0);
	w->pipe.seg = &w->seg;
	w->pipe.lanes = &w->lane;
	w->pipe.lane_count = 1;
	w->pipe.queues = w->by_index;
	w->pipe.queue_lanes = w->lane_of;
	calm(&w->pipe.epoch, 0);
	calm(&w->pipe.mutes, 0);
	w->rec.fence = fence;
	w->rec.bell = w->session.bell;
	make_lane(w, flat);
	for (unsigned i = 0; i < count; i++) {
		uint32_t index = (flat ? index_flat : index_deep)[i];
		struct proof_queue *q = &w->queue[i];

		make_shm(q);
		make_app(w, q, index);
		make_pq(w, q, index);
		if (active)
			vine_lane_activate(&w->lane, &q->pq);
	}
}

void
proof_places(struct proof_world *w, unsigned i)
{
	w->queue[i].app.place_mask = PROOF_PLACES - 1;
}

void
proof_own(struct proof_world *w, unsigned i)
{
	proof_thread_last[rl::thread_index()] = &w->queue[i].owner;
}

struct vine_task_s *
proof_issue(struct proof_world *w, unsigned i)
{
	struct proof_queue *q = &w->queue[i];
	struct vine_task_s *task = &q->tasks[q->issued];
	uint64_t n = q->issued++;

	task->user = n;
	task->cookie = vine_queue_next_cookie(&q->app);
	vine_queue_put(&q->app, task, n, n | (uint64_t)w->flags << 24, n,
		       { { n, n, n, n } });
	return task;
}

unsigned
proof_task_number(const struct vine_desc *desc)
{
	proof_check((desc->w[2] & 0xffffff) == desc->w[1]);
	for (unsigned i = 3; i < 8; i++)
		proof_check(desc->w[i] == desc->w[1]);
	return desc->w[1];
}

static uint64_t
value_of(unsigned n)
{
	return 100 + n;
}

void
proof_answer(struct vine_pq *pq, const struct vine_desc *desc)
{
	struct vine_comp comp = {};

	comp.cookie = vine_desc_cookie(desc);
	comp.value = value_of(proof_task_number(desc));
	comp.how = comp.value;
	comp.times = comp.value;
	vine_cring_push(&pq->comp, &comp);
	vine_lane_wake_peer(pq);
}

void
proof_check_result(const struct vine_task_s *task, unsigned n)
{
	proof_check(task->value == value_of(n));
	proof_check(task->how == value_of(n));
	proof_check(task->times == value_of(n));
}

void
proof_serve(struct proof_world *w, const unsigned *taken, unsigned tasks)
{
	struct arch_bell_seen seen;
	uint64_t limit;

	while (*taken < tasks) {
		int sleep = 0;

		if (vine_lane_poll(&w->lane))
			continue;
		if (*taken == tasks)
			break;
		sleep = vine_lane_arm(&w->lane, &seen, &limit);
		if (sleep)
			arch_bell_wait(&w->lane.ready.ring, seen.seen, ~0u,
				       limit);
		vine_lane_awake(&w->lane, sleep);
		arch_pause();
	}
}

int
vine_ctl_run(struct vine_lane *, struct vine_pq *pq,
	     const struct vine_desc *desc)
{
	proof_execute(pq, desc);
	return 1;
}
