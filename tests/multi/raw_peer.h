/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw peer: a client of vined's socket that is not libvine. It has all that the
 * greeting brings, and keeps it.
 */
#ifndef RAW_PEER_H
#define RAW_PEER_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/vine_peer.h"
#include "segment_view.h"

struct raw {
	int sock;
	int64_t id;
	int fd;			/* the segment */
	int bell, own;		/* the appliance's, its own */
	struct segment_view view;
};

/* raw_connect returns a connection, or -1. */
static inline int
raw_connect(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(sock, 0);
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (connect(sock, (struct sockaddr *)&to, sizeof(to)) == 0)
		return sock;
	close(sock);
	return -1;
}

/* raw_hear hears one word, within a minute; 0, or -ECONNRESET at the end. */
static inline int
raw_hear(int sock, int64_t *value, int *fd)
{
	struct vine_peer_word word = { .fd = -1 };
	int rc;

	while ((rc = vine_peer_hear(sock, &word, value)) == -EAGAIN) {
		struct pollfd p = { .fd = sock, .events = POLLIN };

		ck_assert_int_eq(poll(&p, 1, 60000), 1);
	}
	*fd = word.fd;
	return rc;
}

/* raw_attach takes the greeting, and maps the segment. */
static inline struct raw
raw_attach(const char *path)
{
	struct raw r = { .sock = raw_connect(path) };
	struct vine_header_shm *h;
	int64_t value;
	struct stat st;
	int fd;

	ck_assert_int_ge(r.sock, 0);
	ck_assert_int_eq(raw_hear(r.sock, &value, &fd), 0);
	ck_assert_int_eq(value, 0);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(raw_hear(r.sock, &r.id, &fd), 0);
	ck_assert_int_gt(r.id, 0);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(raw_hear(r.sock, &value, &r.fd), 0);
	ck_assert_int_eq(value, -1);
	ck_assert_int_ge(r.fd, 0);
	ck_assert_int_eq(raw_hear(r.sock, &value, &r.bell), 0);
	ck_assert_int_eq(value, 0);
	ck_assert_int_ge(r.bell, 0);
	ck_assert_int_eq(raw_hear(r.sock, &value, &r.own), 0);
	ck_assert_int_eq(value, r.id);
	ck_assert_int_ge(r.own, 0);
	ck_assert_int_eq(fstat(r.fd, &st), 0);
	h = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		 r.fd, 0);
	ck_assert_ptr_ne(h, MAP_FAILED);
	r.view.base = (const uint8_t *)h;
	ck_assert_int_eq(vine_layout_plan((uint64_t)st.st_size,
					  arch_load32(&h->queue_slots),
					  &r.view.layout), 0);
	return r;
}

/* raw_ended waits until vined has ended the connection. */
static inline void
raw_ended(int sock)
{
	struct pollfd p = { .fd = sock };

	ck_assert_int_eq(poll(&p, 1, 60000), 1);
	close(sock);
}

/* counted returns a counter of the segment. */
static inline uint64_t
counted(const struct raw *r, const char *label)
{
	return segment_counter(&r->view, label);
}

#define AWAIT(condition) \
	do { \
		int64_t end_ = appliance_now() + APPLIANCE_PATIENCE_MS; \
		while (!(condition)) { \
			ck_assert_msg(appliance_now() < end_, \
				      "never happened: %s", #condition); \
			appliance_nap(2); \
		} \
	} while (0)

#endif
