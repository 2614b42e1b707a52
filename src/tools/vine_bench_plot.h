/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plot: pictures of a report, drawn by gnuplot.
 *
 * Each picture x is three files: x.dat, the numbers; x.gp, which draws them
 * (edit it and run `gnuplot x.gp` for another picture); x.svg. What needs
 * several distances draws each by itself; they are never joined.
 */
#ifndef VINE_BENCH_PLOT_H
#define VINE_BENCH_PLOT_H

#include "tools/vine_bench_report.h"

/*
 * vine_bench_plot_prepare makes the folder where it is missing, and looks for
 * gnuplot, so that nothing is measured in vain. Returns 0, or -EIO, -ENOENT,
 * logged.
 */
int vine_bench_plot_prepare(const char *dir);

/*
 * vine_bench_plot draws those pictures for which something was measured, and
 * names each on stderr. Returns 0, or -EIO where one failed, logged.
 */
int vine_bench_plot(const struct vine_bench_report *report, const char *dir);

#endif
