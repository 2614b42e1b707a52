/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring: a bare pair of slot-sequence rings, the limit of a task rate.
 *
 * It is what one would write who needs nothing of libvine: two rings, single
 * producer and single consumer, of 64-byte slots that are filled in place. The
 * last word of a slot is its sequence, unique over laps and stored with release
 * after the rest; the consumer finds work by looking at the slot. Cursors are
 * private; the consumer writes its own down every quarter of a ring, and the
 * producer looks at it when the ring seems full. Nothing is checked and nobody
 * can sleep.
 */
#include <errno.h>
#include <stdatomic.h>

#include "tools/vine_bench_rates.h"
#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define WORDS 7			/* words of a slot beside its sequence */
#define SLOTS_MAX 256
#define END UINT64_MAX		/* cookie of the last request */

struct slot {
	_Alignas(64) uint64_t word[WORDS];
	_Atomic uint64_t seq;	/* place + 1, stored last */
};

struct ring {
	_Alignas(VINE_BENCH_APART) struct slot slot[SLOTS_MAX];
	_Alignas(VINE_BENCH_APART) _Atomic uint64_t head; /* lazy */
	/* Slot i of one ring must not have the low 12 address bits of slot i
	 * of the other: loads would wait for unrelated stores. */
	char apart[2048];
};

struct rings {
	struct ring request;
	struct ring answer;
};

/* One side's private end of one ring. */
struct end {
	struct ring *ring;
	uint64_t mask;		/* slots - 1 */
	uint64_t at;		/* places produced, or consumed */
	uint64_t head;		/* the producer's copy of ring->head */
};

struct client {
	struct end tx, rx;
	uint64_t window;
};

VINE_BENCH_INLINE struct slot *
produce_begin(struct end *tx)
{
	if (tx->at - tx->head > tx->mask) {
		tx->head = atomic_load_explicit(&tx->ring->head,
						memory_order_acquire);
		if (tx->at - tx->head > tx->mask)
			return NULL;
	}
	return &tx->ring->slot[tx->at & tx->mask];
}

VINE_BENCH_INLINE void
produce_end(struct end *tx, struct slot *slot)
{
	tx->at++;
	atomic_store_explicit(&slot->seq, tx->at, memory_order_release);
}

VINE_BENCH_INLINE const struct slot *
consume_begin(const struct end *rx)
{
	const struct slot *slot = &rx->ring->slot[rx->at & rx->mask];

	if (atomic_load_explicit(&slot->seq, memory_order_acquire) !=
	    rx->at + 1)
		return NULL;
	return slot;
}

VINE_BENCH_INLINE void
consume_end(struct end *rx)
{
	rx->at++;
	if (!(rx->at & rx->mask >> 2))
		atomic_store_explicit(&rx->ring->head, rx->at,
				      memory_order_release);
}

/* serve answers each request with its cookie and the sum of its words. */
static void
serve(void *memory, uint64_t slots)
{
	struct rings *rings = memory;
	struct end rx = { .ring = &rings->request, .mask = slots - 1 };
	struct end tx = { .ring = &rings->answer, .mask = slots - 1 };
	const struct slot *request;
	struct slot *answer;
	uint64_t cookie, sum;
	int i;

	for (;;) {
		while (!(request = consume_begin(&rx)))
			;
		cookie = request->word[0];
		for (sum = 0, i = 1; i < WORDS; i++)
			sum += request->word[i];
		consume_end(&rx);
		if (cookie == END)
			return;
		while (!(answer = produce_begin(&tx)))
			;
		answer->word[0] = cookie;
		answer->word[1] = 0;
		answer->word[2] = sum;
		produce_end(&tx, answer);
	}
}

VINE_BENCH_INLINE void
request_put(struct client *c, struct slot *slot)
{
	uint64_t cookie = c->tx.at;
	int i;

	slot->word[0] = cookie;
	for (i = 1; i < WORDS; i++)
		slot->word[i] = cookie + (uint64_t)i;
	produce_end(&c->tx, slot);
}

/* answer_take waits for the oldest answer and looks whether it is right. */
VINE_BENCH_INLINE int
answer_take(struct client *c)
{
	const struct slot *slot;
	uint64_t cookie = c->rx.at;
	int wrong;

	while (!(slot = consume_begin(&c->rx)))
		;
	/* The sum of cookie + 1 to cookie + 6. */
	wrong = slot->word[0] != cookie || slot->word[2] != 6 * cookie + 21;
	consume_end(&c->rx);
	return wrong ? -EIO : 0;
}

/* step fills the window, then takes one answer. */
VINE_BENCH_INLINE int
step(void *arg)
{
	struct client *c = arg;
	struct slot *slot;

	while (c->tx.at - c->rx.at < c->window &&
	       (slot = produce_begin(&c->tx)))
		request_put(c, slot);
	return answer_take(c);
}

static void
client_begin(struct client *c, struct vine_bench_rig *rig, uint64_t slots,
	     uint64_t window)
{
	struct rings *rings = vine_bench_pair_start(rig->pair, sizeof(*rings),
						    serve, slots);

	*c = (struct client){
		.tx = { .ring = &rings->request, .mask = slots - 1 },
		.rx = { .ring = &rings->answer, .mask = slots - 1 },
		.window = window,
	};
}

static int
client_end(struct client *c, struct vine_bench_rig *rig, int rc)
{
	struct slot *slot;

	while (!rc && c->rx.at < c->tx.at)
		rc = answer_take(c);
	if (rc)
		log_error("ring: answer %llu is not that of its request",
			  (unsigned long long)c->rx.at);
	while (!(slot = produce_begin(&c->tx)))
		;
	slot->word[0] = END;
	produce_end(&c->tx, slot);
	vine_bench_pair_join(rig->pair);
	return rc;
}

int
vine_bench_run_ring_rtt(struct vine_bench_rig *rig,
			const struct vine_bench *bench,
			struct vine_bench_result *result)
{
	struct client c;
	int rc;

	client_begin(&c, rig, bench->a, 1);
	rc = vine_bench_timer_rtt(&rig->timer, step, &c, result);
	return client_end(&c, rig, rc);
}

int
vine_bench_run_ring_rate(struct vine_bench_rig *rig,
			 const struct vine_bench *bench,
			 struct vine_bench_result *result)
{
	const uint64_t chunk = vine_bench_rate_chunk(bench->b);
	struct client c;
	int rc;

	client_begin(&c, rig, bench->a, bench->b);
	rc = vine_bench_timer_chunks(&rig->timer, chunk, step, &c);
	if (!rc)
		vine_bench_timer_rate(&rig->timer, chunk, 1, result);
	return client_end(&c, rig, rc);
}
