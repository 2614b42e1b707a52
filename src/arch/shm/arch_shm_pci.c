/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of an ivshmem device: "pci:", the only one, or "pci:0000:00:04.0".
 *
 * Above 4 GiB /dev/mem maps it write-back, as ordinary memory; below, and where
 * /dev/mem is not ours to open, it is uncached, by the file of sysfs. It never
 * maps sysfs' resource2_wc: write-combined stores may be seen out of order.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "arch/shm/arch_pci.h"
#include "arch/shm/arch_shm.h"

#define PREFIX "pci:"
#define FOUR_GIB (UINT64_C(1) << 32)

static int
matches(const char *name)
{
	return strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

static int
open_pci(const char *name, int flags, mode_t mode, struct arch_shm_object *o)
{
	const char *address = name + strlen(PREFIX);
	struct arch_pci pci;
	int rc = arch_pci_find(*address ? address : NULL, &pci);

	(void)flags;
	(void)mode;
	if (rc)
		return rc;
	o->fd = -1;
	if (pci.begin >= FOUR_GIB)
		o->fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	o->begin = o->fd >= 0 ? pci.begin : 0;
	if (o->fd < 0)
		o->fd = arch_pci_open_bar(&pci, 2);
	if (o->fd < 0)
		return o->fd;
	o->size = pci.size;
	o->far = 1;
	memcpy(o->device, pci.address, sizeof(o->device));
	return 0;
}

const struct arch_shm_mapper arch_shm_pci = {
	.kind = "pci",
	.matches = matches,
	.open = open_pci,
	.remove = NULL,
};
