/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A want lies on the stack of the thread that waits. Whoever serves it, perhaps
 * the thread itself, takes it off the list; so does the thread when it gives
 * up. All under the heap's lock, which the sleep releases.
 */
#include <time.h>

#include <vine/session.h>

#include "core/vine_life.h"
#include "core/vine_session.h"
#include "core/vine_want.h"
#include "utils/utils_clock.h"

#define MS UINT64_C(1000000)
#define NEVER UINT64_MAX

static void
enlist(struct vine_heap *heap, struct vine_want *want)
{
	struct vine_want **at = &heap->wants;
	int first = *at == NULL;

	while (*at)
		at = &(*at)->next;
	*at = want;
	if (first) {
		heap->overtaken = 0;
		vine_heap_shut(heap);
	}
}

static void
delist(struct vine_heap *heap, struct vine_want *want)
{
	struct vine_want **at = &heap->wants;

	if (*at == want)
		heap->overtaken = 0;	/* the next one is the oldest */
	while (*at != want)
		at = &(*at)->next;
	*at = want->next;
}

/* Serve one as far as it may go, but not further than `most`. */
static int
serve(struct vine_heap *heap, struct vine_want *want, enum vine_heap_reach most)
{
	enum vine_heap_reach reach = vine_want_reach(heap, want);
	int rc = vine_heap_one(heap, reach < most ? reach : most, want->cls,
			       want->size, &want->item);

	if (rc == 0) {
		delist(heap, want);
		pthread_cond_signal(&want->served);
	}
	return rc;
}

void
vine_want_serve(struct vine_heap *heap)
{
	struct vine_want *want, *next;

	for (want = heap->wants; want; want = next) {
		next = want->next;
		/* the appliance they ask themselves */
		(void)serve(heap, want, VINE_HEAP_PAGES);
	}
}

/* Sleep until served, at most until an instant of CLOCK_MONOTONIC. */
static void
sleep_until(struct vine_heap *heap, struct vine_want *want, uint64_t ns)
{
	struct timespec t = { (time_t)(ns / (1000 * MS)),
			      (long)(ns % (1000 * MS)) };

	while (want->item == NULL &&
	       pthread_cond_timedwait(&want->served, &heap->lock, &t) == 0)
		;
}

/* In the list, under the lock. Returns 0 with an item, or why there is none. */
static int
wait_for(struct vine_heap *heap, struct vine_want *want, uint64_t end)
{
	uint64_t nap = VINE_WANT_ASK_MIN_MS * MS, now;
	int rc;

	for (;;) {
		if (heap->wants != want) /* what there is is the oldest's */
			(void)serve(heap, heap->wants, VINE_HEAP_GRANT);
		rc = serve(heap, want, VINE_HEAP_GRANT);
		if (!vine_want_helps(rc))
			return rc;
		now = utils_clock_ns();
		if (now >= end)
			return -ETIMEDOUT;
		sleep_until(heap, want, end - now < nap ? end : now + nap);
		if (want->item)
			return 0;
		if (vine_life_check(heap->session) != 0)
			return -ECONNRESET;
		if (nap < VINE_WANT_ASK_MAX_MS * MS)
			nap *= 2;
	}
}

static void
want_init(struct vine_want *want, uint32_t cls, size_t size)
{
	pthread_condattr_t monotonic;

	*want = (struct vine_want){ .cls = cls, .size = size };
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&want->served, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

int
vine_want_wait(struct vine_heap *heap, uint32_t cls, size_t size,
	       int64_t wait_ns, struct vine_data_s **item)
{
	uint64_t now = utils_clock_ns(), end = NEVER;
	struct vine_want want;
	int rc;

	if (size > heap->session->seg->layout.heap_size)
		return -ENOMEM;
	if (size > vine_session_memory(heap->session))
		return -EDQUOT;
	if (wait_ns != VINE_FOREVER && (uint64_t)wait_ns < NEVER - now)
		end = now + (uint64_t)wait_ns;
	want_init(&want, cls, size);
	pthread_mutex_lock(&heap->lock);
	enlist(heap, &want);
	rc = wait_for(heap, &want, end);
	if (rc)
		delist(heap, &want);
	if (heap->wants)	/* the oldest now may have what we left */
		vine_want_serve(heap);
	else
		vine_heap_open(heap);
	pthread_mutex_unlock(&heap->lock);
	pthread_cond_destroy(&want.served);
	if (rc == 0)
		*item = want.item;
	return rc;
}
