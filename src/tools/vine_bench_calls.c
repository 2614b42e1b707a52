/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls: how many system calls tasks take, and how many of them are bells.
 *
 * They are counted by ptrace, which needs no privilege over processes of one's
 * own and sees every call: a counter process traces the client, which it starts
 * itself, and all threads of vined. A call is slowed down by that (and the
 * other side may fall asleep meanwhile, which takes more calls), a road without
 * calls is not. So the same tasks are carried out without a trace before, and
 * the kernel's count of the voluntary switches of both says how often they
 * slept then. The client says by a call of getppid where what counts
 * begins and ends; that call and the naps between do not count.
 */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/vine_bench_guard.h"
#include "tools/vine_bench_pause.h"
#include "tools/vine_bench_proc.h"
#include "tools/vine_bench_rig.h"
#include "tools/vine_bench_runs.h"
#include "utils/utils_log.h"

#define WARM 1000		/* tasks before the count */
#define BUSY_PER_MS 20000u	/* tasks a ms of --time: 10^6 by default */
#define SLEEPS 100		/* pauses */
#define BURST_MAX 64
#define SYS_FUTEX_WAITV 449	/* older headers do not know it */

/* What a call is. */
enum kind { BELL, SLEEP, BARRIER, OTHER, KINDS };

static const char *const part_names[2][KINDS] = {
	{ "client: bells", "client: sleeps", "client: barriers",
	  "client: other calls" },
	{ "vined: bells", "vined: sleeps", "vined: barriers",
	  "vined: other calls" },
};

/* What the counter process hands back; shared memory. */
struct tally {
	int rc;
	int vined_rc;		/* why vined could not be traced, or 0 */
	uint64_t tasks;
	uint64_t calls[2][KINDS]; /* of the client, of vined */
	uint64_t other;		/* number of the last OTHER */
	uint64_t slept;		/* both, over as many tasks without a trace */
};

static void
mark(void)
{
	syscall(SYS_getppid);
}

/* burst issues n tasks and waits for all of them. */
static int
burst(const struct vine_task_opts *opts, uint64_t n)
{
	vine_task *task[BURST_MAX];
	uint64_t i, issued;
	int rc = 0, end;

	for (issued = 0; issued < n && !rc; issued += !rc)
		rc = vine_task_issue_opts(opts, &task[issued]);
	for (i = 0; i < issued; i++) {
		end = vine_task_wait_for(task[i], VINE_BENCH_WAIT_NS);
		vine_task_free(task[i]);
		rc = rc ? rc : end;
	}
	return rc;
}

/* carry_out does the tasks that count, between marks. */
static int
carry_out(const struct vine_task_opts *opts, const struct vine_bench *bench,
	  uint64_t tasks)
{
	uint64_t i;
	int rc = 0;

	if (!bench->a)
		mark();
	for (i = 0; i < tasks && !rc; i += bench->b) {
		if (bench->a) {
			vine_bench_nap(bench->a);
			mark();
		}
		rc = burst(opts, bench->b);
		if (bench->a)
			mark();
	}
	if (!bench->a)
		mark();
	return rc;
}

static uint64_t
switches_of_both(const struct vine_bench_rig *rig)
{
	return vine_bench_proc_switches(getpid()) +
	       vine_bench_proc_switches(rig->appliance->pid);
}

/* client is traced by its parent from its SIGSTOP on. Does not return. */
static void
client(struct vine_bench_rig *rig, const struct vine_bench *bench,
       struct tally *tally)
{
	struct vine_session *session;
	struct vine_task_opts opts;
	uint64_t switches;
	int i, rc;

