/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pci: an ivshmem device of this machine, as sysfs shows it. No driver is
 * needed: its memory is BAR 2, its registers are BAR 0.
 *
 * Nothing here is taken from what a device contains. What sysfs says comes from
 * our kernel; its numbers are checked all the same.
 */
#ifndef ARCH_PCI_H
#define ARCH_PCI_H

#include <stdint.h>

#include "arch/arch_atomic.h"

#define ARCH_PCI_MAX 32		/* devices that are looked at */
#define ARCH_PCI_ADDRESS 13	/* "0000:00:04.0" and a zero */

struct arch_pci {
	char address[ARCH_PCI_ADDRESS];
	uint64_t begin;		/* physical address of BAR 2 */
	uint64_t size;		/* bytes of BAR 2 */
};

/* The registers of BAR 0: one page. */
struct arch_pci_registers {
	le32_t mask;
	le32_t status;
	le32_t position;	/* the machine's number at its server */
	le32_t doorbell;	/* peer << 16 | vector */
};

/* How a processor may keep what it reads of a mapping. */
enum arch_pci_cache {
	ARCH_PCI_WRITE_BACK,	/* as ordinary memory */
	ARCH_PCI_UNCACHED,	/* right, and slow */
	ARCH_PCI_COMBINING,	/* stores may be seen out of order: wrong */
};

/* Where sysfs and the kernel's list of memory types are; tests lead them
 * elsewhere. */
extern const char *arch_pci_root;
extern const char *arch_pci_types;

/*
 * arch_pci_list finds the ivshmem devices (1af4:1110) in the order of their
 * addresses. Returns how many, at most ARCH_PCI_MAX, or -errno where sysfs
 * cannot be read.
 */
int arch_pci_list(struct arch_pci *all);

/*
 * arch_pci_find finds the device with an address, or with NULL the only one.
 * Returns 0, or, logged: -ENODEV there is none, -EMLINK there are several and
 * none was named, -EINVAL its BAR 2 is missing, or -errno of sysfs.
 */
int arch_pci_find(const char *address, struct arch_pci *pci);

/*
 * arch_pci_open_bar opens BAR 0 or 2 as sysfs has it: uncached. Returns a
 * descriptor or -errno.
 */
int arch_pci_open_bar(const struct arch_pci *pci, int bar);

/*
 * arch_pci_cache tells how the kernel lets the processor keep mappings of a
 * device's BAR 2. Returns 0, or -ENOENT where the kernel does not say (debugfs
 * is not mounted or not ours to read).
 */
int arch_pci_cache(const struct arch_pci *pci, enum arch_pci_cache *cache);

#endif
