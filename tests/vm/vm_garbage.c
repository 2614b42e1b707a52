/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm-garbage NAME SECONDS [SEED] writes words that mean nothing, anything or
 * nearly the right thing all over the object with that name, and rings its
 * device's doorbell now and then: what a hostile machine can do to vined.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "arch/shm/arch_pci.h"
#include "arch/shm/arch_shm.h"
#include "utils/utils_clock.h"

#define TABLES (UINT64_C(1) << 21)	/* where headers and tables lie */

static uint64_t seed;

static uint64_t
number(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * UINT64_C(0x2545f4914f6cdd1d);
}

/* Small numbers, all ones, single bits, and whatever comes. */
static uint64_t
word(void)
{
	uint64_t n = number();

	switch (n & 7) {
	case 0: return n >> 60;
	case 1: return UINT64_MAX;
	case 2: return UINT64_C(1) << (n >> 58);
	case 3: return (n >> 40) & ~UINT64_C(4095);
	case 4: return (n >> 56) | UINT64_C(1) << 32;
	case 5: return 0;
	default: return n;
	}
}

/* One in four anywhere, the others where structs lie. */
static uint64_t
place(uint64_t size)
{
	uint64_t n = number(), most = n & 3 ? TABLES : size;

	return (n >> 2) % (most < size ? most : size) & ~UINT64_C(7);
}

static struct arch_pci_registers *
doorbell(const struct arch_shm_object *o)
{
	struct arch_shm_object bar = { .size = 4096 };
	struct arch_pci pci;
	void *base = NULL;

	if (arch_pci_find(o->device, &pci) == 0) {
		bar.fd = arch_pci_open_bar(&pci, 0);
		if (bar.fd >= 0 && arch_shm_map(&bar, 0, 4096, 0, &base) != 0)
			base = NULL;
	}
	return base;
}

int
main(int argc, char **argv)
{
	struct arch_shm_object o = { .fd = -1 };
	struct arch_pci_registers *registers;
	uint64_t size = 0, end, count = 0;
	void *base;

	if (argc < 3) {
		fprintf(stderr, "usage: vm-garbage NAME SECONDS [SEED]\n");
		return 2;
	}
	seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
	if (arch_shm_mapper_of(argv[1])->open(argv[1], O_RDWR, 0, &o) != 0 ||
	    arch_shm_bytes(&o, &size) != 0 ||
	    arch_shm_map(&o, 0, size, 0, &base) != 0) {
		fprintf(stderr, "vm-garbage: %s cannot be mapped\n", argv[1]);
		return 2;
	}
	registers = doorbell(&o);
	printf("vm-garbage: working on %" PRIu64 " bytes, %s doorbell\n", size,
	       registers ? "with a" : "no");
	fflush(stdout);
	end = utils_clock_ns() + strtoull(argv[2], NULL, 10) * 1000000000u;
	while (utils_clock_ns() < end) {
		for (int i = 0; i < 1000; i++, count++)
			arch_store64((le64_t *)((char *)base + place(size)),
				     word());
		if (registers)
			arch_store32(&registers->doorbell, (uint32_t)
				     (number() & 1 ? 0 : word()));
	}
	printf("vm-garbage: %" PRIu64 " words written\n", count);
	return 0;
}
