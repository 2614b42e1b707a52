/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vine-inspect: shows what a segment's directories say; see vine-inspect(1).
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <vine/version.h>

#include "tools/tools_table.h"
#include "tools/vine_inspect_attach.h"
#include "tools/vine_inspect_report.h"
#include "utils/utils_config.h"

/* Exit codes; they stand in vine-inspect(1). */
enum { EXIT_READ = 0, EXIT_UNREAD = 1, EXIT_USAGE = 2, EXIT_FAULTS = 3 };

#define WATCH_MAX 86400.0		/* seconds */

struct options {
	const char *config;
	const char *name;	/* NULL: the config's */
	char file[256];		/* where the config's name is kept */
	uint64_t off;
	int offset;		/* --offset was said */
	uint32_t sections;
	double watch;		/* seconds; 0: once */
	int json;
	int attach;
};

static const char usage_text[] =
	"usage: vine-inspect [OPTION]... [SEGMENT]\n"
	"Show what a segment says of its sessions, queues and memory.\n"
	"\n"
	"SEGMENT is a path if it begins with '/', else the name of a POSIX "
	"shared memory\n"
	"object; without one, it is that of the config.\n"
	"\n"
	"  -a, --attach         attach as an application of the config does, and "
	"show what\n"
	"                       memory one gets and what wakes whom\n"
	"  -c, --config FILE    the segment of this config (default: "
	"$VINE_CONFIG, else\n"
	"                       ~/.vinetalk)\n"
	"  -o, --offset BYTES   where in the object SEGMENT begins\n"
	"  -s, --section NAME   only this one; may be given more than once: "
	"segment,\n"
	"                       sessions, quotas, queues, extents, "
	"accelerators,\n"
	"                       procedures, counters\n"
	"  -j, --json           print JSON, in one line\n"
	"  -w, --watch SEC      again every SEC seconds\n"
	"  -h, --help           print this and exit\n"
	"  -V, --version        print the version and exit\n"
	"\n"
	"Exit status: 0 read, 1 not read, 2 wrong usage, 3 read, and it has "
	"faults.\n";

static int
usage(const char *what, const char *value)
{
	fprintf(stderr, "vine-inspect: %s%s\nTry 'vine-inspect --help'.\n",
		what, value);
	return EXIT_USAGE;
}

/* The name and the offset that a config says. */
static int
read_config(struct options *o)
{
	struct utils_config *config;
	int rc = utils_config_read(o->config, &config);
	const char *file;

	if (rc)		/* it has been said */
		return EXIT_UNREAD;
	file = utils_config_str(config, UTILS_KEY_shm_file);
	if (file == NULL) {
		fprintf(stderr, "vine-inspect: %s has no shm_file: name the "
			"object, or use --attach\n",
			utils_config_name(config));
		utils_config_free(config);
		return EXIT_UNREAD;
	}
	snprintf(o->file, sizeof(o->file), "%s", file);
	o->name = o->file;
	o->off = utils_config_u64(config, UTILS_KEY_shm_off);
	if (utils_config_bool(config, UTILS_KEY_shm_ivshmem))
		o->off += VINE_PAGE;
	utils_config_free(config);
	return EXIT_READ;
}

