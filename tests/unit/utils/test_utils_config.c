/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of utils_config: good values of every type, every file of
 * tests/bad-configs with all of its faults, where the file is looked for, and
 * what happens without memory.
 *
 * A bad config tells what is to be logged about it, in order and nothing else:
 * "# expect:LINE: TEXT" stands for the line "FILE:LINE: TEXT", "# expect: TEXT"
 * for "FILE: TEXT".
 *
 * The source is included, with its allocations replaced, so that each of them
 * can be made to fail under any sanitizer.
 */
#include <check.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int allocations_left = -1;	/* -1: as many as there is memory for */

static int shrinks = 1;	/* 0: realloc fails */

static int
may_allocate(void)
{
	if (allocations_left == 0)
		return 0;
	if (allocations_left > 0)
		allocations_left--;
	return 1;
}

#define malloc(size) (may_allocate() ? malloc(size) : NULL)
#define calloc(n, size) (may_allocate() ? calloc(n, size) : NULL)
#define realloc(p, size) (shrinks ? realloc(p, size) : NULL)
#undef strdup
#define strdup(s) (may_allocate() ? (strdup)(s) : NULL)
#include "utils/utils_config.c"
#undef malloc
#undef calloc
#undef realloc
#undef strdup

#define LINES_MAX 32
#define BAD_MIN 15

static char lines[LINES_MAX][1024];
static unsigned int line_count;
static struct utils_config *config;
static glob_t bad;

static void
receive(enum utils_log_level level, const char *text, void *user)
{
	(void)user;
	ck_assert_int_eq(level, UTILS_LOG_ERROR);
	ck_assert_uint_lt(line_count, LINES_MAX);
	snprintf(lines[line_count++], sizeof(lines[0]), "%s", text);
}

static void
setup(void)
{
	line_count = 0;
	config = NULL;
	utils_log_set(UTILS_LOG_DEBUG, receive, NULL);
	unsetenv("VINE_CONFIG");
}

static void
teardown(void)
{
	utils_config_free(config);
	utils_log_set(UTILS_LOG_WARN, NULL, NULL);
}

static void
parse(const char *text)
{
	utils_config_free(config);
	config = NULL;
	ck_assert_msg(utils_config_parse(text, "test", &config) == 0, "%s",
		      lines[0]);
	ck_assert_uint_eq(line_count, 0);
}

static uint64_t
parsed_u64(enum utils_key key, const char *value)
{
	char text[256];

	snprintf(text, sizeof(text), "shm_file x\n%s %s\n",
		 utils_keys_table[key].name, value);
	parse(text);
	return utils_config_u64(config, key);
}

/* A new file with that text; the caller removes it. */
static void
make_file(char *path, size_t size, const void *text, size_t len)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	snprintf(path, size, "%s/vine-test-config-XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
}

START_TEST(keys_not_set_have_the_defaults_of_the_table)
{
	parse("shm_file x\n");
	ck_assert_str_eq(utils_config_name(config), "test");
	ck_assert_uint_eq(utils_config_u64(config, UTILS_KEY_shm_size),
			  UINT64_C(256) << 20);
	ck_assert_int_eq(utils_config_bool(config, UTILS_KEY_shm_trunc), 1);
	ck_assert_int_eq(utils_config_bool(config, UTILS_KEY_shm_ivshmem), 0);
	ck_assert_uint_eq(utils_config_u64(config, UTILS_KEY_shm_off), 0);
	ck_assert_uint_eq(utils_config_u64(config, UTILS_KEY_shm_mode), 0600);
	ck_assert_str_eq(utils_config_str(config, UTILS_KEY_shm_mode), "0600");
	ck_assert_uint_eq(utils_config_u64(config, UTILS_KEY_log_buffer_size),
			  65536);
	ck_assert_str_eq(utils_config_str(config, UTILS_KEY_trace_dir), ".");
	ck_assert_uint_eq(utils_config_u64(config, UTILS_KEY_attach_timeout),
			  UINT64_C(5000000000));
	ck_assert_str_eq(utils_config_str(config, UTILS_KEY_wait), "ladder");
	ck_assert_uint_eq(utils_config_u64(config, UTILS_KEY_log_level),
			  UTILS_LOG_INFO);
	ck_assert_uint_eq(utils_config_u64(config, UTILS_KEY_queue_slots),
			  128);
	ck_assert_ptr_null(utils_config_str(config, UTILS_KEY_services));
	ck_assert(!utils_config_is_set(config, UTILS_KEY_shm_size));
	ck_assert(utils_config_is_set(config, UTILS_KEY_shm_file));
}
END_TEST

