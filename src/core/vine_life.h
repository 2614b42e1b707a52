/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life: whether a session is still its application's: open in its slot, with an
 * appliance that is there, or away for no longer than restart_wait.
 */
#ifndef VINE_LIFE_H
#define VINE_LIFE_H

struct vine_session;

/*
 * vine_life_check looks whether the appliance still has the session. If not
 * the session is lost from then on, and its control tasks end; who waits on a
 * queue ends the tasks of that. An appliance that was killed may be away for
 * restart_wait before that. Any locks may be held. Returns 0 or -ECONNRESET.
 */
int vine_life_check(struct vine_session *session);

/*
 * vine_life_glance is vine_life_check for those who come often and never
 * wait. It looks at the segment each time, but at the appliance's lock, which
 * is a system call, once in VINE_REAP_MS.
 */
int vine_life_glance(struct vine_session *session);

/* vine_life_is_gone only looks whether the appliance still has the session.
 * If not, the next glance sees it too. */
int vine_life_is_gone(struct vine_session *session);

/* vine_life_is_away tells whether the appliance was killed and another may
 * come. Any thread; never blocks. */
int vine_life_is_away(struct vine_session *session);

#endif
