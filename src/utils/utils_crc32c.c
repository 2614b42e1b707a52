/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC32C: eight bytes a step, by one instruction (SSE4.2, ARMv8 CRC) or by
 * eight tables of 256 words, made at the first use.
 *
 * If the bytes change meanwhile, the CRC is that of no message; each is loaded
 * once and only ever goes into the CRC or, as one of 256, into a table's index.
 */
#include <pthread.h>
#include <string.h>
#ifdef __aarch64__
#include <sys/auxv.h>
#endif

#include "utils/utils_crc32c.h"

typedef uint32_t crc_fn(uint32_t crc, const unsigned char *byte, size_t size);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t tables[8][256];
static crc_fn *fast; /* NULL: no instruction */

static uint32_t
by_table(uint32_t crc, const unsigned char *byte, size_t size)
{
	const uint32_t (*t)[256] = (const uint32_t (*)[256])tables;
	uint64_t word;

	for (; size >= 8; size -= 8, byte += 8) {
		memcpy(&word, byte, 8);
		word ^= crc;
		crc = t[7][word & 0xff] ^ t[6][word >> 8 & 0xff] ^
		      t[5][word >> 16 & 0xff] ^ t[4][word >> 24 & 0xff] ^
		      t[3][word >> 32 & 0xff] ^ t[2][word >> 40 & 0xff] ^
		      t[1][word >> 48 & 0xff] ^ t[0][word >> 56];
	}
	for (; size; size--, byte++)
		crc = crc >> 8 ^ t[0][(crc ^ *byte) & 0xff];
	return crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2")))
static uint32_t
by_cpu(uint32_t crc, const unsigned char *byte, size_t size)
{
	uint64_t wide = crc;
	uint64_t word;

	for (; size >= 8; size -= 8, byte += 8) {
		memcpy(&word, byte, 8);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	for (; size; size--, byte++)
		crc = __builtin_ia32_crc32qi(crc, *byte);
	return crc;
}

static int
has_cpu(void)
{
	return __builtin_cpu_supports("sse4.2");
}

#elif defined(__aarch64__)

/* Assembly, because clang 14 offers the builtins only where the whole file is
 * compiled for machines that have the instruction. */
static uint32_t
by_cpu(uint32_t crc, const unsigned char *byte, size_t size)
{
	uint64_t word;

	for (; size >= 8; size -= 8, byte += 8) {
		memcpy(&word, byte, 8);
		__asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1"
			: "+r"(crc) : "r"(word));
	}
	for (; size; size--, byte++)
		__asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1"
			: "+r"(crc) : "r"((uint32_t)*byte));
	return crc;
}

static int
has_cpu(void)
{
	return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}

#else

static crc_fn *const by_cpu = NULL;

static int
has_cpu(void)
{
	return 0;
}

#endif

static void
begin(void)
{
	uint32_t crc;
	int i, bit, t;

	for (i = 0; i < 256; i++) {
		crc = (uint32_t)i;
		for (bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
		tables[0][i] = crc;
	}
	for (t = 1; t < 8; t++)
		for (i = 0; i < 256; i++) {
			crc = tables[t - 1][i];
			tables[t][i] = crc >> 8 ^
				tables[0][crc & 0xff];
		}
	if (has_cpu())
		fast = by_cpu;
}

uint32_t
utils_crc32c_table(uint32_t crc, const void *data, size_t size)
{
	pthread_once(&once, begin);
	return ~by_table(~crc, data, size);
}

uint32_t
utils_crc32c(uint32_t crc, const void *data, size_t size)
{
	pthread_once(&once, begin);
	if (fast)
		return ~fast(~crc, data, size);
	return ~by_table(~crc, data, size);
}

int
utils_crc32c_hardware(void)
{
	pthread_once(&once, begin);
	return fast != NULL;
}
