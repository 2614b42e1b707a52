/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hangup: who waits for the end of a session's connection to its socket.
 *
 * Threads that wait sleep on the session's bell, and a killed appliance rings
 * none. So a session that came over a socket has a thread that sleeps on the
 * connection alone, and rings that bell when it ends: those who wait then look
 * whether there still is an appliance, and need not wait for their next look.
 */
#ifndef VINE_HANGUP_H
#define VINE_HANGUP_H

struct vine_session;

/*
 * vine_hangup_start starts the thread; nothing happens for a session without a
 * connection. Where the process can have no thread more the session goes
 * without: its waits look at least once a second.
 */
void vine_hangup_start(struct vine_session *session);

/* vine_hangup_stop ends the connection and the thread. */
void vine_hangup_stop(struct vine_session *session);

#endif
