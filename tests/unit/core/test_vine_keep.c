/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine_keep: whose its directory and file must be, when what is found
 * is used, and that no record which cannot be is believed.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "rig.h"
#include "core/vine_judge.h"
#include "core/vine_keep.h"
#include "core/vine_pipe.h"
#include "utils/utils_config.h"

#define SEALED (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static struct vine_seg seg;
static struct vine_keep keep;
static char dir[128];
static struct utils_config *config;

/* A segment in a file of its own, and a config that names a directory. */
static void
setup_in(const char *state_dir)
{
	char text[512];

	memset(&seg, 0, sizeof(seg));
	snprintf(dir, sizeof(dir), "%s", state_dir);
	snprintf(text, sizeof(text), "shm_file x\nstate_dir %s\n", dir);
	ck_assert_int_eq(utils_config_parse(text, "test", &config), 0);
	rig_name(seg.name);
	seg.fd = memfd_create(seg.name, MFD_CLOEXEC);
	ck_assert_int_ge(seg.fd, 0);
	seg.incarnation = 0x1234567;
	ck_assert_int_eq(vine_layout_plan(RIG_MIB, 16, &seg.layout), 0);
}

static void
setup(void)
{
	setup_in(rig_state_dir());
}

static void
teardown(void)
{
	vine_keep_void(&keep);
	vine_keep_close(&keep);
	utils_config_free(config);
	close(seg.fd);
}

/* Open it, say whether it was found, and let it be as a killed one does. */
static int
reopen(void)
{
	int found;

	vine_keep_close(&keep);
	ck_assert_int_eq(vine_keep_open(&keep, &seg, config), 0);
	found = keep.found;
	return found;
}

START_TEST(what_was_stored_is_there_for_the_next_one)
{
	setup();
	ck_assert_int_eq(vine_keep_open(&keep, &seg, config), 0);
	ck_assert_int_ge(keep.fd, 0);
	ck_assert_int_eq(keep.found, 0);
	keep.sessions[3].nonce = 99;
	keep.header->generation = 7;
	ck_assert_int_eq(reopen(), 1);
	ck_assert_uint_eq(keep.sessions[3].nonce, 99);
	ck_assert_uint_eq(keep.header->generation, 7);
	ck_assert_uint_eq(keep.header->pid, (uint32_t)getpid());
	ck_assert_int_eq(vine_keep_holder(&seg, config), getpid());
	vine_keep_void(&keep);
	ck_assert_int_eq(vine_keep_holder(&seg, config), 0);
	ck_assert_int_eq(reopen(), 0);
	ck_assert_uint_eq(keep.sessions[3].nonce, 0);
	teardown();
}
END_TEST

