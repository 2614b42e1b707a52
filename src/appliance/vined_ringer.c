/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who rings sets the peer's bit and wakes the thread, which takes the bits by
 * exchange. The lock guards the descriptors, and is not held while one is
 * written to: a bell that is taken away meanwhile is closed afterwards.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "appliance/vined_ringer.h"
#include "arch/spin/arch_bell.h"
#include "core/vine_limits.h"

#define WORDS (VINE_PEER_IDS / 64)
#define SLEEP_NS (VINE_SLEEP_IDLE_MS * UINT64_C(1000000))
#define NAP_NS 1000000
#define NAPS 1000		/* of them a second: a thread that ends */

struct vined_ringer {
	pthread_t thread;
	int started;
	_Atomic int stop;
	_Atomic int ended;
	le32_t word;
	struct arch_bell bell;		/* the thread sleeps here */
	_Atomic uint64_t summary[(WORDS + 63) / 64];
	_Atomic uint64_t wanted[WORDS];	/* a bit each */
	pthread_mutex_t lock;
	int fds[VINE_PEER_IDS];		/* -1: none */
	int at;				/* being written to; -1: none */
	int drop;			/* 1: close it afterwards */
};

static void
write_to(struct vined_ringer *r, uint32_t peer)
{
	struct arch_bell bell;

	pthread_mutex_lock(&r->lock);
	r->at = r->fds[peer];
	r->drop = 0;
	pthread_mutex_unlock(&r->lock);
	if (r->at < 0)
		return;
	bell = arch_bell_of_fd(r->at);
	arch_bell_ring(&bell, ~0u);
	pthread_mutex_lock(&r->lock);
	if (r->drop)
		close(r->at);
	r->at = -1;
	pthread_mutex_unlock(&r->lock);
}

static void
ring_word(struct vined_ringer *r, uint32_t word)
{
	uint64_t bits = atomic_exchange(&r->wanted[word], 0);

	for (; bits; bits &= bits - 1)
		write_to(r, word * 64 + (uint32_t)__builtin_ctzll(bits));
}

static void *
run(void *arg)
{
	struct vined_ringer *r = arg;

	/* by itself: another thread's name is a file, which the filter forbids
	 * to write */
	pthread_setname_np(pthread_self(), "vined-ringer");
	while (!atomic_load(&r->stop)) {
		uint32_t seen = arch_bell_look(&r->bell), found = 0;

		for (uint32_t i = 0; i < (WORDS + 63) / 64; i++) {
			uint64_t bits = atomic_exchange(&r->summary[i], 0);

			found |= bits != 0;
			for (; bits; bits &= bits - 1)
				ring_word(r, i * 64 + (uint32_t)
					  __builtin_ctzll(bits));
		}
		if (!found)
			arch_bell_wait(&r->bell, seen, ~0u, SLEEP_NS);
	}
	atomic_store(&r->ended, 1);
	return NULL;
}

int
vined_ringer_new(struct vined_ringer **ringer)
{
	struct vined_ringer *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < VINE_PEER_IDS; i++)
		r->fds[i] = -1;
	r->at = -1;
	r->bell = arch_bell_of_word(&r->word);
	pthread_mutex_init(&r->lock, NULL);
	*ringer = r;
	return 0;
}

int
vined_ringer_start(struct vined_ringer *r)
{
	sigset_t all, old;
	int rc;

	/* signals are for the main thread; the filter's is for whose call it
	 * was */
	sigfillset(&all);
	sigdelset(&all, SIGSYS);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&r->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc)
		return -rc;
	r->started = 1;
	return 0;
}

/* A bell that blocks the thread: what is read off it lets it go on. */
static void
unblock(struct vined_ringer *r)
{
	struct arch_bell bell;

	pthread_mutex_lock(&r->lock);
	if (r->at >= 0) {
		bell = arch_bell_of_fd(r->at);
		arch_bell_clear(&bell);
	}
	pthread_mutex_unlock(&r->lock);
}

static void
end_thread(struct vined_ringer *r)
{
	struct timespec nap = { 0, NAP_NS };

	atomic_store(&r->stop, 1);
	arch_bell_ring(&r->bell, ~0u);
	for (int i = 0; i < NAPS && !atomic_load(&r->ended); i++) {
		unblock(r);
		nanosleep(&nap, NULL);
	}
}

void
vined_ringer_free(struct vined_ringer *r)
{
	if (r == NULL)
		return;
	if (r->started) {
		end_thread(r);
		/* held by a peer that fills faster than we read: it stays, and
		 * what it uses with it, until the process ends */
		if (!atomic_load(&r->ended))
			return;
		pthread_join(r->thread, NULL);
	}
	for (uint32_t i = 0; i < VINE_PEER_IDS; i++)
		if (r->fds[i] >= 0)
			close(r->fds[i]);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void
vined_ringer_add(struct vined_ringer *r, uint32_t peer, int fd)
{
	vined_ringer_remove(r, peer);
	pthread_mutex_lock(&r->lock);
	r->fds[peer] = fd;
	pthread_mutex_unlock(&r->lock);
}

void
vined_ringer_remove(struct vined_ringer *r, uint32_t peer)
{
	int fd;

	unblock(r);
	pthread_mutex_lock(&r->lock);
	fd = r->fds[peer];
	r->fds[peer] = -1;
	if (fd >= 0 && fd == r->at)
		r->drop = 1;
	else if (fd >= 0)
		close(fd);
	pthread_mutex_unlock(&r->lock);
}

void
vined_ringer_ring(void *ringer, uint32_t peer)
{
	struct vined_ringer *r = ringer;
	uint32_t word = peer / 64;

	if (peer >= VINE_PEER_IDS)
		return;
	atomic_fetch_or(&r->wanted[word], UINT64_C(1) << (peer & 63));
	atomic_fetch_or(&r->summary[word / 64], UINT64_C(1) << (word & 63));
	arch_bell_ring(&r->bell, ~0u);
}
