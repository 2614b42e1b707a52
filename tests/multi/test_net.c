/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of the net accelerator with the real vined and the sockets of this
 * machine: streams and datagrams of each family, waits that end early, who may
 * use what, and what is left when sessions end.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <vine/net.h>
#include <vine/vine.h>

#include "segment_view.h"

#define SECOND INT64_C(1000000000)
#define MS UINT64_C(1000000)
#define MIB (1 << 20)

static struct appliance appliance;
static struct vine_session *s;

/* A configured appliance, by engine i, and a session. */
static void
begin(int i, const char *tag, const char *more)
{
	char text[1024], name[64];

	snprintf(name, sizeof(name), "%s%d", tag, i);
	snprintf(text, sizeof(text), "shm_size 64M\nio_engine %s\n%s",
		 i && appliance_has_rings() ? "uring" : "epoll", more);
	appliance_start(&appliance, name, text);
	ck_assert_int_eq(vine_session_open(&(struct vine_session_opts){
		.size = sizeof(struct vine_session_opts),
		.config_file = appliance.config }, &s), 0);
}

static void
end(void)
{
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}

/* --- tasks --- */

static vine_task *
issue_in(struct vine_session *session, const char *proc, const void *args,
	 size_t size, vine_data *in, vine_data *out)
{
	struct vine_slice slices[2];
	struct vine_task_opts o = { .size = sizeof(o) };
	vine_task *task;

	ck_assert_int_eq(vine_accel_find(session, VINE_NET, VINE_NET_ACCEL,
					 &o.accel), 0);
	ck_assert_int_eq(vine_proc_find(session, VINE_NET, proc, &o.proc), 0);
	o.args = args;
	o.args_size = (uint32_t)size;
	if (in) {
		slices[0] = vine_slice_all(in);
		o.in = &slices[0];
		o.in_count = 1;
	}
	if (out) {
		slices[1] = vine_slice_all(out);
		o.out = &slices[1];
		o.out_count = 1;
	}
	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	return task;
}

static struct vine_task_result
result_of(vine_task *task)
{
	struct vine_task_result r = { .size = sizeof(r) };

	ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
	ck_assert_int_eq(vine_task_result(task, &r), 0);
	vine_task_free(task);
	return r;
}

static struct vine_task_result
call(const char *proc, const void *args, size_t size, vine_data *in,
     vine_data *out)
{
	return result_of(issue_in(s, proc, args, size, in, out));
}

#define OPEN(proc, args) call(proc, &(args), sizeof(args), NULL, NULL)

static vine_task *
start_io(const char *proc, uint32_t number, uint32_t flags, uint64_t timeout,
	 vine_data *in, vine_data *out)
{
	struct vine_net_io io = { number, flags, timeout };

	return issue_in(s, proc, &io, sizeof(io), in, out);
}

static struct vine_task_result
io(const char *proc, uint32_t number, uint32_t flags, vine_data *in,
   vine_data *out)
{
	return result_of(start_io(proc, number, flags, 0, in, out));
}

#define FAILS(r, expected, number) do { \
	struct vine_task_result r_ = (r); \
	ck_assert_int_eq(r_.status, (expected)); \
	ck_assert_int_eq(r_.error, (number)); \
} while (0)

static uint32_t
works(struct vine_task_result r)
{
	ck_assert_msg(r.status == VINE_STATUS_OK, "status %s, errno %d",
		      vine_status_name(r.status), r.error);
	return (uint32_t)r.value;
}

static vine_data *
data_of(size_t size)
{
	vine_data *d;

	ck_assert_int_eq(vine_data_alloc_in(s, size, 0, &d), 0);
	memset(vine_data_deref(d), 0, size);
	return d;
}

static vine_data *
text_of(const char *text)
{
	vine_data *d = data_of(strlen(text));

	memcpy(vine_data_deref(d), text, strlen(text));
	return d;
}

/* --- addresses --- */

static struct vine_net_open
at_inet(uint32_t kind, uint16_t port)
{
	struct vine_net_open o = { .kind = kind };

	o.address.family = VINE_NET_INET;
	o.address.port = port;
	o.address.host[0] = 127;
	o.address.host[3] = 1;
	return o;
}

static struct vine_net_open
at_inet6(uint32_t kind, uint16_t port)
{
	struct vine_net_open o = { .kind = kind };

	o.address.family = VINE_NET_INET6;
	o.address.port = port;
	o.address.host[15] = 1;
	return o;
}

