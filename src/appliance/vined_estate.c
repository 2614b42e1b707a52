/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names, and looking at what came back under them. An eventfd is told by what
 * /proc says that it is.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "appliance/vined_estate.h"
#include "arch/shm/arch_shm.h"
#include "core/vine_limits.h"
#include "utils/utils_log.h"

#define PEER "p"	/* and the number */

/* --- what a descriptor is ----------------------------------------------- */

static int
is_eventfd(int fd)
{
	char path[32], what[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, what, sizeof(what) - 1);
	if (n < 0)
		return 0;
	what[n] = '\0';
	return strcmp(what, "anon_inode:[eventfd]") == 0;
}

/* A UNIX stream socket; does it listen, or is it a connection? */
static int
is_stream(int fd, int listens)
{
	int domain = 0, type = 0, accepts = -1;
	socklen_t size = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts,
			   &size) == 0 &&
		domain == AF_UNIX && type == SOCK_STREAM && accepts == listens;
}

static int
is_at(int fd, const char *path)
{
	struct sockaddr_un at = { 0 };
	socklen_t size = sizeof(at);

	return getsockname(fd, (struct sockaddr *)&at, &size) == 0 &&
		strncmp(at.sun_path, path, sizeof(at.sun_path)) == 0;
}

/* --- names -------------------------------------------------------------- */

void
vined_estate_name(const struct vined_estate *e, const char *what,
		  char name[VINED_HOLDER_NAME])
{
	snprintf(name, VINED_HOLDER_NAME, "%s.%s", e->key, what);
}

void
vined_estate_peer_name(const struct vined_estate *e, uint32_t id,
		       char name[VINED_HOLDER_NAME])
{
	snprintf(name, VINED_HOLDER_NAME, "%s." PEER "%u", e->key, id);
}

static void
make_key(struct vined_estate *e)
{
	uint64_t hash = UINT64_C(14695981039346656037);	/* FNV-1a, 64 bits */

	for (const char *c = e->path; *c; c++)
		hash = (hash ^ (uint8_t)*c) * UINT64_C(1099511628211);
	snprintf(e->key, sizeof(e->key), "%016" PRIx64, hash);
}

/* The number in the name of a peer, or 0: it is none of a peer. */
static uint32_t
id_of(const struct vined_estate *e, const char *name)
{
	char again[VINED_HOLDER_NAME];
	unsigned long id;

	id = strtoul(name + strlen(e->key) + 1 + strlen(PEER), NULL, 10);
	if (id == 0 || id >= VINE_PEER_IDS)
		return 0;
	vined_estate_peer_name(e, (uint32_t)id, again);
	return strcmp(name, again) == 0 ? (uint32_t)id : 0;
}

/* --- taking ------------------------------------------------------------- */

static void
shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int
take_one(struct vined_estate *e, const char *what)
{
	char name[VINED_HOLDER_NAME];
	int fds[VINED_HOLDER_EACH] = { -1, -1 };

	vined_estate_name(e, what, name);
	if (vined_holder_take(e->holder, name, fds) == 1)
		return fds[0];
	shut(&fds[0]);	/* none, or none can tell which */
	shut(&fds[1]);
	return -1;
}

/* Why there is no segment to take up, or NULL. */
static const char *
objection(const struct vined_estate *e)
{
	if (e->segment < 0 || !arch_shm_is_sealed(e->segment))
		return "its memory is missing";
	if (e->keep < 0 || !arch_shm_is_sealed(e->keep))
		return "its keep is missing";
	if (e->bell < 0 || !is_eventfd(e->bell))
		return "its bell is missing";
	return NULL;
}

