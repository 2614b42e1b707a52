/* SPDX-License-Identifier: Apache-2.0 */
/* A line is one call of fprintf: those of several threads do not mix. */
#include <stdio.h>

#include "appliance/vined_log.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"

static void
write_for_journal(enum utils_log_level level, const char *text, void *user)
{
	static const int priorities[] = { 3, 4, 6, 7 };

	(void)user;
	fprintf(stderr, "<%d>%s\n", priorities[level], text);
}

static void
write_for_people(enum utils_log_level level, const char *text, void *user)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	(void)user;
	fprintf(stderr, "vined: %s: %s\n", names[level], text);
}

void
vined_log_set(const char *name, const struct utils_config *config, int journal)
{
	enum utils_log_level level = UTILS_LOG_INFO;

	if (name == NULL && config)
		name = utils_config_str(config, UTILS_KEY_log_level);
	if (name)
		utils_log_level_of(name, &level);
	utils_log_set(level, journal ? write_for_journal : write_for_people,
		      NULL);
}
