/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_port: the application's end of a serial port. */
#include "core/vine_port.h"
#include "rig.h"
#include "tests/lib/serial.h"

#define NONCE UINT64_C(0x4956565656564956)	/* has bytes of the magic */

static struct vine_port port;

static int
open_port(void)
{
	const char *why = "";
	int end = serial_add("vine");

	ck_assert_int_eq(vine_port_open(&port, "vine", 3, NONCE, &why), 0);
	return end;
}

static void
answer(int end, uint64_t nonce)
{
	const struct vine_port_answer a = { VINE_PORT_MAGIC, nonce };

	ck_assert_int_eq(write(end, &a, sizeof(a)), sizeof(a));
}

/* All that has come, read when it is there. */
static int
hear(void)
{
	int found = 0;

	rig_await((found |= vine_port_read(&port)) != 0);
	return found;
}

START_TEST(what_is_asked_says_slot_and_nonce)
{
	struct vine_port_ask ask = { 0 };
	const char *why = "";
	int end = open_port();

	answer(end, NONCE);	/* it may wait already */
	ck_assert_int_eq(vine_port_greet(&port, 60000, &why), 0);
	ck_assert_int_eq(read(end, &ask, sizeof(ask)), sizeof(ask));
	ck_assert_uint_eq(ask.magic, VINE_PORT_MAGIC);
	ck_assert_uint_eq(ask.slot, 3);
	ck_assert_uint_eq(ask.nonce, NONCE);
	vine_port_close(&port);
	serial_end(end);
}
END_TEST

START_TEST(an_answer_is_found_among_rings_and_what_an_earlier_one_left)
{
	int end = open_port();

	answer(end, NONCE + 1);		/* another's */
	ck_assert_int_eq(hear(), VINE_PORT_RUNG);
	ck_assert_int_eq(write(end, "VINEP\0\0VINEPORT\1\2", 17), 17);
	ck_assert_int_eq(hear(), VINE_PORT_RUNG);
	answer(end, NONCE);
	rig_await(vine_port_read(&port) & VINE_PORT_ANSWERED);
	ck_assert_int_eq(write(end, "", 1), 1);
	ck_assert_int_eq(hear(), VINE_PORT_RUNG);
	vine_port_close(&port);
	serial_end(end);
}
END_TEST

START_TEST(who_is_not_answered_is_told_why)
{
	const char *why = "";
	int end = open_port();

	ck_assert_int_eq(vine_port_greet(&port, 10, &why), -ETIMEDOUT);
	ck_assert_str_eq(why, "nobody answers");
	close(end);
	end = -1;
	ck_assert_int_eq(vine_port_read(&port) & VINE_PORT_AWAY,
			 VINE_PORT_AWAY);
	vine_port_close(&port);
	ck_assert_int_eq(vine_port_open(&port, "another", 3, NONCE, &why),
			 -ENODEV);
	ck_assert_str_eq(why, "it cannot be opened");
	arch_port_root = "/nonexistent";
	ck_assert_int_eq(vine_port_open(&port, "vine", 3, NONCE, &why),
			 -ENODEV);
	serial_end(end);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(what_is_asked_says_slot_and_nonce),
	RIG_CASE(an_answer_is_found_among_rings_and_what_an_earlier_one_left),
	RIG_CASE(who_is_not_answered_is_told_why),
};

RIG_MAIN("vine_port", cases)
