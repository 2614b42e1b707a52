/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes stand behind the parcel, in the same piece of memory.
 */
#include <stdlib.h>
#include <string.h>

#include "rt/rt_sim_parcel.h"

struct rt_sim_parcel *
rt_sim_parcel_new(enum rt_sim_parcel_kind kind, const void *data, size_t length)
{
	struct rt_sim_parcel *p = calloc(1, sizeof(*p) + length);

	if (p == NULL)
		return NULL;
	p->kind = kind;
	p->length = length;
	if (length)
		memcpy(p->bytes, data, length);
	return p;
}

void
rt_sim_parcel_drop(struct utils_list *list, size_t *bytes)
{
	struct utils_link *link;

	while ((link = utils_list_pop_front(list)) != NULL)
		free(rt_sim_parcel_of(link));
	*bytes = 0;
}
