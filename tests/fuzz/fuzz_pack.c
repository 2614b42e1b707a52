/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target: vine_desc_body and vine_tick_pack, what is packed for the way, and
 * utils_log, which writes what a peer sent. References, arguments and counts
 * come out as they went in; a tick is off by less than one in 67 million and
 * never out of order; a line of the log is short and printable.
 */
#include "core/vine_desc.h"
#include "core/vine_ring.h"
#include "tests/fuzz/fuzz.h"

static char line[2048];

static void
keep_line(enum utils_log_level level, const char *text, void *user)
{
	(void)level;
	(void)user;
	snprintf(line, sizeof(line), "%s", text);
}

static void
check_ticks(struct fuzz_in *in)
{
	uint64_t a = fuzz_take(in, 8) >> fuzz_take(in, 1) % 64;
	uint64_t b = a + fuzz_take(in, 4);
	uint32_t packed = vine_tick_pack(a);
	uint64_t back = vine_tick_unpack(packed);

	if (packed != UINT32_MAX)
		fuzz_check(back <= a && a - back <= a >> 26);
	if (b >= a)
		fuzz_check(vine_tick_pack(b) >= packed);
}

static void
check_body(struct fuzz_in *in)
{
	struct vine_ref a = { fuzz_take(in, 6), fuzz_take(in, 6) };
	struct vine_ref b = { fuzz_take(in, 6), fuzz_take(in, 6) };
	uint32_t refs = (uint32_t)fuzz_take(in, 1) % 3;
	uint32_t size = (uint32_t)fuzz_take(in, 1) %
		(VINE_DESC_BODY - refs * VINE_DESC_REF + 1);
	uint8_t args[VINE_DESC_BODY];
	struct vine_desc d = { { 0 } };
	struct vine_body body;

	fuzz_copy(in, args, sizeof(args));
	body = vine_desc_args(vine_desc_body(refs, a, b), refs, args, size);
	d.w[2] = vine_desc_w2(refs, 0, size, 0, (uint32_t)fuzz_take(in, 4));
	memcpy(&d.w[4], body.w, sizeof(body.w));
	fuzz_check(vine_desc_check(&d) == 0);
	fuzz_check(vine_desc_in_count(&d) == refs &&
		   vine_desc_args_size(&d) == size);
	if (refs > 0)
		fuzz_check(vine_desc_ref(&d, 0).off == a.off &&
			   vine_desc_ref(&d, 0).len == a.len);
	if (refs > 1)
		fuzz_check(vine_desc_ref(&d, 1).off == b.off &&
			   vine_desc_ref(&d, 1).len == b.len);
	fuzz_check(memcmp((uint8_t *)&d.w[4] + refs * VINE_DESC_REF, args,
			  size) == 0);
}

static void
check_completion(struct fuzz_in *in)
{
	uint32_t status = (uint32_t)fuzz_take(in, 1);
	uint32_t error = (uint32_t)fuzz_take(in, 2);
	uint32_t take = (uint32_t)fuzz_take(in, 4);
	uint32_t execute = (uint32_t)fuzz_take(in, 4);
	uint64_t how = vine_comp_how(status, error, take);
	uint64_t times = vine_comp_times(execute, take);

	fuzz_check(vine_comp_status(how) == status);
	fuzz_check(vine_comp_error(how) == error);
	fuzz_check(vine_comp_take(how) == take);
	fuzz_check(vine_comp_execute(times) == execute);
	fuzz_check(vine_comp_complete(times) == take);
}

static void
check_line(struct fuzz_in *in)
{
	char text[1500];

	fuzz_copy(in, text, sizeof(text));
	text[sizeof(text) - 1] = '\0';
	utils_log_set(UTILS_LOG_DEBUG, keep_line, NULL);
	utils_log(UTILS_LOG_WARN, "a peer says %s", text);
	fuzz_check(strlen(line) < 1024 && strncmp(line, "a peer", 6) == 0);
	for (const char *c = line; *c; c++)
		fuzz_check((uint8_t)*c >= ' ' && *c != 0x7f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	check_ticks(&in);
	check_body(&in);
	check_completion(&in);
	check_line(&in);
	return 0;
}