START_TEST(an_enum_has_the_index_of_its_name)
{
	parse("shm_file x\nwait spin\nlog_level debug\n");
	ck_assert_uint_eq(utils_config_u64(config, UTILS_KEY_wait), 1);
	ck_assert_str_eq(utils_config_str(config, UTILS_KEY_wait), "spin");
	ck_assert_uint_eq(utils_config_u64(config, UTILS_KEY_log_level),
			  UTILS_LOG_DEBUG);
	parse("shm_file x\nlog_level error\n");
	ck_assert_uint_eq(utils_config_u64(config, UTILS_KEY_log_level),
			  UTILS_LOG_ERROR);
}
END_TEST

START_TEST(numbers_are_decimal_hexadecimal_or_octal)
{
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_workers, "12"), 12);
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_workers, "0x1F"), 31);
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_workers, "010"), 8);
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_queue_slots, "4096"), 4096);
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_queue_slots, "16"), 16);
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_shm_mode, "660"), 0660);
}
END_TEST

START_TEST(sizes_take_binary_suffixes)
{
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_shm_size, "1048576"), 1048576);
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_shm_size, "1024K"), 1048576);
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_shm_size, "3M"), 3145728);
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_shm_size, "0x10G"),
			  UINT64_C(16) << 30);
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_shm_size, "16T"),
			  UINT64_C(16) << 40);
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_shm_off, "4K"), 4096);
}
END_TEST

START_TEST(durations_take_units_and_are_ms_without)
{
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_attach_timeout, "7"), 7000000);
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_attach_timeout, "2000001ns"),
			  2000001);
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_attach_timeout, "1500us"),
			  1500000);
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_attach_timeout, "20ms"),
			  20000000);
	ck_assert_uint_eq(parsed_u64(UTILS_KEY_attach_timeout, "3600s"),
			  UINT64_C(3600000000000));
}
END_TEST

START_TEST(white_space_comments_and_crlf_are_skipped)
{
	parse("\n# comment\n   # comment\r\n\t shm_file \t /a b/c # d \t\r\n"
	      "\r\n \t \n#\nworkers\t3");
	ck_assert_str_eq(utils_config_str(config, UTILS_KEY_shm_file),
			 "/a b/c # d");
	ck_assert_uint_eq(utils_config_u64(config, UTILS_KEY_workers), 3);
}
END_TEST

START_TEST(the_longest_line_and_text_are_taken)
{
	char text[4200], name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	/* 4096 bytes, most of them white space */
	snprintf(text, sizeof(text), "shm_file %*s%s\nworkers 2",
		 4096 - 9 - 255, "", name);
	parse(text);
	ck_assert_str_eq(utils_config_str(config, UTILS_KEY_shm_file), name);
	ck_assert_uint_eq(utils_config_u64(config, UTILS_KEY_workers), 2);
}
END_TEST

