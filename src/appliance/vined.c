/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vined: the appliance's daemon.
 *
 * It starts by a table of steps, each with its undo: what fails undoes what was
 * done, in reverse, and a stop is the same walk. In between the main thread
 * only waits, for signals and for the watchdog's time; the work is the
 * workers'.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "appliance/vined_control.h"
#include "appliance/vined_filter.h"
#include "appliance/vined_holder.h"
#include "appliance/vined_host.h"
#include "appliance/vined_options.h"
#include "appliance/vined_peers.h"
#include "appliance/vined_ports.h"
#include "appliance/vined_rights.h"
#include "appliance/vined_tasks.h"
#include "appliance/vined_worker.h"
#include "arch/shm/arch_shm_guard.h"
#include "rt/rt_place.h"
#include "rt/rt_wait.h"
#include "rt/rt_watcher.h"
#include "utils/utils_clock.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"
#include "utils/utils_trace.h"

#define DRAIN_NS UINT64_C(10000000000)

struct vined {
	const struct vined_options *options;
	struct utils_config *configs[VINED_SEGMENTS_MAX];
	size_t config_count;
	vine_pipe_s *pipes[VINED_SEGMENTS_MAX];
	struct vined_peers *peers[VINED_SEGMENTS_MAX];	/* by config, too */
	struct vined_ports *ports[VINED_SEGMENTS_MAX];	/* as these */
	size_t count;		/* of pipes */
	vine_pipe_s *pipe_of[VINED_SEGMENTS_MAX]; /* by config; NULL: none */
	uint32_t worker_count;
	struct vined_host *host;
	struct vined_workers *workers;
	struct vined_control *control;	/* NULL: none */
	struct vined_holder *holder;
	struct rt_wait *wait;
	struct rt_watch signals;
	struct rt_timer watchdog;
	uint64_t watchdog_us;	/* systemd's; 0: none */
	uint64_t progress;
	int serving;		/* it has been told so */
	int stopping;
	int handing_over;	/* to the next vined, which takes all up */
	int journal;
	int stuck;		/* a service still works at the end */
};

/* Lines carry the level as the journal wants it, or as people do. */
static void
write_log(enum utils_log_level level, const char *text, void *user)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	static const int priorities[] = { 3, 4, 6, 7 };
	const struct vined *v = user;

	if (v->journal)
		fprintf(stderr, "<%d>%s\n", priorities[level], text);
	else
		fprintf(stderr, "vined: %s: %s\n", names[level], text);
}

static void
set_log_level(struct vined *v)
{
	enum utils_log_level level = UTILS_LOG_INFO;
	const char *name = v->options->log_level;

	if (name == NULL && v->configs[0])
		name = utils_config_str(v->configs[0], UTILS_KEY_log_level);
	if (name)
		utils_log_level_of(name, &level);
	utils_log_set(level, write_log, v);
}

/* --- the steps: do and undo -------------------------------------------- */

static int
do_configs(struct vined *v)
{
	int rc = 0, bad = 0;

	for (size_t i = 0; i < v->options->config_count; i++) {
		rc = utils_config_read(v->options->configs[i], &v->configs[i]);
		if (rc)
			bad = rc;	/* and on: name the faults of all */
	}
	v->config_count = v->options->config_count;
	set_log_level(v);
	return bad;
}

