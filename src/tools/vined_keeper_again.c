/* SPDX-License-Identifier: Apache-2.0 */
/* A vined that served for VINE_KEEPER_STEADY_MS is no failure in a row. */
#include "core/vine_limits.h"
#include "tools/vined_keeper_again.h"

#define MS UINT64_C(1000000)

/* Of vined, see vined_options.h: these do not become right by themselves. */
enum { VINED_OK = 0, VINED_USAGE = 2, VINED_CONFIG = 3, VINED_HANDED_OVER = 4 };

static void
set_time(struct keeper_again *a, uint64_t now)
{
	uint64_t ms = VINE_KEEPER_AGAIN_MS;

	a->at = now;
	a->starts = a->ready ? 0 : a->starts + 1;
	if (a->starts == 0)
		return;
	for (uint64_t i = 1; i < a->starts && ms < VINE_KEEPER_AGAIN_MAX_MS;
	     i++)
		ms *= 2;
	a->at += (ms < VINE_KEEPER_AGAIN_MAX_MS ? ms :
		  VINE_KEEPER_AGAIN_MAX_MS) * MS;
}

enum keeper_verdict
keeper_again_ended(struct keeper_again *a, int code, uint64_t now)
{
	if (code == VINED_OK || code == VINED_USAGE || code == VINED_CONFIG)
		return KEEPER_USELESS;
	set_time(a, now);
	if (code == VINED_HANDED_OVER)
		return KEEPER_AGAIN;
	if (a->ready && now - a->ready >= VINE_KEEPER_STEADY_MS * MS)
		a->failures = 0;
	a->failures++;
	return a->most == 0 || a->failures <= a->most ? KEEPER_AGAIN :
		KEEPER_TOO_OFTEN;
}
