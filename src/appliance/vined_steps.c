/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order is the table's: what opens files and maps memory comes before the
 * rights are given up, threads after them, and the filter of system calls when
 * nothing more is opened. Steps log what made them fail.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "appliance/vined_control.h"
#include "appliance/vined_filter.h"
#include "appliance/vined_holder.h"
#include "appliance/vined_host.h"
#include "appliance/vined_log.h"
#include "appliance/vined_rights.h"
#include "appliance/vined_steps.h"
#include "appliance/vined_tasks.h"
#include "appliance/vined_worker.h"
#include "arch/shm/arch_shm_guard.h"
#include "rt/rt_place.h"
#include "rt/rt_watcher.h"
#include "utils/utils_clock.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"
#include "utils/utils_trace.h"

#define DRAIN_NS UINT64_C(10000000000)

static int
do_configs(struct vined *v)
{
	int rc = vined_segments_read(&v->segments, v->options);

	vined_log_set(v->options->log_level, v->segments.configs[0],
		      v->journal);
	return rc;
}

static void
undo_configs(struct vined *v)
{
	vined_segments_free(&v->segments);
}

/* A segment that is cut short must not end us. */
static int
do_guard(struct vined *v)
{
	(void)v;
	return arch_shm_guard_start();
}

static void
undo_signals(struct vined *v)
{
	if (v->wait)
		rt_wait_free(v->wait);
	if (v->signals.fd >= 0)
		close(v->signals.fd);
}

static int
do_signals(struct vined *v)
{
	sigset_t set;
	int rc;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	signal(SIGPIPE, SIG_IGN);
	v->signals.events = POLLIN;
	v->signals.fd = -1;
	if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		v->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	/* few descriptors and no bells: nothing that a ring would make better */
	rc = v->signals.fd < 0 ? -errno : rt_wait_new(RT_WAIT_EPOLL, &v->wait);
	if (rc)
		undo_signals(v);
	return rc;
}

static int
do_holder(struct vined *v)
{
	return vined_holder_open(v->wait, &v->holder);
}

static void
undo_holder(struct vined *v)
{
	vined_holder_close(v->holder);
	v->holder = NULL;
}

static int
do_trace(struct vined *v)
{
	/* a trace that cannot be written has been said; work goes on */
	(void)utils_trace_start(v->segments.configs[0]);
	return 0;
}

static void
undo_trace(struct vined *v)
{
	(void)v;
	utils_trace_stop();
}

static void
undo_sockets(struct vined *v)
{
	vined_control_close(v->control);
	v->control = NULL;
	/* what was never served is for the next one to take up */
	vined_segments_hang_up(&v->segments, v->serving);
}

static int
do_sockets(struct vined *v)
{
	int rc = vined_segments_listen(&v->segments, v->wait, v->holder);

	if (rc == 0)
		rc = vined_control_open(v->segments.configs[0], v->wait,
					&v->control);
	if (rc)
		undo_sockets(v);
	return rc;
}

static uint32_t
workers_of(const struct utils_config *config)
{
	uint64_t n = utils_config_u64(config, UTILS_KEY_workers);
	cpu_set_t set;

	if (n == 0)
		n = sched_getaffinity(0, sizeof(set), &set) == 0 ?
			(uint64_t)CPU_COUNT(&set) : 1;
	if (n > VINE_BELLS_MAX) {
		log_info("%llu workers wanted, a segment can have %d",
			 (unsigned long long)n, VINE_BELLS_MAX);
		n = VINE_BELLS_MAX;
	}
	return (uint32_t)n;
}

static int
do_segments(struct vined *v)
{
	int rc = vined_segments_open(&v->segments,
				     workers_of(v->segments.configs[0]));

	if (rc < 0)
		return rc;
	v->worker_count = (uint32_t)rc;
	return 0;
}

static void
undo_segments(struct vined *v)
{
	if (vined_segments_end(&v->segments) != 0)
		v->stuck = 1;
}

static int
do_rights(struct vined *v)
{
	return vined_rights_drop(v->segments.configs[0], v->segments.pipes,
				 v->segments.count);
}

