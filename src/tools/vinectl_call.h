/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call: one request to a vined, and its answer.
 */
#ifndef VINECTL_CALL_H
#define VINECTL_CALL_H

#include <stddef.h>
#include <stdint.h>

#define VINECTL_ANSWER_MAX (UINT64_C(32) << 20)

/*
 * vinectl_call sends a line to the socket at `path` and reads until vined hangs
 * up, for at most timeout_ms. The caller frees *answer, which has a NUL behind
 * it. Returns 0, or -ETIMEDOUT, -EMSGSIZE (a longer answer), -ENOMEM,
 * -EPROTO (no whole line), -ENAMETOOLONG, or what connect(2), send(2) and
 * recv(2) say: -ENOENT and -ECONNREFUSED where nobody listens, -EACCES.
 */
int vinectl_call(const char *path, const char *line, uint64_t timeout_ms,
		 char **answer, size_t *len);

#endif