/* Print a report, and give it up. Returns whether all of it is out. */
static int
print(const struct options *o, json_t *report, const char *what)
{
	int made = report != NULL;

	if (made && o->json) {
		json_dumpf(report, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		putchar('\n');
	} else if (made) {
		tools_table_print(report, stdout);
	}
	json_decref(report);
	if (made && fflush(stdout) == 0 && !ferror(stdout))
		return 1;
	fprintf(stderr, "vine-inspect: the report on %s cannot be written: "
		"%s\n", what, strerror(made ? EIO : ENOMEM));
	return 0;
}

/* Attach, and say what one gets. */
static int
attach(const struct options *o)
{
	json_t *report = NULL;
	int rc = vine_inspect_attach(o->config, &report);

	if (rc && rc != -ENOMEM) {
		fprintf(stderr, "vine-inspect: cannot attach: %s\n",
			strerror(-rc));
		return EXIT_UNREAD;
	}
	return print(o, report, "an attach") ? EXIT_READ : EXIT_UNREAD;
}

/* Report on what was read. */
static int
show(const struct options *o, const struct vine_inspect_snap *snap)
{
	uint32_t faults = 0;
	json_t *report = vine_inspect_report(snap, o->name, o->sections,
					     &faults);

	if (!print(o, report, o->name))
		return EXIT_UNREAD;
	if (snap->head == NULL) {
		fprintf(stderr, "vine-inspect: %s: %s\n", o->name,
			snap->fault);
		return EXIT_UNREAD;
	}
	return faults ? EXIT_FAULTS : EXIT_READ;
}

static int
inspect(const struct options *o)
{
	struct vine_inspect_snap snap;
	int rc, fd = vine_inspect_open(o->name);

	if (fd < 0) {
		fprintf(stderr, "vine-inspect: segment %s cannot be opened: "
			"%s\n", o->name, strerror(-fd));
		return EXIT_UNREAD;
	}
	rc = vine_inspect_snap_read(fd, o->off, &snap);
	if (rc) {
		fprintf(stderr, "vine-inspect: segment %s at offset %llu "
			"cannot be read: %s\n", o->name,
			(unsigned long long)o->off, rc == -ENODATA ?
			"the object ends before" : strerror(-rc));
		rc = EXIT_UNREAD;
	} else {
		rc = show(o, &snap);
		vine_inspect_snap_drop(&snap);
	}
	close(fd);
	return rc;
}

/* Each round opens it anew: the object may be another one by then. */
static int
watch(const struct options *o)
{
	struct timespec nap = { (time_t)o->watch,
		(long)((o->watch - floor(o->watch)) * 1e9) };
	int clear = !o->json && isatty(STDOUT_FILENO);

	for (;;) {
		if (clear)
			fputs("\033[H\033[2J", stdout);
		(void)inspect(o);	/* it may come back */
		if (ferror(stdout))
			return EXIT_UNREAD;
		nanosleep(&nap, NULL);
	}
}

static int
read_offset(struct options *o, const char *text)
{
	char *end;

	errno = 0;
	o->offset = 1;
	o->off = strtoull(text, &end, 0);
	if (errno || *end || text[0] < '0' || text[0] > '9')
		return usage("--offset is no number: ", text);
	return EXIT_READ;
}

static int
read_watch(struct options *o, const char *text)
{
	char *end;

	o->watch = strtod(text, &end);
	if (*end || !(o->watch >= 0.01 && o->watch <= WATCH_MAX))
		return usage("--watch is not 0.01 to 86400 seconds: ", text);
	return EXIT_READ;
}

static int
add_section(struct options *o, const char *name)
{
	int section = vine_inspect_section_of(name);

	if (section < 0)
		return usage("there is no section ", name);
	o->sections |= 1u << section;
	return EXIT_READ;
}

/* One option. Returns 1 where there is more to read. */
static int
take_option(struct options *o, int letter, int *status)
{
	switch (letter) {
	case 'a':
		o->attach = 1;
		return 1;
	case 'c':
		o->config = optarg;
		return 1;
	case 'o':
		*status = read_offset(o, optarg);
		return *status == EXIT_READ;
	case 's':
		*status = add_section(o, optarg);
		return *status == EXIT_READ;
	case 'j':
		o->json = 1;
		return 1;
	case 'w':
		*status = read_watch(o, optarg);
		return *status == EXIT_READ;
	case 'h':
		fputs(usage_text, stdout);
		return 0;
	case 'V':
		printf("vine-inspect %d.%d.%d\n", VINE_VERSION_MAJOR,
		       VINE_VERSION_MINOR, VINE_VERSION_PATCH);
		return 0;
	default:		/* getopt_long has said what is wrong */
		*status = EXIT_USAGE;
		return 0;
	}
}

/* What stands behind the options, and what goes with what. */
static int
take_segment(struct options *o, char *const *words)
{
	if (words[0]) {
		o->name = words[0];
		if (words[1])
			return usage("more than one SEGMENT: ", words[1]);
	}
	if (o->name && o->config)
		return usage("a SEGMENT and a config: ", o->name);
	if (o->attach && (o->name || o->sections || o->watch > 0))
		return usage("--attach goes with --config and --json alone",
			     "");
	if (o->offset && o->name == NULL)
		return usage("--offset without a SEGMENT", "");
	return EXIT_READ;
}

/* Returns 1 where there is something to inspect; else sets *status. */
static int
read_options(int argc, char **argv, struct options *o, int *status)
{
	static const struct option longs[] = {
		{ "attach", no_argument, NULL, 'a' },
		{ "config", required_argument, NULL, 'c' },
		{ "offset", required_argument, NULL, 'o' },
		{ "section", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "watch", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*status = EXIT_READ;
	while ((c = getopt_long(argc, argv, "ac:o:s:jw:hV", longs,
				NULL)) != -1)
		if (!take_option(o, c, status))
			return 0;
	*status = take_segment(o, argv + optind);
	return *status == EXIT_READ;
}

int
main(int argc, char **argv)
{
	static struct options o;
	int status;

	if (!read_options(argc, argv, &o, &status))
		return status;
	if (o.attach)
		return attach(&o);
	if (o.sections == 0)
		o.sections = ~0u;
	if (o.name == NULL) {
		status = read_config(&o);
		if (status != EXIT_READ)
			return status;
	}
	return o.watch > 0 ? watch(&o) : inspect(&o);
}