/* Segments first: until they are closed, services have procedures there. */
static void
undo_services(struct vined *v)
{
	undo_segments(v);
	if (v->stuck)	/* a kernel that does not end: the process will */
		return;
	vined_host_stop(v->host);
}

static int
do_services(struct vined *v)
{
	int rc = vined_host_start(v->segments.configs[0], &v->host);

	if (rc)
		return rc;
	for (size_t i = 0; i < v->segments.count && rc == 0; i++)
		rc = vined_host_offer(v->host, v->segments.pipes[i]);
	if (rc)
		undo_services(v);
	return rc;
}

static enum rt_wait_engine
engine_of(const struct vined *v)
{
	const char *name = utils_config_str(v->segments.configs[0],
					    UTILS_KEY_io_engine);

	return strcmp(name, "uring") == 0 ? RT_WAIT_URING :
		strcmp(name, "epoll") == 0 ? RT_WAIT_EPOLL : RT_WAIT_AUTO;
}

static int
is_filtered(const struct vined *v)
{
	return strcmp(utils_config_str(v->segments.configs[0],
				       UTILS_KEY_seccomp), "off") != 0;
}

/* What workers' rings are held to: no more than the filter allows. */
static uint32_t
rings_may(const struct vined *v)
{
	if (!is_filtered(v))
		return 0;
	return RT_WAIT_DATA | (vined_host_opens_sockets(v->host) ?
			       RT_WAIT_SOCKETS : 0);
}

/* Workers that wait for no descriptors have no use for rings, which are more
 * of the kernel than a filter would let one reach. */
static enum rt_wait_engine
workers_engine(const struct vined *v)
{
	enum rt_wait_engine engine = engine_of(v);

	if (engine == RT_WAIT_AUTO && is_filtered(v) &&
	    !vined_host_opens_sockets(v->host))
		return RT_WAIT_EPOLL;
	return engine;
}

static int
do_workers(struct vined *v)
{
	const struct vined_workers_opts opts = {
		.engine = workers_engine(v),
		.may = rings_may(v),
		.record = utils_config_bool(v->segments.configs[0],
					    UTILS_KEY_record),
	};
	int rc = vined_workers_start(v->segments.pipes,
				     (uint32_t)v->segments.count,
				     v->worker_count, &opts, &v->workers);

	if (rc == -ENOSYS && opts.engine == RT_WAIT_URING)
		log_error("io_engine uring: this kernel has no io_uring with "
			  "futexes, or none that can be confined: expected "
			  "Linux 6.8 or later, 6.7 with seccomp off");
	else if (rc == 0 && opts.engine == RT_WAIT_AUTO &&
		 vined_workers_rings(v->workers) < v->worker_count)
		log_info("io_engine auto: the workers wait by epoll, this "
			 "kernel has no io_uring for them");
	return rc;
}

static void
undo_workers(struct vined *v)
{
	vined_workers_stop(v->workers);
	/* sessions that end from now on the services need not hear of: they
	 * are about to stop, and what they would post to is gone */
	for (size_t i = 0; i < v->segments.count; i++)
		v->segments.pipes[i]->left = NULL;
}

/* For dumps of tasks: which code is where. Later no file may be found. */
static int
do_places(struct vined *v)
{
	(void)v;
	/* without it a dump says less */
	(void)rt_place_open();
	return 0;
}

static void
undo_places(struct vined *v)
{
	(void)v;
	rt_place_close();
}

static int
do_watcher(struct vined *v)
{
	const struct rt_watcher_opts opts = {
		.stall_ns = utils_config_u64(v->segments.configs[0],
					     UTILS_KEY_stall_after),
	};

	return opts.stall_ns ? rt_watcher_start(&opts) : 0;
}

static void
undo_watcher(struct vined *v)
{
	(void)v;
	rt_watcher_stop();
}

static void
stop_serving(void *user)
{
	struct vined *v = user;

	log_info("stopping as the operator asks");
	v->stopping = 1;
}

static void
hand_over(void *user)
{
	struct vined *v = user;

	log_info("handing over as the operator asks");
	v->stopping = 1;
	v->handing_over = 1;
}

