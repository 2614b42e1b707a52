/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log: how vined's lines on stderr look, and how many there are. For systemd's
 * journal they begin with the level as it wants it, else as people do.
 */
#ifndef VINED_LOG_H
#define VINED_LOG_H

struct utils_config;

/*
 * vined_log_set has lines of a level written: that of the name or, with NULL,
 * the config's; without a config, info. `journal`: systemd reads them. May be
 * called again. Main thread.
 */
void vined_log_set(const char *name, const struct utils_config *config,
		   int journal);

#endif
