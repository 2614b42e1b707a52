/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gate: who may attach over a socket, as a segment's config says.
 */
#ifndef VINED_GATE_H
#define VINED_GATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ucred;
struct utils_config;

/* Zero it to begin; what it points to is its own. */
struct vined_gate {
	uint32_t *uids;		/* allow_uid */
	size_t uid_count;
	uint32_t *gids;		/* allow_gid */
	size_t gid_count;
	uint32_t peers_max;
	uint32_t peers_per_uid;
};

/* vined_gate_read reads a config. Returns 0 or -ENOMEM, with nothing kept. */
int vined_gate_read(const struct utils_config *config,
		    struct vined_gate *gate);

/* vined_gate_free frees what a gate has. */
void vined_gate_free(struct vined_gate *gate);

/*
 * vined_gate_admits tells whether a user with these groups may attach. Where
 * the config names nobody these are root and the user that vined now is.
 */
int vined_gate_admits(const struct vined_gate *gate, uid_t uid,
		      const gid_t *groups, size_t count);

/*
 * vined_gate_objection tells why the process at the other end of a UNIX socket
 * may not come in, in words, or NULL if it may; *cred is who it is. It counts
 * nobody.
 */
const char *vined_gate_objection(const struct vined_gate *gate, int sock,
				 struct ucred *cred);

#endif
