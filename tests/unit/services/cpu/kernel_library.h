/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel library: shared objects that a test compiles from a few lines, for
 * the tests of loading. The compiler is $CC, or cc.
 */
#ifndef KERNEL_LIBRARY_H
#define KERNEL_LIBRARY_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a source begins with: the header, and a kernel that answers `number`. */
#define LIBRARY_BEGIN(number) \
	"#include <vine/kernel.h>\n" \
	"static int run(struct vine_kernel_call *call)\n" \
	"{ call->value = " #number "; return 0; }\n"

/* And what it ends with: the table of its array `k`. */
#define LIBRARY_END \
	"const struct vine_kernel_table vine_kernels = " \
	"{ VINE_KERNEL_ABI, sizeof(k) / sizeof(k[0]), k };\n"

/* A library of one kernel. */
#define LIBRARY_ONE(name, number) \
	LIBRARY_BEGIN(number) \
	"static const struct vine_kernel k[] = {{ \"" name "\", run, 0, 0 }};\n" \
	LIBRARY_END

static char library_folder[4096];

/* library_folder_make and _remove stand around all cases of a program. */
static inline void
library_folder_make(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(library_folder, sizeof(library_folder), "%s/vine-cpu-XXXXXX",
		 tmp && tmp[0] == '/' ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(library_folder));
}

static inline void
library_folder_remove(void)
{
	char command[8192];

	snprintf(command, sizeof(command), "rm -rf '%s'", library_folder);
	ck_assert_int_eq(system(command), 0);
}

/* library_compile makes NAME.so out of a C text and returns its path. */
static inline char *
library_compile(const char *name, const char *text)
{
	const char *cc = getenv("CC");
	const char *tree = getenv("VINE_SRC_DIR");
	char path[8192];
	char command[32768];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.c", library_folder, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
	snprintf(path, sizeof(path), "%s/%s.so", library_folder, name);
	snprintf(command, sizeof(command),
		 "%s -std=c11 -shared -fPIC -I'%s/include' -o '%s' '%s/%s.c'",
		 cc ? cc : "cc", tree ? tree : ".", path, library_folder, name);
	ck_assert_msg(system(command) == 0, "failed: %s", command);
	return strdup(path);
}

/* library_read returns the bytes of a file, and their number. */
static inline char *
library_read(const char *path, size_t *size)
{
	FILE *file = fopen(path, "r");
	struct stat stat;
	char *bytes;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fstat(fileno(file), &stat), 0);
	*size = (size_t)stat.st_size;
	bytes = malloc(*size);
	ck_assert_uint_eq(fread(bytes, 1, *size, file), *size);
	fclose(file);
	return bytes;
}

#endif
