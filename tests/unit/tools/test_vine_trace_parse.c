/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of the trace parser: good rows in any pieces, and every way in which a
 * file can be wrong. Each case feeds a text byte by byte and at once, and both
 * must give the same.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vine_trace_parse.h"

#define SIX "Timestamp,Core Id,Thread Id,Function Id,Task Duration,Return Value"
#define HEAD SIX ",func_name,queue,cookie,new\n"

/* What the sink saw, as text: one line per call of it. */
struct seen {
	char text[65536];
	size_t used;
	size_t rows;
	size_t bad;
};

static void
see(struct seen *seen, const char *text)
{
	int length = snprintf(seen->text + seen->used,
			      sizeof(seen->text) - seen->used, "%s\n", text);

	seen->used += (size_t)length;
	ck_assert_uint_lt(seen->used, sizeof(seen->text));
}

static void
see_row(void *user, const struct vine_trace_row *row)
{
	struct seen *seen = user;
	char text[2 * VINE_TRACE_ROW_MAX];

	snprintf(text, sizeof(text), "%llu: %llu %d %llu %s %llu %s%s [%s]",
		 (unsigned long long)row->line,
		 (unsigned long long)row->start_ns, row->core,
		 (unsigned long long)row->tid, row->name,
		 (unsigned long long)row->duration_ns, row->value,
		 row->failed ? " failed" : "",
		 vine_trace_row_cell(row, VINE_TRACE_COLUMN_func_name));
	see(seen, text);
	seen->rows++;
}

static void
see_bad(void *user, uint64_t line, const char *what)
{
	struct seen *seen = user;
	char text[512];

	snprintf(text, sizeof(text), "%llu: bad %s", (unsigned long long)line,
		 what);
	see(seen, text);
	seen->bad++;
}

static int
parse(const char *bytes, size_t size, size_t piece, struct seen *seen)
{
	const struct vine_trace_sink sink = { see_row, see_bad, seen };
	struct vine_trace_parser *parser = malloc(sizeof(*parser));
	size_t at;
	int ret = 0;

	ck_assert_ptr_nonnull(parser);
	memset(seen, 0, sizeof(*seen));
	vine_trace_parse_init(parser, &sink);
	for (at = 0; at < size && ret == 0; at += piece)
		ret = vine_trace_parse_feed(parser, bytes + at,
			size - at < piece ? size - at : piece);
	if (ret == 0)
		ret = vine_trace_parse_end(parser);
	free(parser);
	return ret;
}

static struct seen seen;

static int
parse_both(const char *bytes, size_t size)
{
	static struct seen again;
	int ret = parse(bytes, size, 1, &seen);

	ck_assert_int_eq(parse(bytes, size, size != 0 ? size : 1, &again), ret);
	ck_assert_str_eq(seen.text, again.text);
	return ret;
}

static int
parse_text(const char *text)
{
	return parse_both(text, strlen(text));
}

START_TEST(rows_become_values)
{
	ck_assert_int_eq(parse_text(HEAD
		"1000,3,77,vine_proc_get,20,0x5,saxpy,,,x\n"
		"1001,,78,vine_data_free,0,,,,,\n"
		"\n"
		"1002,0,78,take,0,,,5,6,\r\n"), 0);
	ck_assert_str_eq(seen.text,
		"2: 1000 3 77 vine_proc_get 20 0x5 [saxpy]\n"
		"3: 1001 -1 78 vine_data_free 0  []\n"
		"5: 1002 0 78 take 0  []\n");
}
END_TEST

START_TEST(quoted_cells_are_unquoted)
{
	ck_assert_int_eq(parse_text(HEAD
		"1,0,7,vine_proc_get,2,0x5,\"a,b\",,,\n"
		"2,0,7,vine_proc_get,2,0x5,\"say \"\"x\"\"\",,,\n"
		"3,0,7,vine_proc_get,2,0x5,\"two\nlines\",,,\n"
		"4,0,7,vine_data_free,2,,,,,\n"), 0);
	ck_assert_str_eq(seen.text,
		"2: 1 0 7 vine_proc_get 2 0x5 [a,b]\n"
		"3: 2 0 7 vine_proc_get 2 0x5 [say \"x\"]\n"
		"4: 3 0 7 vine_proc_get 2 0x5 [two\nlines]\n"
		"6: 4 0 7 vine_data_free 2  []\n");
}
END_TEST