/* Would all sessions go on with the next vined? */
static int
can_hand_over(void *user)
{
	const struct vined *v = user;

	return !vined_segments_have_peers(&v->segments) ||
	       vined_holder_keeps(v->holder);
}

static int
do_control(struct vined *v)
{
	const struct vined_admin admin = {
		.pipes = v->segments.pipes,
		.pipe_count = (uint32_t)v->segments.count,
		.worker_count = v->worker_count,
		.workers = v->workers,
		.started = utils_clock_ns(),
		.stop = stop_serving,
		.hand_over = hand_over,
		.can_hand_over = can_hand_over,
		.user = v,
	};

	return vined_control_serve(v->control, &admin);
}

static void
undo_control(struct vined *v)
{
	vined_tasks_log_end();
	vined_control_stop(v->control);
}

static int
do_filter(struct vined *v)
{
	unsigned int allow = 0;

	if (vined_host_runs_app_code(v->host))
		allow |= VINED_ALLOW_APP_CODE;
	if (vined_host_opens_sockets(v->host))
		allow |= VINED_ALLOW_SOCKETS;
	if (vined_workers_rings(v->workers))
		allow |= VINED_ALLOW_RINGS;
	return vined_filter_load(v->segments.configs[0], allow, v->journal);
}

static int
do_serve(struct vined *v)
{
	char state[64];
	int rc = vined_segments_serve(&v->segments, v->worker_count);

	if (rc)
		return rc;
	v->serving = 1;
	vined_holder_rest(v->holder);
	vined_holder_serve(v->holder);
	snprintf(state, sizeof(state), "READY=1\nSTATUS=serving %zu segments",
		 v->segments.count);
	vined_holder_tell(v->holder, state);
	return 0;
}

static void
undo_serve(struct vined *v)
{
	uint32_t left;

	vined_holder_tell(v->holder, "STOPPING=1\n"
			  "STATUS=finishing tasks in flight");
	vined_segments_stop(&v->segments);
	left = vined_workers_drain(v->workers, DRAIN_NS);
	if (left)
		log_warn("%u tasks did not finish in time and are failed",
			 left);
}

struct step {
	const char *name;
	int (*act)(struct vined *v);
	void (*undo)(struct vined *v);	/* NULL: nothing to undo */
};

static const struct step steps[] = {
	{ "read the configs", do_configs, undo_configs },
	{ "wait for signals", do_signals, undo_signals },
	{ "find who holds descriptors", do_holder, undo_holder },
	{ "guard mapped memory", do_guard, NULL },
	{ "start the trace", do_trace, undo_trace },
	/* before the segments, which are told by then to be gone */
	{ "listen on the sockets", do_sockets, undo_sockets },
	{ "open the segments", do_segments, undo_segments },
	{ "give up rights", do_rights, NULL },
	{ "start the services", do_services, undo_services },
	{ "find the names of code", do_places, undo_places },
	{ "start the workers", do_workers, undo_workers },
	{ "watch the workers", do_watcher, undo_watcher },
	{ "filter system calls", do_filter, NULL },
	{ "listen to the operator", do_control, undo_control },
	{ "serve", do_serve, undo_serve },
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

static void
undo_from(struct vined *v, size_t n)
{
	while (n-- > 0) {
		log_debug("undo: %s", steps[n].name);
		if (steps[n].undo)
			steps[n].undo(v);
	}
}

enum vined_exit
vined_steps_do(struct vined *v)
{
	for (size_t i = 0; i < STEPS; i++) {
		int rc;

		log_debug("step: %s", steps[i].name);
		rc = steps[i].act(v);
		if (rc) {
			log_error("cannot %s: %s", steps[i].name,
				  strerror(-rc));
			/* configs free what they have read, even in part */
			undo_from(v, i == 0 ? 1 : i);
			return i == 0 ? VINED_EXIT_CONFIG : VINED_EXIT_FAILED;
		}
	}
	return VINED_EXIT_OK;
}

void
vined_steps_undo(struct vined *v)
{
	undo_from(v, STEPS);
}
