/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of utils_list.h: order, removal, walking while removing. */
#include <check.h>
#include <stdarg.h>
#include <stdlib.h>

#include "utils/utils_list.h"

struct item {
	int value;
	struct utils_link link;
};

static struct item items[5];
static struct utils_list list;

static void
setup(void)
{
	int i;

	utils_list_init(&list);
	for (i = 0; i < 5; i++) {
		items[i].value = i;
		utils_link_init(&items[i].link);
	}
}

/* expect_order checks the list both ways; values end with -1. */
static void
expect_order(struct utils_list *l, ...)
{
	int wanted[8], n = 0, at = 0;
	struct utils_link *link;
	va_list args;

	va_start(args, l);
	while ((wanted[n] = va_arg(args, int)) >= 0)
		n++;
	va_end(args);
	utils_list_each(l, each) {
		ck_assert_int_lt(at, n);
		ck_assert_int_eq(utils_list_of(each, struct item, link)->value,
				 wanted[at]);
		at++;
	}
	ck_assert_int_eq(at, n);
	for (link = l->head.prev; link != &l->head; link = link->prev) {
		ck_assert_int_gt(at, 0);
		ck_assert_int_eq(utils_list_of(link, struct item, link)->value,
				 wanted[--at]);
	}
	ck_assert_int_eq(at, 0);
}

START_TEST(a_new_list_is_empty)
{
	struct utils_list fixed = UTILS_LIST_EMPTY(fixed);

	ck_assert(utils_list_empty(&list));
	ck_assert(utils_list_empty(&fixed));
	ck_assert_ptr_null(utils_list_first(&list));
	ck_assert_ptr_null(utils_list_last(&list));
	ck_assert_ptr_null(utils_list_pop_front(&list));
	expect_order(&list, -1);
}
END_TEST

START_TEST(links_are_pushed_at_both_ends_and_in_between)
{
	utils_list_push_back(&list, &items[1].link);
	utils_list_push_back(&list, &items[3].link);
	utils_list_push_front(&list, &items[0].link);
	utils_list_insert_after(&items[1].link, &items[2].link);
	utils_list_insert_after(&items[3].link, &items[4].link);
	expect_order(&list, 0, 1, 2, 3, 4, -1);
	ck_assert_ptr_eq(utils_list_first(&list), &items[0].link);
	ck_assert_ptr_eq(utils_list_last(&list), &items[4].link);
}
END_TEST

START_TEST(a_removed_link_is_on_no_list_and_may_be_removed_again)
{
	utils_list_push_back(&list, &items[0].link);
	utils_list_push_back(&list, &items[1].link);
	utils_list_push_back(&list, &items[2].link);
	ck_assert(utils_link_on_list(&items[1].link));
	utils_list_remove(&items[1].link);
	utils_list_remove(&items[1].link);
	ck_assert(!utils_link_on_list(&items[1].link));
	expect_order(&list, 0, 2, -1);
	utils_list_remove(&items[0].link);
	utils_list_remove(&items[2].link);
	ck_assert(utils_list_empty(&list));
}
END_TEST

START_TEST(the_front_is_popped_in_the_order_of_pushing)
{
	int i;

	for (i = 0; i < 3; i++)
		utils_list_push_back(&list, &items[i].link);
	for (i = 0; i < 3; i++)
		ck_assert_ptr_eq(utils_list_pop_front(&list), &items[i].link);
	ck_assert(utils_list_empty(&list));
	ck_assert(!utils_link_on_list(&items[0].link));
}
END_TEST

START_TEST(a_safe_walk_may_free_what_it_visits)
{
	int i, visited = 0;

	for (i = 0; i < 4; i++) {
		struct item *item = malloc(sizeof(*item));

		ck_assert_ptr_nonnull(item);
		item->value = i;
		utils_list_push_back(&list, &item->link);
	}
	utils_list_each_safe(&list, link, after) {
		struct item *item = utils_list_of(link, struct item, link);

		ck_assert_int_eq(item->value, visited++);
		utils_list_remove(link);
		free(item);
	}
	ck_assert_int_eq(visited, 4);
	ck_assert(utils_list_empty(&list));
}
END_TEST

START_TEST(move_all_appends_in_order_and_empties_the_source)
{
	struct utils_list other = UTILS_LIST_EMPTY(other);

	utils_list_push_back(&list, &items[0].link);
	utils_list_push_back(&other, &items[1].link);
	utils_list_push_back(&other, &items[2].link);
	utils_list_move_all(&list, &other);
	expect_order(&list, 0, 1, 2, -1);
	expect_order(&other, -1);
	utils_list_move_all(&list, &other);
	expect_order(&list, 0, 1, 2, -1);
	utils_list_move_all(&other, &list);
	expect_order(&other, 0, 1, 2, -1);
	ck_assert(utils_list_empty(&list));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("utils_list");
	TCase *tcase = tcase_create("list");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_new_list_is_empty);
	tcase_add_test(tcase, links_are_pushed_at_both_ends_and_in_between);
	tcase_add_test(tcase,
		       a_removed_link_is_on_no_list_and_may_be_removed_again);
	tcase_add_test(tcase, the_front_is_popped_in_the_order_of_pushing);
	tcase_add_test(tcase, a_safe_walk_may_free_what_it_visits);
	tcase_add_test(tcase, move_all_appends_in_order_and_empties_the_source);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
