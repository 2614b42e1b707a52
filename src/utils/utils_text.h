/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text: bytes that somebody else wrote, made fit to be shown.
 */
#ifndef UTILS_TEXT_H
#define UTILS_TEXT_H

#include <stddef.h>

/*
 * utils_text_printable copies a text into `size` bytes, cut where it is longer;
 * each byte that is no printable ASCII becomes a '?'. What comes out steers no
 * terminal and is UTF-8. Returns `to`. Any thread.
 */
const char *utils_text_printable(char *to, size_t size, const char *from);

#endif
