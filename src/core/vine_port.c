/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer is found in the stream by its magic, wherever it begins: a byte
 * that does not go on with it may be the begin of another. What was meant for
 * an earlier process of the machine has another nonce, or is half an answer.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "arch/spin/arch_port.h"
#include "core/vine_port.h"
#include "utils/utils_clock.h"

#define READS 64	/* at a time: more comes with the next */

int
vine_port_open(struct vine_port *port, const char *name, uint32_t slot,
	       uint64_t nonce, const char **why)
{
	int fd = arch_port_open(name);

	if (fd < 0) {
		*why = "it cannot be opened";
		return fd;
	}
	memset(port, 0, sizeof(*port));
	port->fd = fd;
	port->ask.magic = VINE_PORT_MAGIC;
	port->ask.slot = slot;
	port->ask.nonce = nonce;
	return 0;
}

void
vine_port_close(struct vine_port *port)
{
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
}

int
vine_port_send_ask(const struct vine_port *port)
{
	ssize_t n = write(port->fd, &port->ask, sizeof(port->ask));

	if (n < 0)
		return -errno;
	return n == sizeof(port->ask) ? 0 : -EAGAIN;
}

/* One byte of the stream. Returns 1 where it ends our answer. */
static int
take_byte(struct vine_port *port, uint8_t byte)
{
	const struct vine_port_answer want = {
		VINE_PORT_MAGIC, port->ask.nonce };
	uint8_t whole[sizeof(want)];

	memcpy(whole, &want, sizeof(want));
	if (byte != whole[port->have])
		port->have = 0;
	if (byte == whole[port->have])
		port->have++;
	if (port->have < sizeof(want))
		return 0;
	port->have = 0;
	return 1;
}

int
vine_port_read(struct vine_port *port)
{
	uint8_t bytes[256];
	int found = 0;

	for (int i = 0; i < READS; i++) {
		ssize_t n = read(port->fd, bytes, sizeof(bytes));

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return found | VINE_PORT_AWAY;
		if (n < 0)
			return found;
		found |= VINE_PORT_RUNG;
		for (ssize_t j = 0; j < n; j++)
			if (take_byte(port, bytes[j]))
				found |= VINE_PORT_ANSWERED;
	}
	return found;
}

int
vine_port_greet(struct vine_port *port, int timeout_ms, const char **why)
{
	uint64_t end = utils_clock_ns() + (uint64_t)timeout_ms * 1000000;
	struct pollfd p = { .fd = port->fd, .events = POLLIN };
	uint64_t now;
	int rc = vine_port_send_ask(port);

	*why = rc ? "nobody can be asked" : "nobody answers";
	while (rc == 0 && (now = utils_clock_ns()) < end) {
		int found;

		if (poll(&p, 1, (int)((end - now) / 1000000) + 1) < 0 &&
		    errno != EINTR)
			return -errno;
		found = vine_port_read(port);
		if (found & VINE_PORT_ANSWERED)
			return 0;
		if (found & VINE_PORT_AWAY)
			return -EPIPE;
	}
	return rc ? rc : -ETIMEDOUT;
}
