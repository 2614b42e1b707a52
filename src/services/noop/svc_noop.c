/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Noop: an accelerator "noop" of type GPU_SOFT whose procedure "noop" does
 * nothing. It takes any inputs, outputs and arguments, touches none of them
 * and answers at once with value 0. It measures what a task costs on its road
 * and serves as the shortest example of a service.
 *
 * A procedure belongs to a type of accelerator and applications pick any of a
 * type, so services that share a type must share their procedures. Noop offers
 * none of the CPU's; therefore it has a type to itself.
 *
 * It keeps no state, so any number of workers may submit at a time.
 */
#include "services/svc.h"

static int
svc_noop_start(struct svc_host *host, const struct utils_config *config,
	       void **state)
{
	int err;

	(void)config;
	err = svc_add_accel(host, GPU_SOFT, "noop", 1);
	if (err)
		return err;
	err = svc_add_proc(host, GPU_SOFT, "noop", NULL);
	if (err)
		return err;
	*state = NULL;
	return 0;
}

static void
svc_noop_submit(void *state, struct vine_req *req)
{
	(void)state;
	vine_req_complete(req, VINE_STATUS_OK, 0, 0);
}

static void
svc_noop_stop(void *state)
{
	(void)state;
}

const struct svc_ops svc_noop_ops = {
	.size = sizeof(struct svc_ops),
	.name = "noop",
	.start = svc_noop_start,
	.submit = svc_noop_submit,
	.stop = svc_noop_stop,
};
