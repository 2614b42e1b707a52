/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetch: gets a document over HTTP/1.0 through an appliance, and writes what
 * the server sent to stdout. The program itself opens no socket.
 *
 *	cc -o fetch fetch.c -lvine
 *	./fetch 127.0.0.1 8080 /index.html
 *
 * The appliance's config must allow it: net_connect tcp:127.0.0.1:8080.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no appliance.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vine/net.h>
#include <vine/vine.h>

enum { DONE = 0, FAILED = 1, USAGE = 2, NO_APPLIANCE = 3 };

#define CHUNK 65536
#define SECOND UINT64_C(1000000000)

static const char help[] =
	"usage: fetch ADDRESS PORT PATH\n"
	"\n"
	"Gets PATH from the HTTP server at the numeric IPv4 ADDRESS through an\n"
	"appliance, and writes what the server sends to stdout.\n"
	"\n"
	"  -h, --help  print this\n"
	"\n"
	"exit codes: 0 done, 1 failed, 2 usage, 3 no appliance\n";

static struct vine_session *session;

static int
complain(const char *what, const char *why)
{
	fprintf(stderr, "fetch: %s: %s\n", what, why);
	return FAILED;
}

/* Carry out one procedure of net; its value, or -1 after saying why not. */
static int64_t
call(const char *name, const void *args, uint32_t size,
     const struct vine_slice *in, const struct vine_slice *out)
{
	struct vine_task_result r = { .size = sizeof(r) };
	struct vine_task_opts o = {
		.size = sizeof(o),
		.args = args,
		.args_size = size,
		.in = in,
		.in_count = in ? 1 : 0,
		.out = out,
		.out_count = out ? 1 : 0,
	};
	vine_task *task;
	int rc = vine_accel_find(session, VINE_NET, VINE_NET_ACCEL, &o.accel);

	if (rc == 0)
		rc = vine_proc_find(session, VINE_NET, name, &o.proc);
	if (rc == 0)
		rc = vine_task_issue_opts(&o, &task);
	if (rc) {
		complain(name, strerror(-rc));
		return -1;
	}
	vine_task_wait_for(task, VINE_FOREVER);
	vine_task_result(task, &r);
	vine_task_free(task);
	if (r.status == VINE_STATUS_OK)
		return (int64_t)r.value;
	fprintf(stderr, "fetch: %s: %s: %s\n", name,
		vine_status_name(r.status), strerror(r.error));
	return -1;
}

/* Ask for the path, then pass on what comes until the end. */
static int
talk(uint32_t socket, const char *path, vine_data *data)
{
	struct vine_net_io io = { .socket = socket, .flags = VINE_NET_ALL };
	struct vine_slice all = vine_slice_all(data), request;
	char *text = vine_data_deref(data);
	int n = snprintf(text, CHUNK, "GET %s HTTP/1.0\r\n\r\n", path);
	int64_t got;

	if (n >= CHUNK)
		return complain(path, "too long");
	vine_slice_of(data, 0, (size_t)n, &request);
	if (call("net_send", &io, sizeof(io), &request, NULL) < 0)
		return FAILED;
	io.flags = 0;
	io.timeout_ns = 30 * SECOND;
	while ((got = call("net_receive", &io, sizeof(io), NULL, &all)) > 0)
		if (fwrite(text, 1, (size_t)got, stdout) != (size_t)got)
			return complain("stdout", "cannot be written");
	return got < 0 || fflush(stdout) != 0 ? FAILED : DONE;
}

static int
fetch(const struct vine_net_open *server, const char *path)
{
	vine_data *data;
	int64_t socket;
	int rc = vine_data_alloc_in(session, CHUNK, 0, &data);

	if (rc)
		return complain("memory", strerror(-rc));
	socket = call("net_connect", server, sizeof(*server), NULL, NULL);
	rc = socket < 0 ? FAILED : talk((uint32_t)socket, path, data);
	vine_data_free(data);
	return rc;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	struct vine_session_opts o = { .size = sizeof(o) };
	struct vine_net_open server = {
		.kind = VINE_NET_STREAM,
		.timeout_ns = 10 * SECOND,
		.address = { .family = VINE_NET_INET },
	};
	int rc, c = getopt_long(argc, argv, "h", options, NULL);

	if (c == 'h') {
		fputs(help, stdout);
		return DONE;
	}
	if (c != -1 || argc - optind != 3 ||
	    inet_pton(AF_INET, argv[optind], server.address.host) != 1) {
		fputs(help, stderr);
		return USAGE;
	}
	server.address.port = (uint16_t)atoi(argv[optind + 1]);
	rc = vine_session_open(&o, &session);
	if (rc) {
		complain("no appliance", strerror(-rc));
		return NO_APPLIANCE;
	}
	rc = fetch(&server, argv[optind + 2]);
	vine_session_close(session);
	return rc;
}
