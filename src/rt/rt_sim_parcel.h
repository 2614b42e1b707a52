/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parcel: what is on its way to a socket, or has arrived and was not read: a
 * part of a stream, an end of it, or a datagram. For rt_sim*.c.
 */
#ifndef RT_SIM_PARCEL_H
#define RT_SIM_PARCEL_H

#include <stddef.h>
#include <stdint.h>

#include "rt/rt_net.h"
#include "utils/utils_list.h"

enum rt_sim_parcel_kind { RT_SIM_DATA, RT_SIM_FIN, RT_SIM_RST };

struct rt_sim_parcel {
	struct utils_link link;
	enum rt_sim_parcel_kind kind;
	uint64_t at;		/* when it arrives; of a stream */
	size_t length;
	size_t taken;		/* by reads */
	struct rt_net_address from;	/* of a datagram */
	char bytes[];
};

#define rt_sim_parcel_of(link_) utils_list_of(link_, struct rt_sim_parcel, link)

/*
 * rt_sim_parcel_new makes one, in no list, with a copy of data. It is freed by
 * free(). Returns NULL where there is no memory.
 */
struct rt_sim_parcel *rt_sim_parcel_new(enum rt_sim_parcel_kind kind,
					const void *data, size_t length);

/* rt_sim_parcel_drop frees all of a list; *bytes, their count, becomes 0. */
void rt_sim_parcel_drop(struct utils_list *list, size_t *bytes);

#endif
