/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways: how a session and its appliance reach each other, in words, for people:
 * what memory they share, what wakes each, what tells of a death.
 */
#ifndef VINE_WAYS_H
#define VINE_WAYS_H

struct vine_session;

struct vine_ways {
	char memory[128];
	char to_appliance[128];
	char to_session[128];
	char deaths[128];
};

/* vine_ways_of describes those of an open session. Never blocks. */
void vine_ways_of(const struct vine_session *session, struct vine_ways *ways);

#endif