static struct vine_net_open
at_path(uint32_t kind, const char *path)
{
	struct vine_net_open o = { .kind = kind };

	o.address.family = VINE_NET_UNIX;
	strcpy((char *)o.address.host, path);
	return o;
}

static struct vine_net_address
address_of(uint32_t number, uint32_t flags)
{
	vine_data *d = data_of(sizeof(struct vine_net_address));
	struct vine_net_address a;

	works(io("net_address", number, flags, NULL, d));
	memcpy(&a, vine_data_deref(d), sizeof(a));
	vine_data_free(d);
	return a;
}

static const char everything[] =
	"net_listen tcp:127.0.0.1:*\nnet_listen tcp:[::1]:*\n"
	"net_listen udp:*:*\nnet_connect tcp:127.0.0.0/8:*\n"
	"net_connect tcp:[::1]:*\nnet_connect udp:*:*\n";

/* --- streams --- */

/* A pair of sockets that are connected to each other. */
static void
connect_pair(struct vine_net_open at, uint32_t pair[2])
{
	uint32_t listener = works(OPEN("net_listen", at));
	vine_task *accept = start_io("net_accept", listener, 0, 0, NULL, NULL);

	if (at.address.family != VINE_NET_UNIX)
		at.address.port = address_of(listener, 0).port;
	pair[0] = works(OPEN("net_connect", at));
	pair[1] = works(result_of(accept));
	works(io("net_close", listener, 0, NULL, NULL));
}

static void
talk(const uint32_t pair[2])
{
	vine_data *ping = text_of("ping"), *pong = text_of("pong, at length");
	vine_data *in = data_of(100);
	vine_task *wait = start_io("net_receive", pair[1], 0, 0, NULL, in);

	ck_assert_uint_eq(works(io("net_send", pair[0], VINE_NET_ALL, ping,
				   NULL)), 4);
	ck_assert_uint_eq(works(result_of(wait)), 4);
	ck_assert_mem_eq(vine_data_deref(in), "ping", 4);
	ck_assert_uint_eq(works(io("net_send", pair[1], VINE_NET_ALL, pong,
				   NULL)), 15);
	ck_assert_uint_eq(works(io("net_receive", pair[0], 0, NULL, in)), 15);
	ck_assert_mem_eq(vine_data_deref(in), "pong, at length", 15);
	works(io("net_shutdown", pair[0], VINE_NET_OUT, NULL, NULL));
	ck_assert_uint_eq(works(io("net_receive", pair[1], 0, NULL, in)), 0);
	FAILS(io("net_receive", pair[1], VINE_NET_ALL, NULL, in),
	      VINE_STATUS_FAILED, EPIPE);
	vine_data_free(ping);
	vine_data_free(pong);
	vine_data_free(in);
}

START_TEST(streams_of_every_family_talk)
{
	char more[1024], path[256], directory[300];
	struct vine_net_open at[3];

	appliance_path(path, sizeof(path), "stream");
	snprintf(more, sizeof(more), "%snet_listen unix:%s/*\n"
		 "net_connect unix:%s\n", everything, appliance_folder, path);
	begin(_i, "streams", more);
	at[0] = at_inet(VINE_NET_STREAM, 0);
	at[1] = at_inet6(VINE_NET_STREAM, 0);
	at[2] = at_path(VINE_NET_STREAM, path);
	for (int i = 0; i < 3; i++) {
		uint32_t pair[2];

		connect_pair(at[i], pair);
		talk(pair);
		works(io("net_close", pair[0], 0, NULL, NULL));
		works(io("net_close", pair[1], 0, NULL, NULL));
		FAILS(io("net_close", pair[1], 0, NULL, NULL),
		      VINE_STATUS_FAILED, EBADF);
	}
	ck_assert_int_ne(access(path, F_OK), 0);	/* went with its socket */
	/* the directory's rule is for what lies in it alone */
	snprintf(directory, sizeof(directory), "%s/../stream",
		 appliance_folder);
	at[2] = at_path(VINE_NET_STREAM, directory);
	FAILS(OPEN("net_listen", at[2]), VINE_STATUS_REFUSED, EACCES);
	end();
}
END_TEST

