/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bell: the appliance's, which peers of a segment ring that have no futex on
 * it. It wakes every worker, for nobody says whose queue it is about.
 */
#ifndef VINED_BELL_H
#define VINED_BELL_H

#include <stdint.h>

#include "core/vine_pipe.h"
#include "rt/rt_wait.h"

struct vined_bell {
	struct rt_wait *wait;	/* NULL: not open */
	vine_pipe_s *pipe;
	struct rt_watch rung;	/* its eventfd; fd -1: none */
	struct rt_timer calm;	/* to hear it again */
	uint64_t last_ring;
};

/* vined_bell_init makes a bell that is not open. */
void vined_bell_init(struct vined_bell *bell);

/*
 * vined_bell_open hears the eventfd fd, which is the bell's then, or, with -1,
 * a new one. The thread of wait, as all of these. Returns 0, or a negative
 * errno of eventfd(2) or rt_wait_watch; vined_bell_close is due in any case.
 */
int vined_bell_open(struct vined_bell *bell, struct rt_wait *wait,
		    vine_pipe_s *pipe, int fd);

/* vined_bell_stop hears it no more; vined_bell_close also closes it. Of a bell
 * that is not open both do nothing. */
void vined_bell_stop(struct vined_bell *bell);
void vined_bell_close(struct vined_bell *bell);

#endif
