/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Procedure: a named function of one type of accelerator.
 */
#ifndef VINE_PROC_H
#define VINE_PROC_H

#include <vine/handle.h>
#include <vine_talk.h>
#include <vine/session.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/*
 * vine_proc_find writes the procedure of that name for accelerators of `type`
 * and takes a reference, given back with vine_proc_release. Blocks for one
 * round trip. Returns 0, or -ENOENT, -EINVAL (empty or over-long name),
 * -ETIMEDOUT, -ECONNRESET.
 */
int vine_proc_find(struct vine_session *session, vine_accel_type_e type,
		   const char *name, vine_proc **proc);

/*
 * vine_proc_add registers code under a name for accelerators of `type` and
 * takes a reference. Where the name exists with equal code, that procedure is
 * returned. A kind of accelerator that cannot run an application's code safely
 * stores it and fails each task with VINE_STATUS_REFUSED, unless its operator
 * allows it (see cpu_app_code in vine.conf(5)). The code is copied. Blocks for
 * one round trip. Returns 0, or -EEXIST (the name exists with other code),
 * -EINVAL, -EDQUOT (too many procedures), -ENOMEM, -ETIMEDOUT, -ECONNRESET.
 */
int vine_proc_add(struct vine_session *session, vine_accel_type_e type,
		  const char *name, const void *code, size_t size,
		  vine_proc **proc);

/*
 * vine_proc_release gives back a reference and returns how many this session
 * still holds on the procedure. At zero *proc is freed, and an application's
 * procedure that no session holds is forgotten by the appliance once the tasks
 * that run it have completed. Blocks for one round trip.
 */
int vine_proc_release(vine_proc *proc);

/* vine_proc_name returns the procedure's name; it lives as long as proc. */
const char *vine_proc_name(const vine_proc *proc);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