START_TEST(failures_are_known_by_the_kind_of_return)
{
	static const struct {
		const char *function, *value;
		int failed;
	} cases[] = {
		{ "vine_task_wait_for", "-110", 1 },
		{ "vine_task_wait_for", "0", 0 },
		{ "vine_task_wait", "0", 1 },
		{ "vine_task_wait", "2", 0 },
		{ "vine_accel_acquire", "0", 1 },
		{ "vine_accel_list", "0", 0 },
		{ "vine_accel_list_in", "-10", 1 },
		{ "vine_data_alloc", "0x0", 1 },
		{ "vine_data_alloc", "0x7f", 0 },
		{ "vine_session_default", "0x0", 0 },
		{ "vine_data_free", "", 0 },
		{ "some_new_function", "-1", 0 },
	};
	char text[512];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), HEAD "1,0,7,%s,2,%s,,,,\n",
			 cases[i].function, cases[i].value);
		ck_assert_int_eq(parse_text(text), 0);
		ck_assert_uint_eq(seen.rows, 1);
		ck_assert_msg(!!strstr(seen.text, " failed") ==
			      cases[i].failed, "%s", seen.text);
	}
}
END_TEST

START_TEST(malformed_rows_are_named_and_skipped)
{
	static const char *const cases[][2] = {
		{ "1,0,7,vine_data_free,2,,,,",
		  "row: expected 10 columns, found \"9\"" },
		{ "1,0,7,vine_data_free,2,,,,,,",
		  "row: expected 10 columns, found \"11\"" },
		{ "x,0,7,vine_data_free,2,,,,,",
		  "Timestamp: expected a number, found \"x\"" },
		{ "-1,0,7,vine_data_free,2,,,,,",
		  "Timestamp: expected a number, found \"-1\"" },
		{ "99999999999999999999,0,7,vine_data_free,2,,,,,",
		  "Timestamp: expected a number, "
		  "found \"99999999999999999999\"" },
		{ "1,65536,7,vine_data_free,2,,,,,",
		  "Core Id: expected a core or nothing, found \"65536\"" },
		{ "1,0,,vine_data_free,2,,,,,",
		  "Thread Id: expected a thread, found \"\"" },
		{ "1,0,9007199254740993,vine_data_free,2,,,,,",
		  "Thread Id: expected a thread, "
		  "found \"9007199254740993\"" },
		{ "1,0,7,a-b,2,,,,,",
		  "Function Id: expected a function's name, found \"a-b\"" },
		{ "1,0,7,,2,,,,,",
		  "Function Id: expected a function's name, found \"\"" },
		{ "1,0,7,vine_data_free,,,,,,",
		  "Task Duration: expected a number, found \"\"" },
		{ "1,0,7,take,0,,,,6,",
		  "queue: expected a number, found \"\"" },
		{ "1,0,7,take,0,,,5,0x6,",
		  "cookie: expected a number, found \"0x6\"" },
		{ "\x01\xff,0,7,take,0,,,5,6,",
		  "Timestamp: expected a number, found \"??\"" },
	};
	char text[1024], expected[256];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), HEAD "%s\n"
			 "5,0,7,vine_data_free,2,,,,,\n", cases[i][0]);
		ck_assert_int_eq(parse_text(text), 0);
		snprintf(expected, sizeof(expected), "2: bad %s\n"
			 "3: 5 0 7 vine_data_free 2  []\n", cases[i][1]);
		ck_assert_str_eq(seen.text, expected);
	}
}
END_TEST

START_TEST(file_that_is_no_trace_is_refused)
{
	static const char *const texts[] = {
		"", "\n", "Timestamp\n", "{\"a\":1}\n", "\x7f" "ELF",
		"Timestamp,Core Id,Thread Id,Function Id,Task Duration,Return\n"
		"1,0,7,vine_data_free,2,\n",
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_int_eq(parse_text(texts[i]), -EINVAL);
		ck_assert_uint_eq(seen.rows, 0);
		ck_assert_uint_eq(seen.bad, 1);
		ck_assert_ptr_nonnull(strstr(seen.text, "1: bad first line"));
	}
}
END_TEST

START_TEST(first_line_has_limits)
{
	size_t size = sizeof(SIX) + 4 * VINE_TRACE_ROW_MAX;
	char *text = malloc(size);
	size_t i;

	ck_assert_ptr_nonnull(text);
	strcpy(text, SIX);
	for (i = 0; i < 200; i++)
		strcat(text, ",c");
	strcat(text, "\n");
	ck_assert_int_eq(parse_text(text), -EINVAL);
	memset(text, 'x', size);
	ck_assert_int_eq(parse_both(text, size), -EINVAL);
	ck_assert_uint_eq(seen.bad, 1);
	free(text);
}
END_TEST

START_TEST(truncated_last_row_is_reported)
{
	ck_assert_int_eq(parse_text(HEAD
		"1,0,7,vine_data_free,2,,,,,\n"
		"2,0,7,vine_data_f"), 0);
	ck_assert_uint_eq(seen.rows, 1);
	ck_assert_ptr_nonnull(strstr(seen.text, "3: bad row: expected a "
				     "newline at its end"));
}
END_TEST

