/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watch: what makes a session's completions pollable.
 *
 * A futex cannot be polled. So the first vine_session_fd starts a thread that
 * sleeps on the session's bell and writes an eventfd. After it wrote, it waits
 * until the user has reaped: one write per sleep of the user.
 */
#ifndef VINE_WATCH_H
#define VINE_WATCH_H

struct vine_session;

int vine_watch_start(struct vine_session *session, int *fd);
void vine_watch_stop(struct vine_session *session);

/* vine_watch_clear empties the descriptor, before a reap. */
void vine_watch_clear(struct vine_session *session);

/* vine_watch_again lets the watch go on, after a reap. */
void vine_watch_again(struct vine_session *session);

/* vine_watch_poke has the watch look again: there is a new queue. */
void vine_watch_poke(struct vine_session *session);

/*
 * vine_watch_signal makes the descriptor readable: another thread than the
 * user's took completions in.
 */
void vine_watch_signal(struct vine_session *session);

#endif
