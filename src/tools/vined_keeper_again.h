/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Again: whether and when a vined that ended is started again.
 *
 * At once where it served: sessions wait for it. Where it could not even begin
 * it may find what it needs later, so each time the wait is longer. It is given
 * up after so many failures in a row, and where another try makes no sense.
 */
#ifndef VINED_KEEPER_AGAIN_H
#define VINED_KEEPER_AGAIN_H

#include <stdint.h>

/* Times are those of utils_clock_ns. Zero it and set `most` to begin. */
struct keeper_again {
	uint64_t most;		/* failures in a row; 0: any number */
	uint64_t at;		/* when the next is started */
	uint64_t ready;		/* when this one served; 0: not yet */
	uint64_t failures;	/* in a row */
	uint64_t starts;	/* in a row that never served */
};

enum keeper_verdict {
	KEEPER_AGAIN,		/* at the time that `at` says */
	KEEPER_USELESS,		/* it would end likewise, or was to end */
	KEEPER_TOO_OFTEN,	/* it failed once more than it may */
};

/* keeper_again_ended judges the end of one with an exit status, or 128 and its
 * signal. */
enum keeper_verdict keeper_again_ended(struct keeper_again *again, int code,
				       uint64_t now);

#endif
