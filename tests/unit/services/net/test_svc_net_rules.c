/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of rules: what is read, what is not and why, and which addresses each
 * allows.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "services/net/svc_net_rules.h"

static struct svc_net_rule
rule_of(const char *text)
{
	struct svc_net_rule rule;
	const char *why = "";

	ck_assert_msg(svc_net_rule_read(text, &rule, &why) == 0, "%s: %s",
		      text, why);
	return rule;
}

static int
allows_inet(const char *text, int type, const char *host, uint16_t port)
{
	struct svc_net_rule rule = rule_of(text);
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(port) };
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port) };

	if (inet_pton(AF_INET, host, &in.sin_addr) == 1)
		return svc_net_rule_allows(&rule, 1, type,
					   (struct sockaddr *)&in, sizeof(in));
	ck_assert_int_eq(inet_pton(AF_INET6, host, &in6.sin6_addr), 1);
	return svc_net_rule_allows(&rule, 1, type, (struct sockaddr *)&in6,
				   sizeof(in6));
}

static int
allows_unix(const char *text, const char *path, size_t size)
{
	struct svc_net_rule rule = rule_of(text);
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	memcpy(un.sun_path, path, size);
	return svc_net_rule_allows(&rule, 1, SOCK_STREAM,
				   (struct sockaddr *)&un,
				   (socklen_t)(offsetof(struct sockaddr_un,
							sun_path) + size));
}

#define TCP SOCK_STREAM
#define UDP SOCK_DGRAM

START_TEST(a_rule_is_for_one_kind_and_its_ports)
{
	ck_assert(allows_inet("tcp:1.2.3.4:80", TCP, "1.2.3.4", 80));
	ck_assert(!allows_inet("tcp:1.2.3.4:80", UDP, "1.2.3.4", 80));
	ck_assert(!allows_inet("tcp:1.2.3.4:80", TCP, "1.2.3.4", 81));
	ck_assert(!allows_inet("tcp:1.2.3.4:80", TCP, "1.2.3.5", 80));
	ck_assert(allows_inet("udp:*:53-55", UDP, "9.9.9.9", 53));
	ck_assert(allows_inet("udp:*:53-55", UDP, "::2", 55));
	ck_assert(!allows_inet("udp:*:53-55", UDP, "::2", 56));
	ck_assert(!allows_inet("udp:*:1-65535", UDP, "::2", 0));
	ck_assert(allows_inet("udp:*:*", UDP, "::2", 0));
}
END_TEST

START_TEST(the_bits_of_a_net_count_and_no_more)
{
	ck_assert(allows_inet("tcp:10.0.0.0/8:*", TCP, "10.255.0.1", 1));
	ck_assert(!allows_inet("tcp:10.0.0.0/8:*", TCP, "11.0.0.0", 1));
	ck_assert(allows_inet("tcp:10.0.0.128/25:*", TCP, "10.0.0.200", 1));
	ck_assert(!allows_inet("tcp:10.0.0.128/25:*", TCP, "10.0.0.127", 1));
	ck_assert(allows_inet("tcp:0.0.0.0/0:*", TCP, "8.8.8.8", 1));
	ck_assert(!allows_inet("tcp:0.0.0.0/0:*", TCP, "::1", 1));
	ck_assert(allows_inet("tcp:[fe80::]/10:*", TCP, "febf::1", 1));
	ck_assert(!allows_inet("tcp:[fe80::]/10:*", TCP, "fec0::1", 1));
	ck_assert(allows_inet("tcp:[::1]:8", TCP, "::1", 8));
}
END_TEST

START_TEST(a_mapped_address_is_the_one_that_it_maps)
{
	ck_assert(allows_inet("tcp:127.0.0.1:8", TCP, "::ffff:127.0.0.1", 8));
	ck_assert(!allows_inet("tcp:[::]/0:8", TCP, "::ffff:127.0.0.1", 8));
	ck_assert(!allows_inet("tcp:10.0.0.0/8:8", TCP, "::ffff:127.0.0.1",
			       8));
}
END_TEST

