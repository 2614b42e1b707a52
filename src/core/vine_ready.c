/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two full fences make it safe: that of the producer's last read-modify-write
 * (arch_or64), and the barrier of a worker that goes to sleep.
 *
 * Producer: slot, leaf (rmw), summary (rmw), `sleeping`. Worker: `sleeping`,
 * barrier, summary, leaf (rmw), slot. If the producer sees nobody asleep, the
 * worker's look after its barrier sees the bit. Taking a leaf word by exchange
 * before looking at the slots is the other half: a producer whose bit was taken
 * published before.
 */
#include "core/vine_ready.h"

#include "arch/shm/arch_pci.h"

/* The word that the worker sleeps on. Of a far segment it is not on this
 * machine: a device may have a register to ring the appliance, peer 0, by. */
static struct arch_bell
bell_of(const struct vine_seg *seg, uint32_t i)
{
	if (!seg->far)
		return arch_bell_of_word(&vine_seg_bell(seg, i)->word);
	if (seg->registers)
		return arch_bell_of_register(&seg->registers->doorbell, 0);
	return arch_bell_none();
}

void
vine_ready_bind(const struct vine_seg *seg, uint32_t i,
		struct vine_ready *ready)
{
	const struct vine_layout *l = &seg->layout;
	uint8_t *at = seg->base + l->ready_off + i * l->ready_stride;

	ready->summary = (le64_t *)at;
	ready->leaf = (le64_t *)(at + (l->summary_words * 8 + 63) / 64 * 64);
	ready->leaf_words = l->ready_words;
	ready->summary_words = l->summary_words;
	ready->bell = vine_seg_bell(seg, i);
	ready->ring = bell_of(seg, i);
}

int
vine_ready_ring(const struct vine_ready *ready, uint32_t queue)
{
	uint32_t word = queue / 64;

	/* READY-R1: the slot is published before its bit; pairs with READY-A1
	 * in vine_ready_collect(). */
	arch_or64(&ready->leaf[word], UINT64_C(1) << (queue & 63));
	if (ready->summary_words)
		arch_or64(&ready->summary[word / 64],
			  UINT64_C(1) << (word & 63));
	/* SLEEP-R1: the bits above before the look below; the or is a full
	 * fence. Pairs with SLEEP-A1 in vine_lane_arm(). */
	if (arch_load32(&ready->bell->sleeping) == 0 ||
	    arch_xchg32(&ready->bell->sleeping, 0) == 0)
		return 0;
	arch_bell_ring(&ready->ring, ~0u);
	return 1;
}

int
vine_ready_any(const struct vine_ready *ready)
{
	const le64_t *words = ready->leaf;
	uint32_t count = ready->leaf_words;
	uint64_t any = 0;

	if (ready->summary_words) {
		words = ready->summary;
		count = ready->summary_words;
	}
	for (uint32_t i = 0; i < count; i++)
		any |= arch_load64(&words[i]);
	return any != 0;
}

static int
has_bit(const le64_t *words, uint32_t bit)
{
	return arch_load64(&words[bit / 64]) >> (bit & 63) & 1;
}

int
vine_ready_has(const struct vine_ready *ready, uint32_t queue)
{
	return has_bit(ready->leaf, queue) &&
	       (ready->summary_words == 0 ||
		has_bit(ready->summary, queue / 64));
}

static uint32_t
collect_leaf(const struct vine_ready *ready, uint32_t word,
	     void (*fn)(void *arg, uint32_t queue), void *arg)
{
	uint32_t n = 0;
	uint64_t bits;

	if (word >= ready->leaf_words || arch_load64(&ready->leaf[word]) == 0)
		return 0;
	/* READY-A1: see vine_ready_ring(). */
	bits = arch_xchg64(&ready->leaf[word], 0);
	for (; bits; bits &= bits - 1, n++)
		fn(arg, word * 64 + (uint32_t)__builtin_ctzll(bits));
	return n;
}

uint32_t
vine_ready_collect(const struct vine_ready *ready,
		   void (*fn)(void *arg, uint32_t queue), void *arg)
{
	uint32_t n = 0, left = VINE_READY_WORDS;

	if (ready->summary_words == 0) {
		for (uint32_t w = 0; w < ready->leaf_words; w++)
			n += collect_leaf(ready, w, fn, arg);
		return n;
	}
	for (uint32_t s = 0; s < ready->summary_words && left; s++) {
		uint64_t bits = 0;

		if (arch_load64(&ready->summary[s]) != 0)
			bits = arch_xchg64(&ready->summary[s], 0);
		for (; bits && left; bits &= bits - 1, left--)
			n += collect_leaf(ready, s * 64 +
					  (uint32_t)__builtin_ctzll(bits),
					  fn, arg);
		if (bits)	/* for the next call */
			arch_or64(&ready->summary[s], bits);
	}
	return n;
}
