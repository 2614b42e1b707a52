/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appliance: a folder under /tmp holds the config and the log of each one that
 * is started; the segment is a POSIX shared memory object with this process's
 * id in its name. All of it is guarded, see vine_bench_guard.h.
 */
#include "tools/vine_bench_appliance.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vine_pipe.h>

#include "tools/vine_bench_guard.h"
#include "tools/vine_bench_pair.h"
#include "tools/vine_bench_payload.h"
#include "utils/utils_clock.h"
#include "utils/utils_log.h"

#define ATTACH_NS INT64_C(30000000000)
#define GRACE_MS 3000		/* for an appliance to end in order */
/* Room for 65535 queues, or for 64 MiB of data that live at once. Only what is
 * used becomes memory. */
#define SEGMENT_SIZE "2G"

void
vine_bench_appliance_init(struct vine_bench_appliance *app,
			  const struct vine_bench_opts *opts)
{
	memset(app, 0, sizeof(*app));
	app->opts = opts;
}

/* make_folder chooses the names of the files and guards them. */
static int
make_folder(struct vine_bench_appliance *app)
{
	char path[80];

	if (app->folder[0])
		return 0;
	snprintf(app->folder, sizeof(app->folder), "/tmp/vine-bench.XXXXXX");
	if (!mkdtemp(app->folder)) {
		log_error("%s: cannot make a folder: %s", app->folder,
			  strerror(errno));
		app->folder[0] = '\0';
		return -EIO;
	}
	snprintf(app->config, sizeof(app->config), "%s/config", app->folder);
	snprintf(app->log, sizeof(app->log), "%s/log", app->folder);
	snprintf(app->segment, sizeof(app->segment), "vine-bench-%d",
		 (int)getpid());
	snprintf(path, sizeof(path), "/dev/shm/%s", app->segment);
	if (vine_bench_guard_path(app->folder) ||
	    vine_bench_guard_path(app->config) ||
	    vine_bench_guard_path(app->log) || vine_bench_guard_path(path))
		return -ENOSPC;
	return 0;
}

/* add_file appends the user's config lines. */
static int
add_file(FILE *out, const char *name)
{
	char line[1024];
	FILE *in = fopen(name, "r");
	int rc = 0;

	if (!in) {
		rc = -errno;
		log_error("%s: %s", name, strerror(errno));
		return rc;
	}
	while (fgets(line, sizeof(line), in))
		fputs(line, out);
	if (ferror(in)) {
		log_error("%s: cannot be read", name);
		rc = -EIO;
	}
	fclose(in);
	return rc;
}

/* config_sets tells whether a config file has a line for that key. */
static int
config_sets(const char *name, const char *key)
{
	char line[1024], first[64];
	int found = 0;
	FILE *in = name ? fopen(name, "r") : NULL;

	while (in && !found && fgets(line, sizeof(line), in))
		found = sscanf(line, "%63s", first) == 1 && !strcmp(first, key);
	if (in)
		fclose(in);
	return found;
}

/*
 * write_config writes what this kind of appliance needs, then the user's lines,
 * whose keys take the place of ours. Tracing is off unless they say so: it
 * would write a file in the folder of whoever runs us.
 */
static int
write_config(struct vine_bench_appliance *app, enum vine_bench_need kind)
{
	const char *const ours[][2] = {
		{ "shm_size", SEGMENT_SIZE }, { "shm_trunc", "1" },
		{ "control_socket", "off" },
		{ "workers", "1" }, { "trace", "0" },
		{ "wait", kind == VINE_BENCH_VINED_LADDER ? "ladder" : "spin" },
	};
	FILE *out = fopen(app->config, "w");
	size_t i;
	int rc = 0;

	if (!out) {
		log_error("%s: %s", app->config, strerror(errno));
		return -EIO;
	}
	fprintf(out, "shm_file %s\n", app->segment);
	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (!config_sets(app->opts->config, ours[i][0]))
			fprintf(out, "%s %s\n", ours[i][0], ours[i][1]);
	if (app->opts->config)
		rc = add_file(out, app->opts->config);
	if (fclose(out) && !rc) {
		log_error("%s: cannot be written", app->config);
		rc = -EIO;
	}
	return rc;
}