static void
fill(vine_data *d, uint32_t seed)
{
	uint32_t *p = vine_data_deref(d);

	for (size_t i = 0; i < vine_data_size(d) / 4; i++)
		p[i] = seed = seed * 1664525 + 1013904223;
}

START_TEST(much_goes_through_whole_both_ways_at_once)
{
	vine_data *out[2], *in[2];
	vine_task *send[2], *receive[2];
	uint32_t pair[2];

	begin(_i, "much", everything);
	connect_pair(at_inet(VINE_NET_STREAM, 0), pair);
	for (uint32_t i = 0; i < 2; i++) {
		out[i] = data_of(8 * MIB);
		in[i] = data_of(8 * MIB);
		fill(out[i], i + 7);
	}
	for (int i = 0; i < 2; i++) {
		send[i] = start_io("net_send", pair[i], VINE_NET_ALL, 0,
				   out[i], NULL);
		receive[i] = start_io("net_receive", pair[i], VINE_NET_ALL, 0,
				      NULL, in[i]);
	}
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(works(result_of(send[i])), 8 * MIB);
		ck_assert_uint_eq(works(result_of(receive[i])), 8 * MIB);
	}
	for (int i = 0; i < 2; i++)
		ck_assert_mem_eq(vine_data_deref(in[i]),
				 vine_data_deref(out[1 - i]), 8 * MIB);
	end();
}
END_TEST

START_TEST(a_task_that_waits_holds_up_no_other_and_one_of_a_kind_waits)
{
	vine_data *in, *ping;
	uint32_t pair[2];
	vine_task *wait;

	begin(_i, "waits", everything);
	in = data_of(16);
	ping = text_of("ping");
	connect_pair(at_inet(VINE_NET_STREAM, 0), pair);
	wait = start_io("net_receive", pair[0], 0, 0, NULL, in);
	FAILS(io("net_receive", pair[0], 0, NULL, in), VINE_STATUS_FAILED,
	      EBUSY);
	for (int i = 0; i < 100; i++)
		works(io("net_send", pair[0], 0, ping, NULL));
	ck_assert_int_eq(vine_task_wait_for(wait, 0), -ETIMEDOUT);
	works(io("net_send", pair[1], 0, ping, NULL));
	ck_assert_uint_eq(works(result_of(wait)), 4);
	end();
}
END_TEST

#define OTHERS 8

/* Others of a kind, several at a time, until a task has ended. */
static void
disturb(vine_task *task, const char *proc, uint32_t number, vine_data *in,
	vine_data *out)
{
	vine_task *others[OTHERS];

	while (vine_task_wait_for(task, 0) == -ETIMEDOUT) {
		for (int i = 0; i < OTHERS; i++)
			others[i] = start_io(proc, number, 0, 1, in, out);
		for (int i = 0; i < OTHERS; i++)
			(void)result_of(others[i]);
	}
}

/* The one that was first has the socket until it ends, not until it waits. */
START_TEST(what_a_task_sends_or_receives_is_not_mixed_with_that_of_others)
{
	vine_data *much, *room, *ping, *in;
	vine_task *send, *receive;
	uint32_t pair[2];

	begin(_i, "mixed", everything);
	much = data_of(16 * MIB);
	room = data_of(16 * MIB);
	ping = text_of("ping");
	in = data_of(4);
	fill(much, 11);
	for (int i = 0; i < 2; i++) {
		connect_pair(at_inet(VINE_NET_STREAM, 0), pair);
		send = start_io("net_send", pair[0], VINE_NET_ALL, 0, much,
				NULL);
		receive = start_io("net_receive", pair[1], VINE_NET_ALL,
				   20000 * MS, NULL, room);
		if (i)
			disturb(send, "net_send", pair[0], ping, NULL);
		else
			disturb(receive, "net_receive", pair[1], NULL, in);
		ck_assert_uint_eq(works(result_of(send)), 16 * MIB);
		ck_assert_uint_eq(works(result_of(receive)), 16 * MIB);
		ck_assert_int_eq(memcmp(vine_data_deref(much),
					vine_data_deref(room), 16 * MIB), 0);
	}
	end();
}
END_TEST

