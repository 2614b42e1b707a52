/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs: the functions that measure, one for each row of vine_bench_table.def
 * or for several that differ by a and b. The type is that of struct
 * vine_bench.run; the table says what each measures.
 */
#ifndef VINE_BENCH_RUNS_H
#define VINE_BENCH_RUNS_H

#include "tools/vine_bench.h"

#define VINE_BENCH_RUN(name) \
	int vine_bench_run_##name(struct vine_bench_rig *rig, \
				  const struct vine_bench *bench, \
				  struct vine_bench_result *result)

VINE_BENCH_RUN(line1);		/* vine_bench_line.c */
VINE_BENCH_RUN(line2);
VINE_BENCH_RUN(ring_rtt);	/* vine_bench_ring.c; a: slots */
VINE_BENCH_RUN(ring_rate);	/* a: slots, b: window */
VINE_BENCH_RUN(futex);		/* vine_bench_sleep.c; a: ms of pause */
VINE_BENCH_RUN(sleep);
VINE_BENCH_RUN(idle);		/* a is not used: see --idle */
VINE_BENCH_RUN(futex_server);	/* vine_bench_mixed.c; a: ms of pause */
VINE_BENCH_RUN(sleep_vined);
VINE_BENCH_RUN(futex_client);	/* a: ms that the answer takes */
VINE_BENCH_RUN(sleep_client);
VINE_BENCH_RUN(task_rtt);	/* vine_bench_task.c; a: task flags */
VINE_BENCH_RUN(task_touch);
VINE_BENCH_RUN(task_rate);	/* a: window, b: 1 where data is touched */
VINE_BENCH_RUN(task_batch);	/* a: tasks of a batch; two are in flight */
VINE_BENCH_RUN(threads);	/* vine_bench_threads.c; a: threads */
VINE_BENCH_RUN(queues);		/* vine_bench_queues.c; a: idle queues */
VINE_BENCH_RUN(memory);		/* a: queues, b: bytes that one may take */
VINE_BENCH_RUN(active);		/* vine_bench_active.c; a: queues */
VINE_BENCH_RUN(calls);		/* vine_bench_calls.c; a: ms of pause, b: tasks
				 * after one */
VINE_BENCH_RUN(explain);	/* vine_bench_explain.c; a: ms of pause */
VINE_BENCH_RUN(fair);		/* vine_bench_fair.c; a: flooding queues */
VINE_BENCH_RUN(malloc_pair);	/* vine_bench_data.c; a: bytes, b: live */
VINE_BENCH_RUN(malloc_random);
VINE_BENCH_RUN(data_pair);
VINE_BENCH_RUN(data_random);
VINE_BENCH_RUN(hand_raw);	/* vine_bench_payload.c; a: bytes, b: sets */
VINE_BENCH_RUN(hand_task);
VINE_BENCH_RUN(read_local);	/* a: bytes */
VINE_BENCH_RUN(read_task);
VINE_BENCH_RUN(tcp);		/* vine_bench_echo.c */
VINE_BENCH_RUN(io_echo);	/* a: engine */
VINE_BENCH_RUN(read_bare);	/* vine_bench_disk.c; a: depth */
VINE_BENCH_RUN(io_recv);		/* a: engine, b: 1 where ahead */
VINE_BENCH_RUN(io_accept);	/* the same */
VINE_BENCH_RUN(io_read);	/* a: depth, b: engine */
VINE_BENCH_RUN(read_fio);	/* a: depth */
VINE_BENCH_RUN(rpc_bare);	/* vine_bench_rpc.c */
VINE_BENCH_RUN(rpc);		/* a: engine, b: flags of rt_rpc_opts */
VINE_BENCH_RUN(switch_hand);	/* vine_bench_tasks.c */
VINE_BENCH_RUN(switch);
VINE_BENCH_RUN(yield);		/* a: tasks, an even number */
VINE_BENCH_RUN(create);
VINE_BENCH_RUN(idle_tasks);	/* see --idle */
VINE_BENCH_RUN(timer_cancel);	/* vine_bench_timers.c; a: others */
VINE_BENCH_RUN(timer_fire);	/* a: timers */

#undef VINE_BENCH_RUN

#endif
