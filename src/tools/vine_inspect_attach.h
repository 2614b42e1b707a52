/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attach: what an application gets that attaches by a config, found out by
 * attaching.
 */
#ifndef VINE_INSPECT_ATTACH_H
#define VINE_INSPECT_ATTACH_H

#include <jansson.h>

/*
 * vine_inspect_attach opens a session by a config (NULL: the usual one), and
 * closes it again. Blocks up to the config's attach_timeout. Returns 0 and a
 * report that the caller owns, or -errno of vine_session_open, logged, or
 * -ENOMEM.
 */
int vine_inspect_attach(const char *config, json_t **report);

#endif
