/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Library: a shared object with kernels (include/vine/kernel.h) that has been
 * loaded and whose table has been checked. It comes from a file of the
 * operator or from bytes of an application.
 *
 * Loading runs code of the library, before any check can look at it. What is
 * checked is the table, against mistakes; nothing here is a defence.
 */
#ifndef SVC_CPU_LIBRARY_H
#define SVC_CPU_LIBRARY_H

#include <stddef.h>

#include <vine/kernel.h>

enum { SVC_CPU_LIBRARY_KERNELS = 1024 };	/* in one library, at most */

struct svc_cpu_library {
	struct svc_cpu_library *next;	/* the owner's, NULL at first */
	const struct vine_kernel_table *table;
	void *handle;			/* of dlopen */
	int fd;				/* of the bytes; -1 for a file */
	char name[];			/* for messages */
};

/*
 * svc_cpu_library_open loads a file by its absolute path. The caller owns
 * *library. Blocks for the loading. Any thread. Returns 0, or -EINVAL (not an
 * absolute path; a bad table), -ENOEXEC (it cannot be loaded, has no
 * vine_kernels or another ABI), -ENOMEM; each is logged.
 */
int svc_cpu_library_open(const char *path, struct svc_cpu_library **library);

/*
 * svc_cpu_library_load does the same with bytes, which it copies; `name` is
 * what the messages call them. Log lines come at most once a second. Returns
 * -ENOEXEC for all of those but -ENOMEM, and where no memory file can be made.
 */
int svc_cpu_library_load(const char *name, const void *code, size_t size,
			 struct svc_cpu_library **library);

/* svc_cpu_library_close unloads a library; nobody runs its kernels any more. */
void svc_cpu_library_close(struct svc_cpu_library *library);

#endif
