/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attach: measures tasks on an appliance that is there already, from wherever
 * vine-bench runs: a virtual machine, or the host beside it.
 *
 * It cannot pause the appliance nor choose its processor, so nothing is held
 * against a limit. What it prints begins with all that a figure needs to be
 * understood: the accelerator of the virtual machine, which memory, and which
 * bells. A report can be held against an earlier one, say of the host.
 */
#ifndef VINE_BENCH_ATTACH_H
#define VINE_BENCH_ATTACH_H

#include "tools/vine_bench_opts.h"

/* vine_bench_attach measures and prints. Blocks for all of it. Returns how the
 * program is to end. */
enum vine_bench_exit vine_bench_attach(const struct vine_bench_opts *opts);

#endif