/* Its two descriptors come in any order. */
static int
take_peer(struct vined_estate *e, const char *name)
{
	int fds[VINED_HOLDER_EACH] = { -1, -1 }, first;
	struct vined_estate_peer *peer = &e->peers[e->count];
	char copy[VINED_HOLDER_NAME];
	uint32_t n;

	snprintf(copy, sizeof(copy), "%s", name);
	peer->id = id_of(e, copy);
	n = vined_holder_take(e->holder, copy, fds);
	first = n == 2 && is_eventfd(fds[0]);
	peer->bell = fds[!first];
	peer->sock = fds[first];
	if (n == 2 && peer->id && is_eventfd(peer->bell) &&
	    is_stream(peer->sock, 0)) {
		e->count++;
		return 1;
	}
	log_warn("what was held of socket %s as %s is no peer: expected a "
		 "connection and an eventfd, got %u descriptors", e->path, copy,
		 n);
	shut(&fds[0]);
	shut(&fds[1]);
	vined_holder_drop(e->holder, copy, n);
	return 0;
}

static void
take_peers(struct vined_estate *e)
{
	char prefix[VINED_HOLDER_NAME];
	const char *name;

	vined_estate_name(e, PEER, prefix);
	while (e->count < VINE_HOLDER_FDS &&
	       (name = vined_holder_next(e->holder, prefix)) != NULL)
		(void)take_peer(e, name);
}

int
vined_estate_open(struct vined_estate *e, struct vined_holder *holder,
		  const char *path)
{
	const char *why;
	int any;

	e->holder = holder;
	e->path = path;
	e->listening = e->segment = e->keep = e->bell = -1;
	make_key(e);
	if (vined_holder_next(holder, e->key) == NULL)
		return 0;
	e->peers = calloc(VINE_HOLDER_FDS, sizeof(*e->peers));
	if (e->peers == NULL)
		return -ENOMEM;
	e->listening = take_one(e, VINED_ESTATE_LISTENING);
	e->segment = take_one(e, VINED_ESTATE_SEGMENT);
	e->keep = take_one(e, VINED_ESTATE_KEEP);
	e->bell = take_one(e, VINED_ESTATE_BELL);
	take_peers(e);
	any = e->segment >= 0 || e->keep >= 0 || e->count;
	if (e->listening >= 0 && (!is_stream(e->listening, 1) ||
				  !is_at(e->listening, path))) {
		log_warn("what was held of socket %s does not listen there",
			 path);
		vined_estate_drop(e, VINED_ESTATE_LISTENING);
		shut(&e->listening);
	}
	why = objection(e);
	if (why == NULL) {
		arch_shm_unlock_all(e->segment);
		return 0;
	}
	if (any)
		log_warn("socket %s begins anew, what an earlier vined left of "
			 "it cannot be used: %s", path, why);
	vined_estate_reject(e);
	return 0;
}

int
vined_estate_is_there(const struct vined_estate *e)
{
	return e->segment >= 0;
}

void
vined_estate_drop(const struct vined_estate *e, const char *what)
{
	char name[VINED_HOLDER_NAME];

	vined_estate_name(e, what, name);
	vined_holder_drop(e->holder, name, 1);
}

static void
close_segment(struct vined_estate *e)
{
	shut(&e->segment);
	shut(&e->keep);
	shut(&e->bell);
	for (uint32_t i = 0; i < e->count; i++) {
		shut(&e->peers[i].sock);
		shut(&e->peers[i].bell);
	}
	free(e->peers);
	e->peers = NULL;
	e->count = 0;
}

void
vined_estate_reject(struct vined_estate *e)
{
	char name[VINED_HOLDER_NAME];

	vined_estate_drop(e, VINED_ESTATE_SEGMENT);
	vined_estate_drop(e, VINED_ESTATE_KEEP);
	vined_estate_drop(e, VINED_ESTATE_BELL);
	for (uint32_t i = 0; i < e->count; i++) {
		/* now, and not when the holder comes to it */
		if (e->peers[i].sock >= 0)
			shutdown(e->peers[i].sock, SHUT_RDWR);
		vined_estate_peer_name(e, e->peers[i].id, name);
		vined_holder_drop(e->holder, name, 2);
	}
	close_segment(e);
}

void
vined_estate_forget(struct vined_estate *e)
{
	vined_estate_drop(e, VINED_ESTATE_LISTENING);
	vined_estate_reject(e);
	vined_estate_close(e);
}

void
vined_estate_close(struct vined_estate *e)
{
	shut(&e->listening);
	close_segment(e);
}