static void
undo_configs(struct vined *v)
{
	for (size_t i = 0; i < v->config_count; i++)
		utils_config_free(v->configs[i]);
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

static enum rt_wait_engine
engine_of(const struct vined *v)
{
	const char *name = utils_config_str(v->configs[0], UTILS_KEY_io_engine);

	return strcmp(name, "uring") == 0 ? RT_WAIT_URING :
		strcmp(name, "epoll") == 0 ? RT_WAIT_EPOLL : RT_WAIT_AUTO;
}

static int
is_filtered(const struct vined *v)
{
	return strcmp(utils_config_str(v->configs[0], UTILS_KEY_seccomp),
		      "off") != 0;
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
	(void)utils_trace_start(v->configs[0]);
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
	for (size_t i = 0; i < v->config_count; i++) {
		/* what was never served is for the next one to take up */
		if (v->serving)
			vined_peers_forget(v->peers[i]);
		vined_peers_close(v->peers[i]);
		v->peers[i] = NULL;
		vined_ports_close(v->ports[i]);
		v->ports[i] = NULL;
	}
}

static int
do_sockets(struct vined *v)
{
	int rc = 0;

	for (size_t i = 0; i < v->config_count && rc == 0; i++) {
		rc = vined_peers_open(v->configs[i], v->wait, v->holder,
				      &v->peers[i]);
		if (rc == 0)
			rc = vined_ports_open(v->configs[i], v->wait,
					      &v->ports[i]);
	}
	if (rc == 0)
		rc = vined_control_open(v->configs[0], v->wait, &v->control);
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

static void
undo_segments(struct vined *v)
{
	int last;

	for (size_t i = v->count; i-- > 0;) {
		if (v->pipes[i] && vine_pipe_end(v->pipes[i], &last) != 0)
			v->stuck = 1;
		v->pipes[i] = NULL;
	}
}

/*
 * A segment that cannot be opened is left out, as long as there is another: who
 * may write one of them must not keep vined from all.
 */
static int
do_segments(struct vined *v)
{
	uint32_t workers = workers_of(v->configs[0]);
	int rc = 0, left = 0;

	v->worker_count = workers;
	for (size_t i = 0; i < v->config_count && rc == 0; i++) {
		vine_pipe_s **pipe = &v->pipes[v->count];
		int bad = vined_peers_start(v->peers[i], v->configs[i],
					    workers, VINE_BELLS_MAX, pipe);

		if (bad) {
			left = bad;
			log_error("%s: its segment is left out: %s",
				  utils_config_name(v->configs[i]),
				  strerror(-bad));
			vined_peers_close(v->peers[i]);
			v->peers[i] = NULL;
			vined_ports_close(v->ports[i]);
			v->ports[i] = NULL;
			continue;
		}
		v->pipe_of[i] = *pipe;
		v->count++;
		/* sessions that go on may need more than the config says */
		if ((*pipe)->lane_count > v->worker_count)
			v->worker_count = (*pipe)->lane_count;
		vined_ports_bind(v->ports[i], *pipe);
		rc = vined_peers_bind(v->peers[i], *pipe);
	}
	if (v->count == 0)
		return left;
	if (rc)
		undo_segments(v);
	return rc;
}

static int
do_rights(struct vined *v)
{
	return vined_rights_drop(v->configs[0], v->pipes, v->count);
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
	int rc = vined_host_start(v->configs[0], &v->host);

	if (rc)
		return rc;
	for (size_t i = 0; i < v->count && rc == 0; i++)
		rc = vined_host_offer(v->host, v->pipes[i]);
	if (rc)
		undo_services(v);
	return rc;
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
		.record = utils_config_bool(v->configs[0], UTILS_KEY_record),
	};
	int rc = vined_workers_start(v->pipes, (uint32_t)v->count,
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
	for (size_t i = 0; i < v->count; i++)
		v->pipes[i]->left = NULL;
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
		.stall_ns = utils_config_u64(v->configs[0],
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

	for (size_t i = 0; i < v->config_count; i++)
		if (v->peers[i])
			return vined_holder_keeps(v->holder);
	return 1;
}

static int
do_control(struct vined *v)
{
	const struct vined_admin admin = {
		.pipes = v->pipes,
		.pipe_count = (uint32_t)v->count,
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
	return vined_filter_load(v->configs[0], allow, v->journal);
}

static int
do_serve(struct vined *v)
{
	char state[64];

	for (size_t i = 0; i < v->config_count; i++) {
		int rc = vined_peers_serve(v->peers[i]);

		if (rc == 0)
			rc = vined_ports_serve(v->ports[i]);
		if (rc)
			return rc;
	}
	for (size_t i = 0; i < v->count; i++) {
		const struct vine_layout *l = &v->pipes[i]->seg->layout;

		vine_pipe_serve(v->pipes[i]);
		log_info("serving segment %s of %llu bytes, generation %llu, "
			 "with %u workers", v->pipes[i]->seg->name,
			 (unsigned long long)l->size,
			 (unsigned long long)v->pipes[i]->generation,
			 v->worker_count);
	}
	for (size_t i = 0; i < v->config_count; i++)
		vined_peers_meet(v->peers[i]);
	v->serving = 1;
	vined_holder_rest(v->holder);
	vined_holder_serve(v->holder);
	snprintf(state, sizeof(state), "READY=1\nSTATUS=serving %zu segments",
		 v->count);
	vined_holder_tell(v->holder, state);
	return 0;
}

static void
undo_serve(struct vined *v)
{
	uint32_t left;

	vined_holder_tell(v->holder, "STOPPING=1\n"
			  "STATUS=finishing tasks in flight");
	for (size_t i = 0; i < v->config_count; i++) {
		vined_peers_stop(v->peers[i]);
		vined_ports_stop(v->ports[i]);
	}
	for (size_t i = 0; i < v->count; i++)
		vine_pipe_drain(v->pipes[i]);
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

static int
start(struct vined *v)
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

/* --- what signals ask for ---------------------------------------------- */

static void
reload(struct vined *v)
{
	vined_holder_tell(v->holder, "RELOADING=1");
	for (size_t i = 0; i < v->config_count; i++) {
		struct utils_config *config;

		if (utils_config_read(v->options->configs[i], &config) != 0) {
			log_error("the config read before stays in force");
			continue;
		}
		if (v->pipe_of[i])
			vine_pipe_set_quotas(v->pipe_of[i], config);
		if (i > 0) {	/* only the first has keys of the daemon */
			utils_config_free(config);
			continue;
		}
		utils_config_free(v->configs[0]);
		v->configs[0] = config;
		set_log_level(v);
		vined_host_reload(v->host, config);
		log_info("%s was read again", utils_config_name(config));
	}
	vined_holder_tell(v->holder, "READY=1");
}

/* systemd restarts us if a worker no longer goes round. */
static void
feed_watchdog(struct rt_timer *timer)
{
	struct vined *v = timer->user;
	uint64_t progress = vined_workers_progress(v->workers);

	if (progress != v->progress)
		vined_holder_tell(v->holder, "WATCHDOG=1");
	v->progress = progress;
	rt_timers_set(rt_wait_timers(v->wait), timer,
		      utils_clock_ns() + v->watchdog_us / 2 * 1000);
}

static void
take_signals(struct rt_watch *watch, uint32_t events)
{
	struct vined *v = watch->user;
	struct signalfd_siginfo s;

	(void)events;
	while (!v->stopping && read(watch->fd, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGHUP) {
			reload(v);
		} else if (s.ssi_signo == SIGUSR1) {
			vined_tasks_log(v->workers, v->wait);
		} else {
			log_info("stopping on signal %u", s.ssi_signo);
			v->stopping = 1;
		}
	}
	if (!v->stopping && rt_wait_watch(v->wait, watch) != 0) {
		log_error("signals can be waited for no longer: stopping");
		v->stopping = 1;
	}
}

static void
serve_until_stopped(struct vined *v)
{
	v->signals.ready = take_signals;
	v->signals.user = v;
	v->watchdog.fire = feed_watchdog;
	v->watchdog.user = v;
	take_signals(&v->signals, POLLIN);
	if (sd_watchdog_enabled(0, &v->watchdog_us) > 0)
		feed_watchdog(&v->watchdog);
	while (!v->stopping)
		rt_wait_sleep(v->wait, NULL, 0, UINT64_MAX);
}

/* --- the end ------------------------------------------------------------ */

/* Tasks in flight may finish; none is taken any more. Returns how many did not
 * finish in time. */
static uint32_t
finish_tasks(struct vined *v)
{
	uint64_t end = utils_clock_ns() + VINE_HAND_OVER_MS * UINT64_C(1000000);
	struct timespec nap = { 0, 1000000 };
	uint32_t left;

	for (;;) {
		left = 0;
		for (size_t i = 0; i < v->count; i++)
			left += vine_pipe_settle(v->pipes[i]);
		if (left == 0 || utils_clock_ns() >= end)
			return left;
		nanosleep(&nap, NULL);
	}
}

/*
 * End without a word to the sessions: as if killed, but at a good moment. What
 * the next vined needs is in the keeps and at the holder, so nothing is undone
 * that it takes up.
 */
static void
leave_to_the_next(struct vined *v)
{
	uint32_t left;

	for (size_t i = 0; i < v->config_count; i++)
		vined_peers_stop(v->peers[i]);
	undo_control(v);
	vined_control_close(v->control);
	vined_workers_stop(v->workers);
	left = finish_tasks(v);
	log_info("handed over to the next vined, with %u tasks in flight",
		 left);
	utils_trace_stop();
	vined_holder_close(v->holder);
	/* services may be at work on memory that nobody is to free */
	_exit(VINED_EXIT_HANDED_OVER);
}

static int
check_config(struct vined *v)
{
	int rc = do_configs(v);

	for (size_t i = 0; rc == 0 && i < v->config_count; i++)
		printf("%s: good\n", utils_config_name(v->configs[i]));
	undo_configs(v);
	return rc ? VINED_EXIT_CONFIG : VINED_EXIT_OK;
}

int
main(int argc, char **argv)
{
	static struct vined v;
	struct vined_options options;
	int status;

	switch (vined_options_read(argc, argv, &options)) {
	case VINED_DONE:
		return VINED_EXIT_OK;
	case VINED_USAGE:
		return VINED_EXIT_USAGE;
	case VINED_CHECK_CONFIG:
		v.options = &options;
		set_log_level(&v);
		return check_config(&v);
	default:
		break;
	}
	v.options = &options;
	v.journal = getenv("JOURNAL_STREAM") != NULL;
	set_log_level(&v);
	status = start(&v);
	if (status)
		return status;
	serve_until_stopped(&v);
	if (v.handing_over)
		leave_to_the_next(&v);
	undo_from(&v, STEPS);
	if (v.stuck)
		_exit(VINED_EXIT_FAILED);
	return VINED_EXIT_OK;
}
