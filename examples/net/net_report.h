/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Report: a line a second, and what came of it all in the end.
 */
#ifndef NET_REPORT_H
#define NET_REPORT_H

#include "net_crew.h"

/* net_report_second prints the line, with -v also one for each thread. */
void net_report_second(struct net_crew *crew, const struct net_sample *now);

/*
 * net_report_end prints the end's report, and writes it where --json says.
 * Returns 0 or -errno, having said what went wrong.
 */
int net_report_end(const struct net_crew *crew);

#endif
