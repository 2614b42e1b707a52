/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Change: something that was done to a simulated file and is not safe: bytes
 * that were written or made zero, and the size of the file after it. A file has
 * a list of them, oldest first. For rt_sim*.c.
 */
#ifndef RT_SIM_CHANGE_H
#define RT_SIM_CHANGE_H

#include <stdint.h>

#include "utils/utils_list.h"

struct rt_sim_file;
struct rt_sim_node;

struct rt_sim_change {
	struct utils_link link;
	uint64_t number;	/* of its file's, from 0 on */
	uint64_t offset;
	uint64_t length;
	uint64_t size;
	uint64_t kept;		/* sectors that a power cut left of it */
	uint8_t safe;		/* it is in any case what a power cut leaves */
	uint8_t zero;		/* no data */
	char data[];
};

#define rt_sim_change_of(link_) utils_list_of(link_, struct rt_sim_change, link)

/* Which changes a power cut leaves, of files and of names. */
enum rt_sim_pick {
	RT_SIM_PICK_NOTHING,
	RT_SIM_PICK_ALL,
	RT_SIM_PICK_IN_ORDER,	/* all up to one */
	RT_SIM_PICK_EACH,	/* any, each apart from the others */
	RT_SIM_PICKS,
};

/*
 * rt_sim_change_add makes a change: reads see it from now on. No data is zeros.
 * data is copied. `safe` is what a write says that has it be safe at once.
 * Returns 0, or -ENOMEM: reads may see a part.
 */
int rt_sim_change_add(struct rt_sim_node *node, struct rt_sim_file *file,
		      const void *data, uint64_t offset, uint64_t length,
		      uint64_t size, int safe);

/*
 * rt_sim_change_settle has the changes with numbers below `mark` be safe, and
 * frees them. Returns 0, or -ENOMEM: some are not.
 */
int rt_sim_change_settle(struct rt_sim_file *file, uint64_t mark);

/*
 * rt_sim_change_pick has some of the changes below `mark` be safe, sector by
 * sector, as the seed says; and frees all of them. Returns 0 or -ENOMEM.
 */
int rt_sim_change_pick(struct rt_sim_node *node, struct rt_sim_file *file,
		       uint64_t mark);

/* rt_sim_change_free takes a change off its list and frees it. */
void rt_sim_change_free(struct rt_sim_change *c);

#endif
