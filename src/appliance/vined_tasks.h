/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks: what the tasks of the workers are at, for the operator: the command
 * tasks, and the dump in the log that SIGUSR1 asks for.
 */
#ifndef VINED_TASKS_H
#define VINED_TASKS_H

#include "appliance/vined_command.h"

struct rt_wait;
struct vined_workers;

/* The command: see vined_command.h. Main thread; none of them blocks. */
uint32_t vined_tasks_begin(struct vined_call *call);
uint32_t vined_tasks_again(struct vined_call *call);
void vined_tasks_drop(struct vined_call *call);

/*
 * vined_tasks_log asks the workers and writes what they answer to the log, from
 * a timer of the wait, which is the calling thread's. One that is under way is
 * not begun again. Never blocks. vined_tasks_log_end gives up what is under
 * way; before the workers end.
 */
void vined_tasks_log(struct vined_workers *workers, struct rt_wait *wait);
void vined_tasks_log_end(void);

#endif