START_TEST(keys_that_may_stand_more_than_once_keep_their_order)
{
	parse("services noop\nshm_file x\ncpu_kernels /a.so\nservices cpu\n");
	ck_assert_uint_eq(utils_config_count(config, UTILS_KEY_services), 2);
	ck_assert_str_eq(utils_config_nth(config, UTILS_KEY_services, 0),
			 "noop");
	ck_assert_str_eq(utils_config_nth(config, UTILS_KEY_services, 1),
			 "cpu");
	ck_assert_ptr_null(utils_config_nth(config, UTILS_KEY_services, 2));
	ck_assert_str_eq(utils_config_str(config, UTILS_KEY_services), "noop");
	ck_assert_uint_eq(utils_config_count(config, UTILS_KEY_cpu_kernels), 1);
	ck_assert_str_eq(utils_config_nth(config, UTILS_KEY_cpu_kernels, 0),
			 "/a.so");
	ck_assert_uint_eq(utils_config_count(config, UTILS_KEY_shm_file), 1);
	ck_assert_str_eq(utils_config_nth(config, UTILS_KEY_shm_file, 0), "x");
	ck_assert_ptr_null(utils_config_nth(config, UTILS_KEY_shm_file, 1));
	ck_assert_uint_eq(utils_config_count(config, UTILS_KEY_workers), 0);
	ck_assert_ptr_null(utils_config_nth(config, UTILS_KEY_workers, 0));
}
END_TEST

START_TEST(values_of_keys_that_may_stand_more_than_once_are_bounded)
{
	static char text[MULTI_MAX * 16];
	size_t len = (size_t)sprintf(text, "shm_file x\n");
	unsigned int i;

	for (i = 0; i < MULTI_MAX; i++)
		len += (size_t)sprintf(text + len, "services s%u\n", i);
	parse(text);
	ck_assert_uint_eq(utils_config_count(config, UTILS_KEY_services),
			  MULTI_MAX);
	ck_assert_str_eq(utils_config_nth(config, UTILS_KEY_services, 255),
			 "s255");
	utils_config_free(config);
	config = NULL;
	sprintf(text + len, "cpu_kernels /a\n");
	ck_assert_int_eq(utils_config_parse(text, "test", &config), -EINVAL);
	ck_assert_uint_eq(line_count, 1);
	ck_assert_str_eq(lines[0], "test:258: cpu_kernels is one value too "
			 "many, expected at most 256 of all keys that may "
			 "stand more than once");
}
END_TEST

/* A config's own "# expect" lines, in order, against what was logged. */
static void
compare_faults(const char *file)
{
	static char line[8192];
	FILE *in = fopen(file, "r");
	char wanted[2048];
	unsigned int n = 0;

	ck_assert_ptr_nonnull(in);
	while (fgets(line, sizeof(line), in) &&
	       strncmp(line, "# expect", 8) == 0) {
		line[strcspn(line, "\n")] = '\0';
		snprintf(wanted, sizeof(wanted), "%s%.1500s", file, line + 8);
		ck_assert_msg(n < line_count, "not logged: %s", wanted);
		ck_assert_str_eq(lines[n], wanted);
		n++;
	}
	fclose(in);
	ck_assert_msg(n > 0, "%s expects nothing", file);
	ck_assert_msg(line_count == n, "not expected: %s", lines[n]);
}

START_TEST(a_bad_config_is_refused_with_each_of_its_faults)
{
	const char *file = bad.gl_pathv[_i];

	ck_assert_int_eq(utils_config_read(file, &config), -EINVAL);
	ck_assert_ptr_null(config);
	compare_faults(file);
}
END_TEST

START_TEST(there_are_enough_bad_configs)
{
	ck_assert_uint_ge(bad.gl_pathc, BAD_MIN);
}
END_TEST

START_TEST(a_file_is_read_as_a_text_is)
{
	static const char text[] = "shm_file /dev/shm/x\nworkers 7";
	char path[256];
	int rc;

	make_file(path, sizeof(path), text, sizeof(text) - 1);
	rc = utils_config_read(path, &config);
	unlink(path);
	ck_assert_int_eq(rc, 0);
	ck_assert_str_eq(utils_config_name(config), path);
	ck_assert_uint_eq(utils_config_u64(config, UTILS_KEY_workers), 7);
}
END_TEST