static void
exec_vined(struct vine_bench_appliance *app)
{
	int log = open(app->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int null = open("/dev/null", O_RDONLY);

	if (log < 0 || null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 ||
	    dup2(log, 2) < 0 || setenv("VINE_CONFIG", app->config, 1) < 0)
		_exit(126);
	execl(app->opts->vined, "vined", (char *)NULL);
	fprintf(stderr, "%s: %s\n", app->opts->vined, strerror(errno));
	_exit(127);
}

/* What the procedures of the pipe's process have as their ctx; sum has none. */
static char own_tag, late_tag;

static uint64_t
sum_of(struct vine_req *req)
{
	const struct vine_view *in;
	uint32_t count, i;
	uint64_t sum = 0;

	in = vine_req_in(req, &count);
	for (i = 0; i < count; i++)
		sum += vine_bench_payload_sum(in[i].ptr, in[i].length);
	return sum;
}

/* be_late keeps the cpu for a while, as a task that takes long does. */
static void
be_late(void)
{
	uint64_t end = utils_clock_ticks() +
		       utils_clock_from_ns(VINE_BENCH_LATE_NS);

	while (utils_clock_ticks() < end)
		;
}

/* serve_sum answers requests of the pipe's process until it is killed. */
static int
serve_sum(vine_pipe_s *pipe, const void *own)
{
	struct vine_req *req;
	uint64_t sum;
	int rc;

	for (;;) {
		rc = vine_pipe_take(pipe, VINE_FOREVER, &req);
		if (rc == -EINTR)
			continue;
		if (rc)
			return rc;
		sum = 0;
		if (vine_req_ctx(req) == &own_tag)
			sum = vine_bench_payload_sum(own, VINE_BENCH_OWN_BYTES);
		else if (vine_req_ctx(req) == &late_tag)
			be_late();
		else
			sum = sum_of(req);
		vine_req_complete(req, VINE_STATUS_OK, 0, sum);
	}
}

/* pipe_process is the appliance that vine-bench is itself. */
static int
pipe_process(const char *config)
{
	struct vine_pipe_opts opts = {
		.size = sizeof(opts), .config_file = config,
	};
	vine_accel_s *accel;
	vine_pipe_s *pipe;
	void *own;
	int rc;

	if (posix_memalign(&own, 4096, VINE_BENCH_OWN_BYTES))
		return -ENOMEM;
	vine_bench_payload_fill(own, VINE_BENCH_OWN_BYTES, 1);
	rc = vine_pipe_open(&opts, &pipe);
	if (rc)
		return rc;
	rc = vine_pipe_add_accel(pipe, CPU, "bench", &accel);
	if (!rc)
		rc = vine_pipe_add_proc(pipe, CPU, "sum", NULL, NULL);
	if (!rc)
		rc = vine_pipe_add_proc(pipe, CPU, "sum_own", &own_tag, NULL);
	if (!rc)
		rc = vine_pipe_add_proc(pipe, CPU, "late", &late_tag, NULL);
	return rc ? rc : serve_sum(pipe, own);
}

static int
start_process(struct vine_bench_appliance *app, enum vine_bench_need kind)
{
	const char *name = kind == VINE_BENCH_PIPE ? "pipe" : "vined";
	pid_t parent = getpid();
	int rc;

	app->pid = fork();
	if (app->pid < 0) {
		rc = -errno;
		log_error("%s: cannot fork: %s", name, strerror(errno));
		app->pid = 0;
		return rc;
	}
	if (!app->pid) {
		vine_bench_guard_child(parent);
		if (vine_bench_pin(app->opts->cpu[1]))
			_exit(1);
		if (kind != VINE_BENCH_PIPE)
			exec_vined(app);
		rc = pipe_process(app->config);
		log_error("pipe: %s", strerror(-rc));
		_exit(1);
	}
	return vine_bench_guard_proc(app->pid, name,
				     kind == VINE_BENCH_PIPE ? NULL : app->log,
				     0);
}

static int
find_objects(struct vine_bench_appliance *app, enum vine_bench_need kind)
{
	const int pipe = kind == VINE_BENCH_PIPE;
	const char *name = pipe ? "bench" : "noop";
	vine_accel_type_e type;
	int rc;

	rc = vine_accel_find(app->session, ANY, name, &app->accel);
	if (rc) {
		log_error("the appliance has no accelerator %s", name);
		return rc;
	}
	type = vine_accel_type(app->accel);
	rc = vine_proc_find(app->session, type, pipe ? "sum" : "noop",
			    pipe ? &app->sum : &app->noop);
	if (!rc && pipe)
		rc = vine_proc_find(app->session, type, "sum_own",
				    &app->sum_own);
	if (rc) {
		log_error("accelerator %s lacks a procedure: %s", name,
			  strerror(-rc));
		return rc;
	}
	if (!pipe && (vine_accel_find(app->session, CPU, "cpu0", &app->cpu) ||
		      vine_proc_find(app->session, CPU, "copy", &app->copy)))
		app->cpu = NULL;
	return 0;
}

static int
open_session(struct vine_bench_appliance *app, enum vine_bench_need kind)
{
	struct vine_session_opts opts = {
		.size = sizeof(opts), .config_file = app->config,
		.label = "vine-bench", .attach_timeout = ATTACH_NS,
		.wait_mode = kind == VINE_BENCH_VINED_LADDER ?
			     VINE_WAIT_LADDER : VINE_WAIT_SPIN,
	};
	int rc = vine_session_open(&opts, &app->session);

	if (rc) {
		log_error("cannot attach to the appliance: %s", strerror(-rc));
		app->session = NULL;
		return rc;
	}
	return find_objects(app, kind);
}

int
vine_bench_appliance_attach(const struct vine_bench_appliance *app,
			    uint32_t wait_mode, const char *proc,
			    struct vine_session **session,
			    struct vine_task_opts *opts)
{
	const char *name = app->kind == VINE_BENCH_PIPE ? "bench" : "noop";
	struct vine_session_opts attach = {
		.size = sizeof(attach), .config_file = app->config,
		.label = "vine-bench", .attach_timeout = ATTACH_NS,
		.wait_mode = wait_mode,
	};
	struct vine_task_opts o = { .size = sizeof(o) };
	struct vine_session *s;
	int rc = vine_session_open(&attach, &s);

	if (rc) {
		log_error("cannot attach once more: %s", strerror(-rc));
		return rc;
	}
	rc = vine_accel_find(s, ANY, name, &o.accel);
	if (!rc)
		rc = vine_proc_find(s, vine_accel_type(o.accel), proc, &o.proc);
	if (rc) {
		log_error("accelerator %s, procedure %s: %s", name, proc,
			  strerror(-rc));
		vine_session_close(s);
		return rc;
	}
	*session = s;
	*opts = o;
	return 0;
}

int
vine_bench_appliance_want(struct vine_bench_appliance *app,
			  enum vine_bench_need kind)
{
	int rc;

	if (kind == VINE_BENCH_NOTHING ||
	    (kind == app->kind && !vine_bench_guard_died(app->pid)))
		return 0;
	vine_bench_appliance_end(app);
	if (kind != VINE_BENCH_PIPE && !app->opts->vined[0]) {
		log_error("no vined beside vine-bench nor in $PATH; name it "
			  "with --vined");
		return -ENOENT;
	}
	rc = make_folder(app);
	if (!rc)
		rc = write_config(app, kind);
	if (!rc)
		rc = start_process(app, kind);
	if (!rc)
		rc = open_session(app, kind);
	if (rc) {
		vine_bench_appliance_end(app);
		return rc;
	}
	app->kind = kind;
	vine_bench_appliance_pause(app);
	return 0;
}

void
vine_bench_appliance_pause(struct vine_bench_appliance *app)
{
	siginfo_t info;

	if (vine_bench_guard_died(app->pid))
		return;
	kill(app->pid, SIGSTOP);
	/* WNOWAIT leaves a death to the guard. */
	while (waitid(P_PID, (id_t)app->pid, &info,
		      WSTOPPED | WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
}

void
vine_bench_appliance_resume(struct vine_bench_appliance *app)
{
	if (!vine_bench_guard_died(app->pid))
		kill(app->pid, SIGCONT);
}

void
vine_bench_appliance_end(struct vine_bench_appliance *app)
{
	if (!app->pid)
		return;
	vine_bench_appliance_resume(app);
	vine_session_close(app->session);
	vine_bench_guard_stop(app->pid, GRACE_MS);
	shm_unlink(app->segment);
	app->session = NULL;
	app->pid = 0;
	app->kind = VINE_BENCH_NOTHING;
	app->accel = app->cpu = NULL;
	app->noop = app->copy = app->sum = app->sum_own = NULL;
}

int
vine_bench_outcome(const vine_task *task, uint64_t *value)
{
	struct vine_task_result result = { .size = sizeof(result) };
	int rc = vine_task_result(task, &result);

	if (rc) {
		log_error("a task that was waited for has no result: %s",
			  strerror(-rc));
		return rc;
	}
	if (result.status != VINE_STATUS_OK) {
		log_error("a task ended as %s: %s",
			  vine_status_name(result.status),
			  strerror(result.error));
		return -EIO;
	}
	if (value)
		*value = result.value;
	return 0;
}