START_TEST(a_timeout_beyond_all_times_is_none)
{
	struct vine_net_open at = at_inet(VINE_NET_STREAM, 0);
	vine_data *in, *ping;
	uint32_t pair[2];
	vine_task *wait;

	begin(_i, "forever", everything);
	in = data_of(16);
	ping = text_of("ping");
	at.timeout_ns = UINT64_MAX;
	connect_pair(at, pair);
	wait = start_io("net_receive", pair[0], 0, UINT64_MAX, NULL, in);
	works(io("net_send", pair[0], 0, ping, NULL));
	ck_assert_int_eq(vine_task_wait_for(wait, 0), -ETIMEDOUT);
	works(io("net_send", pair[1], 0, ping, NULL));
	ck_assert_uint_eq(works(result_of(wait)), 4);
	end();
}
END_TEST

START_TEST(waits_end_by_timeout_by_cancel_and_when_the_socket_is_closed)
{
	struct vine_net_open at = at_inet(VINE_NET_STREAM, 0);
	uint32_t pair[2], listener;
	vine_data *in;
	vine_task *wait;

	begin(_i, "early", everything);
	in = data_of(16);
	connect_pair(at, pair);
	FAILS(result_of(start_io("net_receive", pair[0], 0, 20 * MS, NULL, in)),
	      VINE_STATUS_FAILED, ETIMEDOUT);
	wait = start_io("net_receive", pair[0], 0, 0, NULL, in);
	ck_assert_int_eq(vine_task_cancel(wait), 0);
	FAILS(result_of(wait), VINE_STATUS_CANCELED, ECANCELED);
	wait = start_io("net_receive", pair[0], 0, 0, NULL, in);
	works(io("net_close", pair[0], 0, NULL, NULL));
	FAILS(result_of(wait), VINE_STATUS_FAILED, ECANCELED);
	listener = works(OPEN("net_listen", at));
	FAILS(result_of(start_io("net_accept", listener, 0, 20 * MS, NULL,
				 NULL)), VINE_STATUS_FAILED, ETIMEDOUT);
	wait = start_io("net_accept", listener, 0, 0, NULL, NULL);
	works(io("net_close", listener, 0, NULL, NULL));
	FAILS(result_of(wait), VINE_STATUS_FAILED, ECANCELED);
	end();
}
END_TEST

/* Its descriptor's number may be another's as soon as it is closed. */
START_TEST(a_task_at_work_on_a_closed_socket_does_not_go_on_with_the_next)
{
	struct vine_net_open at = at_inet(VINE_NET_STREAM, 0);
	vine_data *much, *room, *ping, *in;
	uint32_t listener, old[2], new[2];

	begin(_i, "reuse", everything);
	much = data_of(4 * MIB);
	room = data_of(8 * MIB);
	ping = text_of("ping");
	in = data_of(4);
	listener = works(OPEN("net_listen", at));
	at.address.port = address_of(listener, 0).port;
	for (int i = 0; i < 40; i++) {
		vine_task *receive, *send;

		old[0] = works(OPEN("net_connect", at));
		old[1] = works(io("net_accept", listener, 0, NULL, NULL));
		receive = start_io("net_receive", old[0], VINE_NET_ALL, 0,
				   NULL, room);
		send = start_io("net_send", old[1], VINE_NET_ALL, 0, much,
				NULL);
		works(io("net_close", old[0], 0, NULL, NULL));
		new[0] = works(OPEN("net_connect", at));
		new[1] = works(io("net_accept", listener, 0, NULL, NULL));
		works(io("net_send", new[1], VINE_NET_ALL, ping, NULL));
		FAILS(result_of(start_io("net_receive", new[0], VINE_NET_ALL,
					 5000 * MS, NULL, in)),
		      VINE_STATUS_OK, 0);
		ck_assert_mem_eq(vine_data_deref(in), "ping", 4);
		FAILS(result_of(receive), VINE_STATUS_FAILED, ECANCELED);
		(void)result_of(send);
		works(io("net_close", old[1], 0, NULL, NULL));
		works(io("net_close", new[0], 0, NULL, NULL));
		works(io("net_close", new[1], 0, NULL, NULL));
	}
	end();
}
END_TEST

/* --- datagrams --- */

