/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host: the services that run, and what they offer on every segment.
 */
#ifndef VINED_HOST_H
#define VINED_HOST_H

#include "core/vine_pipe.h"

struct svc_ops;
struct utils_config;
struct vined_host;

/*
 * vined_host_start probes and starts the services that the config names, or
 * all. A service whose probe says -ENODEV is left out. The caller owns *host.
 * Returns 0 or a negative errno, logged, with nothing left started.
 */
int vined_host_start(const struct utils_config *config,
		     struct vined_host **host);

/* vined_host_offer puts all that services offer on a segment. */
int vined_host_offer(struct vined_host *host, vine_pipe_s *pipe);

/* vined_host_reload hands a new config to each service. */
void vined_host_reload(struct vined_host *host,
		       const struct utils_config *config);

/* vined_host_ops returns the ops of a service whose accelerators are owned so. */
const struct svc_ops *vined_host_ops(const struct vine_owner *owner);

/* vined_host_opens_sockets tells whether a service has SVC_OPENS_SOCKETS. */
int vined_host_opens_sockets(const struct vined_host *host);

/* vined_host_runs_app_code tells whether a service runs applications' code. */
int vined_host_runs_app_code(const struct vined_host *host);

/* vined_host_stop stops the services, the last first. No worker runs. */
void vined_host_stop(struct vined_host *host);

#endif
