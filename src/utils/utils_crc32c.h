/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC32C: the CRC of RFC 3720 (Castagnoli's polynomial), by the machine's
 * instruction where there is one and by tables elsewhere.
 */
#ifndef UTILS_CRC32C_H
#define UTILS_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * utils_crc32c continues a CRC over size bytes; begin with 0. The parts of a
 * message give the same CRC as the whole. Never blocks; any thread.
 */
uint32_t utils_crc32c(uint32_t crc, const void *data, size_t size);

/*
 * utils_crc32c_table does the same by tables alone, on every machine, so that
 * tests can hold the two against each other.
 */
uint32_t utils_crc32c_table(uint32_t crc, const void *data, size_t size);

/* utils_crc32c_hardware tells whether the instruction is used. */
int utils_crc32c_hardware(void);

#endif
