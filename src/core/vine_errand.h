/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errand: a control task, from the application's side: what the appliance is
 * asked to do for a session (ctl.def), over and over where appliances are
 * killed at it, until there is an answer.
 */
#ifndef VINE_ERRAND_H
#define VINE_ERRAND_H

#include <stdint.h>

#include "core/vine_ctl.h"

struct vine_session;

/*
 * vine_errand_run carries out a control task and waits for its answer,
 * also over a restart of the appliance. text (NULL: none) goes into the
 * mailbox. Any thread; takes ctl_lock. Returns 0 and the value, or the task's
 * -errno, -ETIMEDOUT, -ECONNRESET, or -ECHILD after fork.
 */
int vine_errand_run(struct vine_session *session, enum vine_ctl op,
		    uint64_t a, uint64_t b, uint64_t c, const char *text,
		    uint64_t *value);

#endif
