/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading shared objects with kernels, good and bad ones, from files and from
 * bytes.
 */
#include <fcntl.h>

#include "kernel_case.h"
#include "kernel_library.h"
#include "services/cpu/svc_cpu_library.h"

static char last_line[2048];

static void
keep_line(enum utils_log_level level, const char *text, void *user)
{
	(void)level;
	(void)user;
	snprintf(last_line, sizeof(last_line), "%s", text);
}

static uint64_t
answer_of(const struct svc_cpu_library *library, const char *name)
{
	const struct vine_kernel *kernel;
	struct vine_kernel_call call = { 0 };

	kernel = svc_cpu_kernel_find(library->table, name);
	ck_assert_ptr_nonnull(kernel);
	ck_assert_int_eq(kernel->run(&call), 0);
	return call.value;
}

START_TEST(the_kernels_of_a_good_library_can_be_called)
{
	struct svc_cpu_library *library;
	char *path = library_compile("good", LIBRARY_ONE("seven", 7));

	ck_assert_int_eq(svc_cpu_library_open(path, &library), 0);
	ck_assert_uint_eq(answer_of(library, "seven"), 7);
	svc_cpu_library_close(library);
	free(path);
}
END_TEST

/* What is wrong, the text of the library, the code, a part of the line. */
static const struct bad_library {
	const char *name;
	const char *text;
	int err;
	const char *line;
} bad[] = {
	{ "symbol", "int some_other_symbol;", -ENOEXEC,
	  "no symbol vine_kernels" },
	{ "abi", LIBRARY_BEGIN(1)
	  "static const struct vine_kernel k[] = {{ \"a\", run, 0, 0 }};\n"
	  "const struct vine_kernel_table vine_kernels = { 77, 1, k };\n",
	  -ENOEXEC, "abi 77, expected 1" },
	{ "none", "#include <vine/kernel.h>\n"
	  "const struct vine_kernel_table vine_kernels = { 1, 0, 0 };\n",
	  -EINVAL, "0 kernels" },
	{ "null", "#include <vine/kernel.h>\n"
	  "const struct vine_kernel_table vine_kernels = { 1, 3, 0 };\n",
	  -EINVAL, "3 kernels" },
	{ "many", LIBRARY_BEGIN(1)
	  "static const struct vine_kernel k[1025];\n" LIBRARY_END, -EINVAL,
	  "1025 kernels" },
	{ "noname", LIBRARY_BEGIN(1)
	  "static const struct vine_kernel k[] = {{ 0, run, 0, 0 }};\n"
	  LIBRARY_END, -EINVAL, "kernel 0 has a bad name" },
	{ "empty", LIBRARY_ONE("", 1), -EINVAL, "kernel 0 has a bad name" },
	{ "space", LIBRARY_ONE("my kernel", 1), -EINVAL, "bad name" },
	{ "newline", LIBRARY_ONE("my\\nkernel", 1), -EINVAL, "bad name" },
	{ "utf8", LIBRARY_ONE("\\xc3\\xa4", 1), -EINVAL, "bad name" },
	{ "long", LIBRARY_ONE("0123456789012345678901234567890123456789"
			      "012345678901234567890123", 1), -EINVAL,
	  "bad name" },
	{ "run", LIBRARY_BEGIN(1)
	  "static const struct vine_kernel k[] = {{ \"a\", run, 0, 0 },\n"
	  "{ \"b\", 0, 0, 0 }};\n" LIBRARY_END, -EINVAL,
	  "kernel 1 (b): run is NULL" },
	{ "reserved", LIBRARY_BEGIN(1)
	  "static const struct vine_kernel k[] = {{ \"a\", run, 0, 9 }};\n"
	  LIBRARY_END, -EINVAL, "kernel 0 (a): reserved is not 0" },
	{ "twice", LIBRARY_BEGIN(1)
	  "static const struct vine_kernel k[] = {{ \"a\", run, 0, 0 },\n"
	  "{ \"b\", run, 0, 0 }, { \"a\", run, 0, 0 }};\n" LIBRARY_END,
	  -EINVAL, "kernel 2: the name a stands twice" },
	{ "undefined", "#include <vine/kernel.h>\nint nowhere(void);\n"
	  "static int run(struct vine_kernel_call *c)\n"
	  "{ (void)c; return nowhere(); }\n"
	  "static const struct vine_kernel k[] = {{ \"a\", run, 0, 0 }};\n"
	  LIBRARY_END, -ENOEXEC, "nowhere" },
};

START_TEST(a_bad_library_is_refused_and_the_line_says_why)
{
	const struct bad_library *b = &bad[_i];
	struct svc_cpu_library *library = NULL;
	char *path = library_compile(b->name, b->text);

	utils_log_set(UTILS_LOG_DEBUG, keep_line, NULL);
	ck_assert_int_eq(svc_cpu_library_open(path, &library), b->err);
	utils_log_set(UTILS_LOG_DEBUG, case_no_log, NULL);
	ck_assert_ptr_null(library);
	ck_assert_ptr_nonnull(strstr(last_line, path));
	ck_assert_msg(strstr(last_line, b->line) != NULL, "%s", last_line);
	free(path);
}
END_TEST

