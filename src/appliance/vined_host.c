/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services are started once and serve all segments. What each offers is kept
 * here in lists and put on each segment's directory when that is opened.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/vined_host.h"
#include "services/svc.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"

#define OFFERS_MAX 512u	/* accelerators and procedures of one service */

/* Made by CMake from the folders of src/services. */
extern const struct svc_ops *const vined_services[];

/* An accelerator (units not 0) or a procedure that a service offers. */
struct offer {
	char name[64];
	vine_accel_type_e type;
	uint32_t units;
	void *ctx;
};

/* One running service, as it sees its host. */
struct svc_host {
	const struct svc_ops *ops;
	void *state;
	struct vine_owner owner;
	struct offer *offers;
	uint32_t count;
	struct svc_host *next;
};

struct vined_host {
	struct svc_host *services;	/* the last started first */
};

static int
offer(struct svc_host *host, vine_accel_type_e type, const char *name,
      uint32_t units, void *ctx)
{
	struct offer *o;

	if (name == NULL || name[0] == '\0' || strlen(name) >= sizeof(o->name))
		return -EINVAL;
	if (host->count == OFFERS_MAX)
		return -ENOSPC;
	for (uint32_t i = 0; i < host->count; i++)
		if ((host->offers[i].units == 0) == (units == 0) &&
		    host->offers[i].type == type &&
		    strcmp(host->offers[i].name, name) == 0)
			return -EEXIST;
	o = realloc(host->offers, (host->count + 1) * sizeof(*o));
	if (o == NULL)
		return -ENOMEM;
	host->offers = o;
	o += host->count++;
	snprintf(o->name, sizeof(o->name), "%s", name);
	o->type = type;
	o->units = units;
	o->ctx = ctx;
	return 0;
}

int
svc_add_accel(struct svc_host *host, vine_accel_type_e type, const char *name,
	      uint32_t units)
{
	if (units == 0)
		return -EINVAL;
	return offer(host, type, name, units, NULL);
}

int
svc_add_proc(struct svc_host *host, vine_accel_type_e type, const char *name,
	     void *ctx)
{
	return offer(host, type, name, 0, ctx);
}

void
svc_allow_app_code(struct svc_host *host, vine_accel_type_e type,
		   int (*build)(void *state, const char *name,
				const void *code, size_t size, void **ctx),
		   void (*drop)(void *state, void *ctx))
{
	(void)type;	/* a service's accelerators are of one type */
	host->owner.build = build;
	host->owner.drop = drop;
}

void
svc_hold(struct vine_req *req)
{
	vine_req_hold(req);
}

void **
svc_req_word(struct vine_req *req)
{
	return &req->word;
}

void
svc_req_rank(const struct vine_req *req, struct svc_rank *rank)
{
	const struct vine_pipe_s *pipe = req->lane->pipe;

	*rank = (struct svc_rank){
		.tenant = pipe,
		.tenant_weight = pipe->weight,
		.session = req->pq->rec->slot,
		.serial = req->pq->serial,
		.session_weight = req->pq->rec->weight,
		.level = vine_registry_level(&pipe->registry, req->handle,
					     req->pq->serial),
	};
}

const struct svc_ops *
vined_host_ops(const struct vine_owner *owner)
{
	return utils_list_of(owner, const struct svc_host, owner)->ops;
}

int
svc_req_expired(const struct vine_req *req)
{
	return vine_req_expired(req);
}

static int
is_wanted(const struct utils_config *config, const char *name)
{
	size_t n = utils_config_count(config, UTILS_KEY_services);

	for (size_t i = 0; i < n; i++)
		if (strcmp(utils_config_nth(config, UTILS_KEY_services, i),
			   name) == 0)
			return 1;
	return n == 0;
}

static int
exists(const char *name)
{
	for (size_t i = 0; vined_services[i]; i++)
		if (strcmp(vined_services[i]->name, name) == 0)
			return 1;
	return 0;
}

