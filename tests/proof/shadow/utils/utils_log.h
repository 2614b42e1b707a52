/* SPDX-License-Identifier: Apache-2.0 */
/* The product's log; a case only counts the lines. */
#ifndef PROOF_LOG_H
#define PROOF_LOG_H
#include_next "utils/utils_log.h"
#define utils_log_limited(...) (proof_logged++)
extern unsigned proof_logged;
#endif
