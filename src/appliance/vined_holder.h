/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holder: the process that outlives vined and keeps descriptors for the next
 * one: systemd, or vined-keeper(8).
 *
 * It is spoken to as systemd is, by datagrams to $NOTIFY_SOCKET
 * (sd_notify(3)): how vined is, and which descriptors to keep, by name. What it
 * has kept the next vined finds open at its start (sd_listen_fds(3)). Without a
 * holder all of it does nothing.
 *
 * Nothing here blocks, or fails: what the holder does not take yet is sent
 * later, in order, and a holder that is gone, or full, is a line in the log;
 * then only what it should have kept ends with this vined. All of it runs on
 * the thread of one rt_wait.
 */
#ifndef VINED_HOLDER_H
#define VINED_HOLDER_H

#include <stdint.h>

struct rt_wait;
struct vined_holder;

#define VINED_HOLDER_NAME 32	/* bytes of a name, with its NUL */
#define VINED_HOLDER_EACH 2	/* descriptors of one name */

/*
 * vined_holder_open finds the holder, and what it has kept. It opens a socket,
 * which the filter forbids later. The wait must outlive the holder, which the
 * caller closes. While there is one thread. Returns 0 or -ENOMEM.
 */
int vined_holder_open(struct rt_wait *wait, struct vined_holder **holder);

/* vined_holder_serve notices from now on that a vined-keeper ends. After the
 * filter, as every watch. */
void vined_holder_serve(struct vined_holder *holder);

/* vined_holder_keeps tells whether there is one that can keep descriptors. */
int vined_holder_keeps(const struct vined_holder *holder);

/* vined_holder_tell says how vined is, in the words of sd_notify(3). */
void vined_holder_tell(struct vined_holder *holder, const char *state);

/*
 * vined_holder_put has descriptors kept under a name that has none; they stay
 * the caller's. Returns 1 if they will be, 0 if not, which has been logged or
 * is for lack of a holder. vined_holder_drop has the `count` of a name
 * forgotten.
 */
int vined_holder_put(struct vined_holder *holder, const char *name,
		     const int *fds, uint32_t count);
void vined_holder_drop(struct vined_holder *holder, const char *name,
		       uint32_t count);

/*
 * vined_holder_take gives what was kept under a name to the caller, who closes
 * it: up to VINED_HOLDER_EACH descriptors, close-on-exec, of any kind. The
 * holder still has them, too. Returns how many there were, which may be more:
 * those are closed.
 */
uint32_t vined_holder_take(struct vined_holder *holder, const char *name,
			   int *fds);

/* vined_holder_next returns a name that begins with the prefix and has not been
 * taken, or NULL. It is good until that is taken. */
const char *vined_holder_next(const struct vined_holder *holder,
			      const char *prefix);

/* vined_holder_rest has forgotten, and closes, what nobody has taken. */
void vined_holder_rest(struct vined_holder *holder);

/* vined_holder_close sends what is not sent, for VINE_HOLDER_LAST_MS at most;
 * what is kept stays so. NULL is ignored. */
void vined_holder_close(struct vined_holder *holder);

#endif
