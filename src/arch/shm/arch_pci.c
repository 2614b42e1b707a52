/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each device is a directory of small text files: vendor, device, and resource
 * with a line "first last flags" for each BAR.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/shm/arch_pci.h"
#include "utils/utils_log.h"

#define VENDOR 0x1af4u
#define DEVICE 0x1110u
#define BAR_MEMORY 2
#define PATH_SIZE 320

const char *arch_pci_root = "/sys/bus/pci/devices";
const char *arch_pci_types = "/sys/kernel/debug/x86/pat_memtype_list";

static int
read_text(const char *address, const char *file, char *text, size_t size)
{
	char path[PATH_SIZE];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s/%s", arch_pci_root, address, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	return 0;
}

static int
has_number(const char *address, const char *file, unsigned long number)
{
	char text[16];

	return read_text(address, file, text, sizeof(text)) == 0 &&
	       strtoul(text, NULL, 16) == number;
}

/* BAR 2 of a device: the third line. */
static int
read_memory(struct arch_pci *pci)
{
	char text[1024], *line = text;
	uint64_t first, last;
	int rc = read_text(pci->address, "resource", text, sizeof(text));

	if (rc)
		return rc;
	for (int i = 0; i < BAR_MEMORY && line; i++) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (line == NULL ||
	    sscanf(line, "%" SCNx64 " %" SCNx64, &first, &last) != 2 ||
	    first == 0 || last <= first)
		return -EINVAL;
	pci->begin = first;
	pci->size = last - first + 1;
	return 0;
}

static int
is_address(const struct dirent *entry)
{
	return strlen(entry->d_name) == ARCH_PCI_ADDRESS - 1 &&
	       has_number(entry->d_name, "vendor", VENDOR) &&
	       has_number(entry->d_name, "device", DEVICE);
}

int
arch_pci_list(struct arch_pci *all)
{
	struct dirent **found;
	int n = scandir(arch_pci_root, &found, is_address, alphasort);
	int count = 0;

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		if (count < ARCH_PCI_MAX) {
			struct arch_pci *pci = &all[count++];

			memset(pci, 0, sizeof(*pci));
			memcpy(pci->address, found[i]->d_name,
			       ARCH_PCI_ADDRESS - 1);
			/* one without memory is found, and then refused */
			if (read_memory(pci) != 0)
				pci->size = 0;
		}
		free(found[i]);
	}
	free(found);
	return count;
}

static int
no_device(const char *address, int rc)
{
	if (rc < 0)
		log_error("%s cannot be read: %s", arch_pci_root,
			  strerror(-rc));
	else if (address)
		log_error("there is no ivshmem device %s (1af4:1110) among %d",
			  address, rc);
	else
		log_error("there is no ivshmem device (1af4:1110)");
	return rc < 0 ? rc : -ENODEV;
}

static int
several(const struct arch_pci *all, int count)
{
	char names[ARCH_PCI_MAX * ARCH_PCI_ADDRESS + 1] = "";

	for (int i = 0; i < count; i++) {
		strcat(names, " ");
		strcat(names, all[i].address);
	}
	log_error("there are %d ivshmem devices:%s; name one, as pci:%s",
		  count, names, all[0].address);
	return -EMLINK;
}

int
arch_pci_find(const char *address, struct arch_pci *pci)
{
	struct arch_pci all[ARCH_PCI_MAX];
	int count = arch_pci_list(all), i = 0;

	if (count <= 0)
		return no_device(address, count);
	if (address == NULL && count > 1)
		return several(all, count);
	while (address && i < count && strcmp(all[i].address, address) != 0)
		i++;
	if (i == count)
		return no_device(address, count);
	if (all[i].size == 0) {
		log_error("device %s has no memory: its BAR 2 is not there or "
			  "has no address", all[i].address);
		return -EINVAL;
	}
	*pci = all[i];
	return 0;
}

/*
 * Firmware leaves devices switched on as a rule. One that is not reads as ones
 * everywhere, so it is switched on; where that is not ours to do the mapping
 * shows what is wrong: no segment in it.
 */
static void
switch_on(const struct arch_pci *pci)
{
	char path[PATH_SIZE];
	uint8_t command = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/%s/config", arch_pci_root,
		 pci->address);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	if (pread(fd, &command, 1, 4) == 1 && !(command & 2)) {
		command |= 2;	/* answer to memory addresses */
		if (pwrite(fd, &command, 1, 4) != 1)
			log_warn("device %s is switched off and cannot be "
				 "switched on: %s", pci->address,
				 strerror(errno));
	}
	close(fd);
}

int
arch_pci_open_bar(const struct arch_pci *pci, int bar)
{
	char path[PATH_SIZE];
	int fd;

	switch_on(pci);
	snprintf(path, sizeof(path), "%s/%s/resource%d", arch_pci_root,
		 pci->address, bar);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A line "PAT: [mem 0xFIRST-0xEND] type" of a mapping. */
static int
read_type(const char *line, uint64_t *first, uint64_t *end,
	  enum arch_pci_cache *cache)
{
	char type[32];

	if (sscanf(line, "PAT: [mem 0x%" SCNx64 "-0x%" SCNx64 "] %31s", first,
		   end, type) != 3)
		return 0;
	if (strcmp(type, "write-back") == 0)
		*cache = ARCH_PCI_WRITE_BACK;
	else if (strcmp(type, "write-combining") == 0)
		*cache = ARCH_PCI_COMBINING;
	else
		*cache = ARCH_PCI_UNCACHED;
	return 1;
}

int
arch_pci_cache(const struct arch_pci *pci, enum arch_pci_cache *cache)
{
	FILE *file = fopen(arch_pci_types, "re");
	enum arch_pci_cache one;
	uint64_t first, end;
	char line[128];
	int rc = -ENOENT;

	if (file == NULL)
		return -ENOENT;
	/* the kernel gives all mappings of a range one type */
	while (fgets(line, sizeof(line), file))
		if (read_type(line, &first, &end, &one) &&
		    first < pci->begin + pci->size && end > pci->begin) {
			*cache = one;
			rc = 0;
		}
	fclose(file);
	return rc;
}