START_TEST(every_prefix_of_a_trace_is_safe)
{
	static const char text[] = HEAD
		"1,0,7,vine_proc_get,2,0x5,\"a,\"\"\nb\",,,\n"
		"2,0,7,take,0,,,5,6,\n";
	size_t size;

	for (size = 0; size < sizeof(text) - 1; size++) {
		int ret = parse_both(text, size);

		ck_assert_int_eq(ret, size < sizeof(HEAD) - 1 ? -EINVAL : 0);
		ck_assert_uint_le(seen.rows, 1);
	}
	ck_assert_int_eq(parse_both(text, size), 0);
	ck_assert_uint_eq(seen.rows, 2);
	ck_assert_uint_eq(seen.bad, 0);
}
END_TEST

START_TEST(open_quote_costs_its_own_row_only)
{
	char *text = malloc(65536);
	int i, rows;

	ck_assert_ptr_nonnull(text);
	/* few rows: the end of the file is met; many: the row's limit */
	for (rows = 3; rows <= 300; rows += 297) {
		char *p = text + sprintf(text, HEAD
			"1,0,7,vine_proc_get,2,0x5,\"open,,,\n");

		for (i = 0; i < rows; i++)
			p += sprintf(p, "%d,0,7,vine_data_free,2,,,,,\n", i);
		ck_assert_int_eq(parse_text(text), 0);
		ck_assert_uint_eq(seen.rows, (size_t)rows);
		ck_assert_uint_eq(seen.bad, 1);
		ck_assert_ptr_nonnull(strstr(seen.text, "2: bad row"));
		ck_assert_ptr_nonnull(strstr(seen.text, "\n3: 0 0 7 "));
	}
	free(text);
}
END_TEST

START_TEST(long_line_costs_itself_only)
{
	char *text = malloc(65536), *p;

	ck_assert_ptr_nonnull(text);
	p = text + sprintf(text, HEAD);
	memset(p, 'x', 30000);
	sprintf(p + 30000, "\n5,0,7,vine_data_free,2,,,,,\n");
	ck_assert_int_eq(parse_text(text), 0);
	ck_assert_uint_eq(seen.rows, 1);
	ck_assert_uint_eq(seen.bad, 1);
	ck_assert_ptr_nonnull(strstr(seen.text, "3: 5 0 7 vine_data_free"));
	free(text);
}
END_TEST

START_TEST(nul_byte_is_a_bad_row)
{
	static const char text[] = HEAD "1,0,7,vine\0_data_free,2,,,,,\n";

	ck_assert_int_eq(parse_both(text, sizeof(text) - 1), 0);
	ck_assert_uint_eq(seen.rows, 0);
	ck_assert_uint_eq(seen.bad, 1);
}
END_TEST

START_TEST(random_bytes_are_safe)
{
	static char text[20000];
	unsigned int seed = 1, round;
	size_t i;

	for (round = 0; round < 200; round++) {
		size_t head = (size_t)sprintf(text, HEAD);

		for (i = head; i < sizeof(text); i++) {
			seed = seed * 1103515245u + 12345u;
			/* mostly what a parser looks at */
			text[i] = "\"\n,0a\r\0\xff"[(seed >> 16) % 8];
		}
		ck_assert_int_eq(parse(text, sizeof(text),
				       1 + round % 100, &seen), 0);
	}
}
END_TEST

START_TEST(vinetalks_own_files_are_read)
{
	ck_assert_int_eq(parse_text(SIX "\n\n"
		"470,0,7fe873601740,vine_data_alloc,0,0x7fe8726019f0,5,3\n"
		"471,0,7fe873601740,vine_data_alloc,0,(nil),5,3\n"
		"3042,0,7fe873601740,vine_task_wait,2,1,0x7fe872601b40\n"
		"3043,0,7fe873601740,vine_accel_list,0,-1952201908\n"), 0);
	ck_assert_str_eq(seen.text,
		"3: 470000 0 140636344817472 vine_data_alloc 0 0x7fe8726019f0 "
		"[]\n"
		"4: 471000 0 140636344817472 vine_data_alloc 0 (nil) failed "
		"[]\n"
		"5: 3042000 0 140636344817472 vine_task_wait 2000000 1 []\n"
		"6: 3043000 0 140636344817472 vine_accel_list 0 -1952201908 "
		"[]\n");
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("vine_trace_parse");
	TCase *tc = tcase_create("parse");

	tcase_add_test(tc, rows_become_values);
	tcase_add_test(tc, quoted_cells_are_unquoted);
	tcase_add_test(tc, failures_are_known_by_the_kind_of_return);
	tcase_add_test(tc, malformed_rows_are_named_and_skipped);
	tcase_add_test(tc, file_that_is_no_trace_is_refused);
	tcase_add_test(tc, first_line_has_limits);
	tcase_add_test(tc, truncated_last_row_is_reported);
	tcase_add_test(tc, every_prefix_of_a_trace_is_safe);
	tcase_add_test(tc, open_quote_costs_its_own_row_only);
	tcase_add_test(tc, long_line_costs_itself_only);
	tcase_add_test(tc, nul_byte_is_a_bad_row);
	tcase_add_test(tc, random_bytes_are_safe);
	tcase_add_test(tc, vinetalks_own_files_are_read);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
