/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sim op: what an operation does at a simulated node, at the moment at which it
 * is done. When that is, is the engine's. For rt_engine_sim.c.
 */
#ifndef RT_SIM_OP_H
#define RT_SIM_OP_H

#include "rt/rt_sim_inside.h"

/*
 * rt_sim_op_carry does what an operation is, now. `mark` is of an fsync: where
 * its file was when it began (rt_sim_file_mark). Returns its result; -EAGAIN:
 * it has to wait for its socket.
 */
int64_t rt_sim_op_carry(struct rt_sim_node *node, struct rt_op *op,
			uint64_t mark);

#endif
