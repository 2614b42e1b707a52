/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list under one lock, which the thread that forks holds meanwhile. In the
 * child that thread is the only one: it walks the list and lets go.
 */
#include <pthread.h>
#include <unistd.h>

#include "core/vine_fork.h"

uint64_t vine_fork_count;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct vine_fork_child *all;

static void
before(void)
{
	pthread_mutex_lock(&lock);
}

static void
in_parent(void)
{
	pthread_mutex_unlock(&lock);
}

static void
in_child(void)
{
	vine_fork_count++;
	for (struct vine_fork_child *k = all; k; k = k->next)
		k->fn(k->arg);
	all = NULL;
	pthread_mutex_unlock(&lock);
}

static void
watch(void)
{
	pthread_atfork(before, in_parent, in_child);
}

void
vine_fork_lock(void)
{
	pthread_once(&once, watch);
	pthread_mutex_lock(&lock);
}

void
vine_fork_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

void
vine_fork_add(struct vine_fork_child *known, void (*fn)(void *arg), void *arg)
{
	vine_fork_lock();
	known->fn = fn;
	known->arg = arg;
	known->next = all;
	all = known;
	vine_fork_unlock();
}

void
vine_fork_remove(struct vine_fork_child *known)
{
	struct vine_fork_child **at = &all;

	vine_fork_lock();
	while (*at && *at != known)
		at = &(*at)->next;
	if (*at)
		*at = known->next;
	vine_fork_unlock();
}

void
vine_fork_close(void *arg)
{
	int *fd = arg;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
