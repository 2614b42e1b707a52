/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel has a folder for each port, called as its device in /dev, with the
 * name that the host gave it in a file. udev's links by that name are not
 * needed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arch/spin/arch_port.h"

#define NAME_MAX_BYTES 128

const char *arch_port_root = "/sys/class/virtio-ports";
const char *arch_port_devices = "/dev";

/* Has the port in this folder that name? */
static int
is_named(const char *folder, const char *name)
{
	char path[512], text[NAME_MAX_BYTES];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s/name", arch_port_root, folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, name) == 0;
}

int
arch_port_open(const char *name)
{
	char path[512];
	struct dirent *entry;
	DIR *root = opendir(arch_port_root);
	int fd = -ENODEV;

	if (root == NULL)
		return -ENODEV;
	while (fd == -ENODEV && (entry = readdir(root)) != NULL) {
		if (entry->d_name[0] == '.' || !is_named(entry->d_name, name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", arch_port_devices,
			 entry->d_name);
		fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	closedir(root);
	return fd;
}
