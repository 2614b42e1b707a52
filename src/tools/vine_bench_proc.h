/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proc: what the kernel tells of a process in /proc.
 */
#ifndef VINE_BENCH_PROC_H
#define VINE_BENCH_PROC_H

#include <stdint.h>
#include <sys/types.h>

/*
 * vine_bench_proc_threads calls fn for each thread of a process until one call
 * returns other than 0, and returns that; or -errno where there is no such
 * process.
 */
int vine_bench_proc_threads(pid_t pid, int (*fn)(pid_t tid, void *arg),
			    void *arg);

/* vine_bench_proc_switches adds up its threads' voluntary switches. */
uint64_t vine_bench_proc_switches(pid_t pid);

/* vine_bench_proc_bytes returns a line "KEY: n kB" of its status, in bytes. */
uint64_t vine_bench_proc_bytes(pid_t pid, const char *key);

/* vine_bench_proc_ticks returns its cpu time as `stat` shows it; -1: none. */
long vine_bench_proc_ticks(pid_t pid);

#endif
