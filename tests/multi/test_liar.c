/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile tenant beside an honest one, each on a segment of its own, both
 * served by one real vined. Liars (liar.h) come and are killed; meanwhile the
 * honest tenant's work is compared byte for byte. vined must survive, must
 * neither grow nor fill its log nor spin, and the liars' segment must be of use
 * to who comes after them. Two sessions of one segment are one domain of trust:
 * that one harms the other there is no fault (docs/threat-model.md).
 *
 * It prints how many lies were told, and how long the honest tenant's tasks
 * took beside liars and beside threads that only use the processors.
 * VINE_TEST_SECONDS says how long, VINE_TEST_SEED where to begin.
 *
 * ctest: label=slow soak=60
 */
#include <vine/vine.h>

#include "core/vine_lane.h"
#include "core/vine_life.h"
#include "core/vine_session.h"
#include "liar_lies.h"
#include "segment_view.h"
#include "utils/utils_hist.h"
#include "utils/utils_log.h"

enum {
	PATIENCE = APPLIANCE_PATIENCE_MS,
	LIFE_MS = 700,		/* of a liar, at most */
	BIG = 48 << 10,		/* bytes of a task that the pool runs */
	SMALL = 256,
	LOG_RATE = 12,		/* lines a second: see check_log() */
};

static const char liars_config[] =
	"shm_size 32M\nquota_memory 16M\nsegment_weight 10\n";

/* What the honest tenant reports; in memory that it shares with the test. */
struct honest {
	_Atomic int stop;
	_Atomic int beside;	/* 0: threads that spin; 1: liars */
	_Atomic uint64_t rounds;
	_Atomic uint64_t wrong;	/* bytes, or values */
	_Atomic uint64_t failed; /* calls and tasks */
	_Atomic uint64_t sessions;
	struct utils_hist took[2]; /* ns of a small task */
};

static struct appliance appliance;	/* of both; names the liars' segment */
static struct appliance other;		/* the honest tenant's names */
static struct honest *honest;
static struct liar_score *score;
static uint64_t seed;

static uint64_t
number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void *
shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

static void
spawn_both(void)
{
	char *argv[] = { "vined", "--config", appliance.config, "--config",
		other.config, NULL };

	appliance_spawn(&appliance, argv);
}

/* One vined for the segments of `appliance` and `other`. */
static void
start(const char *tag)
{
	char text[256];

	snprintf(text, sizeof(text), "%s-liar", tag);
	appliance_plan(&appliance, text, liars_config);
	snprintf(text, sizeof(text), "%s-honest", tag);
	appliance_plan(&other, text, "shm_size 8M\n");
	spawn_both();
	snprintf(text, sizeof(text), "serving segment %s", other.name);
	appliance_await(&appliance, 0, text);	/* the last step */
}

static int
open_on(const struct appliance *a, struct vine_session **s)
{
	char text[256];
	struct vine_session_opts o = { .size = sizeof(o), .config = text };

	snprintf(text, sizeof(text),
		 "shm_file %s\ntrace 0\nattach_timeout 20s\n", a->name);
	return vine_session_open(&o, s);
}

/* --- the honest tenant ---------------------------------------------------- */

struct work {
	struct vine_session *s;
	vine_accel *cpu;
	vine_proc *copy, *crc;
	vine_data *in, *out;
	uint64_t draw;
};

static int
work_open(const struct appliance *a, struct work *w)
{
	if (open_on(a, &w->s) != 0)
		return -1;
	return vine_accel_find(w->s, CPU, "cpu0", &w->cpu) ||
	       vine_proc_find(w->s, CPU, "copy", &w->copy) ||
	       vine_proc_find(w->s, CPU, "crc32c", &w->crc) ||
	       vine_data_alloc_in(w->s, BIG, 0, &w->in) ||
	       vine_data_alloc_in(w->s, BIG, 0, &w->out) ? -1 : 0;
}

