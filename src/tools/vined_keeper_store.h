/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Store: descriptors that vined-keeper holds, each under a name that several
 * may share.
 *
 * Names are what LISTEN_FDNAMES can carry: printable ASCII without a colon. All
 * of them together must fit one variable of an environment, so their bytes have
 * a bound as well as their number.
 */
#ifndef VINED_KEEPER_STORE_H
#define VINED_KEEPER_STORE_H

#include <stdint.h>

struct keeper_held {
	char *name;
	int fd;
};

/* Zero it and set `most` to begin. */
struct keeper_store {
	struct keeper_held *held;
	uint32_t count;
	uint32_t most;
	uint32_t bytes;		/* of names, each with what follows it */
};

/*
 * keeper_store_put takes fd, which is close-on-exec, under a copy of the name.
 * Returns 0, or with fd closed: -EINVAL for a name that cannot be one, -ENOSPC
 * where there is no room, -ENOMEM.
 */
int keeper_store_put(struct keeper_store *store, const char *name, int fd);

/* keeper_store_drop closes what has that name. */
void keeper_store_drop(struct keeper_store *store, const char *name);

/* keeper_store_empty closes all, and frees what the store has. */
void keeper_store_empty(struct keeper_store *store);

/*
 * keeper_store_pass makes the descriptors those from 3 on of this process, and
 * the environment as sd_listen_fds(3) reads it. For a child that execs next:
 * the store is of no use afterwards. Returns 0 or -errno.
 */
int keeper_store_pass(struct keeper_store *store);

#endif
