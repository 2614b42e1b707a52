/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers, ports and pipe_of have the places of the configs; pipes have no gaps,
 * as workers want them. They are added here alone, before there is a worker.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "appliance/vined_peers.h"
#include "appliance/vined_ports.h"
#include "appliance/vined_segments.h"
#include "utils/utils_clock.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"

int
vined_segments_read(struct vined_segments *s,
		    const struct vined_options *options)
{
	int rc, bad = 0;

	for (size_t i = 0; i < options->config_count; i++) {
		rc = utils_config_read(options->configs[i], &s->configs[i]);
		if (rc)
			bad = rc;	/* and on: name the faults of all */
	}
	s->config_count = options->config_count;
	return bad;
}

void
vined_segments_free(struct vined_segments *s)
{
	for (size_t i = 0; i < s->config_count; i++)
		utils_config_free(s->configs[i]);
}

int
vined_segments_listen(struct vined_segments *s, struct rt_wait *wait,
		      struct vined_holder *holder)
{
	int rc = 0;

	for (size_t i = 0; i < s->config_count && rc == 0; i++) {
		rc = vined_peers_open(s->configs[i], wait, holder,
				      &s->peers[i]);
		if (rc == 0)
			rc = vined_ports_open(s->configs[i], wait,
					      &s->ports[i]);
	}
	return rc;
}

static void
hang_up(struct vined_segments *s, size_t i)
{
	vined_peers_close(s->peers[i]);
	s->peers[i] = NULL;
	vined_ports_close(s->ports[i]);
	s->ports[i] = NULL;
}

void
vined_segments_hang_up(struct vined_segments *s, int forget)
{
	for (size_t i = 0; i < s->config_count; i++) {
		if (forget)
			vined_peers_forget(s->peers[i]);
		hang_up(s, i);
	}
}

/* Open the segment of a config. On an error it is left out. */
static int
open_pipe(struct vined_segments *s, size_t i, uint32_t lanes)
{
	vine_pipe_s **pipe = &s->pipes[s->count];
	int rc = vined_peers_start(s->peers[i], s->configs[i], lanes,
				   VINE_BELLS_MAX, pipe);

	if (rc == 0) {
		s->pipe_of[i] = *pipe;
		s->count++;
		return 0;
	}
	log_error("%s: its segment is left out: %s",
		  utils_config_name(s->configs[i]), strerror(-rc));
	hang_up(s, i);
	return rc;
}

int
vined_segments_open(struct vined_segments *s, uint32_t lanes)
{
	uint32_t most = lanes;
	int rc = 0, left = 0;

	for (size_t i = 0; i < s->config_count && rc == 0; i++) {
		vine_pipe_s *pipe;
		int bad = open_pipe(s, i, lanes);

		if (bad) {
			left = bad;
			continue;
		}
		pipe = s->pipe_of[i];
		/* sessions that go on may need more than the config says */
		if (pipe->lane_count > most)
			most = pipe->lane_count;
		vined_ports_bind(s->ports[i], pipe);
		rc = vined_peers_bind(s->peers[i], pipe);
	}
	if (s->count == 0)
		return left;
	if (rc)
		(void)vined_segments_end(s);
	return rc ? rc : (int)most;
}

int
vined_segments_end(struct vined_segments *s)
{
	int rc = 0, last;

	for (size_t i = s->count; i-- > 0;) {
		if (s->pipes[i] && vine_pipe_end(s->pipes[i], &last) != 0)
			rc = -EBUSY;
		s->pipes[i] = NULL;
	}
	return rc;
}

static void
serve_pipe(vine_pipe_s *pipe, uint32_t workers)
{
	vine_pipe_serve(pipe);
	log_info("serving segment %s of %llu bytes, generation %llu, with %u "
		 "workers", pipe->seg->name,
		 (unsigned long long)pipe->seg->layout.size,
		 (unsigned long long)pipe->generation, workers);
}

int
vined_segments_serve(struct vined_segments *s, uint32_t workers)
{
	for (size_t i = 0; i < s->config_count; i++) {
		int rc = vined_peers_serve(s->peers[i]);

		if (rc == 0)
			rc = vined_ports_serve(s->ports[i]);
		if (rc)
			return rc;
	}
	for (size_t i = 0; i < s->count; i++)
		serve_pipe(s->pipes[i], workers);
	for (size_t i = 0; i < s->config_count; i++)
		vined_peers_meet(s->peers[i]);
	return 0;
}

void
vined_segments_stop(struct vined_segments *s)
{
	for (size_t i = 0; i < s->config_count; i++) {
		vined_peers_stop(s->peers[i]);
		vined_ports_stop(s->ports[i]);
	}
	for (size_t i = 0; i < s->count; i++)
		vine_pipe_drain(s->pipes[i]);
}

void
vined_segments_keep_peers(struct vined_segments *s)
{
	for (size_t i = 0; i < s->config_count; i++)
		vined_peers_stop(s->peers[i]);
}

int
vined_segments_have_peers(const struct vined_segments *s)
{
	for (size_t i = 0; i < s->config_count; i++)
		if (s->peers[i])
			return 1;
	return 0;
}

uint32_t
vined_segments_settle(struct vined_segments *s)
{
	uint64_t end = utils_clock_ns() + VINE_HAND_OVER_MS * UINT64_C(1000000);
	struct timespec nap = { 0, 1000000 };
	uint32_t left;

	for (;;) {
		left = 0;
		for (size_t i = 0; i < s->count; i++)
			left += vine_pipe_settle(s->pipes[i]);
		if (left == 0 || utils_clock_ns() >= end)
			return left;
		nanosleep(&nap, NULL);
	}
}