static uint64_t
draw(struct work *w)
{
	w->draw = w->draw * UINT64_C(6364136223846793005) + 1442695040888963407;
	return w->draw >> 24;
}

static uint32_t
crc32c(const uint8_t *p, size_t n)
{
	uint32_t crc = UINT32_MAX;

	while (n-- > 0) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* Run a task on `bytes` of in and out; returns whether it did, and what. */
static int
run(struct work *w, vine_proc *proc, size_t bytes, uint64_t *value)
{
	struct vine_slice in, out;
	struct vine_task_opts o = { .size = sizeof(o), .accel = w->cpu,
		.proc = proc, .in = &in, .out = &out, .in_count = 1,
		.out_count = proc == w->copy };
	struct vine_task_result r = { .size = sizeof(r) };
	vine_task *task;
	int ok;

	if (vine_slice_of(w->in, 0, bytes, &in) != 0 ||
	    vine_slice_of(w->out, 0, bytes, &out) != 0 ||
	    vine_task_issue_opts(&o, &task) != 0)
		return 0;
	ok = vine_task_wait_for(task, PATIENCE * INT64_C(1000000)) == 0 &&
		vine_task_result(task, &r) == 0 && r.status == VINE_STATUS_OK;
	*value = r.value;
	vine_task_free(task);
	return ok;
}

/* A copy and a checksum, compared with our own. Returns 1 if all is well. */
static int
work_once(struct work *w, size_t bytes, uint64_t *wrong)
{
	uint8_t *in = vine_data_deref(w->in), *out = vine_data_deref(w->out);
	uint64_t value = 0;

	for (size_t i = 0; i < bytes; i++)
		in[i] = (uint8_t)draw(w);
	memset(out, 0x5a, bytes);
	if (!run(w, w->copy, bytes, &value))
		return 0;
	*wrong += memcmp(in, out, bytes) != 0 || value != bytes;
	if (!run(w, w->crc, bytes, &value))
		return 0;
	*wrong += value != crc32c(in, bytes);
	return 1;
}

/* A session's life: as an application is that comes and goes. */
static void
be_honest_once(uint64_t first)
{
	struct work w = { .draw = first };
	int64_t end = appliance_now() + 500;
	uint64_t value, wrong = 0, from;

	if (work_open(&other, &w) != 0) {
		atomic_fetch_add(&honest->failed, 1);
		return;
	}
	while (!honest->stop && appliance_now() < end) {
		size_t bytes = draw(&w) % 8 ? 1 + draw(&w) % 4096 : BIG;
		int beside = honest->beside;

		if (!work_once(&w, bytes, &wrong))
			atomic_fetch_add(&honest->failed, 1);
		from = utils_clock_ns();
		if (!run(&w, w.copy, SMALL, &value))
			atomic_fetch_add(&honest->failed, 1);
		utils_hist_record(&honest->took[beside],
				  utils_clock_ns() - from);
		atomic_fetch_add(&honest->rounds, 1);
	}
	atomic_fetch_add(&honest->wrong, wrong);
	atomic_fetch_add(&honest->sessions, 1);
	vine_session_close(w.s);
}

static pid_t
be_honest(void)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (uint64_t i = 0; !honest->stop; i++)
		be_honest_once(seed + i);
	_exit(0);
}

/* --- vined, seen from outside --------------------------------------------- */

/* A number of /proc/PID/status, in KiB. */
static uint64_t
status_of(const char *key)
{
	char path[64], line[256];
	uint64_t n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)appliance.pid);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "vined is gone");
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			n = strtoull(line + strlen(key) + 1, NULL, 10);
	fclose(file);
	return n;
}

