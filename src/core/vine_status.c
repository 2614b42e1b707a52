/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include <vine/status.h>

static const struct {
	enum vine_status status;
	int error;
	const char *name;
} statuses[] = {
	{ VINE_STATUS_OK, 0, "ok" },
	{ VINE_STATUS_FAILED, EIO, "failed" },
	{ VINE_STATUS_BAD_TASK, EINVAL, "bad_task" },
	{ VINE_STATUS_BAD_DATA, EFAULT, "bad_data" },
	{ VINE_STATUS_BAD_PROC, ENOSYS, "bad_proc" },
	{ VINE_STATUS_REFUSED, EPERM, "refused" },
	{ VINE_STATUS_DEADLINE, ETIME, "deadline" },
	{ VINE_STATUS_CANCELED, ECANCELED, "canceled" },
	{ VINE_STATUS_BUSY, EAGAIN, "busy" },
	{ VINE_STATUS_BAD_ACCEL, ENODEV, "bad_accel" },
	{ VINE_STATUS_ACCEL_FAILED, ENXIO, "accel_failed" },
	{ VINE_STATUS_SESSION_CLOSED, ESHUTDOWN, "session_closed" },
	{ VINE_STATUS_SESSION_LOST, ECONNRESET, "session_lost" },
	{ VINE_STATUS_APPLIANCE_LOST, EHOSTDOWN, "appliance_lost" },
};

#define COUNT (sizeof(statuses) / sizeof(statuses[0]))

const char *
vine_status_name(enum vine_status status)
{
	for (unsigned int i = 0; i < COUNT; i++)
		if (statuses[i].status == status)
			return statuses[i].name;
	return "unknown";
}

int
vine_status_errno(enum vine_status status)
{
	for (unsigned int i = 0; i < COUNT; i++)
		if (statuses[i].status == status)
			return statuses[i].error;
	return EPROTO;
}
