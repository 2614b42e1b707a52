/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target: utils_config_parse, the text of a config. A text that is taken has a
 * value in its range for every key, and reads the same when its values are
 * written out and read again.
 */
#include <errno.h>

#include "tests/fuzz/fuzz.h"
#include "utils/utils_config.h"
#include "utils/utils_keys.h"

/* The values of a config as the text of another. */
static size_t
write_out(const struct utils_config *c, char *text, size_t room)
{
	size_t n = 0;

	for (int key = 0; key < UTILS_KEY_COUNT; key++) {
		size_t count = utils_config_count(c, (enum utils_key)key);

		for (size_t i = 0; i < count; i++)
			n += (size_t)snprintf(text + n, room - n, "%s %s\n",
					      utils_keys_table[key].name,
					      utils_config_nth(c,
						(enum utils_key)key, i));
	}
	return n;
}

static void
check_value(const struct utils_config *c, enum utils_key key)
{
	const struct utils_keys_row *row = &utils_keys_table[key];
	const char *text = utils_config_str(c, key);
	uint64_t number = 0;

	if (text == NULL) {
		fuzz_check(!utils_config_is_set(c, key));
		return;
	}
	fuzz_check(utils_keys_check(row, text, &number) == 0);
	fuzz_check(number == utils_config_u64(c, key));
}

static void
check_config(const struct utils_config *c)
{
	static char text[1 << 18];
	struct utils_config *again;

	for (int key = 0; key < UTILS_KEY_COUNT; key++)
		check_value(c, (enum utils_key)key);
	text[0] = '\0';
	fuzz_check(write_out(c, text, sizeof(text)) < sizeof(text));
	fuzz_check(utils_config_parse(text, "again", &again) == 0);
	for (int key = 0; key < UTILS_KEY_COUNT; key++)
		fuzz_check(utils_config_u64(c, (enum utils_key)key) ==
			   utils_config_u64(again, (enum utils_key)key));
	utils_config_free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct utils_config *config;
	char *text = malloc(size + 1);
	int rc;

	fuzz_check(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	rc = utils_config_parse(text, "input", &config);
	fuzz_check(rc == 0 || rc == -EINVAL);
	if (rc == 0) {
		check_config(config);
		utils_config_free(config);
	}
	free(text);
	return 0;
}
