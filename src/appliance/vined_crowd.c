/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer is told of the appliance and of itself, not of the other peers: none
 * has anything to say to another, and telling each of all would keep as many
 * descriptors in flight as there are pairs. What any of them locked on the file
 * of all is unlocked when one goes.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/vined_bell.h"
#include "appliance/vined_crowd.h"
#include "appliance/vined_estate.h"
#include "appliance/vined_holder.h"
#include "appliance/vined_ringer.h"
#include "arch/shm/arch_shm.h"
#include "core/vine_peer.h"
#include "core/vine_reaper.h"
#include "core/vine_tally.h"
#include "rt/rt_wait.h"
#include "utils/utils_log.h"

/* One connection. */
struct peer {
	struct utils_link link;
	struct vined_crowd *of;
	struct rt_watch watch;
	uint32_t id;
	uid_t uid;
	int bell;		/* its own; -1: none */
	int held;		/* 1: the holder has it, too */
};

/* There are more numbers than peers, and a number rests before it is used. */
static uint32_t
take_id(struct vined_crowd *crowd)
{
	uint32_t id;

	do {
		crowd->next_id = crowd->next_id % (VINE_PEER_IDS - 1) + 1;
		id = crowd->next_id;
	} while (crowd->used[id / 64] >> (id & 63) & 1);
	crowd->used[id / 64] |= UINT64_C(1) << (id & 63);
	return id;
}

static void
drop(struct peer *peer)
{
	struct vined_crowd *crowd = peer->of;

	rt_wait_unwatch(crowd->wait, &peer->watch);
	close(peer->watch.fd);
	vined_ringer_remove(crowd->ringer, peer->id);
	if (peer->bell >= 0)
		close(peer->bell);
	utils_list_remove(&peer->link);
	crowd->used[peer->id / 64] &= ~(UINT64_C(1) << (peer->id & 63));
	crowd->count--;
	free(peer);
}

/* For the next vined, if this one is killed. */
static void
have_held(struct peer *peer)
{
	const int fds[] = { peer->watch.fd, peer->bell };
	char name[VINED_HOLDER_NAME];

	vined_estate_peer_name(peer->of->estate, peer->id, name);
	peer->held = vined_holder_put(peer->of->holder, name, fds, 2);
}

static void
have_forgotten(struct peer *peer)
{
	char name[VINED_HOLDER_NAME];

	if (!peer->held)
		return;
	vined_estate_peer_name(peer->of->estate, peer->id, name);
	vined_holder_drop(peer->of->holder, name, 2);
	peer->held = 0;
}

/* It hung up, or said something, which peers do not. Where the holder has the
 * connection, too, it must not outlive this. */
static void
has_gone(struct rt_watch *watch, uint32_t events)
{
	struct peer *peer = watch->user;

	(void)events;
	log_debug("segment %s peer %u has gone", peer->of->path, peer->id);
	arch_shm_unlock_all(peer->of->segment);
	vine_reaper_peer_gone(peer->of->pipe, peer->id);
	if (peer->held)
		shutdown(peer->watch.fd, SHUT_RDWR);
	have_forgotten(peer);
	drop(peer);
}

/* Its bell is rung for sessions that say that they hear it, which are those of
 * virtual machines whose driver has the interrupt. */
static int
say_bell(struct peer *peer)
{
	peer->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (peer->bell < 0)
		return -errno;
	return vine_peer_say(peer->watch.fd, peer->id, peer->bell);
}

/* From now on the ringer has it. */
static void
give_bell(struct peer *peer)
{
	vined_ringer_add(peer->of->ringer, peer->id, peer->bell);
	peer->bell = -1;
}

static int
greet(struct peer *peer)
{
	const struct vined_crowd *crowd = peer->of;
	int sock = peer->watch.fd;
	int rc = vine_peer_say(sock, VINE_PEER_VERSION, -1);

	if (rc == 0)
		rc = vine_peer_say(sock, peer->id, -1);
	if (rc == 0)
		rc = vine_peer_say(sock, VINE_PEER_SEGMENT, crowd->segment);
	if (rc == 0)
		rc = vine_peer_say(sock, VINE_PEER_APPLIANCE,
				   crowd->bell->rung.fd);
	if (rc == 0)
		rc = say_bell(peer);
	return rc;
}

/* It owns the connection, and closes it on an error. The number is in use. */
static struct peer *
peer_add(struct vined_crowd *crowd, int sock, uid_t uid, uint32_t id)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (peer == NULL) {
		close(sock);
		crowd->used[id / 64] &= ~(UINT64_C(1) << (id & 63));
		return NULL;
	}
	peer->of = crowd;
	peer->uid = uid;
	peer->id = id;
	peer->bell = -1;
	peer->watch.ready = has_gone;
	peer->watch.user = peer;
	peer->watch.fd = sock;
	peer->watch.events = POLLIN;
	utils_list_push_back(&crowd->all, &peer->link);
	crowd->count++;
	return peer;
}

int
vined_crowd_add(struct vined_crowd *crowd, int sock, uid_t uid)
{
	struct peer *peer = peer_add(crowd, sock, uid, take_id(crowd));
	int rc;

	if (peer == NULL)
		return -ENOMEM;
	rc = greet(peer);
	if (rc == 0)
		rc = rt_wait_watch(crowd->wait, &peer->watch);
	if (rc) {
		drop(peer);
		return rc;
	}
	log_debug("segment %s peer %u is of user %u", crowd->path, peer->id,
		  uid);
	vine_tally_add(crowd->pipe, VINE_COUNT_PEERS_OPENED, 1);
	/* not before: half a greeting is no use to the next vined */
	have_held(peer);
	give_bell(peer);
	return 0;
}

void
vined_crowd_take_up(struct vined_crowd *crowd, struct vined_estate_peer *left)
{
	struct ucred cred = { 0 };
	socklen_t size = sizeof(cred);
	struct peer *peer;

	getsockopt(left->sock, SOL_SOCKET, SO_PEERCRED, &cred, &size);
	crowd->used[left->id / 64] |= UINT64_C(1) << (left->id & 63);
	peer = peer_add(crowd, left->sock, cred.uid, left->id);
	left->sock = -1;
	if (peer == NULL)
		return;
	peer->bell = left->bell;
	peer->held = 1;
	left->bell = -1;
	if (left->id > crowd->next_id)
		crowd->next_id = left->id;
	if (rt_wait_watch(crowd->wait, &peer->watch) != 0) {
		have_forgotten(peer);
		drop(peer);
		return;
	}
	give_bell(peer);
}

uint32_t
vined_crowd_count_of(const struct vined_crowd *crowd, uid_t uid)
{
	uint32_t n = 0;

	utils_list_each(&crowd->all, link)
		n += utils_list_of(link, struct peer, link)->uid == uid;
	return n;
}

void
vined_crowd_stop(struct vined_crowd *crowd)
{
	utils_list_each(&crowd->all, link)
		rt_wait_unwatch(crowd->wait,
				&utils_list_of(link, struct peer, link)->watch);
}

void
vined_crowd_forget(struct vined_crowd *crowd)
{
	utils_list_each(&crowd->all, link) {
		struct peer *peer = utils_list_of(link, struct peer, link);

		shutdown(peer->watch.fd, SHUT_RDWR);
		have_forgotten(peer);
	}
}

void
vined_crowd_close(struct vined_crowd *crowd)
{
	utils_list_each_safe(&crowd->all, link, after)
		drop(utils_list_of(link, struct peer, link));
}
