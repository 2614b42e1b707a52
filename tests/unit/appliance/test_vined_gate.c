/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vined_gate: who may attach under which config. */
#include <unistd.h>

#include "../core/rig.h"
#include "appliance/vined_gate.h"
#include "utils/utils_config.h"

static struct vined_gate
gate_of(const char *more)
{
	struct utils_config *config;
	struct vined_gate gate;
	char text[512];

	snprintf(text, sizeof(text), "socket /run/vine\n%s", more);
	ck_assert_int_eq(utils_config_parse(text, "test", &config), 0);
	ck_assert_int_eq(vined_gate_read(config, &gate), 0);
	utils_config_free(config);
	return gate;
}

START_TEST(by_default_root_and_ones_own_user_may)
{
	struct vined_gate gate = gate_of("");
	gid_t groups[] = { 0, getegid() };

	ck_assert_int_eq(vined_gate_admits(&gate, 0, NULL, 0), 1);
	ck_assert_int_eq(vined_gate_admits(&gate, geteuid(), NULL, 0), 1);
	ck_assert_int_eq(vined_gate_admits(&gate, geteuid() + 1, groups, 2),
			 0);
	ck_assert_uint_eq(gate.peers_max, 1024);
	ck_assert_uint_eq(gate.peers_per_uid, 256);
	vined_gate_free(&gate);
}
END_TEST

START_TEST(a_list_of_users_is_the_whole_list)
{
	struct vined_gate gate = gate_of("allow_uid 1000\nallow_uid 0x7d0\n");
	gid_t groups[] = { 1000, 2000 };

	ck_assert_int_eq(vined_gate_admits(&gate, 1000, NULL, 0), 1);
	ck_assert_int_eq(vined_gate_admits(&gate, 2000, NULL, 0), 1);
	ck_assert_int_eq(vined_gate_admits(&gate, 0, NULL, 0), 0);
	ck_assert_int_eq(vined_gate_admits(&gate, 1001, groups, 2), 0);
	vined_gate_free(&gate);
}
END_TEST

START_TEST(a_member_of_a_group_may_by_whichever_of_its_groups)
{
	struct vined_gate gate = gate_of("allow_gid 50\nallow_uid 7\n"
					 "peers_max 3\npeers_per_uid 2\n");
	gid_t groups[] = { 1, 2, 50 };

	ck_assert_int_eq(vined_gate_admits(&gate, 50, groups, 2), 0);
	ck_assert_int_eq(vined_gate_admits(&gate, 99, groups, 3), 1);
	ck_assert_int_eq(vined_gate_admits(&gate, 99, groups + 2, 1), 1);
	ck_assert_int_eq(vined_gate_admits(&gate, 7, NULL, 0), 1);
	ck_assert_uint_eq(gate.peers_max, 3);
	ck_assert_uint_eq(gate.peers_per_uid, 2);
	vined_gate_free(&gate);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(by_default_root_and_ones_own_user_may),
	RIG_CASE(a_list_of_users_is_the_whole_list),
	RIG_CASE(a_member_of_a_group_may_by_whichever_of_its_groups),
};

RIG_MAIN("vined_gate", cases)
