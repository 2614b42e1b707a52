/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Until the first watch (rt_wait_watch.c) or op (rt_wait_op.c) no engine is
 * needed: a sleep is one futex_waitv on the bells and on a word of the wait's
 * own, which rt_wait_wake changes. From then on it is the engine that sleeps,
 * on the same words. An engine that would need two wakes for that word has an
 * eventfd in its place.
 *
 * What has come is called when the sleep is over: watches by the engine, then
 * done of the ops, then timers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rt/rt_host.h"
#include "rt/rt_wait_inside.h"
#include "utils/utils_clock.h"

int
rt_wait_new(enum rt_wait_engine engine, struct rt_wait **out)
{
	const struct rt_engine_ops *ops = &rt_engine_uring;
	struct rt_wait *w;

	if (engine == RT_WAIT_EPOLL ||
	    (engine == RT_WAIT_AUTO && rt_engine_uring.probe() != 0))
		ops = &rt_engine_epoll;
	/* once: a second probe may fail where there is little left */
	if (engine == RT_WAIT_URING && ops->probe() != 0)
		return -ENOSYS;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	w->ops = ops;
	w->host = &rt_host_kernel;
	w->fixed = engine != RT_WAIT_AUTO;
	rt_wait_ops_init(w);
	atomic_init(&w->wake_fd, -1);
	*out = w;
	return 0;
}

int
rt_wait_new_at(const struct rt_engine_ops *ops, void *state,
	       struct rt_host *host, const uint64_t *clock,
	       struct rt_wait **out)
{
	struct rt_wait *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return -ENOMEM;
	w->ops = ops;
	w->state = state;
	w->host = host;
	w->clock = clock;
	w->fixed = 1;
	rt_wait_ops_init(w);
	atomic_init(&w->wake_fd, -1);
	*out = w;
	return 0;
}

void
rt_wait_free(struct rt_wait *wait)
{
	if (wait->helpers)	/* first: they wake us */
		rt_helpers_free(wait->helpers);
	if (wait->state && wait->ops->close)
		wait->ops->close(wait->state);
	rt_fds_free(&wait->fds);
	free(wait);
}

const char *
rt_wait_engine_name(const struct rt_wait *wait)
{
	return wait->ops->name;
}

uint64_t
rt_wait_now(const struct rt_wait *wait)
{
	return wait->clock ? *wait->clock : utils_clock_ns();
}

struct rt_host *
rt_wait_host(const struct rt_wait *wait)
{
	return wait->host;
}

struct rt_timers *
rt_wait_timers(struct rt_wait *wait)
{
	return &wait->timers;
}

int
rt_wait_open_engine(struct rt_wait *w)
{
	int rc = 0;

	if (w->state)
		return 0;
	rc = w->ops->open(&w->state);
	if (rc && !w->fixed && w->ops != &rt_engine_epoll) {
		w->ops = &rt_engine_epoll;
		rc = w->ops->open(&w->state);
	}
	if (rc == 0 && w->ops->wake_fd) {
		/* POKE-R1: whoever does not see the eventfd rang before the
		 * look at the word; pairs with POKE-A1 in rt_wait_wake(). */
		atomic_store(&w->wake_fd, w->ops->wake_fd(w->state));
		atomic_thread_fence(memory_order_seq_cst);
	}
	return rc;
}

int
rt_wait_confine(struct rt_wait *wait, uint32_t may)
{
	int rc;

	if (wait->ops->confine == NULL || wait->state)
		return wait->state ? -EBUSY : 0;
	rc = wait->ops->confine(&wait->state, may);
	if (rc == 0 || wait->fixed)
		return rc;
	wait->ops = &rt_engine_epoll;
	return 0;
}

/* --- stocks, areas ----------------------------------------------------- */

int
rt_wait_stock(struct rt_wait *wait, struct rt_stock *stock)
{
	int rc = rt_wait_open_engine(wait);

	if (rc == 0 && wait->ops->stock)
		rc = wait->ops->stock(wait->state, stock);
	return rc;
}

void
rt_wait_unstock(struct rt_wait *wait, struct rt_stock *stock)
{
	if (stock->ring)
		wait->ops->unstock(wait->state, stock);
}

void
rt_wait_restock(struct rt_wait *wait, struct rt_stock *stock, uint32_t index)
{
	wait->ops->restock(wait->state, stock, index);
}