START_TEST(datagrams_keep_their_bounds_and_say_whence_they_come)
{
	struct vine_net_open at = at_inet(VINE_NET_DATAGRAM, 0);
	struct vine_net_to to = { .address = at.address };
	vine_data *ping, *first, *whence, *in;
	struct vine_slice out[2];
	struct vine_task_opts o = { .size = sizeof(o) };
	struct vine_net_address a;
	struct vine_net_io from;
	vine_task *task;
	uint32_t one, two;

	begin(_i, "datagrams", everything);
	ping = text_of("ping");
	first = text_of("a longer one");
	whence = data_of(sizeof(a));
	in = data_of(100);
	one = works(OPEN("net_bind", at));
	two = works(OPEN("net_bind", at));
	to.io.socket = one;
	to.address.port = address_of(two, 0).port;
	ck_assert_uint_eq(works(call("net_send_to", &to, sizeof(to), first,
				     NULL)), 12);
	ck_assert_uint_eq(works(call("net_send_to", &to, sizeof(to), ping,
				     NULL)), 4);
	from = (struct vine_net_io){ .socket = two };
	out[0] = vine_slice_all(whence);
	out[1] = vine_slice_all(in);
	o.out = out;
	o.out_count = 2;
	o.args = &from;
	o.args_size = sizeof(from);
	ck_assert_int_eq(vine_accel_find(s, VINE_NET, VINE_NET_ACCEL,
					 &o.accel), 0);
	ck_assert_int_eq(vine_proc_find(s, VINE_NET, "net_receive_from",
					&o.proc), 0);
	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	ck_assert_uint_eq(works(result_of(task)), 12);
	memcpy(&a, vine_data_deref(whence), sizeof(a));
	ck_assert_uint_eq(a.family, VINE_NET_INET);
	ck_assert_uint_eq(a.port, address_of(one, 0).port);
	ck_assert_uint_eq(works(io("net_receive", two, 0, NULL, in)), 4);
	ck_assert_mem_eq(vine_data_deref(in), "ping", 4);
	FAILS(io("net_accept", two, 0, NULL, NULL), VINE_STATUS_FAILED,
	      ENOTSOCK);
	end();
}
END_TEST

/* --- files --- */

START_TEST(files_are_sent_from_their_directory_and_from_nowhere_else)
{
	struct vine_net_file file = { .length = UINT64_MAX };
	char more[1024], path[512];
	static char text[200001];
	uint32_t pair[2];
	vine_data *in;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + i % 26);
	appliance_path(path, sizeof(path), "sent.txt");
	appliance_write(path, text);
	snprintf(more, sizeof(more), "%snet_files %s\n", everything,
		 appliance_folder);
	begin(_i, "files", more);
	in = data_of(sizeof(text) - 1 - 1000);
	connect_pair(at_inet(VINE_NET_STREAM, 0), pair);
	file.io.socket = pair[0];
	file.offset = 1000;
	strcpy(file.name, "sent.txt");
	ck_assert_uint_eq(works(call("net_send_file", &file, sizeof(file),
				     NULL, NULL)), sizeof(text) - 1 - 1000);
	works(io("net_receive", pair[1], VINE_NET_ALL, NULL, in));
	ck_assert_mem_eq(vine_data_deref(in), text + 1000,
			 sizeof(text) - 1 - 1000);
	file.offset = sizeof(text);
	ck_assert_uint_eq(works(call("net_send_file", &file, sizeof(file),
				     NULL, NULL)), 0);
	appliance_path(path, sizeof(path), "a_link");
	unlink(path);
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	strcpy(file.name, "a_link");
	FAILS(call("net_send_file", &file, sizeof(file), NULL, NULL),
	      VINE_STATUS_REFUSED, EACCES);
	strcpy(file.name, "../../etc/passwd");
	FAILS(call("net_send_file", &file, sizeof(file), NULL, NULL),
	      VINE_STATUS_FAILED, EINVAL);
	strcpy(file.name, "/etc/passwd");
	FAILS(call("net_send_file", &file, sizeof(file), NULL, NULL),
	      VINE_STATUS_FAILED, EINVAL);
	strcpy(file.name, "not there");
	FAILS(call("net_send_file", &file, sizeof(file), NULL, NULL),
	      VINE_STATUS_FAILED, ENOENT);
	memset(file.name, 'x', sizeof(file.name));
	FAILS(call("net_send_file", &file, sizeof(file), NULL, NULL),
	      VINE_STATUS_FAILED, EINVAL);
	end();
}
END_TEST

/* --- who may what --- */

