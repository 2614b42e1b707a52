/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments: what vined serves. Each has a config, which says how peers come to
 * it, and a pipe, once it is open.
 *
 * A segment that cannot be opened is left out, as long as there is another: who
 * may write one of them must not keep vined from all. The first config is also
 * the daemon's. Main thread; no function takes what is not begun.
 */
#ifndef VINED_SEGMENTS_H
#define VINED_SEGMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "appliance/vined_options.h"
#include "core/vine_pipe.h"

struct rt_wait;
struct utils_config;
struct vined_holder;
struct vined_peers;
struct vined_ports;

/* Zero it to begin. */
struct vined_segments {
	struct utils_config *configs[VINED_SEGMENTS_MAX];
	size_t config_count;
	struct vined_peers *peers[VINED_SEGMENTS_MAX];	/* by config; or NULL */
	struct vined_ports *ports[VINED_SEGMENTS_MAX];	/* as these */
	vine_pipe_s *pipe_of[VINED_SEGMENTS_MAX]; /* by config; NULL: none */
	vine_pipe_s *pipes[VINED_SEGMENTS_MAX];	/* those that are open */
	size_t count;				/* of them */
};

/*
 * vined_segments_read reads the configs, all of them also where one is wrong.
 * Returns 0, or the error of a wrong one; each fault is logged.
 * vined_segments_free frees what was read, in any case.
 */
int vined_segments_read(struct vined_segments *segments,
			const struct vined_options *options);
void vined_segments_free(struct vined_segments *segments);

/*
 * vined_segments_listen makes the sockets of all, or takes them up from an
 * earlier vined; who connects waits. Returns 0 or a negative errno, logged;
 * vined_segments_hang_up is due in any case. With `forget` nobody is to take
 * them up afterwards.
 */
int vined_segments_listen(struct vined_segments *segments, struct rt_wait *wait,
			  struct vined_holder *holder);
void vined_segments_hang_up(struct vined_segments *segments, int forget);

/*
 * vined_segments_open opens the pipes, of so many lanes each, or more where
 * sessions go on that need them. Returns how many lanes the largest has, or a
 * negative errno, logged, with no pipe open.
 */
int vined_segments_open(struct vined_segments *segments, uint32_t lanes);

/* vined_segments_end ends the pipes. Returns 0, or -EBUSY where a service is
 * still at work on one: then the process has to end. */
int vined_segments_end(struct vined_segments *segments);

/* vined_segments_serve lets applications and peers in. `workers` is for the
 * log. Returns 0 or a negative errno, logged. */
int vined_segments_serve(struct vined_segments *segments, uint32_t workers);

/* vined_segments_stop takes in nobody and nothing more; what is in flight goes
 * on. */
void vined_segments_stop(struct vined_segments *segments);

/* vined_segments_keep_peers leaves those that are there to the next vined. */
void vined_segments_keep_peers(struct vined_segments *segments);

/* vined_segments_have_peers tells whether some segment has a socket. */
int vined_segments_have_peers(const struct vined_segments *segments);

/*
 * vined_segments_settle waits for tasks in flight, of which no more are taken;
 * at most VINE_HAND_OVER_MS. The workers have ended. Returns how many did not
 * finish.
 */
uint32_t vined_segments_settle(struct vined_segments *segments);

#endif
