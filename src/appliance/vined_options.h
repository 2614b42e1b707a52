/* SPDX-License-Identifier: Apache-2.0 */
/* Options: vined's command line. */
#ifndef VINED_OPTIONS_H
#define VINED_OPTIONS_H

#include <stddef.h>

#define VINED_SEGMENTS_MAX 32

/* Exit codes; they stand in vined(8). */
enum vined_exit {
	VINED_EXIT_OK = 0,
	VINED_EXIT_FAILED = 1,	/* the appliance could not do its work */
	VINED_EXIT_USAGE = 2,	/* the command line was wrong */
	VINED_EXIT_CONFIG = 3,	/* a config file was wrong */
	VINED_EXIT_HANDED_OVER = 4, /* the next vined is to go on */
};

enum vined_mode {
	VINED_RUN,
	VINED_CHECK_CONFIG,
	VINED_DONE,		/* printed what was asked for */
	VINED_USAGE,		/* printed what was wrong */
};

struct vined_options {
	const char *configs[VINED_SEGMENTS_MAX]; /* NULL: the default file */
	size_t config_count;	/* at least 1 */
	const char *log_level;	/* NULL: the config's */
};

/* vined_options_read reads argv. Prints help on stdout, faults on stderr. */
enum vined_mode vined_options_read(int argc, char **argv,
				   struct vined_options *options);

#endif
