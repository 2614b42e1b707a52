/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vined_ports: machines' serial ports. The port is one of
 * tests/lib/serial.h; a thread is QEMU, and carries bytes between it and the
 * socket.
 */
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../core/rig.h"
#include "appliance/vined_ports.h"
#include "core/vine_life.h"
#include "core/vine_pipe.h"
#include "core/vine_session.h"
#include "rt/rt_wait.h"
#include "tests/lib/device.h"
#include "tests/lib/serial.h"
#include "utils/utils_config.h"

#define SIZE (8 * RIG_MIB)

/* The daemon's main thread, and what it has. */
struct host {
	struct rig rig;
	char path[108];
	struct utils_config *config;
	struct rt_wait *wait;
	struct vined_ports *ports;
	pthread_t thread;
	_Atomic int stop;
};

static void *
wait_thread(void *arg)
{
	struct host *h = arg;

	while (!h->stop)
		rt_wait_sleep(h->wait, NULL, 0, 1000000000);
	return NULL;
}

static void
host_open(struct host *h)
{
	char text[256], object[128];

	memset(h, 0, sizeof(*h));
	rig_open(&h->rig, SIZE, "lease 3600s\n");
	snprintf(object, sizeof(object), "/dev/shm/%s", h->rig.name);
	device_none();
	device_add("0000:00:04.0", object, SIZE, 0);
	snprintf(h->path, sizeof(h->path), "/tmp/%.90s", h->rig.name);
	snprintf(text, sizeof(text), "shm_file x\nbell_socket %s\n", h->path);
	ck_assert_int_eq(utils_config_parse(text, "test", &h->config), 0);
	ck_assert_int_eq(rt_wait_new(RT_WAIT_EPOLL, &h->wait), 0);
	ck_assert_int_eq(vined_ports_open(h->config, h->wait, &h->ports), 0);
	rig_stop(&h->rig);	/* it is bound before workers begin */
	vined_ports_bind(h->ports, h->rig.pipe);
	rig_start(&h->rig);
	ck_assert_int_eq(vined_ports_serve(h->ports), 0);
	ck_assert_int_eq(pthread_create(&h->thread, NULL, wait_thread, h), 0);
}

static void
host_close(struct host *h)
{
	h->stop = 1;
	rt_wait_wake(h->wait);
	pthread_join(h->thread, NULL);
	rig_close(&h->rig);
	vined_ports_close(h->ports);
	rt_wait_free(h->wait);
	utils_config_free(h->config);
	device_end();
}

static int
join(const struct host *h)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(to.sun_path, h->path, sizeof(h->path));
	ck_assert_int_eq(connect(sock, (struct sockaddr *)&to, sizeof(to)), 0);
	return sock;
}

static void
say(int sock, uint64_t magic, uint64_t slot, uint64_t nonce)
{
	const struct vine_port_ask ask = { magic, slot, nonce };

	ck_assert_int_eq(write(sock, &ask, sizeof(ask)), sizeof(ask));
}

static void
expect_answer(int sock, uint64_t nonce)
{
	struct vine_port_answer a;

	ck_assert_int_eq(recv(sock, &a, sizeof(a), MSG_WAITALL), sizeof(a));
	ck_assert_uint_eq(a.magic, VINE_PORT_MAGIC);
	ck_assert_uint_eq(a.nonce, nonce);
}

static int
rings(int sock, int ms)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	char byte = 1;

	return poll(&p, 1, ms) == 1 && read(sock, &byte, 1) == 1 && byte == 0;
}

START_TEST(a_port_is_rung_once_it_has_said_its_slot)
{
	struct host h;
	int a, b;

	host_open(&h);
	a = join(&h);
	b = join(&h);
	vined_ports_ring(h.ports, 5);
	vined_ports_ring(h.ports, UINT32_MAX);
	say(a, VINE_PORT_MAGIC, 5, 55);
	expect_answer(a, 55);
	say(b, VINE_PORT_MAGIC, 6, 66);
	expect_answer(b, 66);
	vined_ports_ring(h.ports, 5);
	ck_assert_int_eq(rings(a, 60000), 1);
	ck_assert_int_eq(rings(b, 0), 0);
	say(a, VINE_PORT_MAGIC, 7, 77);		/* another process there */
	expect_answer(a, 77);
	vined_ports_ring(h.ports, 5);
	vined_ports_ring(h.ports, 7);
	ck_assert_int_eq(rings(a, 60000), 1);
	ck_assert_int_eq(rings(a, 0), 0);
	close(a);
	close(b);
	host_close(&h);
}
END_TEST

