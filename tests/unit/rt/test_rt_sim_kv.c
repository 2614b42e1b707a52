/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store of keys and values with a log, as services will have them, and power
 * cuts: the right one loses nothing that it said was safe, and each of the wrong
 * ones is caught. So this tests the simulation, and shows how to test a service.
 *
 * A put appends a record to the log and syncs it, one after the other: where an
 * fsync fails, another of that file that runs meanwhile may lose its part of it
 * and return 0, before anybody has seen the error. After some the values are
 * written to a snapshot, which takes the place of the one before by a rename,
 * and a new log begins. A start reads the snapshot and plays its log.
 *
 * ctest: soak=600
 */
#include <fcntl.h>

#include "rt/rt_io.h"
#include "rt/rt_qlock.h"
#include "tests/unit/rt/sim.h"
#include "utils/utils_crc32c.h"

#define KEYS 12
#define WRITERS 3
#define RECORDS 20		/* to a snapshot */
#define LIVES 6

/* What is left out. */
enum mistake {
	NONE,
	NO_SYNC,	/* of the log */
	NO_CHECKSUM,	/* of its records */
	NO_TRUNCATE,	/* of what is behind its last record */
	NO_TMP_SYNC,	/* of a snapshot before its rename */
	NO_DIR_SYNC,	/* after the rename */
	SYNC_AGAIN,	/* an fsync that failed is tried again */
	SYNC_TOGETHER,	/* fsyncs of the log by several writers at once */
};

struct record {
	uint32_t crc;		/* of all that follows */
	uint32_t key;
	uint64_t number;
	uint64_t value;
	char fill[676];		/* says which value it is of */
};

struct snapshot {
	uint32_t crc;
	uint32_t log;		/* number of the log that goes on from here */
	uint64_t values[KEYS];
	char fill[3000];
};

/* The store: what a start makes, and a power cut ends. */
struct store {
	struct rt_qlock lock;
	struct rt_qlock syncs;	/* of the log: one at a time */
	struct snapshot now;
	uint64_t number;	/* of the next record of the log */
	int log;
};

/* What the world knows: it outlives the store. */
static struct {
	enum mistake mistake;
	struct rt_sim_node *node;
	uint64_t safe[KEYS];	/* a put of it returned 0 */
	uint64_t begun[KEYS];	/* a put of it began */
	int last;		/* the next life only looks */
	int puts, crashes, panics;
	int cut_at;		/* so many puts: power is cut by the store */
	const char *wrong;	/* what was found; NULL: nothing */
} world;

static int serve(void *arg);

static uint32_t
crc_of(const void *what, size_t size)
{
	return utils_crc32c(0, (const char *)what + 4, size - 4);
}

static char
fill_of(const struct record *r)
{
	return (char)(r->key * 31 + r->value * 7 + 1);
}

/* A disk that cannot sync is not gone on with: begin again from what is safe. */
static int
panic(void)
{
	world.panics++;
	rt_sim_restart(world.node, serve, NULL);
	return -EIO;
}

static int
sync_file(int fd)
{
	int rc = rt_io_fdatasync(fd, RT_NEVER);

	if (rc == -EIO && world.mistake == SYNC_AGAIN)
		rc = rt_io_fdatasync(fd, RT_NEVER);
	return rc == -EIO && rt_sim_is_up(world.node) ? panic() : rc;
}

static int
sync_names(void)
{
	int rc = rt_io_sync_dir("/kv", RT_NEVER);

	return rc == -EIO && rt_sim_is_up(world.node) ? panic() : rc;
}

static const char *
log_name(uint32_t number)
{
	static char name[32];

	snprintf(name, sizeof(name), "/kv/log.%u", number);
	return name;
}

/* --- a start -------------------------------------------------------------- */

static int
read_snapshot(struct store *s)
{
	int fd = rt_io_open("/kv/snapshot", O_RDONLY, 0, RT_NEVER), rc;

	memset(&s->now, 0, sizeof(s->now));
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	rc = rt_io_read_all(fd, &s->now, sizeof(s->now), 0, RT_NEVER);
	rt_io_close(fd);
	if (rc == -ENODATA || (rc == 0 && s->now.crc !=
			       crc_of(&s->now, sizeof(s->now))))
		world.wrong = "the snapshot is damaged";
	return rc;
}

static int
is_good(const struct store *s, const struct record *r)
{
	if (r->number != s->number || r->key >= KEYS)
		return 0;
	return world.mistake == NO_CHECKSUM ||
		r->crc == crc_of(r, sizeof(*r));
}

