/* SPDX-License-Identifier: Apache-2.0 */
/* The only part of vine-inspect that is seen by others: as a session. */
#include <errno.h>

#include "core/vine_session.h"
#include "core/vine_ways.h"
#include "tools/vine_inspect_attach.h"
#include "utils/utils_clock.h"

int
vine_inspect_attach(const char *config, json_t **report)
{
	struct vine_session_opts opts = { .size = sizeof(opts),
		.config_file = config, .label = "vine-inspect" };
	struct vine_session_info info = { .size = sizeof(info) };
	uint64_t start = utils_clock_ns(), took;
	struct vine_session *session;
	struct vine_ways ways;
	char id[17];
	int rc = vine_session_open(&opts, &session);

	if (rc)
		return rc;
	took = utils_clock_ns() - start;
	rc = vine_session_info(session, &info);
	vine_ways_of(session, &ways);
	snprintf(id, sizeof(id), "%016llx",
		 (unsigned long long)info.incarnation);
	if (rc == 0) {
		*report = json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s, "
			"s:s, s:I}",
			"segment", session->seg->name, "incarnation", id,
			"size_bytes", (json_int_t)info.segment_size,
			"generation", (json_int_t)info.generation,
			"session", (json_int_t)info.session_id,
			"memory", ways.memory,
			"wakes_vined", ways.to_appliance,
			"wakes_us", ways.to_session, "deaths", ways.deaths,
			"attach_ns", (json_int_t)took);
		rc = *report ? 0 : -ENOMEM;
	}
	vine_session_close(session);
	return rc;
}