START_TEST(bad_bytes_are_enoexec)
{
	const struct bad_library *b = &bad[_i];
	struct svc_cpu_library *library = NULL;
	char *path = library_compile(b->name, b->text);
	size_t size;
	char *bytes = library_read(path, &size);

	ck_assert_int_eq(svc_cpu_library_load("x", bytes, size, &library),
			 -ENOEXEC);
	ck_assert_ptr_null(library);
	free(bytes);
	free(path);
}
END_TEST

START_TEST(a_name_of_63_characters_is_long_enough)
{
	struct svc_cpu_library *library;
	char *path = library_compile("long63", LIBRARY_ONE(
		"012345678901234567890123456789012345678901234567890123456789"
		"012", 63));

	ck_assert_int_eq(svc_cpu_library_open(path, &library), 0);
	svc_cpu_library_close(library);
	free(path);
}
END_TEST

START_TEST(a_path_must_be_absolute_and_exist)
{
	struct svc_cpu_library *library;

	ck_assert_int_eq(svc_cpu_library_open("libm.so.6", &library), -EINVAL);
	ck_assert_int_eq(svc_cpu_library_open("", &library), -EINVAL);
	ck_assert_int_eq(svc_cpu_library_open("/no/such.so", &library),
			 -ENOEXEC);
	ck_assert_int_eq(svc_cpu_library_open("/dev/null", &library),
			 -ENOEXEC);
}
END_TEST

START_TEST(bytes_that_are_no_shared_object_are_refused)
{
	static const char elf[64] = "\177ELF and nothing else";
	struct svc_cpu_library *library;

	ck_assert_int_eq(svc_cpu_library_load("x", "", 0, &library), -ENOEXEC);
	ck_assert_int_eq(svc_cpu_library_load("x", "\177ELF", 4, &library),
			 -ENOEXEC);
	ck_assert_int_eq(svc_cpu_library_load("x", elf, sizeof(elf),
					      &library), -ENOEXEC);
	ck_assert_int_eq(svc_cpu_library_load("x", last_line, 2000, &library),
			 -ENOEXEC);
}
END_TEST

static int
open_files(void)
{
	int fd, count = 0;

	for (fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* dlopen knows libraries by their path; a path that was used again would give
 * the first library's code under the second's name. */
START_TEST(bytes_loaded_one_after_the_other_are_different_libraries)
{
	static const char *const texts[3] = {
		LIBRARY_ONE("n", 1), LIBRARY_ONE("n", 2), LIBRARY_ONE("n", 3),
	};
	struct svc_cpu_library *library[3];
	int files = open_files();
	char name[8];
	char *path, *bytes;
	size_t size;
	int i;

	for (i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		path = library_compile(name, texts[i]);
		bytes = library_read(path, &size);
		ck_assert_int_eq(svc_cpu_library_load(name, bytes, size,
						      &library[i]), 0);
		memset(bytes, 0, size);	/* they were copied */
		free(bytes);
		free(path);
	}
	for (i = 0; i < 3; i++)
		ck_assert_uint_eq(answer_of(library[i], "n"), (unsigned)i + 1);
	for (i = 0; i < 3; i++)
		svc_cpu_library_close(library[i]);
	ck_assert_int_eq(open_files(), files);
}
END_TEST

START_TEST(the_example_counts_bytes)
{
	const char *tree = getenv("VINE_SRC_DIR");
	struct vine_view in[2] = { case_view("abca", 4), case_view("a", 1) };
	struct vine_view out = case_empty(256 * sizeof(uint64_t));
	struct vine_kernel_call call = {
		.in = in, .out = &out, .in_count = 2, .out_count = 1,
	};
	struct svc_cpu_library *library;
	const struct vine_kernel *kernel;
	const uint64_t *counters = out.ptr;
	char text[4200];
	char *path;

	snprintf(text, sizeof(text), "#include \"%s/examples/my-kernel.c\"\n",
		 tree ? tree : ".");
	path = library_compile("example", text);
	ck_assert_int_eq(svc_cpu_library_open(path, &library), 0);
	kernel = svc_cpu_kernel_find(library->table, "histogram");
	ck_assert_ptr_nonnull(kernel);
	ck_assert_int_eq(kernel->run(&call), 0);
	ck_assert_uint_eq(call.value, 5);
	ck_assert_uint_eq(counters['a'], 3);
	ck_assert_uint_eq(counters['b'], 1);
	ck_assert_uint_eq(counters['d'], 0);
	out.length--;
	ck_assert_int_eq(kernel->run(&call), -EINVAL);
	svc_cpu_library_close(library);
	free(path);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("library");
	int count = sizeof(bad) / sizeof(bad[0]);

	tcase_add_unchecked_fixture(tcase, library_folder_make,
				    library_folder_remove);
	tcase_add_test(tcase, the_kernels_of_a_good_library_can_be_called);
	tcase_add_loop_test(tcase,
			    a_bad_library_is_refused_and_the_line_says_why, 0,
			    count);
	tcase_add_loop_test(tcase, bad_bytes_are_enoexec, 0, count);
	tcase_add_test(tcase, a_name_of_63_characters_is_long_enough);
	tcase_add_test(tcase, a_path_must_be_absolute_and_exist);
	tcase_add_test(tcase, bytes_that_are_no_shared_object_are_refused);
	tcase_add_test(tcase,
		bytes_loaded_one_after_the_other_are_different_libraries);
	tcase_add_test(tcase, the_example_counts_bytes);
	return case_main("svc_cpu_library", tcase);
}