static int
play_log(struct store *s)
{
	struct record r;
	int rc;

	s->log = rt_io_open(log_name(s->now.log), O_RDWR | O_CREAT, 0600,
			    RT_NEVER);
	if (s->log < 0)
		return s->log;
	for (s->number = 1;; s->number++) {
		rc = rt_io_read_all(s->log, &r, sizeof(r),
				    (int64_t)((s->number - 1) * sizeof(r)),
				    RT_NEVER);
		if (rc == -ENODATA || (rc == 0 && !is_good(s, &r)))
			break;
		if (rc)
			return rc;
		if (r.fill[0] != fill_of(&r) ||
		    memcmp(r.fill, r.fill + 1, sizeof(r.fill) - 1) != 0)
			world.wrong = "a record is torn";
		s->now.values[r.key] = r.value;
	}
	if (world.mistake == NO_TRUNCATE)
		return sync_names();
	rc = rt_io_truncate(s->log, (int64_t)((s->number - 1) * sizeof(r)),
			    RT_NEVER);
	if (rc == 0)
		rc = sync_file(s->log);
	return rc ? rc : sync_names();
}

/* Is there what has to be? What is there now is safe. */
static void
look_through(const struct store *s)
{
	for (int i = 0; i < KEYS; i++) {
		uint64_t value = s->now.values[i];

		if (value < world.safe[i])
			world.wrong = "a value that was safe is lost";
		if (value > world.begun[i])
			world.wrong = "a value is there that nobody put";
		world.safe[i] = value;
		/* a put that failed may have come to pass: it is over */
		world.begun[i] = value;
	}
}

/* --- puts ----------------------------------------------------------------- */

/* A new snapshot, and a new log. The lock is held. */
static int
write_snapshot(struct store *s)
{
	int rc, tmp, log;

	s->now.log++;
	s->now.crc = crc_of(&s->now, sizeof(s->now));
	log = rt_io_open(log_name(s->now.log), O_RDWR | O_CREAT | O_TRUNC,
			 0600, RT_NEVER);
	if (log < 0)
		return log;
	rc = sync_file(log);
	if (rc)
		return rc;
	tmp = rt_io_open("/kv/tmp", O_RDWR | O_CREAT | O_TRUNC, 0600, RT_NEVER);
	if (tmp < 0)
		return tmp;
	rc = rt_io_write_all(tmp, &s->now, sizeof(s->now), 0, RT_NEVER);
	if (rc == 0 && world.mistake != NO_TMP_SYNC)
		rc = sync_file(tmp);
	rt_io_close(tmp);
	if (rc == 0)
		rc = rt_io_rename("/kv/tmp", "/kv/snapshot", RT_NEVER);
	if (rc == 0 && world.mistake != NO_DIR_SYNC)
		rc = sync_names();
	if (rc == 0)
		rc = rt_io_unlink(log_name(s->now.log - 1), RT_NEVER);
	/* the old one stays open: somebody may be syncing it */
	s->log = log;
	s->number = 1;
	return rc;
}

static int
append(struct store *s, uint32_t key, uint64_t value, int *log)
{
	struct record r = { .key = key, .number = s->number, .value = value };
	int rc;

	memset(r.fill, fill_of(&r), sizeof(r.fill));
	r.crc = crc_of(&r, sizeof(r));
	rc = rt_io_write_all(s->log, &r, sizeof(r),
			     (int64_t)((s->number - 1) * sizeof(r)), RT_NEVER);
	if (rc)
		return rc;
	*log = s->log;
	s->now.values[key] = value;
	return s->number++ < RECORDS ? 0 : write_snapshot(s);
}

/* The node is off before the next one can begin where this one fails. */
static int
sync_log(struct store *s, int log)
{
	int rc;

	if (world.mistake == SYNC_TOGETHER)
		return sync_file(log);
	rc = rt_qlock_lock(&s->syncs, RT_NEVER);
	if (rc)
		return rc;
	rc = sync_file(log);
	rt_qlock_unlock(&s->syncs);
	return rc;
}

/* Safe when it returns 0. */
static int
put(struct store *s, uint32_t key, uint64_t value)
{
	int log = -1, rc = rt_qlock_lock(&s->lock, RT_NEVER);

	if (rc)
		return rc;
	rc = append(s, key, value, &log);
	rt_qlock_unlock(&s->lock);
	if (rc == 0 && world.mistake != NO_SYNC)
		rc = sync_log(s, log);
	return rc;
}

struct writer {
	struct store *store;
	uint32_t number;
};