START_TEST(a_file_of_1_mib_is_read_and_no_more)
{
	static char text[FILE_MAX + 2];
	char path[256];
	int rc;

	memset(text, '\n', FILE_MAX + 1);
	memcpy(text, "shm_file x", 10);
	make_file(path, sizeof(path), text, FILE_MAX);
	rc = utils_config_read(path, &config);
	unlink(path);
	ck_assert_int_eq(rc, 0);
	utils_config_free(config);
	config = NULL;
	make_file(path, sizeof(path), text, FILE_MAX + 1);
	rc = utils_config_read(path, &config);
	unlink(path);
	ck_assert_int_eq(rc, -EINVAL);
	ck_assert_uint_eq(line_count, 1);
	ck_assert_ptr_nonnull(strstr(lines[0], ": more than 1048576 bytes, "
				     "expected a config"));
	ck_assert_int_eq(utils_config_parse(text, "test", &config), -EINVAL);
	ck_assert_str_eq(lines[1],
			 "test: more than 1048576 bytes, expected a config");
}
END_TEST

START_TEST(what_is_not_a_regular_file_is_refused)
{
	char path[256], wanted[512];
	int rc;

	make_file(path, sizeof(path), "", 0);
	unlink(path);
	ck_assert_int_eq(utils_config_read(path, &config), -ENOENT);
	snprintf(wanted, sizeof(wanted), "%s: the config cannot be opened: "
		 "No such file or directory", path);
	ck_assert_str_eq(lines[0], wanted);

	/* a fifo without a writer must not block */
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	rc = utils_config_read(path, &config);
	unlink(path);
	ck_assert_int_eq(rc, -EINVAL);
	snprintf(wanted, sizeof(wanted), "%s: is a special file, expected a "
		 "regular file", path);
	ck_assert_str_eq(lines[1], wanted);

	ck_assert_int_eq(utils_config_read("/", &config), -EISDIR);
	ck_assert_str_eq(lines[2],
			 "/: is a directory, expected a regular file");
	ck_assert_uint_eq(line_count, 3);
}
END_TEST

START_TEST(a_file_that_fails_to_be_read_is_told)
{
	/* a regular file, whose first page is never mapped */
	ck_assert_int_eq(utils_config_read("/proc/self/mem", &config), -EIO);
	ck_assert_uint_eq(line_count, 1);
	ck_assert_str_eq(lines[0], "/proc/self/mem: cannot be read: "
			 "Input/output error");
}
END_TEST