START_TEST(what_is_no_ask_is_passed_over)
{
	static const char junk[4096] = "VINEPORVVINEPOR";
	struct host h;
	int a;

	host_open(&h);
	rig_listen();
	a = join(&h);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(write(a, junk, sizeof(junk)), sizeof(junk));
	say(a, VINE_PORT_MAGIC, UINT64_C(1) << 40, 1);	/* there is none */
	say(a, VINE_PORT_MAGIC + 1, 5, 2);
	say(a, VINE_PORT_MAGIC, 5, 3);
	expect_answer(a, 3);
	ck_assert_ptr_nonnull(strstr(rig_log, "names slot 1099511627776"));
	/* full: nobody waits for who does not read */
	for (int i = 0; i < 1000000; i++)
		vined_ports_ring(h.ports, 5);
	close(a);
	host_close(&h);
}
END_TEST

START_TEST(there_are_only_so_many_ports)
{
	int socks[VINE_PORTS_MAX + 1];
	struct host h;
	char byte;

	host_open(&h);
	for (int i = 0; i <= VINE_PORTS_MAX; i++)
		socks[i] = join(&h);
	ck_assert_int_eq(read(socks[VINE_PORTS_MAX], &byte, 1), 0);
	say(socks[0], VINE_PORT_MAGIC, 0, 9);
	expect_answer(socks[0], 9);
	for (int i = 0; i <= VINE_PORTS_MAX; i++)
		close(socks[i]);
	host_close(&h);
}
END_TEST

/* What QEMU does. It holds back what the appliance says where told to. */
struct machine {
	int end, sock;
	_Atomic int hold, stop;
	pthread_t thread;
};

static void
carry(int from, int to)
{
	char bytes[256];
	ssize_t n = read(from, bytes, sizeof(bytes));

	if (n > 0)
		ck_assert_int_eq(write(to, bytes, (size_t)n), n);
}

static void *
be_qemu(void *arg)
{
	struct machine *m = arg;

	while (!m->stop) {
		struct pollfd p[] = { { .fd = m->end, .events = POLLIN },
				      { .fd = m->sock, .events = POLLIN } };

		poll(p, 2, 20);
		if (p[0].revents & POLLIN)
			carry(m->end, m->sock);
		else if (p[0].revents)
			rig_nap(1000000);	/* nobody has opened it yet */
		if (m->hold)
			rig_nap(1000000);
		else if (p[1].revents & POLLIN)
			carry(m->sock, m->end);
	}
	return NULL;
}

START_TEST(a_session_is_woken_by_its_port_and_ends_with_it)
{
	struct vine_session_opts opts = { .size = sizeof(opts),
		.config = "shm_file pci:\ntrace 0\nlease 3600s\n" };
	struct machine m = { .end = serial_add("vine") };
	struct vine_session *s;
	struct vine_task_opts o;
	struct host h;
	uint64_t value;

	host_open(&h);
	m.sock = join(&h);
	ck_assert_int_eq(pthread_create(&m.thread, NULL, be_qemu, &m), 0);
	ck_assert_int_eq(vine_session_open(&opts, &s), 0);
	ck_assert_int_eq(s->mute, 0);
	o = rig_opts(s, "nop");
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(rig_run(&o, &value), VINE_STATUS_OK);
	/* an appliance that was started again does not know the port */
	m.hold = 1;
	arch_store64(&vine_seg_header(s->seg)->generation, 99);
	rig_await(s->mute);
	m.hold = 0;
	rig_await(!s->mute);
	m.stop = 1;
	pthread_join(m.thread, NULL);
	close(m.sock);
	rig_await(vine_life_is_gone(s));
	vine_session_close(s);
	host_close(&h);
	serial_end(m.end);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_port_is_rung_once_it_has_said_its_slot),
	RIG_CASE(what_is_no_ask_is_passed_over),
	RIG_CASE(there_are_only_so_many_ports),
	RIG_CASE(a_session_is_woken_by_its_port_and_ends_with_it),
};

RIG_MAIN("vined_ports", cases)
