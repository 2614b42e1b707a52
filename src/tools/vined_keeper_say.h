/* SPDX-License-Identifier: Apache-2.0 */
/* Say: what vined-keeper tells whoever started it, a line on stderr each. */
#ifndef VINED_KEEPER_SAY_H
#define VINED_KEEPER_SAY_H

/* keeper_say writes a line as printf(3) does. It may block on stderr. */
void keeper_say(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

#endif
