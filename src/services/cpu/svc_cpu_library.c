/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Library: dlopen with RTLD_NOW, so that a missing symbol is an error of the
 * start and not of a task, and RTLD_LOCAL, so that two libraries do not see
 * each other's names. Bytes go through a sealed memory file that is opened by
 * its name in /proc/self/fd. It stays open as long as the library: dlopen
 * takes a path that it knows for the library it knows, and a descriptor's
 * number that was used again would give the old code under the new name.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "services/cpu/svc_cpu_kernels.h"
#include "services/cpu/svc_cpu_library.h"
#include "utils/utils_log.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U	/* Linux 6.3 */
#endif

static struct utils_log_rate svc_cpu_library_rate;

/* Bytes come from applications, which may try as often as they like. */
static void __attribute__((format(printf, 2, 3)))
svc_cpu_library_log(const struct svc_cpu_library *library, const char *format,
		    ...)
{
	char text[512];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (library->fd < 0)
		log_error("cpu kernels %s: %s", library->name, text);
	else
		utils_log_limited(&svc_cpu_library_rate, UTILS_LOG_WARN,
				  "cpu application code %s: %s",
				  library->name, text);
}

/* 1 to 63 visible ASCII characters. Returns 1 if so. */
static int
svc_cpu_library_name_ok(const char *name)
{
	size_t length;
	size_t i;

	length = name ? strnlen(name, SVC_CPU_NAME_MAX + 1) : 0;
	if (!length || length > SVC_CPU_NAME_MAX)
		return 0;
	for (i = 0; i < length; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return 0;
	return 1;
}

static int
svc_cpu_library_check_kernel(const struct svc_cpu_library *library, uint32_t i)
{
	const struct vine_kernel *kernel = &library->table->kernels[i];

	if (!svc_cpu_library_name_ok(kernel->name)) {
		svc_cpu_library_log(library, "kernel %u has a bad name, "
				    "expected 1 to %d visible ASCII characters",
				    i, SVC_CPU_NAME_MAX);
		return -EINVAL;
	}
	if (!kernel->run || kernel->reserved) {
		svc_cpu_library_log(library, "kernel %u (%s): %s", i,
				    kernel->name, kernel->run ?
				    "reserved is not 0" : "run is NULL");
		return -EINVAL;
	}
	/* Those before it have names: finding itself means it is the first. */
	if (svc_cpu_kernel_find(library->table, kernel->name) != kernel) {
		svc_cpu_library_log(library, "kernel %u: the name %s stands "
				    "twice", i, kernel->name);
		return -EINVAL;
	}
	return 0;
}

static int
svc_cpu_library_check(const struct svc_cpu_library *library)
{
	const struct vine_kernel_table *table = library->table;
	uint32_t i;
	int err;

	if (table->abi != VINE_KERNEL_ABI) {
		svc_cpu_library_log(library, "abi %u, expected %u", table->abi,
				    VINE_KERNEL_ABI);
		return -ENOEXEC;
	}
	if (!table->count || table->count > SVC_CPU_LIBRARY_KERNELS ||
	    !table->kernels) {
		svc_cpu_library_log(library, "%u kernels at %p, expected 1 to "
				    "%d", table->count,
				    (const void *)table->kernels,
				    SVC_CPU_LIBRARY_KERNELS);
		return -EINVAL;
	}
	for (i = 0; i < table->count; i++) {
		err = svc_cpu_library_check_kernel(library, i);
		if (err)
			return err;
	}
	return 0;
}

static int
svc_cpu_library_dlopen(struct svc_cpu_library *library, const char *path)
{
	library->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library->handle) {
		svc_cpu_library_log(library, "%s", dlerror());
		return -ENOEXEC;
	}
	library->table = dlsym(library->handle, "vine_kernels");
	if (!library->table) {
		svc_cpu_library_log(library, "no symbol vine_kernels");
		return -ENOEXEC;
	}
	return svc_cpu_library_check(library);
}

static struct svc_cpu_library *
svc_cpu_library_new(const char *name, int fd)
{
	size_t size = strlen(name) + 1;
	struct svc_cpu_library *library = calloc(1, sizeof(*library) + size);

	if (!library)
		return NULL;
	memcpy(library->name, name, size);
	library->fd = fd;
	return library;
}

int
svc_cpu_library_open(const char *path, struct svc_cpu_library **library)
{
	struct svc_cpu_library *lib = svc_cpu_library_new(path, -1);
	int err;

	if (!lib)
		return -ENOMEM;
	if (path[0] != '/') {
		/* dlopen would search a name without '/' along its path. */
		svc_cpu_library_log(lib, "expected an absolute path");
		err = -EINVAL;
	} else {
		err = svc_cpu_library_dlopen(lib, path);
	}
	if (err) {
		svc_cpu_library_close(lib);
		return err;
	}
	*library = lib;
	return 0;
}

/* Returns the descriptor of a memory file, or -errno. */
static int
svc_cpu_library_memfd(void)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("vine-app-code", flags | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)	/* a kernel before MFD_EXEC */
		fd = memfd_create("vine-app-code", flags);
	return fd < 0 ? -errno : fd;
}

static int
svc_cpu_library_write(int fd, const char *code, size_t size)
{
	ssize_t n;

	while (size) {
		n = write(fd, code, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		code += n;
		size -= (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
		  F_SEAL_WRITE) < 0)
		return -errno;
	return 0;
}

static int
svc_cpu_library_load_fd(struct svc_cpu_library *library, const void *code,
			size_t size)
{
	char path[32];
	int err;

	if (size < sizeof(Elf64_Ehdr) || memcmp(code, ELFMAG, SELFMAG)) {
		svc_cpu_library_log(library, "its %zu bytes are no ELF shared "
				    "object", size);
		return -ENOEXEC;
	}
	err = svc_cpu_library_write(library->fd, code, size);
	if (err) {
		svc_cpu_library_log(library, "memory file: %s",
				    strerror(-err));
		return err == -ENOMEM ? err : -ENOEXEC;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", library->fd);
	return svc_cpu_library_dlopen(library, path) ? -ENOEXEC : 0;
}

int
svc_cpu_library_load(const char *name, const void *code, size_t size,
		     struct svc_cpu_library **library)
{
	int fd = svc_cpu_library_memfd();
	struct svc_cpu_library *lib;
	int err;

	if (fd < 0) {
		utils_log_limited(&svc_cpu_library_rate, UTILS_LOG_WARN,
				  "cpu application code %s: memory file: %s",
				  name, strerror(-fd));
		return fd == -ENOMEM ? fd : -ENOEXEC;
	}
	lib = svc_cpu_library_new(name, fd);
	if (!lib) {
		close(fd);
		return -ENOMEM;
	}
	err = svc_cpu_library_load_fd(lib, code, size);
	if (err) {
		svc_cpu_library_close(lib);
		return err;
	}
	*library = lib;
	return 0;
}

void
svc_cpu_library_close(struct svc_cpu_library *library)
{
	if (library->handle)
		dlclose(library->handle);
	if (library->fd >= 0)
		close(library->fd);
	free(library);
}
