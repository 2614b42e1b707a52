/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is not on a task's road: a queue's journal from its begin to its end,
 * and what is read of it by the next appliance.
 *
 * Single-writer rule: the queue's lane; before it is served, who takes it up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vine_journal.h"

void
vine_journal_bind(struct vine_journal *j, struct vine_keep *keep,
		  uint32_t index, uint32_t slots)
{
	j->keep = keep;
	j->queue = &keep->queues[index];
	j->mask = 2 * slots - 1;
	j->entries = (uint32_t *)(keep->journals +
				  index * keep->journal_stride);
	j->descs = (struct vine_keep_desc *)(keep->descs +
					     index * keep->descs_stride);
}

int
vine_journal_open(struct vine_journal *j, struct vine_keep *keep,
		  uint32_t index, uint32_t slots)
{
	uint64_t bytes = 2 * slots * sizeof(*j->entries);

	vine_journal_bind(j, keep, index, slots);
	if (vine_keep_back(keep, j->entries, bytes) != 0)
		return -ENOMEM;
	memset(j->entries, 0, bytes);
	j->queue->sub_pos = 0;
	j->queue->comp_pos = 0;
	j->queue->descs = 0;
	return 0;
}

void
vine_journal_close(struct vine_journal *j)
{
	vine_keep_set(&j->queue->state, 0);
	if (j->queue->descs)
		vine_keep_unback(j->keep, j->descs, j->keep->descs_stride);
	j->queue->descs = 0;
}

uint32_t
vine_journal_copy(struct vine_journal *j, const struct vine_desc *desc)
{
	if (j->queue->descs == 0) {
		if (vine_keep_back(j->keep, j->descs,
				   (j->mask + 1) * sizeof(*j->descs)) != 0)
			return 0;
		j->queue->descs = 1;
	}
	memcpy(&j->descs[vine_desc_cookie(desc) & j->mask], desc,
	       sizeof(*desc));
	return VINE_JOURNAL_AGAIN;
}

/* Take a cookie's note out, if it is the cookie's. */
static void
clear(struct vine_journal *j, uint32_t cookie)
{
	uint32_t *entry = &j->entries[cookie & j->mask];

	if ((*entry | VINE_JOURNAL_MARKS) == (cookie | VINE_JOURNAL_MARKS))
		vine_keep_set(entry, 0);
}

void
vine_journal_settle(struct vine_journal *j, const struct vine_ring *sub,
		    const struct vine_cring *comp)
{
	struct vine_keep_queue *q = j->queue;
	/* KEEP-A1, KEEP-A2: in the words of the queue stands what was stored
	 * up to the instruction at which their writer died, and nothing of
	 * what would have come after; pairs with KEEP-R1, KEEP-R2. */
	uint64_t taken = arch_load64(&sub->slots[q->sub_pos & sub->mask].w[0]);
	uint64_t pushed = arch_load64(&comp->slots[q->comp_pos &
						   comp->mask].w[0]);

	/* answered, but not yet noted */
	if ((uint32_t)pushed == q->comp_pos + 1) {
		clear(j, (uint32_t)(pushed >> 32));
		vine_keep_set(&q->comp_pos, q->comp_pos + 1);
	}
	/* noted, but not yet taken: it will be */
	if ((uint32_t)taken == q->sub_pos + 1)
		clear(j, (uint32_t)(taken >> 32));
}

uint32_t
vine_journal_count(const struct vine_journal *j)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i <= j->mask; i++)
		n += j->entries[i] != 0;
	return n;
}

/* The upper half of a cookie is the position at which it was issued. */
static int
by_age(const void *a, const void *b, void *pos)
{
	uint16_t now = (uint16_t)*(const uint32_t *)pos;
	uint16_t age_a = (uint16_t)(now - (*(const uint32_t *)a >> 16));
	uint16_t age_b = (uint16_t)(now - (*(const uint32_t *)b >> 16));

	return (age_a < age_b) - (age_a > age_b);
}

int
vine_journal_list(const struct vine_journal *j, uint32_t **entries)
{
	uint32_t *list = malloc((j->mask + 1) * sizeof(*list));
	uint32_t n = 0;

	if (list == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i <= j->mask; i++)
		if (j->entries[i] & VINE_JOURNAL_TAKEN)
			list[n++] = j->entries[i];
	qsort_r(list, n, sizeof(*list), by_age, &j->queue->sub_pos);
	*entries = list;
	return (int)n;
}
