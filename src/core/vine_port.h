/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port: a session's bell that is a byte in a virtio-serial port.
 *
 * The application says through the port which slot and which nonce it has; the
 * appliance, at the socket that is the other end, says the nonce back and from
 * then on writes a byte there where it would ring. All words are little-endian
 * and of 64 bits. The application asks again whenever the other end has been
 * away, for an appliance that was started again knows nothing of it.
 */
#ifndef VINE_PORT_H
#define VINE_PORT_H

#include <stddef.h>
#include <stdint.h>

#define VINE_PORT_MAGIC UINT64_C(0x54524f50454e4956)	/* "VINEPORT" */

/* The application's words. */
struct vine_port_ask {
	uint64_t magic;
	uint64_t slot;
	uint64_t nonce;
};

/* The appliance's. Any other byte from there is a ring. */
struct vine_port_answer {
	uint64_t magic;
	uint64_t nonce;
};

struct vine_port {
	int fd;			/* -1: none */
	struct vine_port_ask ask;
	uint8_t text[sizeof(struct vine_port_answer)];	/* of an answer */
	size_t have;		/* bytes of it */
};

/* What vine_port_read found. */
enum {
	VINE_PORT_RUNG = 1,
	VINE_PORT_ANSWERED = 2,
	VINE_PORT_AWAY = 4,	/* nobody is at the other end */
};

/*
 * vine_port_open opens the port of a name for a session. The caller closes it
 * by vine_port_close. Does not block. Returns 0 or -errno of arch_port_open;
 * *why is then what could not be done.
 */
int vine_port_open(struct vine_port *port, const char *name, uint32_t slot,
		   uint64_t nonce, const char **why);

/*
 * vine_port_greet asks, and waits for the answer. Blocks up to timeout_ms.
 * Returns 0, or -ETIMEDOUT, or -EPIPE where nobody is at the other end, or
 * -errno of poll and write; *why is then what could not be done.
 */
int vine_port_greet(struct vine_port *port, int timeout_ms, const char **why);

/* vine_port_send_ask asks. Does not block; who was not heard asks again later.
 * Returns 0 or -errno of write. */
int vine_port_send_ask(const struct vine_port *port);

/* vine_port_read takes in what has come. Does not block. Returns what it was,
 * the bits above, or 0. One thread at a time. */
int vine_port_read(struct vine_port *port);

/* vine_port_close closes it. */
void vine_port_close(struct vine_port *port);

#endif