START_TEST(what_the_rules_do_not_name_is_refused)
{
	struct vine_net_open at = at_inet(VINE_NET_STREAM, 7000);
	struct vine_net_to to = { .address = at.address };
	uint32_t udp;

	begin(_i, "rules", "net_listen tcp:127.0.0.1:7001-7003\n"
	      "net_listen udp:127.0.0.1:*\nnet_connect udp:10.0.0.0/8:53\n");
	FAILS(OPEN("net_listen", at), VINE_STATUS_REFUSED, EACCES);
	at.address.port = 0;
	FAILS(OPEN("net_listen", at), VINE_STATUS_REFUSED, EACCES);
	FAILS(OPEN("net_connect", at), VINE_STATUS_REFUSED, EACCES);
	/* the same address, dressed as another family's */
	at = at_inet6(VINE_NET_STREAM, 7001);
	memcpy(at.address.host + 10, "\377\377\177\0\0\2", 6);
	FAILS(OPEN("net_listen", at), VINE_STATUS_REFUSED, EACCES);
	at = at_inet(VINE_NET_DATAGRAM, 0);
	udp = works(OPEN("net_bind", at));
	to.io.socket = udp;
	to.address.port = 53;
	vine_data *d = text_of("x");
	FAILS(call("net_send_to", &to, sizeof(to), d, NULL),
	      VINE_STATUS_REFUSED, EACCES);
	at = at_path(VINE_NET_STREAM, "/run/x");
	FAILS(OPEN("net_connect", at), VINE_STATUS_REFUSED, EACCES);
	end();
}
END_TEST

START_TEST(bad_arguments_are_einval)
{
	struct vine_net_open at = at_inet(VINE_NET_STREAM, 0);
	struct vine_net_open bad;
	uint32_t pair[2];
	vine_data *d;

	begin(_i, "bad", everything);
	d = data_of(8);
	connect_pair(at, pair);
	FAILS(call("net_listen", &at, sizeof(at) - 8, NULL, NULL),
	      VINE_STATUS_FAILED, EINVAL);
	FAILS(call("net_listen", &at, sizeof(at), d, NULL), VINE_STATUS_FAILED,
	      EINVAL);
	bad = at;
	bad.kind = 3;
	FAILS(OPEN("net_listen", bad), VINE_STATUS_FAILED, EINVAL);
	bad = at;
	bad.flags = 1u << 31;
	FAILS(OPEN("net_listen", bad), VINE_STATUS_FAILED, EINVAL);
	bad = at;
	bad.reserved = 1;
	FAILS(OPEN("net_listen", bad), VINE_STATUS_FAILED, EINVAL);
	bad = at;
	bad.address.family = 9;
	FAILS(OPEN("net_listen", bad), VINE_STATUS_FAILED, EAFNOSUPPORT);
	bad = at;
	bad.kind = VINE_NET_DATAGRAM;
	FAILS(OPEN("net_listen", bad), VINE_STATUS_FAILED, EINVAL);
	bad = at;
	bad.address.family = VINE_NET_UNIX;
	memset(bad.address.host, 'x', sizeof(bad.address.host));
	FAILS(OPEN("net_listen", bad), VINE_STATUS_FAILED, EINVAL);
	FAILS(io("net_shutdown", pair[0], 0, NULL, NULL), VINE_STATUS_FAILED,
	      EINVAL);
	FAILS(io("net_address", pair[0], 0, NULL, d), VINE_STATUS_FAILED,
	      EINVAL);
	FAILS(io("net_close", 0, 0, NULL, NULL), VINE_STATUS_FAILED, EBADF);
	FAILS(io("net_close", pair[0] + (1u << 16), 0, NULL, NULL),
	      VINE_STATUS_FAILED, EBADF);
	FAILS(io("net_close", 0xffffffff, 0, NULL, NULL), VINE_STATUS_FAILED,
	      EBADF);
	FAILS(io("net_accept", pair[0], 0, NULL, NULL), VINE_STATUS_FAILED,
	      ENOTSOCK);
	end();
}
END_TEST

/* How many descriptors vined has open. */
static uint32_t
descriptors(void)
{
	char path[64];
	uint32_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)appliance.pid);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

