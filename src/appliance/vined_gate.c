/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two lists out of the config, whose reader has checked the numbers; the kernel
 * says who is at the other end of a socket.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/vined_gate.h"
#include "core/vine_limits.h"
#include "utils/utils_config.h"

static int
read_list(const struct utils_config *config, enum utils_key key,
	  uint32_t **list, size_t *count)
{
	size_t n = utils_config_count(config, key);

	*list = NULL;
	*count = n;
	if (n == 0)
		return 0;
	*list = calloc(n, sizeof(**list));
	if (*list == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		(*list)[i] = (uint32_t)strtoul(utils_config_nth(config, key, i),
					       NULL, 0);
	return 0;
}

static int
has(const uint32_t *list, size_t count, uint32_t id)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == id)
			return 1;
	return 0;
}

int
vined_gate_read(const struct utils_config *config, struct vined_gate *gate)
{
	int rc = read_list(config, UTILS_KEY_allow_uid, &gate->uids,
			   &gate->uid_count);

	if (rc)
		return rc;
	rc = read_list(config, UTILS_KEY_allow_gid, &gate->gids,
		       &gate->gid_count);
	if (rc) {
		vined_gate_free(gate);
		return rc;
	}
	gate->peers_max = (uint32_t)
		utils_config_u64(config, UTILS_KEY_peers_max);
	gate->peers_per_uid = (uint32_t)
		utils_config_u64(config, UTILS_KEY_peers_per_uid);
	return 0;
}

void
vined_gate_free(struct vined_gate *gate)
{
	free(gate->uids);
	free(gate->gids);
	gate->uids = NULL;
	gate->gids = NULL;
}

int
vined_gate_admits(const struct vined_gate *gate, uid_t uid,
		  const gid_t *groups, size_t count)
{
	if (gate->uid_count == 0 && gate->gid_count == 0)
		return uid == 0 || uid == geteuid();
	if (has(gate->uids, gate->uid_count, uid))
		return 1;
	for (size_t i = 0; i < count; i++)
		if (has(gate->gids, gate->gid_count, groups[i]))
			return 1;
	return 0;
}

/* The groups of a connection's other end, its own one first. */
static size_t
groups_of(int sock, const struct ucred *cred, gid_t *groups)
{
	socklen_t size = VINE_PEER_GROUPS * sizeof(*groups);

	groups[0] = cred->gid;
	if (getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, groups + 1,
		       &size) != 0)
		return 1;	/* more than we look at: only the first */
	return 1 + size / sizeof(*groups);
}

const char *
vined_gate_objection(const struct vined_gate *gate, int sock,
		     struct ucred *cred)
{
	gid_t groups[1 + VINE_PEER_GROUPS];
	socklen_t size = sizeof(*cred);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, cred, &size) != 0)
		return "is not known";
	if (!vined_gate_admits(gate, cred->uid, groups,
			       groups_of(sock, cred, groups)))
		return "may not attach";
	return NULL;
}