START_TEST(a_file_that_may_not_be_read_is_told)
{
	uid_t me = geteuid();
	char path[256];
	int rc;

	make_file(path, sizeof(path), "shm_file x", 10);
	ck_assert_int_eq(chmod(path, 0), 0);
	/* root may read anything; this process can become somebody else */
	if (me == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	rc = utils_config_read(path, &config);
	if (me == 0)
		ck_assert_int_eq(seteuid(0), 0);
	unlink(path);
	ck_assert_int_eq(rc, -EACCES);
	ck_assert_uint_eq(line_count, 1);
	ck_assert_ptr_nonnull(strstr(lines[0], "Permission denied"));
}
END_TEST

START_TEST(the_path_is_vine_config_then_home_then_the_users_entry)
{
	struct passwd *entry = getpwuid(getuid());
	char path[256], wanted[256];

	setenv("VINE_CONFIG", "/etc/vine.conf", 1);
	setenv("HOME", "/home/somebody", 1);
	ck_assert_int_eq(utils_config_path(path, sizeof(path)), 0);
	ck_assert_str_eq(path, "/etc/vine.conf");
	setenv("VINE_CONFIG", "", 1);
	ck_assert_int_eq(utils_config_path(path, sizeof(path)), 0);
	ck_assert_str_eq(path, "/home/somebody/.vinetalk");
	unsetenv("VINE_CONFIG");
	ck_assert_int_eq(utils_config_path(path, sizeof(path)), 0);
	ck_assert_str_eq(path, "/home/somebody/.vinetalk");
	setenv("HOME", "", 1);
	if (entry) {
		snprintf(wanted, sizeof(wanted), "%s/.vinetalk", entry->pw_dir);
		ck_assert_int_eq(utils_config_path(path, sizeof(path)), 0);
		ck_assert_str_eq(path, wanted);
		unsetenv("HOME");
		ck_assert_int_eq(utils_config_path(path, sizeof(path)), 0);
		ck_assert_str_eq(path, wanted);
	} else {
		ck_assert_int_eq(utils_config_path(path, sizeof(path)),
				 -ENOENT);
	}
}
END_TEST

START_TEST(a_path_that_does_not_fit_is_refused)
{
	char path[25], *name;

	setenv("HOME", "/home/somebody", 1);
	ck_assert_int_eq(utils_config_path(path, sizeof(path)), 0);
	ck_assert_int_eq(utils_config_path(path, sizeof(path) - 1),
			 -ENAMETOOLONG);
	name = malloc(5000);
	ck_assert_ptr_nonnull(name);
	memset(name, 'x', 4999);
	name[4999] = '\0';
	setenv("VINE_CONFIG", name, 1);
	free(name);
	ck_assert_int_eq(utils_config_read(NULL, &config), -ENAMETOOLONG);
	ck_assert_uint_eq(line_count, 1);
	ck_assert_ptr_nonnull(strstr(lines[0], "too long"));
}
END_TEST

START_TEST(no_file_name_means_the_users_config)
{
	char path[256];
	int rc;

	make_file(path, sizeof(path), "shm_file x\nworkers 9\n", 21);
	setenv("VINE_CONFIG", path, 1);
	rc = utils_config_read(NULL, &config);
	unlink(path);
	ck_assert_int_eq(rc, 0);
	ck_assert_str_eq(utils_config_name(config), path);
	ck_assert_uint_eq(utils_config_u64(config, UTILS_KEY_workers), 9);
}
END_TEST

/* Fails the first, second, ... allocation until none fails any more. */
static int
try_with_less_memory(int (*attempt)(void))
{
	int n, rc;

	for (n = 0; n < 10; n++) {
		line_count = 0;
		allocations_left = n;
		rc = attempt();
		allocations_left = -1;
		if (rc == 0)
			return n;
		ck_assert_int_eq(rc, -ENOMEM);
		ck_assert_ptr_null(config);
		ck_assert_uint_eq(line_count, 1);
		ck_assert_ptr_nonnull(strstr(lines[0], "memory"));
	}
	ck_abort_msg("fails with %d allocations", n);
	return -1;
}

static char memory_file[256];

static int
attempt_read(void)
{
	return utils_config_read(memory_file, &config);
}

static int
attempt_parse(void)
{
	return utils_config_parse("shm_file x\n", "test", &config);
}

START_TEST(without_memory_nothing_is_left_behind)
{
	/* the text, the config, its name */
	ck_assert_int_eq(try_with_less_memory(attempt_parse), 3);
	ck_assert_str_eq(utils_config_str(config, UTILS_KEY_shm_file), "x");
	utils_config_free(config);
	config = NULL;

	make_file(memory_file, sizeof(memory_file), "shm_file y\n", 11);
	ck_assert_int_eq(try_with_less_memory(attempt_read), 3);
	ck_assert_str_eq(utils_config_str(config, UTILS_KEY_shm_file), "y");
	unlink(memory_file);
}
END_TEST

START_TEST(a_text_that_cannot_shrink_is_kept)
{
	make_file(memory_file, sizeof(memory_file), "shm_file y\n", 11);
	shrinks = 0;
	ck_assert_int_eq(attempt_read(), 0);
	shrinks = 1;
	unlink(memory_file);
	ck_assert_str_eq(utils_config_str(config, UTILS_KEY_shm_file), "y");
	ck_assert_uint_eq(line_count, 0);
}
END_TEST

START_TEST(without_memory_no_home_is_looked_up)
{
	char path[64];

	unsetenv("HOME");
	allocations_left = 0;
	ck_assert_int_eq(utils_config_path(path, sizeof(path)), -ENOMEM);
	ck_assert_int_eq(utils_config_read(NULL, &config), -ENOMEM);
	allocations_left = -1;
	ck_assert_uint_eq(line_count, 1);
}
END_TEST

START_TEST(freeing_nothing_is_allowed)
{
	utils_config_free(NULL);
	ck_assert_uint_eq(line_count, 0);
}
END_TEST

START_TEST(the_help_names_every_key_with_its_default)
{
	char *text = NULL, start[64];
	size_t size = 0, i;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	utils_config_help(out);
	ck_assert_int_eq(fclose(out), 0);
	for (i = 0; i < UTILS_KEY_COUNT; i++) {
		snprintf(start, sizeof(start), "%s%s: ", i ? "\n" : "",
			 utils_keys_table[i].name);
		ck_assert_msg(strstr(text, start) != NULL, "no %s",
			      utils_keys_table[i].name);
	}
	ck_assert_ptr_nonnull(strstr(text, "\nshm_size: a size from 1M to 16T "
				     "(K, M, G, T may follow); default 256M\n"
				     "\tSize of a segment that is created.\n"));
	ck_assert_ptr_nonnull(strstr(text, "\tvined takes a new value on "
				     "SIGHUP.\n"));
	free(text);
}
END_TEST

static TCase *
good(void)
{
	TCase *tcase = tcase_create("good");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, keys_not_set_have_the_defaults_of_the_table);
	tcase_add_test(tcase, an_enum_has_the_index_of_its_name);
	tcase_add_test(tcase, numbers_are_decimal_hexadecimal_or_octal);
	tcase_add_test(tcase, sizes_take_binary_suffixes);
	tcase_add_test(tcase, durations_take_units_and_are_ms_without);
	tcase_add_test(tcase, white_space_comments_and_crlf_are_skipped);
	tcase_add_test(tcase, the_longest_line_and_text_are_taken);
	tcase_add_test(tcase,
		       keys_that_may_stand_more_than_once_keep_their_order);
	tcase_add_test(tcase, the_help_names_every_key_with_its_default);
	tcase_add_test(tcase, freeing_nothing_is_allowed);
	return tcase;
}