	rc = vine_bench_appliance_attach(rig->appliance,
			rig->appliance->kind == VINE_BENCH_VINED_SPIN ?
			VINE_WAIT_SPIN : VINE_WAIT_LADDER, "noop", &session,
			&opts);
	for (i = 0; i < WARM && !rc; i++)
		rc = burst(&opts, 1);
	if (!rc) {
		switches = switches_of_both(rig);
		rc = carry_out(&opts, bench, tally->tasks);
		tally->slept = switches_of_both(rig) - switches;
	}
	if (!rc && ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		rc = -EOPNOTSUPP;
	if (!rc) {
		raise(SIGSTOP);
		rc = carry_out(&opts, bench, tally->tasks);
	}
	tally->rc = rc;
	_exit(0);
}

static int
trace_on(pid_t tid, int sig)
{
	return ptrace(PTRACE_SYSCALL, tid, NULL, (void *)(long)sig) < 0 ?
		-errno : 0;
}

static int
trace_thread(pid_t tid, void *arg)
{
	int status;

	(void)arg;
	if (ptrace(PTRACE_SEIZE, tid, NULL,
		   (void *)(long)PTRACE_O_TRACESYSGOOD) < 0 ||
	    ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
		return -errno;
	if (waitpid(tid, &status, __WALL) != tid)
		return -errno;
	return trace_on(tid, 0);
}

static enum kind
kind_of(const struct __ptrace_syscall_info *info)
{
	uint64_t op = info->entry.args[1] & FUTEX_CMD_MASK;

	if (info->entry.nr == SYS_membarrier)
		return BARRIER;
	if (info->entry.nr == SYS_FUTEX_WAITV)
		return SLEEP;
	if (info->entry.nr != SYS_futex)
		return OTHER;
	return op == FUTEX_WAKE || op == FUTEX_WAKE_BITSET ? BELL : SLEEP;
}

/* What the counter knows while it counts. */
struct watch {
	pid_t client;
	int begun;		/* the first mark has come */
	int inside;		/* between two marks */
	struct tally *tally;
};

static void
count_call(struct watch *w, pid_t tid)
{
	struct __ptrace_syscall_info info = { .op = PTRACE_SYSCALL_INFO_NONE };
	enum kind kind;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof(info),
		   &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	if (tid == w->client && info.entry.nr == SYS_getppid) {
		w->begun = 1;
		w->inside = !w->inside;
		return;
	}
	if (tid == w->client ? !w->inside : !w->begun)
		return;
	kind = kind_of(&info);
	w->tally->calls[tid != w->client][kind]++;
	if (kind == OTHER)
		w->tally->other = info.entry.nr;
}

/* watch goes on until the client has ended. */
static void
watch(struct watch *w)
{
	int status, sig;
	pid_t tid;

	while ((tid = waitpid(-1, &status, __WALL)) > 0) {
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (tid == w->client)
				return;
			continue;
		}
		sig = WSTOPSIG(status);
		if (sig == (SIGTRAP | 0x80)) {
			count_call(w, tid);
			sig = 0;
		} else if (status >> 16) {	/* an event, not a signal */
			sig = 0;
		}
		trace_on(tid, sig);
	}
}

/* counter starts the client and traces it, and vined. Does not return. */
static void
counter(struct vine_bench_rig *rig, const struct vine_bench *bench,
	struct tally *tally)
{
	const struct sched_param first = { .sched_priority = 90 };
	struct watch w = { .tally = tally };
	pid_t self = getpid();
	int status;

	w.client = fork();
	if (w.client < 0) {
		tally->rc = -errno;
		_exit(1);
	}
	if (!w.client) {
		vine_bench_guard_child(self);
		client(rig, bench, tally);
	}
	/* A side that is stopped at a call waits for us, and while it does the
	 * other one may go to sleep: be quick. Where that is not allowed, the
	 * count is a little too high. */
	sched_setscheduler(0, SCHED_FIFO, &first);
	if (waitpid(w.client, &status, 0) != w.client || !WIFSTOPPED(status))
		_exit(1);	/* the client has said why */
	ptrace(PTRACE_SETOPTIONS, w.client, NULL,
	       (void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
	tally->vined_rc = vine_bench_proc_threads(rig->appliance->pid,
						  trace_thread, NULL);
	if (!trace_on(w.client, 0))
		watch(&w);
	_exit(0);		/* which lets vined's threads go */
}

static void
write_result(const struct vine_bench *bench, const struct tally *tally,
	     struct vine_bench_result *result)
{
	const double n = (double)tally->tasks;
	uint64_t all = 0, calls;
	char other[40] = "";
	int side, kind;

	for (side = 0; side < 2; side++)
		for (kind = 0; kind < KINDS; kind++) {
			calls = tally->calls[side][kind];
			vine_bench_part_add(result, part_names[side][kind],
					    "/task", (double)calls / n);
			all += calls;
		}
	vine_bench_part_add(result, "untraced: both went off their cpus",
			    "/task", (double)tally->slept / n);
	result->value = (double)all / n;
	result->mean = result->value;
	if (tally->other)
		snprintf(other, sizeof(other), ", other: number %llu",
			 (unsigned long long)tally->other);
	snprintf(result->note, sizeof(result->note), "%llu calls in %llu "
		 "tasks%s%s%s%s", (unsigned long long)all,
		 (unsigned long long)tally->tasks, other,
		 bench->a ? ", going to sleep included" : "",
		 tally->vined_rc ? "; vined's unknown: " : "",
		 tally->vined_rc ? strerror(-tally->vined_rc) : "");
}

int
vine_bench_run_calls(struct vine_bench_rig *rig, const struct vine_bench *bench,
		     struct vine_bench_result *result)
{
	const pid_t parent = getpid();
	struct tally *tally;
	pid_t pid;
	int rc;

	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED)
		return -ENOMEM;
	tally->rc = -ECHILD;	/* unless the client gets to its end */
	tally->tasks = bench->a ? SLEEPS * bench->b :
		rig->opts->time_ms * (uint64_t)BUSY_PER_MS;
	pid = fork();
	if (!pid) {
		vine_bench_guard_child(parent);
		counter(rig, bench, tally);
	}
	rc = pid < 0 ? -errno : 0;
	while (!rc && waitpid(pid, NULL, 0) < 0)
		rc = errno == EINTR ? 0 : -errno;
	if (!rc)
		rc = tally->rc;
	if (!rc)
		write_result(bench, tally, result);
	else if (rc != -EOPNOTSUPP)
		log_error("%s: %s", bench->name, strerror(-rc));
	munmap(tally, sizeof(*tally));
	return rc;
}
