/* SPDX-License-Identifier: Apache-2.0 */
/* Tool: a tool of the build, run by a test that looks at what it prints. */
#ifndef TOOL_H
#define TOOL_H

#include "appliance.h"

static char tool_out[1 << 20];	/* what the last one printed, errors too */

/* tool_run runs a program of the build; returns its exit status. */
static int __attribute__((format(printf, 1, 2)))
tool_run(const char *format, ...)
{
	const char *bin = getenv("VINE_BIN_DIR");
	char args[2048], command[8192];
	size_t n;
	FILE *out;
	int status;
	va_list list;

	va_start(list, format);
	vsnprintf(args, sizeof(args), format, list);
	va_end(list);
	snprintf(command, sizeof(command), "%s/%s 2>&1", bin ? bin : "bin",
		 args);
	out = popen(command, "r");
	ck_assert_ptr_nonnull(out);
	n = fread(tool_out, 1, sizeof(tool_out) - 1, out);
	tool_out[n] = '\0';
	status = pclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) :
		128 + WTERMSIG(status);
}

/* tool_says tells whether the last one printed `text`. */
APPLIANCE_UNUSED static int
tool_says(const char *text)
{
	return strstr(tool_out, text) != NULL;
}

/* tool_await runs it until it prints `text`. */
#define tool_await(text, ...) \
	do { \
		int64_t end_ = appliance_now() + APPLIANCE_PATIENCE_MS; \
		while (tool_run(__VA_ARGS__) < 0 || !tool_says(text)) { \
			ck_assert_msg(appliance_now() < end_, \
				      "never said \"%s\", last: %s", text, \
				      tool_out); \
			appliance_nap(5); \
		} \
	} while (0)

#endif