/* A service that the operator names must be there. */
static int
check_names(const struct utils_config *config)
{
	size_t n = utils_config_count(config, UTILS_KEY_services);

	for (size_t i = 0; i < n; i++) {
		const char *name = utils_config_nth(config, UTILS_KEY_services,
						    i);

		if (!exists(name)) {
			log_error("%s: services %s, which this vined does not "
				  "have", utils_config_name(config), name);
			return -EINVAL;
		}
	}
	return 0;
}

static int
start_one(struct vined_host *host, const struct svc_ops *ops,
	  const struct utils_config *config)
{
	struct svc_host *s;
	int rc = ops->probe ? ops->probe(config) : 0;

	if (rc == -ENODEV) {
		log_info("service %s is not available here", ops->name);
		return 0;
	}
	s = rc ? NULL : calloc(1, sizeof(*s));
	if (rc == 0 && s == NULL)
		rc = -ENOMEM;
	if (rc == 0) {
		s->ops = ops;
		rc = ops->start(s, config, &s->state);
	}
	if (rc) {
		log_error("service %s did not start: %s", ops->name,
			  strerror(-rc));
		if (s)
			free(s->offers);
		free(s);
		return rc;
	}
	s->owner.state = s->state;
	s->owner.submit = ops->submit;
	s->owner.cancel = ops->cancel;
	s->next = host->services;
	host->services = s;
	log_debug("service %s started", ops->name);
	return 0;
}

int
vined_host_start(const struct utils_config *config, struct vined_host **out)
{
	struct vined_host *host;
	int rc = check_names(config);

	if (rc)
		return rc;
	host = calloc(1, sizeof(*host));
	if (host == NULL)
		return -ENOMEM;
	for (size_t i = 0; vined_services[i] && rc == 0; i++)
		if (is_wanted(config, vined_services[i]->name))
			rc = start_one(host, vined_services[i], config);
	if (rc) {
		vined_host_stop(host);
		return rc;
	}
	*out = host;
	return 0;
}

/* For a pipe: a session of its has ended. */
static void
session_left(void *user, const struct vine_pipe_s *pipe, uint32_t serial)
{
	const struct vined_host *host = user;

	for (const struct svc_host *s = host->services; s; s = s->next)
		if (s->ops->leave)
			s->ops->leave(s->state, pipe, serial);
}

int
vined_host_offer(struct vined_host *host, vine_pipe_s *pipe)
{
	pipe->left = session_left;
	pipe->left_user = host;
	for (struct svc_host *s = host->services; s; s = s->next) {
		for (uint32_t i = 0; i < s->count; i++) {
			const struct offer *o = &s->offers[i];
			vine_accel_s *accel;
			int rc;

			if (o->units)
				rc = vine_pipe_add_accel_of(pipe, o->type,
							    o->name, o->units,
							    &s->owner, &accel);
			else
				rc = vine_pipe_add_proc_of(pipe, o->type,
							   o->name, &s->owner,
							   o->ctx);
			if (rc) {
				log_error("segment %s: service %s cannot offer "
					  "%s: %s", pipe->seg->name,
					  s->ops->name, o->name,
					  strerror(-rc));
				return rc;
			}
		}
	}
	return 0;
}

void
vined_host_reload(struct vined_host *host, const struct utils_config *config)
{
	for (struct svc_host *s = host->services; s; s = s->next)
		if (s->ops->reload)
			s->ops->reload(s->state, config);
}

int
vined_host_opens_sockets(const struct vined_host *host)
{
	for (const struct svc_host *s = host->services; s; s = s->next)
		if (s->ops->flags & SVC_OPENS_SOCKETS)
			return 1;
	return 0;
}

int
vined_host_runs_app_code(const struct vined_host *host)
{
	for (const struct svc_host *s = host->services; s; s = s->next)
		if (s->owner.build)
			return 1;
	return 0;
}

void
vined_host_stop(struct vined_host *host)
{
	struct svc_host *s, *next;

	for (s = host->services; s; s = next) {
		next = s->next;
		s->ops->stop(s->state);
		free(s->offers);
		free(s);
	}
	free(host);
}
