/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Msi: the interrupt of an ivshmem device as an eventfd, through vfio-pci. So
 * another machine can wake a process of this one.
 *
 * The device must be bound to vfio-pci, which needs an IOMMU, virtual or not;
 * who runs the machine does that. One process at a time has a device's
 * interrupts.
 */
#ifndef ARCH_MSI_H
#define ARCH_MSI_H

#include "arch/spin/arch_bell.h"

struct arch_msi {
	int container, group, device;	/* of vfio; closed together */
	struct arch_bell bell;		/* an eventfd: vector 0 */
};

/*
 * arch_msi_open takes the interrupts of the device at an address, and has the
 * device send them: without bus mastering each is dropped in silence. The
 * caller closes it. Returns 0, or -ENODEV where the device has another driver
 * or none, -EBUSY where another process has it, -ENOTSUP where the device has
 * no MSI-X, or -errno of vfio. *why is then what could not be done.
 */
int arch_msi_open(const char *address, struct arch_msi *msi, const char **why);

/* arch_msi_close gives them back. */
void arch_msi_close(struct arch_msi *msi);

#endif
