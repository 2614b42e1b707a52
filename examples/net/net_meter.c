/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One writer, so an addition is a load and a store. Only what the threads share
 * is added to by all, once for each connection.
 */
#include "net_meter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "utils/utils_clock.h"

int
net_meter_init(struct net_meter *meter, struct net_times *times, uint32_t room)
{
	memset(meter, 0, sizeof(*meter));
	/* one more, for all those that find no place */
	meter->bytes = calloc((size_t)room + 1, sizeof(*meter->bytes));
	if (meter->bytes == NULL)
		return -ENOMEM;
	meter->times = times;
	meter->room = room;
	utils_hist_init(&meter->connect_ns);
	return 0;
}

void
net_meter_fini(struct net_meter *meter)
{
	free((void *)meter->bytes);
	meter->bytes = NULL;
}

uint32_t
net_meter_opened(struct net_meter *meter)
{
	uint64_t number = net_meter_get(&meter->opened), none = 0;
	uint64_t now = utils_clock_ns();

	net_meter_add(&meter->opened, 1);
	atomic_compare_exchange_strong(&meter->times->first, &none, now);
	atomic_store(&meter->times->last, now);
	/* after its time: whoever sees the last one sees when it was */
	atomic_fetch_add(&meter->times->opened, 1);
	return number < meter->room ? (uint32_t)number : meter->room;
}

void
net_meter_closed(struct net_meter *meter)
{
	net_meter_add(&meter->closed, 1);
}

void
net_meter_failed(struct net_meter *meter, const char *what, int error)
{
	uint32_t i = 0;

	net_meter_add(&meter->failed, 1);
	while (i < meter->error_kinds && (meter->errors[i].error != -error ||
	       strcmp(meter->errors[i].what, what) != 0))
		i++;
	if (i == NET_ERRORS)
		i--;		/* the last kind stands for the rest */
	if (i == meter->error_kinds) {
		meter->error_kinds++;
		meter->errors[i].what = what;
		meter->errors[i].error = -error;
	}
	meter->errors[i].count++;
}
