/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps: what vined begins by, one after the other, each with its undo. A stop
 * undoes all of them in reverse; where one fails, those before it.
 */
#ifndef VINED_STEPS_H
#define VINED_STEPS_H

#include <stdint.h>

#include "appliance/vined_options.h"
#include "appliance/vined_segments.h"
#include "rt/rt_timer.h"
#include "rt/rt_wait.h"

struct vined_control;
struct vined_holder;
struct vined_host;
struct vined_workers;

/* All of vined. What a step makes is there from then on until its undo. Zero it
 * and set the first two to begin. */
struct vined {
	const struct vined_options *options;
	int journal;			/* systemd reads the log */
	struct vined_segments segments;	/* with the configs */
	struct rt_wait *wait;		/* the main thread's */
	struct rt_watch signals;
	struct vined_holder *holder;
	struct vined_control *control;	/* NULL: none */
	struct vined_host *host;
	struct vined_workers *workers;
	uint32_t worker_count;
	struct rt_timer watchdog;
	uint64_t watchdog_us;	/* systemd's; 0: none */
	uint64_t progress;
	int serving;		/* it has been told so */
	int stopping;
	int handing_over;	/* to the next vined, which takes all up */
	int stuck;		/* a service still works at the end */
};

/* vined_steps_do does all steps. Returns VINED_EXIT_OK; or, logged, what the
 * process is to end with: then everything is undone. */
enum vined_exit vined_steps_do(struct vined *vined);

/* vined_steps_undo undoes all, after vined_steps_do. `stuck` says whether
 * something could not be. */
void vined_steps_undo(struct vined *vined);

#endif
