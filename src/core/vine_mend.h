/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mend: what the appliance puts right in a segment.
 *
 * Applications read the header and the directories of a segment, and whoever
 * may write it can spoil them for all that come after. The appliance has its
 * own copy of all that stands there, and writes it again once a second: so a
 * segment is of use again soon after the last lie. Where the object was cut
 * short (arch_shm_guard.h) it gets its size back, and the sessions end: what
 * they had there is gone.
 */
#ifndef VINE_MEND_H
#define VINE_MEND_H

struct vine_pipe_s;

/* vine_mend_tell writes what an appliance says of itself, but for whether it
 * serves: its part of the header, the labels of counters. Never blocks. */
void vine_mend_tell(struct vine_pipe_s *pipe);

/* vine_mend_segment puts right what was spoilt. Takes the pipe's lock, and
 * logs at most once a second. Lane 0's thread. */
void vine_mend_segment(struct vine_pipe_s *pipe);

#endif
