/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port: a virtio-serial port of this machine, which its host gave a name. What
 * is written to it comes out at a socket of the host, and the other way round.
 * Every kernel has them, without an IOMMU.
 */
#ifndef ARCH_PORT_H
#define ARCH_PORT_H

/* Where the kernel lists ports, and where their devices are; tests lead them
 * elsewhere. */
extern const char *arch_port_root;
extern const char *arch_port_devices;

/*
 * arch_port_open opens the port of that name, non-blocking. One process at a
 * time has a port. The caller closes it. Returns a descriptor, or -ENODEV where
 * there is no port of that name, -EBUSY where another process has it, or -errno
 * of open.
 */
int arch_port_open(const char *name);

#endif
