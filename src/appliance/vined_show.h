/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Show: the commands that tell what vined serves, and how much of it.
 *
 * Rates are those of a short time that begins with the question: nothing is
 * measured while nobody asks.
 */
#ifndef VINED_SHOW_H
#define VINED_SHOW_H

#include "appliance/vined_command.h"

/* Segments and workers, with rates: see vined_command.h. */
uint32_t vined_show_status(struct vined_call *call);
uint32_t vined_show_status_again(struct vined_call *call);
void vined_show_status_drop(struct vined_call *call);

/* Sessions, accelerators and procedures. */
uint32_t vined_show_list(struct vined_call *call);

#endif
