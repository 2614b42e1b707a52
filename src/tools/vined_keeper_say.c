/* SPDX-License-Identifier: Apache-2.0 */
/* Lines begin with the program's name, as those of getopt_long(3) do. */
#include <stdarg.h>
#include <stdio.h>

#include "tools/vined_keeper_say.h"

void
keeper_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("vined-keeper: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}
