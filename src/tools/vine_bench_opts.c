/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options: getopt_long, with every fault named by option, value and what was
 * expected.
 */
#include "tools/vine_bench_opts.h"

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vine/version.h>

#define REPS_MAX 1000
#define TIME_MAX_MS 10000
#define IDLE_MAX_S 120

static const char usage[] =
"usage: vine-bench [options]\n"
"Measures libvine and, beside each figure, the limit that it is held against.\n"
"\n"
"  --cpus A,B          client on cpu A, server or appliance on cpu B\n"
"                      (default: the first two that this process may use)\n"
"  --reps N            repetitions at one distance (default 5, 1 to 1000;\n"
"                      fewer than 5 make no result)\n"
"  --time MS           length of each measurement (default 50, 1 to 10000)\n"
"  --idle S            watch an idle appliance for S seconds (default 2, 1 to\n"
"                      120)\n"
"  --only NAME         only these: a name, a group, or a pattern such as\n"
"                      'task.*'; may be given more than once\n"
"  --explain           only what a round trip consists of: --only explain\n"
"  --distances S,F     one-way ns below which the cpus are smt siblings, and\n"
"                      above which they are far (default 35,100)\n"
"  --vined PATH        the daemon (default: vined beside vine-bench, or the\n"
"                      one in $PATH)\n"
"  --config FILE       add the lines of FILE to the config of every appliance\n"
"  --json FILE         write all figures to FILE ('-': stdout, no table)\n"
"  --plot DIR          draw pictures (SVG) into DIR, with their data beside;\n"
"                      needs gnuplot\n"
"  --attach            measure tasks on the appliance and segment of the usual\n"
"                      config, whichever they are, and say how each side is\n"
"                      reached; for virtual machines. Of the options above only\n"
"                      --reps and --time count\n"
"  --beside FILE       an earlier report of --attach, to compare with\n"
"  --note TEXT         a line for that report; up to 8 times\n"
"  --list              list the benchmarks and end\n"
"  --help, --version   print this, or the version, and end\n"
"\n"
"Exit status: 0 every benchmark has a result, 1 one failed, 2 usage, 3 some\n"
"have too few repetitions or could not run here.\n";

enum { OPT_CPUS = 256, OPT_REPS, OPT_TIME, OPT_IDLE, OPT_ONLY, OPT_EXPLAIN,
       OPT_DISTANCES, OPT_VINED, OPT_CONFIG, OPT_JSON, OPT_PLOT,
       OPT_ATTACH, OPT_BESIDE, OPT_NOTE, OPT_LIST, OPT_HELP, OPT_VERSION };

static const struct option longs[] = {
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "reps", required_argument, NULL, OPT_REPS },
	{ "time", required_argument, NULL, OPT_TIME },
	{ "idle", required_argument, NULL, OPT_IDLE },
	{ "only", required_argument, NULL, OPT_ONLY },
	{ "explain", no_argument, NULL, OPT_EXPLAIN },
	{ "distances", required_argument, NULL, OPT_DISTANCES },
	{ "vined", required_argument, NULL, OPT_VINED },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "plot", required_argument, NULL, OPT_PLOT },
	{ "attach", no_argument, NULL, OPT_ATTACH },
	{ "beside", required_argument, NULL, OPT_BESIDE },
	{ "note", required_argument, NULL, OPT_NOTE },
	{ "list", no_argument, NULL, OPT_LIST },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static int
wrong(const char *option, const char *value, const char *expected)
{
	fprintf(stderr, "vine-bench: --%s %s: expected %s\n", option, value,
		expected);
	return -EINVAL;
}

static int
read_number(const char *option, const char *text, unsigned int max,
	    unsigned int *number)
{
	char expected[64];
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || !n || n > max) {
		snprintf(expected, sizeof(expected), "a number from 1 to %u",
			 max);
		return wrong(option, text, expected);
	}
	*number = (unsigned int)n;
	return 0;
}

static int
read_cpus(const char *text, int cpu[2])
{
	int a, b, used = 0;

	if (sscanf(text, "%d,%d%n", &a, &b, &used) != 2 || text[used] ||
	    a < 0 || b < 0 || a >= CPU_SETSIZE || b >= CPU_SETSIZE || a == b)
		return wrong("cpus", text, "two different cpus, such as 0,1");
	cpu[0] = a;
	cpu[1] = b;
	return 0;
}

static int
read_distances(const char *text, double bound[2])
{
	double s, f;
	int used = 0;

	/* Written so that a NaN is refused too. */
	if (sscanf(text, "%lf,%lf%n", &s, &f, &used) != 2 || text[used] ||
	    !(s >= 0 && f >= s && isfinite(f)))
		return wrong("distances", text, "two times in ns, such as "
			     "35,100, the smaller one first");
	bound[0] = s;
	bound[1] = f;
	return 0;
}

static int
read_only(const char *text, struct vine_bench_opts *opts)
{
	size_t i;

	if (opts->only_count == VINE_BENCH_ONLY_MAX)
		return wrong("only", text, "no more than 32 of these options");
	opts->only[opts->only_count++] = text;
	for (i = 0; i < vine_bench_count; i++)
		if (!fnmatch(text, vine_bench_table[i].name, 0) ||
		    !strcmp(text, vine_bench_table[i].group))
			return 0;
	return wrong("only", text, "a benchmark or a group of --list");
}