/* Milliseconds of processor that vined has used. */
static int64_t
used_ms(void)
{
	clockid_t clock;
	struct timespec t;

	ck_assert_int_eq(clock_getcpuclockid(appliance.pid, &clock), 0);
	ck_assert_int_eq(clock_gettime(clock, &t), 0);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
check_alive(void)
{
	int status;

	ck_assert_msg(waitpid(appliance.pid, &status, WNOHANG) == 0,
		      "vined has ended, status %#x; see %s", status,
		      appliance.log);
}

/*
 * What may stand in the log: each of these at most once a second. For each of
 * two segments: tasks refused (by each of two lanes), sessions refused, quotas,
 * sizes mended, headers restored; and once the kernels' complaints.
 */
static void
check_log(int64_t ms)
{
	FILE *file = fopen(appliance.log, "r");
	int64_t lines = 0, most = 100 + LOG_RATE * (ms / 1000 + 2);
	int c;

	ck_assert_ptr_nonnull(file);
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	printf("log: %lld lines in %lld ms\n", (long long)lines, (long long)ms);
	ck_assert_msg(lines <= most, "%lld lines of log, expected at most %lld",
		      (long long)lines, (long long)most);
}

/*
 * Private memory of vined beside what it had at rest: a copy of the liars' heap
 * as code of procedures, as much again where malloc has it in pieces, requests
 * and tables of two lanes, and what two kernels work with.
 */
static void
check_memory(uint64_t before, uint64_t most)
{
	uint64_t bound = (2 * 32 + 128) << 10;

	if (APPLIANCE_SANITIZED)	/* shadow, and freed memory kept */
		bound += 2 << 20;
	printf("memory: %llu KiB before, %llu at most\n",
	       (unsigned long long)before, (unsigned long long)most);
	ck_assert_msg(most <= before + bound, "%llu KiB, expected at most %llu",
		      (unsigned long long)most,
		      (unsigned long long)(before + bound));
}

/* Nobody is here: vined sleeps, but for its looks. */
static void
check_idle(void)
{
	int64_t end = appliance_now() + PATIENCE, used;

	do {
		check_alive();
		used = used_ms();
		appliance_nap(2000);
		used = used_ms() - used;
	} while (used > 200 && appliance_now() < end);
	printf("idle: %lld ms of processor in 2 s\n", (long long)used);
	ck_assert_msg(used <= 200, "vined used %lld ms of 2 s with nothing "
		      "to do", (long long)used);
}

/* --- the storm ------------------------------------------------------------ */

static const uint8_t *
truth_of(const struct segment_view *v)
{
	uint8_t *copy = malloc(v->layout.heap_off);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, v->base, v->layout.heap_off);
	return copy;
}

static pid_t
let_lie(const struct segment_view *v, const uint8_t *truth, uint32_t moods,
	uint64_t n)
{
	struct liar l = { .truth = truth, .score = score, .moods = moods,
		.seed = n, .bytes = v->layout.size };
	char path[256];
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	l.seg.layout = v->layout;
	snprintf(path, sizeof(path), "/dev/shm/%s", appliance.name);
	liar_be(&l, path, LIFE_MS);
	_exit(1);
}

/* Which lies a liar tells: mostly those that need tables in order. */
static uint32_t
moods_of(uint64_t n)
{
	static const uint32_t moods[] = {
		LIAR_DEEP, LIAR_DEEP | LIAR_BUSY, LIAR_DEEP | LIAR_BRUTE,
		LIAR_LOUD, LIAR_DEEP, LIAR_DEEP | LIAR_BUSY | LIAR_LOUD,
		LIAR_DEEP, LIAR_DEEP | LIAR_BUSY | LIAR_LOUD | LIAR_BRUTE,
	};

	return moods[n % (sizeof(moods) / sizeof(moods[0]))];
}

/* Threads as many as a liar has, which do nothing but spin. */
static void
spin_for(int64_t ms)
{
	pid_t pids[LIAR_THREADS];
	int64_t end = appliance_now() + ms;

	for (int i = 0; i < LIAR_THREADS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			while (appliance_now() < end)
				;
			_exit(0);
		}
	}
	for (int i = 0; i < LIAR_THREADS; i++)
		ck_assert_int_eq(waitpid(pids[i], NULL, 0), pids[i]);
}