int
rt_wait_register(struct rt_wait *wait, void *base, size_t length)
{
	int rc = rt_wait_open_engine(wait);

	if (rc == 0 && wait->ops->area)
		rc = wait->ops->area(wait->state, base, length);
	return rc;
}

void
rt_wait_unregister(struct rt_wait *wait, const void *base, size_t length)
{
	if (wait->state && wait->ops->drop)
		wait->ops->drop(wait->state, base, length);
}

/* --- sleeping ---------------------------------------------------------- */

/* How long until the first timer, at most limit. */
static uint64_t
time_left(const struct rt_wait *w, uint64_t limit_ns)
{
	uint64_t next = rt_timers_next(&w->timers), now;

	if (limit_ns > RT_ENGINE_LONG)
		limit_ns = RT_ENGINE_LONG;
	if (!utils_list_empty(&w->finished))
		return 0;
	if (next == RT_TIMER_NEVER)
		return limit_ns;
	now = rt_wait_now(w);
	if (next <= now)
		return 0;
	return next - now < limit_ns ? next - now : limit_ns;
}

uint64_t
rt_wait_next(const struct rt_wait *wait)
{
	return utils_list_empty(&wait->finished) ?
		rt_timers_next(&wait->timers) : 0;
}

static uint32_t
run_timers(struct rt_wait *w)
{
	if (rt_timers_next(&w->timers) == RT_TIMER_NEVER)
		return 0;
	return rt_timers_run(&w->timers, rt_wait_now(w));
}

/* At the engine. Where that is woken by an eventfd our word is not slept on. */
static int
sleep_in_engine(struct rt_wait *w, const struct arch_bell_seen *all,
		uint32_t count, uint64_t limit_ns)
{
	struct arch_bell poke = arch_bell_of_word(&w->poke);

	if (atomic_load_explicit(&w->wake_fd, memory_order_relaxed) < 0)
		return w->ops->sleep(w->state, w, all, count + 1, limit_ns);
	if (arch_bell_look(&poke) != w->poked)
		limit_ns = 0;
	return w->ops->sleep(w->state, w, all, count, limit_ns);
}

uint32_t
rt_wait_sleep(struct rt_wait *wait, const struct arch_bell_seen *bells,
	      uint32_t count, uint64_t limit_ns)
{
	struct arch_bell poke = arch_bell_of_word(&wait->poke);
	struct arch_bell_seen all[RT_WAIT_BELLS_MAX + 1];
	int rc = 0;

	if (count > RT_WAIT_BELLS_MAX)
		count = RT_WAIT_BELLS_MAX;
	if (count)
		memcpy(all, bells, count * sizeof(*all));
	all[count] = (struct arch_bell_seen){ &wait->poke, wait->poked };
	limit_ns = time_left(wait, limit_ns);
	wait->calls = 0;
	if (wait->armed || wait->under_way > wait->helped)
		rc = sleep_in_engine(wait, all, count, limit_ns);
	else if (limit_ns)
		rc = arch_bell_wait_any(all, count + 1, limit_ns);
	if (rc && rc != -ETIMEDOUT && rc != -EINTR) {
		/* no futex on this memory: not all the time then */
		struct timespec nap = { 0, 1000000 };

		nanosleep(&nap, NULL);
	}
	wait->poked = arch_bell_look(&poke);
	rt_wait_call_done(wait);
	return wait->calls + run_timers(wait);
}

uint32_t
rt_wait_poll(struct rt_wait *wait)
{
	wait->calls = 0;
	if (wait->armed || wait->under_way > wait->helped)
		wait->ops->sleep(wait->state, wait, NULL, 0, 0);
	rt_wait_call_done(wait);
	return wait->calls + run_timers(wait);
}

void
rt_wait_wake(struct rt_wait *wait)
{
	struct arch_bell poke = arch_bell_of_word(&wait->poke);
	struct arch_bell direct;
	int fd;

	arch_bell_ring(&poke, ~0u);
	/* POKE-A1: the word is rung, then the eventfd looked for. Without that
	 * order a sleep that has begun in the engine would not end. */
	fd = atomic_load(&wait->wake_fd);
	direct = arch_bell_of_fd(fd);
	if (fd >= 0)
		arch_bell_ring(&direct, ~0u);
}
