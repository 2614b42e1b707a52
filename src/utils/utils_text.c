/* SPDX-License-Identifier: Apache-2.0 */
#include "utils/utils_text.h"

const char *
utils_text_printable(char *to, size_t size, const char *from)
{
	size_t i;

	for (i = 0; from[i] != '\0' && i < size - 1; i++)
		to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
	to[i] = '\0';
	return to;
}
