/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engine: how a wait learns of descriptors. For rt_wait*.c and the engines.
 */
#ifndef RT_ENGINE_H
#define RT_ENGINE_H

#include <stdint.h>

#include "arch/spin/arch_bell.h"
#include "rt/rt_fds.h"
#include "rt/rt_op.h"
#include "rt/rt_stock.h"
#include "rt/rt_wait.h"

#define RT_ENGINE_LONG UINT64_C(3600000000000)	/* as good as for ever */

struct rt_engine_ops {
	const char *name;
	uint32_t tries;		/* sides of ops that it would try first */

	/* probe tells whether the kernel can: 0 or -ENOSYS. Any thread. */
	int (*probe)(void);

	/* open makes the engine's state; the wait's thread from here on. */
	int (*open)(void **state);
	void (*close)(void *state);

	/*
	 * confine is open for what the kernel holds to a list: `may` as of
	 * rt_wait_confine. NULL where nothing passes by a filter anyway.
	 */
	int (*confine)(void **state, uint32_t may);

	/* arm reports `tag` once when one of the events is there. */
	int (*arm)(void *state, int fd, uint32_t events, uint64_t tag);

	/* disarm: the descriptor is held no longer. The tag may still come. */
	void (*disarm)(void *state, int fd, uint64_t tag);

	/*
	 * submit begins an op, which stands in the wait's table, and ends it by
	 * rt_wait_finish: now, or out of sleep. Or it leaves it to the helpers
	 * (rt_wait_help). Returns 0, or an error that rt_wait_submit has.
	 */
	int (*submit)(void *state, struct rt_wait *wait, struct rt_op *op);

	/*
	 * carry carries an op out that it would try first, as rt_op_carry.
	 * NULL: that.
	 */
	int64_t (*carry)(void *state, struct rt_op *op);

	/* cancel ends an op that is not with the helpers; now, or soon. */
	void (*cancel)(void *state, struct rt_wait *wait, struct rt_op *op);

	/*
	 * again goes on with an op of which rt_wait_in_vain said that it rests.
	 * NULL where that is never asked.
	 */
	void (*again)(void *state, struct rt_wait *wait, struct rt_op *op);

	/*
	 * stock gives the engine a stock's buffers, all of which are free, and
	 * sets its ring and group, or leaves them: it uses rt_stock_take. 0 or
	 * -ENOMEM. unstock ends that, restock gives one back. NULL where it has
	 * no use for them.
	 */
	int (*stock)(void *state, struct rt_stock *stock);
	void (*unstock)(void *state, struct rt_stock *stock);
	void (*restock)(void *state, struct rt_stock *stock, uint32_t index);

	/* area and drop are rt_wait_register and its end. NULL: no use for. */
	int (*area)(void *state, void *base, size_t length);
	void (*drop)(void *state, const void *base, size_t length);

	/*
	 * wake_fd returns an eventfd that ends a sleep, for rt_wait_wake, or -1
	 * where a sleep ends by the wait's own bell. Then that one is not among
	 * those that sleep is given. May be NULL: -1.
	 */
	int (*wake_fd)(void *state);

	/*
	 * sleep waits for bells, descriptors and ops, at most limit_ns (0:
	 * looks; RT_ENGINE_LONG or more: no timer is worth it), and calls
	 * rt_wait_fired for each tag, rt_wait_finish for each op. Returns 0, or
	 * a negative errno other than -EINTR if it could not sleep.
	 */
	int (*sleep)(void *state, struct rt_wait *wait,
		     const struct arch_bell_seen *bells, uint32_t count,
		     uint64_t limit_ns);
};

extern const struct rt_engine_ops rt_engine_uring;
extern const struct rt_engine_ops rt_engine_epoll;

/*
 * rt_wait_new_at makes a wait of an engine that is open, whose clock and host
 * are others than the kernel's. There all ops are the engine's: no helper
 * carries any out. The state stays the caller's. Returns 0 or -ENOMEM.
 */
int rt_wait_new_at(const struct rt_engine_ops *ops, void *state,
		   struct rt_host *host, const uint64_t *clock,
		   struct rt_wait **wait);

/*
 * rt_wait_next returns when a sleep would end by what the wait knows: 0: at
 * once; RT_TIMER_NEVER.
 */
uint64_t rt_wait_next(const struct rt_wait *wait);

/*
 * rt_wait_fired makes the call of a tag. A tag that is not armed any more is
 * left alone.
 */
void rt_wait_fired(struct rt_wait *wait, uint64_t tag, uint32_t events);

/* rt_wait_finish ends an op: done is called before the sleep returns. */
void rt_wait_finish(struct rt_wait *wait, struct rt_op *op, int64_t result);

/* rt_wait_help has an op carried out by a helper. As rt_helpers_give. */
int rt_wait_help(struct rt_wait *wait, struct rt_op *op);

/*
 * rt_wait_in_vain has an op rest that was told to go on and could not. Returns
 * 1: `again` will be called; 0: it need not rest yet. An op that rests is on
 * its `queued`, and may be finished.
 */
int rt_wait_in_vain(struct rt_wait *wait, struct rt_op *op);

/* What a stock asks of the engine, which is opened for that: 0 or its error. */
int rt_wait_stock(struct rt_wait *wait, struct rt_stock *stock);
void rt_wait_unstock(struct rt_wait *wait, struct rt_stock *stock);
void rt_wait_restock(struct rt_wait *wait, struct rt_stock *stock,
		     uint32_t index);

/* rt_wait_fd returns what is at a descriptor, NULL if nothing ever was. */
struct rt_fd *rt_wait_fd(struct rt_wait *wait, int fd);

/* What a tag never is: engines have tags of their own from here on. */
#define RT_ENGINE_TAG (UINT64_C(1) << 62)

#endif
