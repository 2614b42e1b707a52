/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Journal: which tasks of a queue were taken and not answered.
 *
 * It lies in the keep and outlives the appliance. An entry for each place of
 * the queue holds the cookie of the task that has the place; beside it stand
 * the positions in both rings. A task is noted, then the position passes it; it
 * is answered in its ring, then the note goes, then the position passes the
 * answer. So wherever the appliance dies, at most one step of each queue is
 * half done, and what the rings hold tells which (vine_journal_settle).
 *
 * A cookie is any number that an application wrote: the place is taken from it
 * by the mask, so a forged one harms its own queue alone.
 */
#ifndef VINE_JOURNAL_H
#define VINE_JOURNAL_H

#include <stdint.h>

#include "core/vine_desc.h"
#include "core/vine_keep.h"
#include "core/vine_ring.h"

/*
 * Marks of an entry. They are bits that no cookie of libvine has: a place is
 * below 2 * VINE_SLOTS_MAX, and above it stand 16 bits of the position.
 */
#define VINE_JOURNAL_TAKEN 0x8000u
#define VINE_JOURNAL_AGAIN 0x4000u	/* its descriptor is kept too */
#define VINE_JOURNAL_MARKS (VINE_JOURNAL_TAKEN | VINE_JOURNAL_AGAIN)

struct vine_journal {
	uint32_t *entries;	/* by place; 0: none */
	struct vine_keep_queue *queue;
	uint32_t mask;
	struct vine_keep_desc *descs;	/* by place */
	struct vine_keep *keep;
};

/* vine_journal_bind finds the journal of the queue with an index. */
void vine_journal_bind(struct vine_journal *j, struct vine_keep *keep,
		       uint32_t index, uint32_t slots);

/*
 * vine_journal_open is vine_journal_bind for a new queue: it is empty, at
 * position 0. Under the pipe's lock. Returns 0 or -ENOMEM.
 */
int vine_journal_open(struct vine_journal *j, struct vine_keep *keep,
		      uint32_t index, uint32_t slots);

/* vine_journal_close gives up the queue's record, and memory that is much. */
void vine_journal_close(struct vine_journal *j);

/*
 * vine_journal_settle finishes, or undoes, what an appliance was doing to the
 * queue when it died. Before anybody serves it.
 */
void vine_journal_settle(struct vine_journal *j, const struct vine_ring *sub,
			 const struct vine_cring *comp);

/*
 * vine_journal_list makes a list of the entries of tasks in flight, oldest
 * first, which the caller frees. Returns how many there are, or -ENOMEM.
 */
int vine_journal_list(const struct vine_journal *j, uint32_t **entries);

/* vine_journal_count counts them. */
uint32_t vine_journal_count(const struct vine_journal *j);

/* vine_journal_copy keeps the descriptor of a task that may be run again.
 * Returns VINE_JOURNAL_AGAIN, or 0 where there is no memory for it. */
uint32_t vine_journal_copy(struct vine_journal *j,
			   const struct vine_desc *desc);

/*
 * vine_journal_take notes a task before it is carried out; pos is the position
 * behind it. The lane's thread.
 */
static inline void
vine_journal_take(struct vine_journal *j, const struct vine_desc *desc,
		  uint32_t pos)
{
	uint32_t cookie = vine_desc_cookie(desc);
	uint32_t entry = (cookie & ~VINE_JOURNAL_MARKS) | VINE_JOURNAL_TAKEN;

	if (__builtin_expect(vine_desc_flags(desc) & VINE_DESC_IDEMPOTENT, 0))
		entry |= vine_journal_copy(j, desc);
	vine_keep_set(&j->entries[cookie & j->mask], entry);
	/* KEEP-R1: the task is noted before it counts as taken; pairs with
	 * KEEP-A1 in vine_journal_settle(). Else it is neither there nor in
	 * the ring when the appliance dies in between. */
	vine_keep_set(&j->queue->sub_pos, pos);
}

/* vine_journal_put_back undoes that: the task is in its slot again. */
static inline void
vine_journal_put_back(struct vine_journal *j, uint32_t cookie, uint32_t pos)
{
	vine_keep_set(&j->queue->sub_pos, pos);
	vine_keep_set(&j->entries[cookie & j->mask], 0);
}

/*
 * vine_journal_answer notes that a task's completion is in its ring; pos is the
 * position behind that. The lane's thread.
 */
static inline void
vine_journal_answer(struct vine_journal *j, uint32_t cookie, uint32_t pos)
{
	/* KEEP-R2: the completion, then this, then its position; pairs with
	 * KEEP-A2 in vine_journal_settle(). The other way round a task whose
	 * application has its answer could be answered again, into a slot that
	 * is another's. */
	vine_keep_set(&j->entries[cookie & j->mask], 0);
	vine_keep_set(&j->queue->comp_pos, pos);
}

#endif
