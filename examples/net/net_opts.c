/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options that are numbers stand in a table, of which getopt_long's and the
 * help are made.
 */
#include "net_opts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_NUMBERS = 256, OPT_HOST = 512, OPT_ENGINE, OPT_JSON, OPT_HELP };

#define BOTH (NET_SRV | NET_CLT)

static const struct number {
	const char *name;
	size_t at;		/* in struct net_opts */
	uint32_t preset, min, max;
	int roles;		/* that have it */
	const char *help;
} numbers[] = {
#define AT(member) offsetof(struct net_opts, member)
	{ "threads", AT(threads), 8, 1, 256, BOTH,
	  "threads, each with descriptors of its own" },
	{ "port", AT(port), 7077, 1, 65535, BOTH, "port of each address" },
	{ "addresses", AT(addresses), 8, 1, 64, BOTH,
	  "addresses, from HOST on; a port of one has 28232\n"
	  "                      connections of a client, most often" },
	{ "sockets", AT(sockets), 4096, 1, 1000000, NET_CLT,
	  "sockets that a thread opens" },
	{ "rate", AT(rate), 0, 0, 1000000, NET_CLT,
	  "sockets that a thread opens in a second; 0: as fast\n"
	  "                      as they go" },
	{ "dialing", AT(dialing), 1024, 1, 4096, NET_CLT,
	  "sockets that a thread is opening at a time, at most" },
	{ "size", AT(size), 16384, 1, 16777216, BOTH,
	  "bytes that one call sends, or has room for" },
	{ "send-buffer", AT(send_buffer), 65536, 0, 16777216, NET_SRV,
	  "SO_SNDBUF of each connection; 0: the kernel's choice,\n"
	  "                      which takes 260 KiB where the reader is slow" },
	{ "seconds", AT(seconds), 0, 0, 1000000, BOTH,
	  "end after so many seconds; 0: go on" },
#undef AT
};

#define NUMBERS (sizeof(numbers) / sizeof(*numbers))

static void
print_usage(const struct net_opts *opts, int engines)
{
	const int srv = opts->role == NET_SRV;

	printf("usage: %s [options]\n%s\n\n", opts->program, srv ?
	       "Sends to whoever connects, without end." :
	       "Opens sockets to srv and reads what it sends.");
	printf("  --host HOST         first address, IPv4 "
	       "(default 127.0.0.1)\n");
	for (size_t i = 0; i < NUMBERS; i++)
		if (numbers[i].roles & (int)opts->role)
			printf("  --%-11s N     %s (default %u)\n",
			       numbers[i].name, numbers[i].help,
			       numbers[i].preset);
	if (engines)
		printf("  --engine NAME       auto, uring or epoll "
		       "(default auto)\n");
	printf("  -v                  a line a second for each thread, too\n"
	       "  --json FILE         the report as JSON to FILE ('-': "
	       "stdout)\n"
	       "  --help              print this and end\n\n");
	printf("%s ends after --seconds, counted from %s;\n%s"
	       "on SIGINT and SIGTERM; each time with its report.\n\n",
	       opts->program, srv ? "the last connection that came" :
	       "when all sockets were opened",
	       srv ? "" : "when srv has closed every connection; ");
	printf("Exit status: 0 nothing failed, 1 a connection failed or was "
	       "not opened,\n2 usage, 3 a thread could not begin.\n");
}

static int
wrong(const struct net_opts *opts, const char *option, const char *value,
      const char *expected)
{
	fprintf(stderr, "%s: --%s %s: expected %s\n", opts->program, option,
		value, expected);
	return -EINVAL;
}

static int
read_number(struct net_opts *opts, const struct number *number,
	    const char *text)
{
	char expected[64];
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || n < number->min ||
	    n > number->max) {
		snprintf(expected, sizeof(expected), "a number from %u to %u",
			 number->min, number->max);
		return wrong(opts, number->name, text, expected);
	}
	*(uint32_t *)(void *)((char *)opts + number->at) = (uint32_t)n;
	return 0;
}

static int
read_engine(struct net_opts *opts, const char *text)
{
	static const char *const names[] = {
		[RT_WAIT_AUTO] = "auto",
		[RT_WAIT_URING] = "uring",
		[RT_WAIT_EPOLL] = "epoll",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i], text) == 0) {
			opts->engine = (enum rt_wait_engine)i;
			return 0;
		}
	}
	return wrong(opts, "engine", text, "auto, uring or epoll");
}

static int
read_option(struct net_opts *opts, int option, const char *value)
{
	switch (option) {
	case OPT_HOST:
		if (inet_pton(AF_INET, value, &opts->host) == 1)
			return 0;
		return wrong(opts, "host", value,
			     "an IPv4 address, such as 127.0.0.1");
	case OPT_ENGINE:
		return read_engine(opts, value);
	case OPT_JSON:
		opts->json = value;
		return 0;
	case 'v':
		opts->verbose = 1;
		return 0;
	default:
		if (option < OPT_NUMBERS ||
		    option >= OPT_NUMBERS + (int)NUMBERS)
			return -EINVAL;	/* getopt has said it */
		return read_number(opts, &numbers[option - OPT_NUMBERS], value);
	}
}

/* The options of a role, for getopt_long. */
static void
list_options(enum net_role role, int engines,
	     struct option longs[NUMBERS + 5])
{
	size_t n = 0;

	for (size_t i = 0; i < NUMBERS; i++)
		if (numbers[i].roles & (int)role)
			longs[n++] = (struct option){ numbers[i].name,
				required_argument, NULL, OPT_NUMBERS + (int)i };
	if (engines)
		longs[n++] = (struct option){ "engine", required_argument,
			NULL, OPT_ENGINE };
	longs[n++] = (struct option){ "host", required_argument, NULL,
		OPT_HOST };
	longs[n++] = (struct option){ "json", required_argument, NULL,
		OPT_JSON };
	longs[n++] = (struct option){ "help", no_argument, NULL, OPT_HELP };
	longs[n] = (struct option){ NULL, 0, NULL, 0 };
}

int
net_opts_read(int argc, char **argv, const char *program, enum net_role role,
	      int engines, struct net_opts *opts, int *status)
{
	struct option longs[NUMBERS + 5];
	int option;

	*status = NET_EXIT_USAGE;
	*opts = (struct net_opts){ .program = program, .role = role };
	opts->host.s_addr = htonl(INADDR_LOOPBACK);
	for (size_t i = 0; i < NUMBERS; i++)
		*(uint32_t *)(void *)((char *)opts + numbers[i].at) =
			numbers[i].preset;
	list_options(role, engines, longs);
	while ((option = getopt_long(argc, argv, "v", longs, NULL)) != -1) {
		if (option == OPT_HELP) {
			print_usage(opts, engines);
			*status = NET_EXIT_OK;
			return 0;
		}
		if (read_option(opts, option, optarg))
			return 0;
	}
	if (optind < argc) {
		fprintf(stderr, "%s: %s: expected options only; see --help\n",
			program, argv[optind]);
		return 0;
	}
	return 1;
}

struct sockaddr_in
net_opts_address(const struct net_opts *opts, uint32_t number)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)opts->port),
		.sin_addr.s_addr = htonl(ntohl(opts->host.s_addr) + number),
	};
}
