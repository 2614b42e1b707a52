/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serial: a virtio-serial port that looks to libvine as if sysfs showed it. It
 * is the slave of a pseudo terminal, whose master is the host's end.
 */
#ifndef TESTS_SERIAL_H
#define TESTS_SERIAL_H

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "arch/spin/arch_port.h"

static char serial_root[64];

/* serial_add adds the only port, of that name. Returns the host's end. */
static int
serial_add(const char *name)
{
	char path[128], slave[128];
	struct termios raw;
	FILE *f;
	int fd, end = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	ck_assert_int_ge(end, 0);
	ck_assert_int_eq(grantpt(end), 0);
	ck_assert_int_eq(unlockpt(end), 0);
	ck_assert_int_eq(ptsname_r(end, slave, sizeof(slave)), 0);
	fd = open(slave, O_RDWR | O_NOCTTY);
	ck_assert_int_eq(tcgetattr(fd, &raw), 0);
	cfmakeraw(&raw);
	ck_assert_int_eq(tcsetattr(fd, TCSANOW, &raw), 0);
	close(fd);
	snprintf(serial_root, sizeof(serial_root), "/tmp/vine-port-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(serial_root));
	snprintf(path, sizeof(path), "%s/vport0p1", serial_root);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/vport0p1/name", serial_root);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "%s\n", name);
	fclose(f);
	/* devices are in a folder of their own */
	snprintf(path, sizeof(path), "%s/dev", serial_root);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/dev/vport0p1", serial_root);
	ck_assert_int_eq(symlink(slave, path), 0);
	arch_port_root = serial_root;
	snprintf(path, sizeof(path), "%s/dev", serial_root);
	arch_port_devices = strdup(path);
	return end;
}

static void
serial_end(int end)
{
	char command[96];

	close(end);
	free((char *)(uintptr_t)arch_port_devices);
	snprintf(command, sizeof(command), "rm -rf %s", serial_root);
	ck_assert_int_eq(system(command), 0);
}

#endif
