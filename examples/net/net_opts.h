/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options: what the command line of a stress program asks for. The programs are
 * a pair: a srv sends to whoever connects, a clt opens sockets and reads.
 */
#ifndef NET_OPTS_H
#define NET_OPTS_H

#include <netinet/in.h>
#include <stdint.h>

#include "rt/rt_wait.h"

enum net_role { NET_SRV = 1, NET_CLT = 2 };

/* How a stress program ends. */
enum net_exit {
	NET_EXIT_OK = 0,	/* all was opened, nothing failed */
	NET_EXIT_FAILED = 1,	/* a connection failed, or was not opened */
	NET_EXIT_USAGE = 2,	/* the command line is wrong */
	NET_EXIT_START = 3,	/* a thread could not begin */
};

struct net_opts {
	const char *program;	/* its name, for messages */
	enum net_role role;
	struct in_addr host;	/* the first of the addresses */
	uint32_t port;
	uint32_t addresses;	/* that follow each other */
	uint32_t threads;
	uint32_t sockets;	/* of a thread; clt */
	uint32_t rate;		/* opened by a thread in a second; 0: no limit */
	uint32_t dialing;	/* being opened by a thread at a time, at most */
	uint32_t size;		/* bytes of a call */
	uint32_t send_buffer;	/* bytes, SO_SNDBUF; srv */
	uint32_t seconds;	/* 0: no end */
	enum rt_wait_engine engine;
	int verbose;
	const char *json;	/* file, "-" for stdout, or NULL */
};

/*
 * net_opts_read reads a command line, argv[0] of which is left out. With
 * `engines` there is an option for the runtime's engine. It prints help and what
 * is wrong. Strings stay argv's. Returns 1 to go on, or 0 where the program is
 * to end with *status.
 */
int net_opts_read(int argc, char **argv, const char *program,
		  enum net_role role, int engines, struct net_opts *opts,
		  int *status);

/* net_opts_address returns the address of a number, below `addresses`. */
struct sockaddr_in net_opts_address(const struct net_opts *opts,
				    uint32_t number);

#endif