START_TEST(a_path_is_itself_or_what_lies_in_its_directory)
{
	ck_assert(allows_unix("unix:/run/a", "/run/a", 7));
	ck_assert(allows_unix("unix:/run/a", "/run/a\0junk", 12));
	ck_assert(!allows_unix("unix:/run/a", "/run/ab", 8));
	ck_assert(!allows_unix("unix:/run/a", "/run/", 6));
	ck_assert(allows_unix("unix:/run/*", "/run/a", 7));
	ck_assert(!allows_unix("unix:/run/*", "/run/", 6));
	ck_assert(!allows_unix("unix:/run/*", "/run/a/b", 9));
	ck_assert(!allows_unix("unix:/run/*", "/run/..", 8));
	ck_assert(!allows_unix("unix:/run/*", "/run/.", 7));
	ck_assert(!allows_unix("unix:/run/*", "/running", 9));
	ck_assert(!allows_unix("unix:/run/*", "run/a", 6));
	ck_assert(!allows_unix("tcp:*:*", "/run/a", 7));
	ck_assert(!allows_inet("unix:/run/*", TCP, "127.0.0.1", 1));
}
END_TEST

START_TEST(an_abstract_name_counts_to_its_last_byte)
{
	ck_assert(allows_unix("unix:@name", "\0name", 5));
	ck_assert(!allows_unix("unix:@name", "\0name\0", 6));
	ck_assert(!allows_unix("unix:@name", "\0nam", 4));
	ck_assert(!allows_unix("unix:@name", "@name", 6));
	/* the one that the system would pick */
	ck_assert(!allows_unix("unix:@name", "", 0));
}
END_TEST

START_TEST(an_address_that_is_cut_short_is_allowed_by_none)
{
	struct svc_net_rule rule = rule_of("tcp:*:*");
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr other = { .sa_family = AF_APPLETALK };

	ck_assert(svc_net_rule_allows(&rule, 1, TCP, (struct sockaddr *)&in,
				      sizeof(in)));
	ck_assert(!svc_net_rule_allows(&rule, 1, TCP, (struct sockaddr *)&in,
				       sizeof(in) - 1));
	ck_assert(!svc_net_rule_allows(&rule, 1, TCP, &other, sizeof(other)));
	ck_assert(!svc_net_rule_allows(&rule, 0, TCP, (struct sockaddr *)&in,
				       sizeof(in)));
}
END_TEST

START_TEST(what_is_no_rule_says_what_was_expected)
{
	static const char *const bad[][2] = {
		{ "", "begins" }, { "tcp", "begins" }, { "sctp:*:1", "begins" },
		{ "tcp:", "ports" }, { "tcp:*", "ports" }, { "tcp:*:", "ports" },
		{ "tcp:*:0", "ports" }, { "tcp:*:65536", "ports" },
		{ "tcp:*:-1", "ports" }, { "tcp:*:2-1", "ports" },
		{ "tcp:*:1-", "ports" }, { "tcp:*: 1", "ports" },
		{ "tcp:*:0x10", "ports" }, { "tcp::80", "address" },
		{ "tcp:1.2.3:80", "address" }, { "tcp:host:80", "address" },
		{ "tcp:1.2.3.4/33:80", "address" },
		{ "tcp:1.2.3.4/:80", "address" }, { "tcp:::1:80", "address" },
		{ "tcp:[::1:80", "address" }, { "tcp:[::1]/129:80", "address" },
		{ "tcp:[]:80", "address" }, { "unix:", "path" },
		{ "unix:x", "path" }, { "unix:/", "path" },
		{ "unix:@", "path" },
	};
	struct svc_net_rule rule;
	char long_one[300];
	const char *why;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(svc_net_rule_read(bad[i][0], &rule, &why) ==
			      -EINVAL, "\"%s\" was read", bad[i][0]);
		ck_assert_msg(strstr(why, bad[i][1]), "\"%s\": %s", bad[i][0],
			      why);
	}
	memset(long_one, 'x', sizeof(long_one));
	memcpy(long_one, "unix:/", 6);
	long_one[sizeof(long_one) - 1] = '\0';
	ck_assert_int_eq(svc_net_rule_read(long_one, &rule, &why), -EINVAL);
	long_one[5 + 108] = '\0';
	ck_assert_int_eq(svc_net_rule_read(long_one, &rule, &why), -EINVAL);
	long_one[5 + 107] = '\0';
	ck_assert_int_eq(svc_net_rule_read(long_one, &rule, &why), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("svc_net_rules");
	TCase *tcase = tcase_create("rules");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, a_rule_is_for_one_kind_and_its_ports);
	tcase_add_test(tcase, the_bits_of_a_net_count_and_no_more);
	tcase_add_test(tcase, a_mapped_address_is_the_one_that_it_maps);
	tcase_add_test(tcase, a_path_is_itself_or_what_lies_in_its_directory);
	tcase_add_test(tcase, an_abstract_name_counts_to_its_last_byte);
	tcase_add_test(tcase, an_address_that_is_cut_short_is_allowed_by_none);
	tcase_add_test(tcase, what_is_no_rule_says_what_was_expected);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
