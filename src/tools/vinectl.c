/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vinectl: asks a running vined, at its control socket; see vinectl(1).
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vine/version.h>

#include "core/vine_limits.h"
#include "tools/tools_table.h"
#include "tools/vinectl_call.h"
#include "utils/utils_config.h"
#include "utils/utils_control.h"
#include "utils/utils_text.h"

/* Exit codes; they stand in vinectl(1). */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define OPTIONS_OF_TASKS " --all --trace --times --events"
#define TIMEOUT_MS 15000u	/* a drain alone may take 10 s */

struct options {
	const char *config;
	const char *socket;		/* NULL: the config's */
	char path[UTILS_CONTROL_PATH];
	char line[VINE_CONTROL_LINE];
	uint64_t timeout_ms;
	int json;
	int leave;			/* --exit */
	int all;			/* --all */
	int trace;			/* --trace */
	int times;			/* --times */
	int events;			/* --events */
};

static const char usage_text[] =
	"usage: vinectl [OPTION]... COMMAND [OPERAND]...\n"
	"Ask a running vined.\n"
	"\n"
	"  status                what it serves, and how fast\n"
	"  list [SEGMENT]        sessions, accelerators, procedures\n"
	"  dump                  what each worker does, and what it holds\n"
	"  tasks [--all] [--trace] [--times] [--events] [NAME]\n"
	"                        what the tasks of the workers wait for, and "
	"where; those\n"
	"                        alike in one row, or each; with their "
	"callers; or\n"
	"                        how long they run and wait; or what they did "
	"last; those\n"
	"                        with a NAME, which may have * and ?\n"
	"  drain [--exit]        admit no more sessions, wait for tasks in "
	"flight; then\n"
	"                        stay, or end\n"
	"  undrain               admit sessions again\n"
	"  handover              end so that sessions go on with the next "
	"vined, which\n"
	"                        whoever started this one starts\n"
	"  fence SEGMENT [ID]    end a session, by the id that list shows; or "
	"all of the\n"
	"                        segment, and refuse new ones\n"
	"  unfence SEGMENT       admit sessions there again\n"
	"  quota [SEGMENT [KEY VALUE]]\n"
	"                        show quotas, or set one as the config's key "
	"would,\n"
	"                        until vined reads its config again\n"
	"\n"
	"  -c, --config FILE     the vined of this config (default: "
	"$VINE_CONFIG, else\n"
	"                        ~/.vinetalk)\n"
	"  -S, --socket PATH     the vined at this socket\n"
	"  -j, --json            print the answer as it came\n"
	"  -t, --timeout SEC     give up after SEC seconds (default: 15)\n"
	"  -h, --help            print this and exit\n"
	"  -V, --version         print the version and exit\n"
	"\n"
	"Exit status: 0 done, 1 not done, 2 wrong usage.\n";

static int
usage(const char *what, const char *value)
{
	fprintf(stderr, "vinectl: %s%s\nTry 'vinectl --help'.\n", what, value);
	return EXIT_USAGE;
}

static int
find_socket(struct options *o)
{
	struct utils_config *config;
	int rc;

	if (o->socket)
		return EXIT_DONE;
	if (utils_config_read(o->config, &config) != 0)
		return EXIT_FAILED;	/* it has been said */
	rc = utils_control_path(config, o->path);
	if (rc == -ENOENT)
		fprintf(stderr, "vinectl: %s names no control_socket, and "
			"there is no default here; use --socket\n",
			utils_config_name(config));
	else if (rc)
		fprintf(stderr, "vinectl: %s: control_socket: %s\n",
			utils_config_name(config), strerror(-rc));
	utils_config_free(config);
	o->socket = o->path;
	return rc ? EXIT_FAILED : EXIT_DONE;
}

/*
 * The answer is read and written anew, also as JSON: whoever it is that
 * listens there, what comes out is one line of ASCII.
 */
static int
print(const struct options *o, const char *text, size_t len)
{
	json_error_t fault;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &fault);
	char error[512];
	int rc = EXIT_DONE;

	if (!json_is_object(root)) {
		fprintf(stderr, "vinectl: the answer of %s is no JSON object: "
			"%s\n", o->socket, root ? "it is another value" :
			utils_text_printable(error, sizeof(error),
					     fault.text));
		json_decref(root);
		return EXIT_FAILED;
	}
	if (json_object_get(root, "error")) {
		const char *why = json_string_value(json_object_get(root,
								    "error"));

		fprintf(stderr, "vinectl: %s\n",
			utils_text_printable(error, sizeof(error),
					     why ? why : "an error"));
		rc = EXIT_FAILED;
	}
	if (o->json) {
		json_dumpf(root, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		putchar('\n');
	} else if (rc == EXIT_DONE) {
		tools_table_print(root, stdout);
	}
	json_decref(root);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "vinectl: stdout: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	return rc;
}

