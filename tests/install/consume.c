/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consume: an application of the installed library. It calls one function of
 * each public header's kind that needs no appliance.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vine/kernel.h>
#include <vine/version.h>
#include <vine/vine.h>
#include <vine_pipe.h>
#include <vine_talk.h>

int
main(void)
{
	struct vine_session_opts opts = { .size = 1 };
	struct vine_session *session;

	if (strcmp(vine_status_name(VINE_STATUS_BAD_DATA), "bad_data"))
		return 1;
	if (vine_session_open(&opts, &session) != -EINVAL)
		return 1;
	vine_data_free(NULL);
	printf("libvine %d.%d.%d\n", VINE_VERSION_MAJOR, VINE_VERSION_MINOR,
	       VINE_VERSION_PATCH);
	return 0;
}