/* Liars one after the other, most of them killed. Returns how many. */
static uint64_t
storm(const struct segment_view *v, const uint8_t *truth, int64_t ms,
      uint64_t *most)
{
	int64_t end = appliance_now() + ms;
	uint64_t n = 0;

	for (; appliance_now() < end; n++) {
		pid_t pid = let_lie(v, truth, moods_of(n), seed + n);
		int64_t until = appliance_now() + 50 +
			(int64_t)((seed + n) * 7919 % (2 * LIFE_MS));
		uint64_t now;

		while (appliance_now() < until &&
		       waitpid(pid, NULL, WNOHANG) == 0) {
			check_alive();
			now = status_of("RssAnon:");
			*most = now > *most ? now : *most;
			appliance_nap(10);
		}
		kill(pid, SIGKILL);	/* ours until it is waited for */
		waitpid(pid, NULL, 0);
	}
	return n;
}

/* Who comes after the liars finds a segment to work on. */
static void
check_segment(const struct appliance *a)
{
	int64_t end = appliance_now() + PATIENCE;
	struct work w = { .draw = seed };
	uint64_t wrong = 0;

	while (work_open(a, &w) != 0) {
		check_alive();
		ck_assert_msg(appliance_now() < end, "nobody is admitted to "
			      "%s after the liars", a->name);
		appliance_nap(100);
	}
	for (int i = 0; i < 100; i++)
		ck_assert(work_once(&w, 1 + draw(&w) % 4096, &wrong));
	ck_assert_uint_eq(wrong, 0);
	vine_session_close(w.s);
}

static void
print_score(uint64_t liars)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < LIAR_LIES; i++) {
		printf("  %-24s %llu\n", liar_lies[i].name,
		       (unsigned long long)score->told[i]);
		sum += score->told[i];
	}
	printf("%llu lies of %llu liars; they had %llu sessions, %llu control "
	       "tasks granted, %llu answers, %llu of them refusals\n",
	       (unsigned long long)sum, (unsigned long long)liars,
	       (unsigned long long)score->attached,
	       (unsigned long long)score->granted,
	       (unsigned long long)score->answers,
	       (unsigned long long)score->refused);
}

static void
print_took(const char *beside, const struct utils_hist *h)
{
	printf("a small task beside %s: median %llu us, p99 %llu, longest "
	       "%llu, of %llu\n", beside,
	       (unsigned long long)utils_hist_percentile(h, 50) / 1000,
	       (unsigned long long)utils_hist_percentile(h, 99) / 1000,
	       (unsigned long long)h->max / 1000,
	       (unsigned long long)h->count);
}

static uint64_t
counted(const struct segment_view *v, enum vine_count what)
{
	return arch_load64(&SEGMENT_AT(v, counter, what)->value);
}

/* Lies were noticed as what they are. */
static void
check_counters(const struct segment_view *v)
{
	ck_assert_uint_gt(counted(v, VINE_COUNT_BAD_TASK), 0);
	ck_assert_uint_gt(counted(v, VINE_COUNT_BAD_DATA), 0);
	ck_assert_uint_gt(counted(v, VINE_COUNT_BAD_ACCEL), 0);
	ck_assert_uint_gt(counted(v, VINE_COUNT_BAD_PROC), 0);
	ck_assert_uint_gt(counted(v, VINE_COUNT_BAD_READY), 0);
	ck_assert_uint_gt(counted(v, VINE_COUNT_SESSIONS_REAPED), 0);
	ck_assert_uint_gt(counted(v, VINE_COUNT_HEADERS), 0);
	/* whether one cut the object short is chance: that has its own case */
}

