/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notify: the socket of sd_notify(3) that vined-keeper has for its child, and
 * what comes there.
 *
 * Its path is for one child: it lies in a folder of ours alone, because who may
 * write to it could fill it, and is gone as soon as the child has it open.
 */
#ifndef VINED_KEEPER_NOTIFY_H
#define VINED_KEEPER_NOTIFY_H

#include <stdint.h>
#include <sys/types.h>

#define KEEPER_TEXT_MAX 4096	/* bytes of a datagram */
#define KEEPER_FDS_MAX 16	/* descriptors of one */

struct keeper_notify {
	char dir[96];		/* "": none now */
	char path[108];		/* of the socket in it */
	int fd;			/* -1: none */
};

/* A datagram. Whoever takes it in has its descriptors, which are
 * close-on-exec. */
struct keeper_told {
	pid_t from;		/* as the kernel says; 0: it does not */
	int cut;		/* 1: it was longer than the text */
	int fds[KEEPER_FDS_MAX];
	uint32_t count;
	int store;		/* 1: hold them ... */
	int drop;		/* 1: or hold no longer ... */
	const char *name;	/* ... what has this name; in `text` */
	char rest[KEEPER_TEXT_MAX + 1];	/* what is not for us */
	char text[KEEPER_TEXT_MAX + 1];	/* cut into lines */
};

/*
 * keeper_notify_open makes a socket at a new path, in place of the one before.
 * Returns 0 or -1, said: no folder or no socket can be made.
 */
int keeper_notify_open(struct keeper_notify *notify);

/* keeper_notify_hide removes the path: nobody else is to find it. */
void keeper_notify_hide(struct keeper_notify *notify);

/* keeper_notify_hear takes in the next datagram. Does not block. Returns 1, or
 * 0 where there is none. */
int keeper_notify_hear(struct keeper_notify *notify, struct keeper_told *told);

#endif
