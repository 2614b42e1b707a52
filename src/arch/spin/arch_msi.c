/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfio has a container, which holds the IOMMU's tables, in it groups, and in
 * them devices. The tables stay empty: the device writes no memory of ours but
 * its interrupts, which the IOMMU's interrupt remapping lets through.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "arch/shm/arch_pci.h"
#include "arch/spin/arch_msi.h"

#define PATH_SIZE 320

/* The last part of what a link of the device's folder leads to. */
static int
link_of(const char *address, const char *name, char *text, size_t size)
{
	char path[PATH_SIZE], to[PATH_SIZE], *last;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s/%s", arch_pci_root, address, name);
	n = readlink(path, to, sizeof(to) - 1);
	if (n < 0)
		return -errno;
	to[n] = '\0';
	last = strrchr(to, '/');
	last = last ? last + 1 : to;
	if (strlen(last) >= size)
		return -ENAMETOOLONG;
	strcpy(text, last);
	return 0;
}

static int
open_group(const char *address, struct arch_msi *m, const char **why)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char name[64], path[96];

	*why = "its driver is not vfio-pci";
	if (link_of(address, "driver", name, sizeof(name)) != 0 ||
	    strcmp(name, "vfio-pci") != 0)
		return -ENODEV;
	*why = "it is in no IOMMU group";
	if (link_of(address, "iommu_group", name, sizeof(name)) != 0)
		return -ENODEV;
	snprintf(path, sizeof(path), "/dev/vfio/%s", name);
	*why = "/dev/vfio/vfio";
	m->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (m->container < 0)
		return -errno;
	*why = "its group in /dev/vfio";
	m->group = open(path, O_RDWR | O_CLOEXEC);
	if (m->group < 0)
		return -errno;
	*why = "another device of its group has a driver";
	if (ioctl(m->group, VFIO_GROUP_GET_STATUS, &status) != 0)
		return -errno;
	return status.flags & VFIO_GROUP_FLAGS_VIABLE ? 0 : -EPERM;
}

static int
open_device(const char *address, struct arch_msi *m, const char **why)
{
	*why = "VFIO_GROUP_SET_CONTAINER";
	if (ioctl(m->group, VFIO_GROUP_SET_CONTAINER, &m->container) != 0)
		return -errno;
	*why = "VFIO_SET_IOMMU, module vfio_iommu_type1";
	if (ioctl(m->container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU) != 0)
		return -errno;
	*why = "VFIO_GROUP_GET_DEVICE_FD";
	m->device = ioctl(m->group, VFIO_GROUP_GET_DEVICE_FD, address);
	return m->device < 0 ? -errno : 0;
}

/* Nobody else sets it, and without it no interrupt arrives. */
static int
master_bus(const struct arch_msi *m, const char **why)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t command;
	off_t at;

	*why = "bus mastering";
	if (ioctl(m->device, VFIO_DEVICE_GET_REGION_INFO, &config) != 0)
		return -errno;
	at = (off_t)config.offset + PCI_COMMAND;
	if (pread(m->device, &command, sizeof(command), at) != sizeof(command))
		return -EIO;
	command |= PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY;
	if (pwrite(m->device, &command, sizeof(command), at) !=
	    sizeof(command) ||
	    pread(m->device, &command, sizeof(command), at) !=
	    sizeof(command) || !(command & PCI_COMMAND_MASTER))
		return -EIO;
	return 0;
}

static int
take_vector(struct arch_msi *m, const char **why)
{
	struct vfio_irq_info info = { .argsz = sizeof(info),
				      .index = VFIO_PCI_MSIX_IRQ_INDEX };
	union {	/* with room for one descriptor behind it */
		struct vfio_irq_set set;
		uint8_t bytes[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	} irq = { .set = {
		.argsz = sizeof(irq.bytes),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD |
			VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
		.count = 1,
	} };
	int32_t fd;

	*why = "it has no MSI-X vector; give it vectors=1 or more";
	if (ioctl(m->device, VFIO_DEVICE_GET_IRQ_INFO, &info) != 0)
		return -errno;
	if (info.count == 0)
		return -ENOTSUP;
	*why = "an eventfd";
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	m->bell = arch_bell_of_fd(fd);
	memcpy(irq.bytes + offsetof(struct vfio_irq_set, data), &fd,
	       sizeof(fd));
	*why = "VFIO_DEVICE_SET_IRQS";
	return ioctl(m->device, VFIO_DEVICE_SET_IRQS, &irq) == 0 ? 0 : -errno;
}

int
arch_msi_open(const char *address, struct arch_msi *msi, const char **why)
{
	int rc;

	*msi = (struct arch_msi){ .container = -1, .group = -1, .device = -1,
				  .bell = arch_bell_of_fd(-1) };
	rc = open_group(address, msi, why);
	if (rc == 0)
		rc = open_device(address, msi, why);
	if (rc == 0)
		rc = master_bus(msi, why);
	if (rc == 0)
		rc = take_vector(msi, why);
	if (rc)
		arch_msi_close(msi);
	return rc;
}

void
arch_msi_close(struct arch_msi *msi)
{
	int *const fds[] = { &msi->device, &msi->group, &msi->container,
			     &msi->bell.fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}
