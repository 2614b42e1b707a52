/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tally: the sums of what a pipe's lanes and accelerators count (counters.def),
 * written into the segment for tools. Nobody here reads them there.
 */
#ifndef VINE_TALLY_H
#define VINE_TALLY_H

#include <stdint.h>

#include "core/vine_lane.h"

/* vine_tally_add adds to a counter for a thread that has no lane. */
void vine_tally_add(vine_pipe_s *pipe, enum vine_count what, uint64_t n);

/* vine_tally_publish writes the counters, unless another lane is at it. */
void vine_tally_publish(vine_pipe_s *pipe);

/* vine_tally_write does so under the pipe's lock. */
void vine_tally_write(struct vine_pipe_s *pipe);

#endif
