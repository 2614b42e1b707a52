/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fork: what a child made by fork() must not have of its parent's.
 *
 * A child has its parent's descriptors, and with them the locks on segments:
 * they would outlive the parent. Sessions are not the child's either. So who
 * has such things makes a function known here, which undoes them in the child
 * before fork() returns there.
 *
 * One lock, held over each fork, guards what is known here and the list of the
 * process's sessions, so that a child finds both whole. It comes before every
 * other lock of core.
 */
#ifndef VINE_FORK_H
#define VINE_FORK_H

#include <stdint.h>

/* What is done in children. */
struct vine_fork_child {
	void (*fn)(void *arg);
	void *arg;
	struct vine_fork_child *next;	/* of the process's */
};

/* How often this process was forked off since the library was loaded. */
extern uint64_t vine_fork_count;

/* vine_fork_lock keeps the process from forking; vine_fork_unlock lets it. The
 * first lock also begins to watch for forks. Any thread; may block. */
void vine_fork_lock(void);
void vine_fork_unlock(void);

/*
 * vine_fork_add has fn(arg) called in each child, once and under the lock: only
 * what is safe in a signal handler. vine_fork_remove has it forgotten. Both
 * take the lock. In between the owner changes what fn looks at under the lock
 * alone: then no child gets a thing that fn does not see.
 */
void vine_fork_add(struct vine_fork_child *known, void (*fn)(void *arg),
		   void *arg);
void vine_fork_remove(struct vine_fork_child *known);

/* vine_fork_close is such a function: it closes the descriptor in the int that
 * arg points to, and makes it -1; -1 stands for none. */
void vine_fork_close(void *arg);

#endif