static TCase *
bad_text(void)
{
	TCase *tcase = tcase_create("bad");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, there_are_enough_bad_configs);
	tcase_add_loop_test(tcase,
			    a_bad_config_is_refused_with_each_of_its_faults, 0,
			    (int)bad.gl_pathc);
	tcase_add_test(
		tcase,
		values_of_keys_that_may_stand_more_than_once_are_bounded);
	return tcase;
}

static TCase *
files(void)
{
	TCase *tcase = tcase_create("files");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_file_is_read_as_a_text_is);
	tcase_add_test(tcase, a_file_of_1_mib_is_read_and_no_more);
	tcase_add_test(tcase, what_is_not_a_regular_file_is_refused);
	tcase_add_test(tcase, a_file_that_fails_to_be_read_is_told);
	tcase_add_test(tcase, a_file_that_may_not_be_read_is_told);
	tcase_add_test(tcase,
		       the_path_is_vine_config_then_home_then_the_users_entry);
	tcase_add_test(tcase, a_path_that_does_not_fit_is_refused);
	tcase_add_test(tcase, no_file_name_means_the_users_config);
	tcase_add_test(tcase, without_memory_nothing_is_left_behind);
	tcase_add_test(tcase, a_text_that_cannot_shrink_is_kept);
	tcase_add_test(tcase, without_memory_no_home_is_looked_up);
	return tcase;
}

int
main(void)
{
	Suite *suite = suite_create("utils_config");
	const char *src = getenv("VINE_SRC_DIR");
	char pattern[4096];
	SRunner *runner;
	int failed;

	snprintf(pattern, sizeof(pattern), "%s/tests/bad-configs/*.conf",
		 src ? src : ".");
	if (glob(pattern, 0, NULL, &bad) != 0) {
		fprintf(stderr, "%s: no such files; set VINE_SRC_DIR to the "
			"checkout\n", pattern);
		return EXIT_FAILURE;
	}
	suite_add_tcase(suite, good());
	suite_add_tcase(suite, bad_text());
	suite_add_tcase(suite, files());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	globfree(&bad);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
