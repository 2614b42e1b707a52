/* SPDX-License-Identifier: Apache-2.0 */
/* All of libvine's native API for applications. */
#ifndef VINE_VINE_H
#define VINE_VINE_H

#include <vine/accel.h>
#include <vine/data.h>
#include <vine/proc.h>
#include <vine/session.h>
#include <vine/status.h>
#include <vine/task.h>

#endif