/* Each writer has keys of its own. */
static int
write_keys(void *arg)
{
	struct writer *w = arg;

	for (;;) {
		uint32_t key = w->number + WRITERS * (uint32_t)
			(rt_sched_random(rt_sched_self()) % (KEYS / WRITERS));
		int rc;

		world.begun[key]++;
		rc = put(w->store, key, world.begun[key]);
		if (rc || rt_task_check())
			return rc;
		world.safe[key] = world.begun[key];
		/* a life that has only begun is the hardest */
		if (++world.puts == world.cut_at) {
			world.crashes++;
			rt_sim_restart(world.node, serve, NULL);
		}
	}
}

static int
serve(void *arg)
{
	struct store s = { .log = -1 };
	struct writer writers[WRITERS];
	struct rt_task *tasks[WRITERS];
	int rc;

	(void)arg;
	rt_qlock_init(&s.lock);
	rt_qlock_init(&s.syncs);
	rc = read_snapshot(&s);
	if (rc == 0)
		rc = play_log(&s);
	if (rc)
		return rc;
	look_through(&s);
	if (world.last || world.wrong)
		return 0;
	for (uint32_t i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ &s, i };
		ck_assert_int_eq(rt_task_create(rt_sched_self(), write_keys,
						&writers[i], NULL, &tasks[i]),
				 0);
	}
	rt_task_hold_cancel();
	for (int i = 0; i < WRITERS; i++)
		rt_task_join(tasks[i], NULL, RT_NEVER);
	rt_task_let_cancel();
	return 0;
}

/* --- the world ------------------------------------------------------------ */

static int
cut_power(void *arg)
{
	(void)arg;
	for (int i = 0; i < LIVES && world.wrong == NULL; i++) {
		world.cut_at = world.puts + 1 +
			(int)(rt_sched_random(rt_sched_self()) % 4);
		rt_task_delay(sim_in(rt_sched_random(rt_sched_self()) %
				     (200 * MS)));
		world.last = i == LIVES - 1;
		world.crashes++;
		rt_sim_restart(world.node, serve, NULL);
	}
	return 0;
}

static const struct rt_sim_opts opts = { .faults = {
	.short_read = 20, .short_write = 20, .slow_disk = 100, .sync_eio = 200,
} };

static void
live_and_die(struct rt_sim *sim)
{
	const enum mistake mistake = world.mistake;
	const int puts = world.puts, crashes = world.crashes;

	memset(&world, 0, sizeof(world));
	world.mistake = mistake;
	world.puts = puts;
	world.crashes = crashes;
	world.node = sim_node(sim, "store", serve, NULL);
	sim_node(sim, "operator", cut_power, NULL);
	ck_assert_int_eq(rt_sim_run(sim, 3600 * SECOND), 0);
	if (mistake == NONE)
		ck_assert_msg(world.wrong == NULL, "%s", world.wrong);
}

START_TEST(the_right_store_loses_nothing_by_any_seed)
{
	uint64_t n;

	memset(&world, 0, sizeof(world));
	n = sim_seeds(TASKS_SANITIZED ? 60 : 300, &opts, live_and_die);
	printf("%" PRIu64 " seeds, %d power cuts, %d puts\n", n, world.crashes,
	       world.puts);
	ck_assert_int_gt(world.puts, (int)n);
}
END_TEST

static const struct {
	enum mistake mistake;
	uint32_t sync_eio;
	const char *name;
} mistakes[] = {
	{ NO_SYNC, 200, "a log without fsync" },
	{ NO_CHECKSUM, 200, "records without checksum" },
	{ NO_TRUNCATE, 200, "a log with an old end" },
	{ NO_TMP_SYNC, 200, "a rename of what is not synced" },
	{ NO_DIR_SYNC, 200, "a rename without a sync of its directory" },
	{ SYNC_AGAIN, 200, "an fsync that failed, tried again" },
	{ SYNC_TOGETHER, 20, "fsyncs of the log at once" },
};

START_TEST(each_wrong_store_is_caught)
{
	struct rt_sim_opts with = opts;

	with.faults.sync_eio = mistakes[_i].sync_eio;
	for (uint64_t seed = 1; seed <= 1000; seed++) {
		memset(&world, 0, sizeof(world));
		world.mistake = mistakes[_i].mistake;
		live_and_die(sim_new(&with, seed));
		sim_end(sim_world);
		if (world.wrong == NULL)
			continue;
		printf("%s: %s, seed %" PRIu64 "\n", mistakes[_i].name,
		       world.wrong, seed);
		return;
	}
	ck_abort_msg("%s is not caught", mistakes[_i].name);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("rt_sim_kv");

	tcase_add_test(tc, the_right_store_loses_nothing_by_any_seed);
	tcase_add_loop_test(tc, each_wrong_store_is_caught, 0,
			    sizeof(mistakes) / sizeof(mistakes[0]));
	return sim_main("rt_sim_kv", tc);
}