START_TEST(a_session_has_its_own_sockets_so_many_and_none_after_its_end)
{
	struct vine_net_open at = at_inet(VINE_NET_STREAM, 0);
	struct vine_session *other;
	uint32_t before, mine, theirs;
	int64_t until;

	begin(_i, "own", "net_listen tcp:*:*\nnet_sockets 4\n"
	      "net_sockets_max 6\n");
	mine = works(OPEN("net_listen", at));
	before = descriptors();
	ck_assert_int_eq(vine_session_open(&(struct vine_session_opts){
		.size = sizeof(struct vine_session_opts),
		.config_file = appliance.config }, &other), 0);
	for (int i = 0; i < 4; i++)
		theirs = works(result_of(issue_in(other, "net_listen", &at,
						  sizeof(at), NULL, NULL)));
	FAILS(result_of(issue_in(other, "net_listen", &at, sizeof(at), NULL,
				 NULL)), VINE_STATUS_FAILED, EMFILE);
	FAILS(io("net_close", theirs, 0, NULL, NULL), VINE_STATUS_FAILED,
	      EBADF);
	works(OPEN("net_listen", at));
	FAILS(OPEN("net_listen", at), VINE_STATUS_FAILED, ENFILE);
	vine_session_close(other);
	until = appliance_now() + APPLIANCE_PATIENCE_MS;
	while (descriptors() > before + 1 && appliance_now() < until)
		appliance_nap(5);
	ck_assert_uint_le(descriptors(), before + 1);
	works(OPEN("net_listen", at));
	works(io("net_close", mine, 0, NULL, NULL));
	end();
}
END_TEST

/* A session of another process, which is killed while its tasks wait. */
START_TEST(a_killed_application_leaves_no_socket_behind)
{
	struct vine_net_open at = at_inet(VINE_NET_STREAM, 0);
	uint32_t before;
	int64_t until;
	pid_t pid;
	int ready[2], status;
	char c;

	appliance_start(&appliance, "killed", everything);
	before = descriptors();
	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		vine_session_open(&(struct vine_session_opts){
			.size = sizeof(struct vine_session_opts),
			.config_file = appliance.config }, &s);
		for (int i = 0; i < 10; i++)
			start_io("net_accept", works(OPEN("net_listen", at)),
				 0, 0, NULL, NULL);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	ck_assert_uint_ge(descriptors(), before + 10);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	until = appliance_now() + APPLIANCE_PATIENCE_MS;
	while (descriptors() > before + 4 && appliance_now() < until)
		appliance_nap(5);
	ck_assert_uint_le(descriptors(), before + 4);	/* rt's own */
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* Threads are served by different workers, sockets by one. */
#define THREADS 4
#define ROUNDS 200

struct talker {
	pthread_t thread;
	uint32_t out, in;
	uint32_t bad;
};

static void *
talk_much(void *arg)
{
	struct talker *t = arg;
	vine_data *out = data_of(1000), *in = data_of(1000);

	for (uint32_t i = 0; i < ROUNDS; i++) {
		fill(out, i);
		if (io("net_send", t->out, VINE_NET_ALL, out, NULL).status ||
		    io("net_receive", t->in, VINE_NET_ALL, NULL, in).status ||
		    memcmp(vine_data_deref(in), vine_data_deref(out), 1000))
			t->bad++;
	}
	vine_data_free(out);
	vine_data_free(in);
	return NULL;
}

START_TEST(any_thread_may_use_a_socket_whichever_worker_has_it)
{
	struct talker talkers[THREADS] = { 0 };

	begin(_i, "threads", everything);
	for (int i = 0; i < THREADS; i++) {
		uint32_t pair[2];

		connect_pair(at_inet(VINE_NET_STREAM, 0), pair);
		talkers[i].out = pair[0];
		talkers[i].in = pair[1];
	}
	for (int i = 0; i < THREADS; i++)
		pthread_create(&talkers[i].thread, NULL, talk_much,
			       &talkers[i]);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(talkers[i].thread, NULL);
		ck_assert_uint_eq(talkers[i].bad, 0);
	}
	end();
}
END_TEST

/* A wait that another worker has is cancelled there. */
static void *
cancel_one(void *arg)
{
	vine_data *in = data_of(8);
	vine_task *wait = start_io("net_receive", *(uint32_t *)arg, 0, 0, NULL,
				   in);
	struct vine_task_result r;

	if (vine_task_cancel(wait) != 0)
		return NULL;
	r = result_of(wait);
	vine_data_free(in);
	return r.status == VINE_STATUS_CANCELED ? arg : NULL;
}

