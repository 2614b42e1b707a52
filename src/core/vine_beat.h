/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beat: the sign of life of a session in far memory, and the look for that of
 * its appliance.
 *
 * Where no lock and no connection tells one side of the other's death, each
 * counts: the session in its slot, the appliance in the header. Who has stood
 * still for a lease (the config's) is taken for dead. It is a count and not a
 * time, for the other machine has another clock.
 */
#ifndef VINE_BEAT_H
#define VINE_BEAT_H

struct vine_session;

/*
 * vine_beat_start starts a session's beat, in a thread of its own. Where memory
 * is not far it does nothing. Returns 0 or -errno, logged: without a beat the
 * session would be taken back.
 */
int vine_beat_start(struct vine_session *session);

/* vine_beat_stop ends it. Nothing is left over. */
void vine_beat_stop(struct vine_session *session);

#endif