static void
check_honest(pid_t pid)
{
	int status;

	honest->stop = 1;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	print_took("threads that spin", &honest->took[0]);
	print_took("liars", &honest->took[1]);
	printf("honest: %llu rounds in %llu sessions, %llu failed, %llu "
	       "wrong\n", (unsigned long long)honest->rounds,
	       (unsigned long long)honest->sessions,
	       (unsigned long long)honest->failed,
	       (unsigned long long)honest->wrong);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_gt(honest->rounds, 10);
	ck_assert_uint_eq(honest->failed, 0);
	ck_assert_uint_eq(honest->wrong, 0);
}

START_TEST(liars_harm_nobody_but_themselves)
{
	int64_t ms = (int64_t)number("VINE_TEST_SECONDS", 12) * 1000, from;
	struct segment_view v;
	const uint8_t *truth;
	uint64_t before, most, liars;
	pid_t pid;

	seed = number("VINE_TEST_SEED", 1);
	printf("seed %llu, %lld ms\n", (unsigned long long)seed, (long long)ms);
	honest = shared(sizeof(*honest));
	score = shared(sizeof(*score));
	utils_hist_init(&honest->took[0]);
	utils_hist_init(&honest->took[1]);
	from = appliance_now();
	start("storm");
	segment_map(&appliance, &v);
	truth = truth_of(&v);
	pid = be_honest();
	spin_for(ms / 8);
	honest->beside = 1;
	before = most = status_of("RssAnon:");
	liars = storm(&v, truth, ms - ms / 8, &most);
	check_honest(pid);
	print_score(liars);
	check_log(appliance_now() - from);
	check_memory(before, most);
	check_segment(&appliance);
	check_segment(&other);
	check_counters(&v);
	check_idle();
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
	free((void *)(uintptr_t)truth);
}
END_TEST

/* --- one lie at a time ---------------------------------------------------- */

/* A mapping for writing, of which no page has been touched. */
static uint8_t *
map_all(const struct segment_view *v, int *fd)
{
	char path[256];
	void *base;

	snprintf(path, sizeof(path), "/dev/shm/%s", appliance.name);
	*fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(*fd, 0);
	base = mmap(NULL, v->layout.size, PROT_READ | PROT_WRITE, MAP_SHARED,
		    *fd, 0);
	ck_assert_ptr_ne(base, MAP_FAILED);
	return base;
}

/* vined gives the object its size back; nobody may touch it before. */
static void
await_size(int fd, const struct segment_view *v)
{
	int64_t end = appliance_now() + PATIENCE;
	struct stat st;

	for (;;) {
		check_alive();
		ck_assert_int_eq(fstat(fd, &st), 0);
		if ((uint64_t)st.st_size >= v->layout.size)
			return;
		ck_assert_msg(appliance_now() < end, "the object has %lld "
			      "bytes, expected %llu", (long long)st.st_size,
			      (unsigned long long)v->layout.size);
		appliance_nap(5);
	}
}

static void
await_count(const struct segment_view *v, enum vine_count what, uint64_t least)
{
	int64_t end = appliance_now() + PATIENCE;

	while (counted(v, what) < least) {
		ck_assert(appliance_now() < end);
		appliance_nap(5);
	}
}

/*
 * A session of the segment that is cut short is lost, whatever is left of the
 * object; the segment is served again at once, the neighbour all the time.
 */