/* The words of the command line become the line that is sent. */
static int
make_line(struct options *o, char *const *words)
{
	const char *first = words[0];
	size_t n = 0;

	for (; *words; words++) {
		size_t len = strlen(*words);

		if (len == 0 || (*words)[strcspn(*words, " \t\r\n")] != '\0')
			return usage("an operand is empty or has white "
				     "space: ", *words);
		if (len + 2 > sizeof(o->line) - n - sizeof(OPTIONS_OF_TASKS))
			return usage("the command is too long", "");
		n += (size_t)sprintf(o->line + n, "%s%s", n ? " " : "",
				     *words);
	}
	if (o->leave && strcmp(o->line, "drain") != 0)
		return usage("--exit is for drain alone", "");
	if ((o->all || o->trace || o->times || o->events) &&
	    strcmp(first, "tasks") != 0)
		return usage("--all, --trace, --times and --events are for "
			     "tasks alone", "");
	sprintf(o->line + n, "%s%s%s%s%s\n", o->leave ? " exit" : "",
		o->all ? " --all" : "", o->trace ? " --trace" : "",
		o->times ? " --times" : "", o->events ? " --events" : "");
	return EXIT_DONE;
}

static int
ask(struct options *o)
{
	char *answer;
	size_t len;
	int status = find_socket(o), rc;

	if (status != EXIT_DONE)
		return status;
	rc = vinectl_call(o->socket, o->line, o->timeout_ms, &answer, &len);
	if (rc) {
		fprintf(stderr, "vinectl: %s: %s%s\n", o->socket,
			strerror(-rc), rc == -ECONNREFUSED || rc == -ENOENT ?
			"; no vined listens there" : "");
		return EXIT_FAILED;
	}
	status = print(o, answer, len);
	free(answer);
	return status;
}

static int
read_timeout(struct options *o, const char *text)
{
	char *end;
	double s = strtod(text, &end);

	if (*end || end == text || !(s >= 0.001 && s <= 3600))
		return usage("--timeout is not 0.001 to 3600 seconds: ", text);
	o->timeout_ms = (uint64_t)(s * 1000);
	return EXIT_DONE;
}

/* One option that has a letter. Returns 1 where there is more to read. */
static int
take_option(struct options *o, int letter, int *status)
{
	switch (letter) {
	case 0:			/* getopt_long has set its flag */
		return 1;
	case 'c':
		o->config = optarg;
		return 1;
	case 'S':
		o->socket = optarg;
		return 1;
	case 'j':
		o->json = 1;
		return 1;
	case 't':
		*status = read_timeout(o, optarg);
		return *status == EXIT_DONE;
	case 'h':
		fputs(usage_text, stdout);
		return 0;
	case 'V':
		printf("vinectl %d.%d.%d\n", VINE_VERSION_MAJOR,
		       VINE_VERSION_MINOR, VINE_VERSION_PATCH);
		return 0;
	default:		/* getopt_long has said what is wrong */
		*status = EXIT_USAGE;
		return 0;
	}
}

/* Returns 1 where there is something to ask; else sets *status. */
static int
read_options(int argc, char **argv, struct options *o, int *status)
{
	const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "socket", required_argument, NULL, 'S' },
		{ "json", no_argument, NULL, 'j' },
		{ "timeout", required_argument, NULL, 't' },
		{ "exit", no_argument, &o->leave, 1 },
		{ "all", no_argument, &o->all, 1 },
		{ "trace", no_argument, &o->trace, 1 },
		{ "times", no_argument, &o->times, 1 },
		{ "events", no_argument, &o->events, 1 },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*status = EXIT_DONE;
	while ((c = getopt_long(argc, argv, "c:S:jt:hV", longs, NULL)) != -1)
		if (!take_option(o, c, status))
			return 0;
	if (o->config && o->socket)
		*status = usage("a config and a socket: ", o->socket);
	else if (optind == argc)
		*status = usage("a command is missing", "");
	else
		*status = make_line(o, argv + optind);
	return *status == EXIT_DONE;
}

int
main(int argc, char **argv)
{
	static struct options o = { .timeout_ms = TIMEOUT_MS };
	int status;

	if (!read_options(argc, argv, &o, &status))
		return status;
	return ask(&o);
}
