/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm-try HOW ends as it is told: what tests/vm/test_harness.sh looks at.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Needs root, and takes its machine with it. */
static void
panic(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	if (getpid() == 1 || fd < 0 || write(fd, "c", 1) != 1)
		perror("vm-try: sysrq");
	sleep(60);
}

int
main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	printf("vm-try: %s, %s\n", how, getenv("VM_TRY") ? getenv("VM_TRY") :
	       "no VM_TRY");
	fflush(stdout);
	if (strcmp(how, "abort") == 0)
		abort();
	if (strcmp(how, "hang") == 0)
		for (;;)
			pause();
	/* not on the machine of whoever tries the program by hand */
	if (strcmp(how, "panic") == 0 && getenv("VM_TRY"))
		panic();
	return atoi(how);
}