START_TEST(a_segment_that_is_cut_short_is_served_again)
{
	struct work w = { .draw = 1 }, neighbour = { .draw = 2 };
	struct segment_view v;
	const uint64_t left[] = { 0, VINE_PAGE, 20 << 20 };
	uint64_t wrong = 0;
	int fd;

	start("short");
	segment_map(&appliance, &v);
	map_all(&v, &fd);
	ck_assert_int_eq(work_open(&other, &neighbour), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(work_open(&appliance, &w), 0);
		ck_assert(work_once(&w, SMALL, &wrong));
		ck_assert_int_eq(ftruncate(fd, (off_t)left[i]), 0);
		await_size(fd, &v);
		await_count(&v, VINE_COUNT_TORN, (uint64_t)i + 1);
		ck_assert(!work_once(&w, SMALL, &wrong));
		ck_assert_int_eq(vine_life_check(w.s), -ECONNRESET);
		ck_assert_int_eq(w.s->lost, VINE_STATUS_SESSION_LOST);
		vine_session_close(w.s);
		ck_assert(work_once(&neighbour, BIG, &wrong));
		check_segment(&appliance);
	}
	vine_session_close(neighbour.s);
	ck_assert_uint_eq(wrong, 0);
	close(fd);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

/* Tables wiped with ones: who comes later finds them as they were. */
START_TEST(a_header_and_a_directory_that_were_overwritten_are_restored)
{
	struct segment_view v;
	uint8_t *base;
	int fd;

	start("header");
	segment_map(&appliance, &v);
	base = map_all(&v, &fd);
	memset(base, 0xff, v.layout.session_off);
	memset(base + v.layout.accel_off, 0xff,
	       v.layout.extent_off - v.layout.accel_off);
	memset(base + v.layout.counter_off, 0xff,
	       v.layout.bell_off - v.layout.counter_off);
	check_segment(&appliance);
	ck_assert_uint_ge(segment_counter(&v, "headers restored"), 1);
	close(fd);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

static void
fill(int fd, off_t size)
{
	char junk[VINE_PAGE];

	memset(junk, 0xa5, sizeof(junk));
	ck_assert_int_eq(ftruncate(fd, size), 0);
	ck_assert_int_eq(pwrite(fd, junk, sizeof(junk), 0), sizeof(junk));
}

/* Whatever a tenant makes of its object while vined is away. */
START_TEST(a_segment_that_cannot_be_opened_does_not_keep_vined_from_others)
{
	char path[256], text[512];
	struct work w = { .draw = 1 };
	uint64_t wrong = 0;
	long from;
	int fd;

	start("left");
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
	snprintf(path, sizeof(path), "/dev/shm/%s", appliance.name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	fill(fd, 32 << 20);
	from = appliance_log_size(&appliance);
	spawn_both();
	snprintf(text, sizeof(text), "%s: its segment is left out",
		 appliance.config);
	appliance_await(&appliance, from, text);
	snprintf(text, sizeof(text), "serving segment %s", other.name);
	appliance_await(&appliance, from, text);
	ck_assert_int_eq(work_open(&other, &w), 0);
	ck_assert(work_once(&w, BIG, &wrong));
	ck_assert_uint_eq(wrong, 0);
	vine_session_close(w.s);
	/* the first config's: its keys of the daemon are read all the same */
	from = appliance_log_size(&appliance);
	ck_assert_int_eq(kill(appliance.pid, SIGHUP), 0);
	appliance_await(&appliance, from, "was read again");
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
	close(fd);
}
END_TEST

/* What ThreadSanitizer shall not report of this vined, and of no other. */
static void
vined_sanitized(void)
{
	const char *tree = getenv("VINE_SRC_DIR");
	char text[4096];

	snprintf(text, sizeof(text), "suppressions=%s/tests/multi/liar.supp",
		 tree ? tree : ".");
	setenv("TSAN_OPTIONS", text, 1);
}

static void
keep_quiet(enum utils_log_level level, const char *text, void *user)
{
	(void)level;
	(void)text;
	(void)user;
}

int
main(void)
{
	TCase *tcase = tcase_create("liar");

	setvbuf(stdout, NULL, _IOLBF, 0);
	vined_sanitized();
	/* who asks again and again need not say so */
	utils_log_set(UTILS_LOG_ERROR, keep_quiet, NULL);
	tcase_add_test(tcase, a_segment_that_is_cut_short_is_served_again);
	tcase_add_test(tcase,
		a_header_and_a_directory_that_were_overwritten_are_restored);
	tcase_add_test(tcase,
		a_segment_that_cannot_be_opened_does_not_keep_vined_from_others);
	tcase_add_test(tcase, liars_harm_nobody_but_themselves);
	return appliance_main("liar", tcase);
}