static int
read_option(int option, const char *value, struct vine_bench_opts *opts)
{
	switch (option) {
	case OPT_CPUS:
		return read_cpus(value, opts->cpu);
	case OPT_REPS:
		return read_number("reps", value, REPS_MAX, &opts->reps);
	case OPT_TIME:
		return read_number("time", value, TIME_MAX_MS, &opts->time_ms);
	case OPT_IDLE:
		return read_number("idle", value, IDLE_MAX_S, &opts->idle_s);
	case OPT_ONLY:
		return read_only(value, opts);
	case OPT_EXPLAIN:
		return read_only("explain", opts);
	case OPT_DISTANCES:
		return read_distances(value, opts->bound);
	case OPT_VINED:
		if (access(value, X_OK) < 0)
			return wrong("vined", value, "a program");
		if (strlen(value) >= sizeof(opts->vined))
			return wrong("vined", value, "a shorter path");
		strcpy(opts->vined, value);
		return 0;
	case OPT_CONFIG:
		opts->config = value;
		return 0;
	case OPT_JSON:
		opts->json = value;
		return 0;
	case OPT_PLOT:
		opts->plot = value;
		return 0;
	case OPT_ATTACH:
		opts->attach = 1;
		return 0;
	case OPT_BESIDE:
		opts->beside = value;
		return 0;
	case OPT_NOTE:
		if (opts->note_count == VINE_BENCH_NOTES_MAX)
			return wrong("note", value, "no more than 8 of these "
				     "options");
		opts->note[opts->note_count++] = value;
		return 0;
	case OPT_LIST:
		opts->list = 1;
		return 0;
	default:
		return -EINVAL;
	}
}

/* find_vined looks in the folder of this program, then in $PATH. */
static void
find_vined(char *path, size_t size)
{
	const char *dirs = getenv("PATH");
	ssize_t n = readlink("/proc/self/exe", path, size - 7);
	char *slash;
	int len;

	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		if (slash) {
			strcpy(slash + 1, "vined");
			if (!access(path, X_OK))
				return;
		}
	}
	while (dirs && *dirs) {
		len = (int)strcspn(dirs, ":");
		if (snprintf(path, size, "%.*s/vined", len, dirs) < (int)size &&
		    !access(path, X_OK))
			return;
		dirs += len + (dirs[len] == ':');
	}
	path[0] = '\0';
}

static int
default_cpus(int cpu[2])
{
	cpu_set_t set;
	int i, found = 0;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		CPU_ZERO(&set);
	for (i = 0; i < CPU_SETSIZE && found < 2; i++)
		if (CPU_ISSET(i, &set))
			cpu[found++] = i;
	if (found == 2)
		return 0;
	fprintf(stderr, "vine-bench: this process may use %d cpu; two are "
		"needed, one for each side\n", found);
	return -EINVAL;
}

int
vine_bench_opts_read(int argc, char **argv, struct vine_bench_opts *opts,
		     int *status)
{
	int option;

	*status = VINE_BENCH_EXIT_USAGE;
	*opts = (struct vine_bench_opts){
		.cpu = { -1, -1 }, .reps = VINE_BENCH_REPS_MIN, .time_ms = 50,
		.idle_s = 2,
		.bound = { 35, 100 }, .progress = isatty(STDERR_FILENO),
	};
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == OPT_HELP || option == OPT_VERSION) {
			*status = VINE_BENCH_EXIT_OK;
			if (option == OPT_HELP)
				fputs(usage, stdout);
			else
				printf("vine-bench %d.%d.%d\n",
				       VINE_VERSION_MAJOR, VINE_VERSION_MINOR,
				       VINE_VERSION_PATCH);
			return 0;
		}
		if (read_option(option, optarg, opts))
			return 0;
	}
	if (optind < argc) {
		fprintf(stderr, "vine-bench: %s: expected options only; see "
			"--help\n", argv[optind]);
		return 0;
	}
	if (!opts->attach && (opts->beside || opts->note_count)) {
		fputs("vine-bench: --beside and --note go with --attach\n",
		      stderr);
		return 0;
	}
	if (opts->attach && (opts->json || opts->plot || opts->only_count)) {
		fputs("vine-bench: --attach has no --json, --plot, --only\n",
		      stderr);
		return 0;
	}
	if (!opts->list && !opts->attach && opts->cpu[0] < 0 &&
	    default_cpus(opts->cpu))
		return 0;
	if (!opts->vined[0])
		find_vined(opts->vined, sizeof(opts->vined));
	return 1;
}

int
vine_bench_opts_wants(const struct vine_bench_opts *opts,
		      const struct vine_bench *bench)
{
	int i;

	for (i = 0; i < opts->only_count; i++)
		if (!fnmatch(opts->only[i], bench->name, 0) ||
		    !strcmp(opts->only[i], bench->group))
			return 1;
	return !opts->only_count;
}
