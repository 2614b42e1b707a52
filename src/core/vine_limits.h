/* SPDX-License-Identifier: Apache-2.0 */
/* Limits: the constants of limits.def, as VINE_MAX-style enumerators. */
#ifndef VINE_LIMITS_H
#define VINE_LIMITS_H

enum vine_limit {
#define VINE_LIMIT(name, value, reason) VINE_##name = (value),
#include "core/limits.def"
#undef VINE_LIMIT
};

#endif