START_TEST(a_keep_of_something_else_is_made_anew)
{
	setup();
	ck_assert_int_eq(vine_keep_open(&keep, &seg, config), 0);
#define IS_ANEW(change) \
	do { \
		ck_assert_int_eq(reopen(), 1); \
		change; \
		ck_assert_msg(reopen() == 0, "found after %s", #change); \
	} while (0)
	IS_ANEW(seg.incarnation++);
	IS_ANEW(keep.header->magic++);
	IS_ANEW(keep.header->version++);
	IS_ANEW(keep.header->id++);
	IS_ANEW(keep.header->boot_id++);
	IS_ANEW(keep.header->inode++);
	IS_ANEW(keep.header->device++);
	IS_ANEW(keep.header->state = VINE_KEEP_VOID);
	IS_ANEW(ck_assert_int_eq(ftruncate(keep.fd, 4096), 0));
	IS_ANEW(vine_layout_plan(RIG_MIB, 32, &seg.layout));
	IS_ANEW(vine_layout_plan(2 * RIG_MIB, 32, &seg.layout));
#undef IS_ANEW
	teardown();
}
END_TEST

START_TEST(a_record_that_cannot_be_makes_the_whole_keep_anew)
{
	struct vine_keep_session *s;
	struct vine_keep_extent *e;
	struct vine_keep_queue *q;
	struct vine_keep_accel *a;
	struct vine_keep_proc *p;
	const struct vine_layout *l = &seg.layout;

	setup();
	ck_assert_int_eq(vine_keep_open(&keep, &seg, config), 0);
	/* records as an appliance leaves them */
#define FILL() \
	do { \
		s = &keep.sessions[2]; \
		*s = (struct vine_keep_session){ VINE_KEEP_SESSION_OPEN, 5, \
			77, l->heap_off, 1, 4, 0, 0, 0 }; \
		keep.sessions[1] = *s; \
		keep.sessions[1].serial = 6; \
		q = &keep.queues[4]; \
		*q = (struct vine_keep_queue){ 1, 5, 2, 1, l->heap_off, \
			l->heap_off + 4096, 0, 0, VINE_SLOTS_CTL, 9, 8, 0, 0 };\
		e = &keep.extents[0]; \
		e[0] = (struct vine_keep_extent){ 5, 2, 0, 0, l->heap_off, \
			8192, 0 }; \
		e[1] = e[0]; \
		e[1].off += 8192; \
		a = &keep.accels[3]; \
		*a = (struct vine_keep_accel){ VINE_KEEP_ACCEL_PHYSICAL, 1, \
			CPU, 0, 0, 0, 0, 0, 0, "cpu0" }; \
		p = &keep.procs[3]; \
		*p = (struct vine_keep_proc){ VINE_KEEP_PROC_CODE, 1, CPU, 0, \
			4096, 5000, "mine" }; \
	} while (0)
#define IS_ANEW(change) \
	do { \
		FILL(); \
		ck_assert_msg(reopen() == 1, "not found before %s", #change); \
		FILL(); \
		change; \
		ck_assert_msg(reopen() == 0, "found after %s", #change); \
	} while (0)
	IS_ANEW(s->state = 4);
	IS_ANEW(s->serial = 0);
	IS_ANEW(s->serial = 0x80000005);
	IS_ANEW(s->serial = keep.sessions[1].serial);
	IS_ANEW(s->nonce = 0);
	IS_ANEW(s->mailbox = 0);
	IS_ANEW(s->mailbox = l->size);
	IS_ANEW(s->mailbox = UINT64_MAX);
	IS_ANEW(s->control = 0);
	IS_ANEW(s->control = l->queues);
	IS_ANEW(q->state = 2);
	IS_ANEW(q->serial = 0);
	IS_ANEW(q->slot = l->sessions);
	IS_ANEW(q->control = 2);
	IS_ANEW(q->control = 0; q->slots = 64);
	IS_ANEW(q->slots = 0);
	IS_ANEW(q->lane = VINE_BELLS_MAX);
	IS_ANEW(q->sub = l->heap_off + 8);
	IS_ANEW(q->sub = l->heap_off - 64);
	IS_ANEW(q->comp = l->size - 64);
	IS_ANEW(q->comp = UINT64_MAX - 63);
	IS_ANEW(e->slot = l->sessions);
	IS_ANEW(e->queue = l->queues);
	IS_ANEW(e->len = 0);
	IS_ANEW(e->len = UINT64_MAX & ~4095ull);
	IS_ANEW(e->off = l->heap_off - 4096);
	IS_ANEW(e->off = l->heap_off + 4096);	/* on e[1]'s first page */
	IS_ANEW(e->off++);
	IS_ANEW(a->state = 3);
	IS_ANEW(a->type = VINE_ACCEL_TYPES);
	IS_ANEW(a->slot = l->sessions);
	IS_ANEW(a->priority = 8);
	IS_ANEW(a->name[0] = '\0');
	IS_ANEW(memset(a->name, 'x', sizeof(a->name)));
	IS_ANEW(p->state = 3);
	IS_ANEW(p->type = VINE_ACCEL_TYPES);
	IS_ANEW(p->code = l->heap_size);
	IS_ANEW(p->code = 100);
	IS_ANEW(p->code_size = l->heap_size);
	IS_ANEW(p->code_size = UINT64_MAX);
	IS_ANEW(memset(p->name, 'x', sizeof(p->name)));
	IS_ANEW(p[1] = *p);			/* code of two */
#undef IS_ANEW
	teardown();
}
END_TEST

/* Whatever stands there: it is refused, or every index leads somewhere. */
START_TEST(garbage_is_refused_or_harmless)
{
	uint64_t seed = 4711, *words;

	setup();
	ck_assert_int_eq(vine_keep_open(&keep, &seg, config), 0);
	for (int round = 0; round < 300; round++) {
		words = (uint64_t *)(keep.base + VINE_PAGE);
		for (int i = 0; i < 20; i++) {
			uint64_t at = rig_random(&seed) %
				((keep.fixed - VINE_PAGE) / 8);

			words[at] = round & 1 ? rig_random(&seed) :
				rig_random(&seed) % 5;
		}
		reopen();
		for (uint32_t i = 0; i < seg.layout.queues; i++)
			if (keep.queues[i].state)
				ck_assert_uint_lt(keep.queues[i].slot,
						  seg.layout.sessions);
		if (keep.found)		/* to begin anew */
			memset(keep.base + VINE_PAGE, 0,
			       keep.fixed - VINE_PAGE);
	}
	teardown();
}
END_TEST

/* Opened with a bad directory it is anonymous, and the log says why. */
static void
check_refused(const char *path, const char *why)
{
	setup_in(path);
	rig_listen();
	ck_assert_int_eq(vine_keep_open(&keep, &seg, config), 0);
	utils_log_set(UTILS_LOG_WARN, NULL, NULL);
	ck_assert_int_eq(keep.fd, -1);
	ck_assert_int_eq(keep.found, 0);
	ck_assert_msg(strstr(rig_log, path) && strstr(rig_log, why) &&
		      strstr(rig_log, "will be lost"), "log: %s", rig_log);
	keep.sessions[0].nonce = 1;	/* memory it is all the same */
	teardown();
}

START_TEST(a_directory_that_others_may_write_is_not_used)
{
	char path[128];

	snprintf(path, sizeof(path), "%s", rig_state_dir());
	ck_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
	ck_assert_int_eq(chmod(path, 0770), 0);
	check_refused(path, "no right to write for others");
	ck_assert_int_eq(chmod(path, 0707), 0);
	check_refused(path, "no right to write for others");
	ck_assert_int_eq(chmod(path, 0700), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path, 12345, 0), 0);
		check_refused(path, "is of user 12345");
		ck_assert_int_eq(chown(path, 0, 0), 0);
	}
}
END_TEST

START_TEST(what_is_no_directory_of_its_own_is_not_used)
{
	char path[256], other[300];
	int fd;

	snprintf(path, sizeof(path), "%s", rig_state_dir());
	ck_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
	snprintf(other, sizeof(other), "%s/link", path);
	unlink(other);
	ck_assert_int_eq(symlink(path, other), 0);
	check_refused(other, "it is no directory");
	snprintf(other, sizeof(other), "%s/file", path);
	fd = open(other, O_CREAT | O_WRONLY, 0600);
	close(fd);
	check_refused(other, "it is no directory");
	snprintf(other, sizeof(other), "%s/no/such", path);
	check_refused(other, "cannot be made");
}
END_TEST

START_TEST(a_file_that_is_not_ours_alone_is_not_used)
{
	char path[600], other[700];

	setup();
	ck_assert_int_eq(vine_keep_open(&keep, &seg, config), 0);
	snprintf(path, sizeof(path), "%s", keep.path);
	snprintf(other, sizeof(other), "%s.other", path);
#define IS_REFUSED(do_it, undo_it, why) \
	do { \
		vine_keep_close(&keep); \
		do_it; \
		rig_listen(); \
		ck_assert_int_eq(vine_keep_open(&keep, &seg, config), 0); \
		utils_log_set(UTILS_LOG_WARN, NULL, NULL); \
		ck_assert_msg(keep.fd == -1, "used after %s", #do_it); \
		ck_assert_msg(strstr(rig_log, why), "log: %s", rig_log); \
		undo_it; \
	} while (0)
	IS_REFUSED(chmod(path, 0620), chmod(path, 0600), "mode 100620");
	IS_REFUSED((void)!link(path, other), unlink(other), "2 links");
	if (geteuid() == 0)
		IS_REFUSED((void)!chown(path, 12345, 0),
			   (void)!chown(path, 0, 0), "of user 12345");
	IS_REFUSED(rename(path, other); (void)!symlink(other, path),
		   unlink(path); rename(other, path), "cannot be opened");
#undef IS_REFUSED
	ck_assert_int_eq(reopen(), 1);	/* and nothing happened to it */
	teardown();
}
END_TEST

START_TEST(one_appliance_at_a_time_has_it)
{
	struct vine_keep other;

	setup();
	ck_assert_int_eq(vine_keep_open(&keep, &seg, config), 0);
	rig_listen();
	ck_assert_int_eq(vine_keep_open(&other, &seg, config), 0);
	utils_log_set(UTILS_LOG_WARN, NULL, NULL);
	ck_assert_int_eq(other.fd, -1);
	ck_assert_msg(strstr(rig_log, "in use by another"), "log: %s",
		      rig_log);
	vine_keep_close(&other);
	ck_assert_int_eq(reopen(), 1);
	teardown();
}
END_TEST

START_TEST(code_comes_and_goes_and_memory_with_it)
{
	uint64_t size = 100000;
	uint8_t *a, *b;
	struct stat before, after;

	setup();
	ck_assert_int_eq(vine_keep_open(&keep, &seg, config), 0);
	ck_assert_int_eq(fstat(keep.fd, &before), 0);
	a = vine_keep_code(&keep, size);
	b = vine_keep_code(&keep, 0);
	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(b);
	ck_assert(b >= a + size || a >= b + VINE_PAGE);
	ck_assert_int_eq(vine_keep_back(&keep, a, size), 0);
	memset(a, 0xaa, size);
	ck_assert_int_eq(fstat(keep.fd, &after), 0);
	ck_assert_int_ge(after.st_blocks * 512,
			 before.st_blocks * 512 + (blkcnt_t)size);
	vine_keep_code_drop(&keep, a, size);
	vine_keep_code_drop(&keep, b, 0);
	ck_assert_int_eq(fstat(keep.fd, &after), 0);
	ck_assert_int_eq(after.st_blocks, before.st_blocks);
	ck_assert_ptr_null(vine_keep_code(&keep, seg.layout.heap_size + 1));
	a = vine_keep_code(&keep, seg.layout.heap_size);
	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_null(vine_keep_code(&keep, 1));
	vine_keep_code_drop(&keep, a, seg.layout.heap_size);
	teardown();
}
END_TEST

START_TEST(one_without_a_name_goes_on_by_its_descriptor)
{
	struct vine_keep_header h;
	int left;

	setup();
	ck_assert_int_eq(vine_keep_open_memory(&keep, &seg, -1), 0);
	ck_assert_int_eq(keep.found, 0);
	ck_assert_int_eq(fcntl(keep.fd, F_GET_SEALS) & SEALED, SEALED);
	ck_assert_int_eq(fcntl(keep.fd, F_GETFD), FD_CLOEXEC);
	left = fcntl(keep.fd, F_DUPFD_CLOEXEC, 3);
	keep.sessions[3].nonce = 99;
	keep.sessions[3].peer = 77;
	vine_keep_close(&keep);
	ck_assert_int_eq(vine_judge_peek(left, "x", &h), 0);
	ck_assert_uint_eq(h.segment_size, seg.layout.size);
	ck_assert_uint_eq(h.incarnation, seg.incarnation);
	ck_assert_int_eq(vine_keep_open_memory(&keep, &seg, left), 0);
	ck_assert_int_eq(keep.found, 1);
	ck_assert_int_ne(keep.fd, left);
	ck_assert_uint_eq(keep.sessions[3].nonce, 99);
	ck_assert_uint_eq(keep.sessions[3].peer, 77);
	/* memory comes and goes in it as in a file */
	ck_assert_int_eq(vine_keep_back(&keep, keep.descs, VINE_PAGE), 0);
	vine_keep_unback(&keep, keep.descs, VINE_PAGE);
	vine_keep_void(&keep);
	vine_keep_close(&keep);
	ck_assert_int_eq(vine_judge_peek(left, "x", &h), -EPROTO);
	close(left);
	ck_assert_int_eq(vine_keep_open_memory(&keep, &seg, -1), 0);
	teardown();
}
END_TEST

START_TEST(what_was_left_without_a_name_is_believed_whole_or_not_at_all)
{
	struct vine_keep_header h;
	struct vine_keep other;
	int left, fd;

	setup();
	ck_assert_int_eq(vine_keep_open_memory(&keep, &seg, -1), 0);
	left = fcntl(keep.fd, F_DUPFD_CLOEXEC, 3);
#define IS_REFUSED(change, back) \
	do { \
		change; \
		ck_assert_int_eq(vine_keep_open_memory(&other, &seg, left), \
				 -EPROTO); \
		back; \
		ck_assert_int_eq(vine_keep_open_memory(&other, &seg, left), \
				 0); \
		vine_keep_close(&other); \
	} while (0)
	IS_REFUSED(keep.header->incarnation ^= 1,
		   keep.header->incarnation ^= 1);
	IS_REFUSED(keep.header->inode ^= 1, keep.header->inode ^= 1);
	IS_REFUSED(keep.queues[1].state = 2, keep.queues[1].state = 0);
	IS_REFUSED(seg.incarnation ^= 1, seg.incarnation ^= 1);
	fd = memfd_create("x", MFD_CLOEXEC);
	ck_assert_int_eq(vine_judge_peek(fd, "x", &h), -EPROTO);
	ck_assert_int_eq(vine_keep_open_memory(&other, &seg, fd), -EPROTO);
	close(fd);
	close(left);
	teardown();
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(what_was_stored_is_there_for_the_next_one),
	RIG_CASE(a_keep_of_something_else_is_made_anew),
	RIG_CASE(a_record_that_cannot_be_makes_the_whole_keep_anew),
	RIG_CASE(garbage_is_refused_or_harmless),
	RIG_CASE(a_directory_that_others_may_write_is_not_used),
	RIG_CASE(what_is_no_directory_of_its_own_is_not_used),
	RIG_CASE(a_file_that_is_not_ours_alone_is_not_used),
	RIG_CASE(one_appliance_at_a_time_has_it),
	RIG_CASE(code_comes_and_goes_and_memory_with_it),
	RIG_CASE(one_without_a_name_goes_on_by_its_descriptor),
	RIG_CASE(what_was_left_without_a_name_is_believed_whole_or_not_at_all),
};

RIG_MAIN("vine_keep", cases)
