/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vine-trace: reads the files that the tracer wrote; see vine-trace(1).
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vine/version.h>

#include "tools/vine_trace_chrome.h"
#include "tools/vine_trace_input.h"
#include "tools/vine_trace_summary.h"

#define EXIT_USAGE 2

static const char usage_text[] =
	"usage: vine-trace summary FILE...\n"
	"       vine-trace chrome [-o OUT] FILE...\n"
	"       vine-trace --help | --version\n"
	"\n"
	"  summary   calls, errors and times of each function, and times\n"
	"            between the stops of tasks\n"
	"  chrome    trace-event JSON for Perfetto or chrome://tracing\n"
	"  -o OUT    write there, not to stdout\n"
	"\n"
	"FILEs are the tracer's, of applications and appliances on a machine.\n"
	"Exit status: 0 all was read, 1 something was not, 2 wrong usage.\n";

static int
usage(const char *what, const char *value)
{
	fprintf(stderr, "vine-trace: %s%s\n%s", what, value, usage_text);
	return EXIT_USAGE;
}

/* finish closes the output and tells whether all of it was written. */
static int
finish(FILE *out, const char *name)
{
	int error = 0;

	errno = 0;
	if (fflush(out) != 0 || ferror(out))
		error = errno != 0 ? errno : EIO;
	if (out != stdout && fclose(out) != 0 && error == 0)
		error = errno;
	if (error != 0)
		fprintf(stderr, "vine-trace: %s: %s\n", name, strerror(error));
	return error != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int
out_of_memory(void)
{
	fprintf(stderr, "vine-trace: out of memory; the output is not whole\n");
	return EXIT_FAILURE;
}

static int
summary(char *const *paths, size_t count)
{
	struct vine_trace_summary *s = vine_trace_summary_new();
	struct vine_trace_reader reader = { vine_trace_summary_row, s };
	int ret = EXIT_SUCCESS;

	if (s == NULL)
		return out_of_memory();
	if (vine_trace_input_read(paths, count, &reader) != 0)
		ret = EXIT_FAILURE;
	if (vine_trace_summary_print(s, stdout) != 0)
		ret = out_of_memory();
	vine_trace_summary_free(s);
	if (finish(stdout, "stdout") != EXIT_SUCCESS)
		ret = EXIT_FAILURE;
	return ret;
}

static int
chrome_to(FILE *out, char *const *paths, size_t count)
{
	struct vine_trace_chrome *c = vine_trace_chrome_new(out);
	struct vine_trace_reader reader = { vine_trace_chrome_row, c };
	int ret = EXIT_SUCCESS;

	if (c == NULL)
		return out_of_memory();
	if (vine_trace_input_read(paths, count, &reader) != 0)
		ret = EXIT_FAILURE;
	if (vine_trace_chrome_end(c) != 0)
		ret = out_of_memory();
	return ret;
}

/* is_input tells whether path is one of the files that will be read. */
static int
is_input(const char *path, char *const *paths, size_t count)
{
	struct stat to, from;
	size_t i;

	if (stat(path, &to) != 0)
		return 0;
	for (i = 0; i < count; i++)
		if (stat(paths[i], &from) == 0 && from.st_dev == to.st_dev &&
		    from.st_ino == to.st_ino)
			return 1;
	return 0;
}

static int
chrome(const char *path, char *const *paths, size_t count)
{
	FILE *out = stdout;
	int ret;

	if (path != NULL) {
		if (is_input(path, paths, count))
			return usage("the output would replace the input ",
				     path);
		out = fopen(path, "we");
		if (out == NULL) {
			fprintf(stderr, "vine-trace: %s: %s\n", path,
				strerror(errno));
			return EXIT_FAILURE;
		}
	}
	ret = chrome_to(out, paths, count);
	if (finish(out, path != NULL ? path : "stdout") != EXIT_SUCCESS)
		ret = EXIT_FAILURE;
	return ret;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "output", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	const char *command, *output = NULL;
	int option, count;

	while ((option = getopt_long(argc, argv, "hVo:", options,
				     NULL)) != -1) {
		switch (option) {
		case 'h':
			fputs(usage_text, stdout);
			return finish(stdout, "stdout");
		case 'V':
			printf("vine-trace %d.%d.%d\n", VINE_VERSION_MAJOR,
			       VINE_VERSION_MINOR, VINE_VERSION_PATCH);
			return finish(stdout, "stdout");
		case 'o':
			output = optarg;
			break;
		default:	/* getopt_long has said what is wrong */
			fputs(usage_text, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind == argc)
		return usage("a command is missing", "");
	command = argv[optind++];
	count = argc - optind;
	if (strcmp(command, "summary") != 0 && strcmp(command, "chrome") != 0)
		return usage("there is no command ", command);
	if (count == 0)
		return usage("no FILE for ", command);
	if (strcmp(command, "chrome") == 0)
		return chrome(output, argv + optind, (size_t)count);
	if (output != NULL)
		return usage("-o is for chrome, not for ", command);
	return summary(argv + optind, (size_t)count);
}
