/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers are put together from bytes; compilers make single loads of it. What
 * is read is judged before anybody sees it.
 */
#include <errno.h>
#include <string.h>

#include "core/vine_limits.h"
#include "rt/rt_rpc_wire.h"
#include "utils/utils_crc32c.h"

#define MAGIC 0x43505256u
#define CRC_AT (RT_RPC_HEAD - 4)

static void
put(uint8_t *to, uint64_t value, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t
get(const uint8_t *from, uint32_t bytes)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < bytes; i++)
		value |= (uint64_t)from[i] << 8 * i;
	return value;
}

void
rt_rpc_head_put(uint8_t to[RT_RPC_HEAD], const struct rt_rpc_head *h)
{
	put(to, MAGIC, 4);
	put(to + 4, RT_RPC_VERSION, 1);
	put(to + 5, h->kind, 1);
	put(to + 6, h->flags, 2);
	put(to + 8, h->number, 8);
	put(to + 16, h->id, 8);
	put(to + 24, h->type, 4);
	put(to + 28, h->status, 4);
	put(to + 32, h->args, 4);
	put(to + 36, h->data, 4);
	put(to + 40, h->room, 4);
	put(to + 44, h->credit, 4);
	put(to + 48, h->wait, 4);
	put(to + 52, h->body, 4);
	put(to + 56, 0, 4);
	put(to + CRC_AT, utils_crc32c(0, to, CRC_AT), 4);
}

int
rt_rpc_head_get(const uint8_t from[RT_RPC_HEAD], struct rt_rpc_head *h)
{
	if (get(from, 4) != MAGIC)
		return -EPROTO;
	if (get(from + CRC_AT, 4) != utils_crc32c(0, from, CRC_AT))
		return -EBADMSG;
	*h = (struct rt_rpc_head){
		.kind = from[5],
		.flags = (uint16_t)get(from + 6, 2),
		.number = get(from + 8, 8),
		.id = get(from + 16, 8),
		.type = (uint32_t)get(from + 24, 4),
		.status = (uint32_t)get(from + 28, 4),
		.args = (uint32_t)get(from + 32, 4),
		.data = (uint32_t)get(from + 36, 4),
		.room = (uint32_t)get(from + 40, 4),
		.credit = (uint32_t)get(from + 44, 4),
		.wait = (uint32_t)get(from + 48, 4),
		.body = (uint32_t)get(from + 52, 4),
	};
	/* a hello or a bye of another version has its form and says so */
	if (from[4] != RT_RPC_VERSION && h->kind != RT_RPC_HELLO &&
	    h->kind != RT_RPC_BYE)
		return -EPROTO;
	if (h->kind < RT_RPC_HELLO || h->kind > RT_RPC_BYE ||
	    h->args > VINE_RPC_ARGS)
		return -EPROTO;
	return 0;
}

void
rt_rpc_hello_put(uint8_t to[RT_RPC_HELLO_BYTES], const struct rt_rpc_hello *h)
{
	put(to, h->oldest, 2);
	put(to + 2, h->newest, 2);
	put(to + 4, h->wishes, 4);
	put(to + 8, h->data, 4);
	put(to + 12, 0, 4);
	put(to + 16, h->window, 8);
}

void
rt_rpc_hello_get(const uint8_t from[RT_RPC_HELLO_BYTES], struct rt_rpc_hello *h)
{
	h->oldest = (uint16_t)get(from, 2);
	h->newest = (uint16_t)get(from + 2, 2);
	h->wishes = (uint32_t)get(from + 4, 4);
	h->data = (uint32_t)get(from + 8, 4);
	h->window = get(from + 16, 8);
}
