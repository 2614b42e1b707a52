/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vined: the appliance's daemon.
 *
 * It starts by steps (vined_steps.h), and a stop undoes them. In between the
 * main thread only waits, for signals, for peers and the operator, and for the
 * watchdog's time; the work is the workers'.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "appliance/vined_control.h"
#include "appliance/vined_holder.h"
#include "appliance/vined_host.h"
#include "appliance/vined_log.h"
#include "appliance/vined_steps.h"
#include "appliance/vined_tasks.h"
#include "appliance/vined_worker.h"
#include "utils/utils_clock.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"
#include "utils/utils_trace.h"

/* --- what signals ask for ---------------------------------------------- */

/* A config was read again: from now on it is the segment's. The first has the
 * keys of the daemon, too, which keeps it. */
static void
use_config(struct vined *v, size_t i, struct utils_config *config)
{
	struct vined_segments *s = &v->segments;

	if (s->pipe_of[i])
		vine_pipe_set_quotas(s->pipe_of[i], config);
	if (i > 0) {
		utils_config_free(config);
		return;
	}
	utils_config_free(s->configs[0]);
	s->configs[0] = config;
	vined_log_set(v->options->log_level, config, v->journal);
	vined_host_reload(v->host, config);
	log_info("%s was read again", utils_config_name(config));
}

static void
reload(struct vined *v)
{
	vined_holder_tell(v->holder, "RELOADING=1");
	for (size_t i = 0; i < v->segments.config_count; i++) {
		struct utils_config *config;

		if (utils_config_read(v->options->configs[i], &config) == 0)
			use_config(v, i, config);
		else
			log_error("the config read before stays in force");
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

/*
 * End without a word to the sessions: as if killed, but at a good moment. What
 * the next vined needs is in the keeps and at the holder, so nothing is undone
 * that it takes up.
 */
static void
leave_to_the_next(struct vined *v)
{
	uint32_t left;

	vined_segments_keep_peers(&v->segments);
	vined_tasks_log_end();
	vined_control_stop(v->control);
	vined_control_close(v->control);
	vined_workers_stop(v->workers);
	left = vined_segments_settle(&v->segments);
	log_info("handed over to the next vined, with %u tasks in flight",
		 left);
	utils_trace_stop();
	vined_holder_close(v->holder);
	/* services may be at work on memory that nobody is to free */
	_exit(VINED_EXIT_HANDED_OVER);
}

static int
check_config(const struct vined_options *options)
{
	static struct vined_segments s;
	int rc;

	vined_log_set(options->log_level, NULL, 0);
	rc = vined_segments_read(&s, options);
	for (size_t i = 0; rc == 0 && i < s.config_count; i++)
		printf("%s: good\n", utils_config_name(s.configs[i]));
	vined_segments_free(&s);
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
		return check_config(&options);
	default:
		break;
	}
	v.options = &options;
	v.journal = getenv("JOURNAL_STREAM") != NULL;
	vined_log_set(options.log_level, NULL, v.journal);
	status = vined_steps_do(&v);
	if (status)
		return status;
	serve_until_stopped(&v);
	if (v.handing_over)
		leave_to_the_next(&v);
	vined_steps_undo(&v);
	if (v.stuck)
		_exit(VINED_EXIT_FAILED);
	return VINED_EXIT_OK;
}
