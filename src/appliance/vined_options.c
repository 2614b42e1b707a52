/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <vine/version.h>

#include "appliance/vined_options.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

static const char help[] =
	"Usage: vined [OPTION]...\n"
	"Serve accelerators to applications through shared memory.\n"
	"\n"
	"  -c, --config FILE   serve the segment of this config; may be given "
	"more than\n"
	"                      once, a segment each (default: $VINE_CONFIG, "
	"else ~/.vinetalk)\n"
	"      --check-config  check the configs and exit: 0 good, 3 bad\n"
	"      --help-config   print every config key and exit\n"
	"  -l, --log-level L   error, warn, info or debug, above the config's\n"
	"  -h, --help          print this and exit\n"
	"  -V, --version       print the version and exit\n"
	"\n"
	"Signals: TERM and INT finish what is in flight and stop; HUP reads "
	"the configs\n"
	"again. Exit status: 0 stopped, 1 failed, 2 usage, 3 bad config, 4 "
	"handed over\n"
	"to the next. See vined(8).\n";

enum { OPT_CHECK = 256, OPT_HELP_CONFIG };

static const struct option longs[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "check-config", no_argument, NULL, OPT_CHECK },
	{ "help-config", no_argument, NULL, OPT_HELP_CONFIG },
	{ "log-level", required_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static enum vined_mode
add_config(struct vined_options *o, const char *file)
{
	if (o->config_count == VINED_SEGMENTS_MAX) {
		fprintf(stderr, "vined: --config given more than %d times\n",
			VINED_SEGMENTS_MAX);
		return VINED_USAGE;
	}
	o->configs[o->config_count++] = file;
	return VINED_RUN;
}

static enum vined_mode
check_level(const char *name)
{
	enum utils_log_level level;

	if (utils_log_level_of(name, &level) == 0)
		return VINED_RUN;
	fprintf(stderr, "vined: --log-level '%s', expected error, warn, info "
		"or debug\n", name);
	return VINED_USAGE;
}

enum vined_mode
vined_options_read(int argc, char **argv, struct vined_options *o)
{
	enum vined_mode mode = VINED_RUN, rc = VINED_RUN;
	int c;

	memset(o, 0, sizeof(*o));
	while (rc == VINED_RUN &&
	       (c = getopt_long(argc, argv, "c:l:hV", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			rc = add_config(o, optarg);
			break;
		case 'l':
			o->log_level = optarg;
			rc = check_level(optarg);
			break;
		case OPT_CHECK:
			mode = VINED_CHECK_CONFIG;
			break;
		case OPT_HELP_CONFIG:
			utils_config_help(stdout);
			return VINED_DONE;
		case 'h':
			fputs(help, stdout);
			return VINED_DONE;
		case 'V':
			puts("vined " TEXT(VINE_VERSION_MAJOR) "."
			     TEXT(VINE_VERSION_MINOR) "."
			     TEXT(VINE_VERSION_PATCH));
			return VINED_DONE;
		default:
			fputs("Try 'vined --help'.\n", stderr);
			return VINED_USAGE;
		}
	}
	if (rc != VINED_RUN)
		return rc;
	if (optind < argc) {
		fprintf(stderr, "vined: unexpected argument '%s'\n",
			argv[optind]);
		return VINED_USAGE;
	}
	if (o->config_count == 0)
		o->config_count = 1;	/* the default file */
	return mode;
}
