/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device: ivshmem devices that look to libvine as if sysfs showed them. The
 * memory is a file or a POSIX object, the registers are a page of a file.
 */
#ifndef TESTS_DEVICE_H
#define TESTS_DEVICE_H

#include <check.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/shm/arch_pci.h"

#define DEVICE_UNUSED __attribute__((unused))
#define DEVICE_AT UINT64_C(0xf8000000)	/* below 4 GiB */

static char device_root[64];

static DEVICE_UNUSED void
device_write(const char *address, const char *file, const void *bytes,
	     size_t size)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s/%s", device_root, address, file);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
	close(fd);
}

static DEVICE_UNUSED void
device_text(const char *address, const char *file, const char *text)
{
	device_write(address, file, text, strlen(text));
}

/* From here on there are no devices but those of device_add. */
static DEVICE_UNUSED void
device_none(void)
{
	snprintf(device_root, sizeof(device_root), "/tmp/vine-pci-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(device_root));
	arch_pci_root = device_root;
	arch_pci_types = "/nonexistent";
}

/* device_add adds one, whose memory is `size` bytes of a path. position is its
 * number at a server; 0: it has none. */
static DEVICE_UNUSED void
device_add(const char *address, const char *memory, uint64_t size,
	   uint32_t position)
{
	uint32_t registers[1024] = { 0, 0, position };
	char text[256];

	snprintf(text, sizeof(text), "%s/%s", device_root, address);
	ck_assert_int_eq(mkdir(text, 0700), 0);
	device_text(address, "vendor", "0x1af4\n");
	device_text(address, "device", "0x1110\n");
	device_write(address, "config", "\xf4\x1a\x10\x11\x03", 5);
	device_write(address, "resource0", registers, sizeof(registers));
	snprintf(text, sizeof(text),
		 "0xfebf1000 0xfebf10ff 0x40200\n0x0 0x0 0x0\n"
		 "0x%016" PRIx64 " 0x%016" PRIx64 " 0x14220c\n", DEVICE_AT,
		 DEVICE_AT + size - 1);
	device_text(address, "resource", text);
	snprintf(text, sizeof(text), "%s/%s/resource2", device_root, address);
	ck_assert_int_eq(symlink(memory, text), 0);
}

/* device_types says what the kernel's list of memory types has. */
static DEVICE_UNUSED void
device_types(const char *type)
{
	static char path[96];
	FILE *f;

	snprintf(path, sizeof(path), "%s/types", device_root);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "PAT memtype list:\n"
		"PAT: [mem 0x0000000000001000-0x0000000000002000] write-back\n"
		"PAT: [mem 0x%016" PRIx64 "-0x%016" PRIx64 "] %s\n", DEVICE_AT,
		DEVICE_AT + 4096, type);
	fclose(f);
	arch_pci_types = path;
}

static DEVICE_UNUSED void
device_end(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", device_root);
	ck_assert_int_eq(system(command), 0);
}

#endif