START_TEST(waits_are_cancelled_wherever_they_are)
{
	uint32_t pair[2];

	begin(_i, "there", everything);
	connect_pair(at_inet(VINE_NET_STREAM, 0), pair);
	for (int i = 0; i < 20; i++) {
		pthread_t thread;
		void *ok;

		pthread_create(&thread, NULL, cancel_one, &pair[i % 2]);
		pthread_join(thread, &ok);
		ck_assert_ptr_nonnull(ok);
	}
	end();
}
END_TEST

START_TEST(the_appliance_stops_while_tasks_wait)
{
	uint32_t pair[2];
	vine_data *in;
	vine_task *wait;
	int64_t from;

	begin(_i, "stops", everything);
	in = data_of(8);
	connect_pair(at_inet(VINE_NET_STREAM, 0), pair);
	wait = start_io("net_receive", pair[0], 0, 0, NULL, in);
	ck_assert_int_eq(vine_task_wait_for(wait, SECOND / 20), -ETIMEDOUT);
	from = appliance_now();
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
	ck_assert_int_lt(appliance_now() - from, 9000);
	FAILS(result_of(wait), VINE_STATUS_CANCELED, ECANCELED);
	vine_session_close(s);
}
END_TEST

START_TEST(a_rule_that_cannot_be_read_says_what_was_expected)
{
	static const char *const bad[] = {
		"net_listen http:*:80", "net_listen tcp:localhost:80",
		"net_listen tcp:*", "net_listen tcp:*:0",
		"net_listen tcp:*:9-8", "net_listen tcp:1.2.3.4/33:80",
		"net_listen tcp:::1:80", "net_connect unix:x",
		"net_connect udp:[::1/64:53", "net_connect tcp:*:70000",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char tag[16], text[128];
		char *argv[] = { "vined", "--config", appliance.config, NULL };

		snprintf(tag, sizeof(tag), "rule%zu", i);
		snprintf(text, sizeof(text), "%s\n", bad[i]);
		appliance_plan(&appliance, tag, text);
		appliance_spawn(&appliance, argv);
		ck_assert_int_ne(appliance_wait(&appliance), 0);
		ck_assert_msg(appliance_logged(&appliance, 0, bad[i]),
			      "no line about %s", bad[i]);
	}
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("net");

	tcase_add_loop_test(tcase, streams_of_every_family_talk, 0, 2);
	tcase_add_loop_test(tcase, much_goes_through_whole_both_ways_at_once, 0, 2);
	tcase_add_loop_test(tcase,
		a_task_that_waits_holds_up_no_other_and_one_of_a_kind_waits, 0, 2);
	tcase_add_loop_test(tcase,
		what_a_task_sends_or_receives_is_not_mixed_with_that_of_others, 0, 2);
	tcase_add_loop_test(tcase, a_timeout_beyond_all_times_is_none, 0, 2);
	tcase_add_loop_test(tcase,
		waits_end_by_timeout_by_cancel_and_when_the_socket_is_closed, 0, 2);
	tcase_add_loop_test(tcase,
		a_task_at_work_on_a_closed_socket_does_not_go_on_with_the_next, 0, 2);
	tcase_add_loop_test(tcase,
		       datagrams_keep_their_bounds_and_say_whence_they_come, 0, 2);
	tcase_add_loop_test(tcase,
		files_are_sent_from_their_directory_and_from_nowhere_else, 0, 2);
	tcase_add_loop_test(tcase, what_the_rules_do_not_name_is_refused, 0, 2);
	tcase_add_loop_test(tcase, bad_arguments_are_einval, 0, 2);
	tcase_add_loop_test(tcase,
		a_session_has_its_own_sockets_so_many_and_none_after_its_end, 0, 2);
	tcase_add_loop_test(tcase, a_killed_application_leaves_no_socket_behind, 0, 2);
	tcase_add_loop_test(tcase,
		       any_thread_may_use_a_socket_whichever_worker_has_it, 0, 2);
	tcase_add_loop_test(tcase, waits_are_cancelled_wherever_they_are, 0, 2);
	tcase_add_loop_test(tcase, the_appliance_stops_while_tasks_wait, 0, 2);
	tcase_add_test(tcase, a_rule_that_cannot_be_read_says_what_was_expected);
	return appliance_main("net", tcase);
}
