/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine_seg and vine_entry: forming, joining, refusing what is foreign,
 * leaving.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "object.h"
#include "rig.h"
#include "tests/lib/full.h"
#include "arch/shm/arch_shm.h"
#include "core/vine_peer.h"
#include "core/vine_seg.h"
#include "utils/utils_config.h"

START_TEST(the_first_forms_and_the_second_joins)
{
	struct vine_seg *a, *b;

	rig_name(name);
	a = opened("shm_size 2M\nqueue_slots 32\n");
	ck_assert_int_eq(a->formed, 1);
	ck_assert_uint_eq(a->layout.size, 2 * RIG_MIB);
	b = opened("shm_size 8M\nqueue_slots 64\n");
	ck_assert_int_eq(b->formed, 0);
	ck_assert_uint_eq(b->layout.size, 2 * RIG_MIB);
	ck_assert_uint_eq(b->layout.queue_slots, 32);
	ck_assert_uint_eq(a->incarnation, b->incarnation);
	ck_assert_uint_ne(a->incarnation, 0);
	ck_assert_uint_eq(size_of_object(), 2 * RIG_MIB);
	ck_assert_int_eq(vine_seg_close(a), 0);
	ck_assert(exists());
	ck_assert_int_eq(vine_seg_close(b), 1);
	ck_assert(!exists());
}
END_TEST

START_TEST(a_live_segment_is_never_truncated)
{
	struct vine_seg *a, *b;

	rig_name(name);
	a = opened("shm_size 4M\n");
	memset(a->base + a->layout.heap_off, 0x5a, a->layout.heap_size);
	b = opened("shm_size 1M\n");
	for (uint64_t i = 0; i < a->layout.heap_size; i++)
		rig_check(a->base[a->layout.heap_off + i] == 0x5a);
	vine_seg_close(a);
	vine_seg_close(b);
}
END_TEST

START_TEST(what_the_dead_left_is_formed_anew)
{
	struct vine_seg *a;
	uint64_t before;
	int go[2];
	pid_t pid;

	rig_name(name);
	ck_assert_int_eq(pipe(go), 0);
	pid = fork();
	if (pid == 0) {
		a = opened("shm_size 4M\n");
		memset(a->base + a->layout.heap_off, 0x5a, 4096);
		if (write(go[1], &a->incarnation, 8) == 8)
			pause();
		_exit(1);
	}
	ck_assert_int_eq(read(go[0], &before, 8), 8);
	kill(pid, SIGKILL);
	rig_child_ended(pid);
	ck_assert(exists());
	a = opened("shm_size 2M\n");
	ck_assert_int_eq(a->formed, 1);
	ck_assert_uint_ne(a->incarnation, before);
	ck_assert_uint_eq(a->layout.size, 2 * RIG_MIB);
	for (uint64_t i = 0; i < a->layout.heap_size; i++)
		rig_check(a->base[a->layout.heap_off + i] == 0);
	vine_seg_close(a);
}
END_TEST

START_TEST(without_trunc_it_is_taken_up_and_never_removed)
{
	struct vine_seg *a = NULL;
	uint64_t before;

	rig_name(name);
	ck_assert_int_eq(open_with("shm_trunc 0\n", &a), -ENOENT);
	make("", 0, 2 * RIG_MIB);
	a = opened("shm_trunc 0\nshm_size 64M\n");
	ck_assert_int_eq(a->formed, 1);
	ck_assert_uint_eq(a->layout.size, 2 * RIG_MIB);
	before = a->incarnation;
	a->base[a->layout.heap_off] = 7;
	ck_assert_int_eq(vine_seg_close(a), 1);
	ck_assert(exists());
	a = opened("shm_trunc 0\n");
	ck_assert_int_eq(a->formed, 0);
	ck_assert_uint_eq(a->incarnation, before);
	ck_assert_int_eq(a->base[a->layout.heap_off], 7);
	vine_seg_close(a);
	shm_unlink(name);
}
END_TEST

START_TEST(off_leaves_what_is_before_it_alone)
{
	struct vine_seg *a;
	uint8_t first[8192];

	rig_name(name);
	memset(first, 0x77, sizeof(first));
	make(first, sizeof(first), 8192 + 2 * RIG_MIB);
	a = opened("shm_trunc 0\nshm_off 8K\n");
	ck_assert_int_eq(a->formed, 1);
	ck_assert_uint_eq(a->layout.size, 2 * RIG_MIB);
	memset(a->base, 1, 4096);
	vine_seg_close(a);
	unchanged(first, sizeof(first), 8192 + 2 * RIG_MIB);
	shm_unlink(name);
}
END_TEST

START_TEST(ivshmem_leaves_the_first_page_alone)
{
	struct vine_seg *a;
	uint8_t first[4096];

	rig_name(name);
	memset(first, 0x77, sizeof(first));
	make(first, sizeof(first), 2 * RIG_MIB);
	a = opened("shm_ivshmem 1\n");
	ck_assert_int_eq(a->formed, 1);
	ck_assert_uint_eq(a->layout.size, 2 * RIG_MIB - 4096);
	vine_seg_close(a);
	unchanged(first, sizeof(first), 2 * RIG_MIB);
	shm_unlink(name);
}
END_TEST

static void
refuse_foreign(const void *bytes, size_t count, uint64_t size,
	       const char *more)
{
	struct vine_seg *a = NULL;
	int rc;

	rig_name(name);
	make(bytes, count, size);
	rig_listen();
	rc = open_with(more, &a);
	ck_assert_msg(rc == -EPROTO, "%zu foreign bytes of %llu with %s: "
		      "returned %d", count, (unsigned long long)size, more, rc);
	ck_assert_msg(strstr(rig_log, name), "not named: %s", rig_log);
	unchanged(bytes, count, size);
	shm_unlink(name);
}

START_TEST(foreign_contents_are_refused_and_left_as_they_are)
{
	uint8_t page[4096];

	memset(page, 0xa5, sizeof(page));
	refuse_foreign(page, sizeof(page), 2 * RIG_MIB, "shm_size 2M\n");
	refuse_foreign(page, sizeof(page), 2 * RIG_MIB, "shm_trunc 0\n");
	refuse_foreign(page, sizeof(page), 4096, "shm_size 2M\n");
	refuse_foreign(page, 100, 100, "shm_size 2M\n");
}
END_TEST

START_TEST(a_foreign_file_of_a_few_bytes_is_refused)
{
	refuse_foreign("abcde", 5, 5, "shm_size 2M\n");
	refuse_foreign("hello, world\n", 13, 13, "shm_size 2M\n");
}
END_TEST

START_TEST(a_foreign_file_that_is_shorter_than_off_is_refused)
{
	uint8_t page[4096];

	memset(page, 0xa5, sizeof(page));
	refuse_foreign(page, sizeof(page), 4096,
		       "shm_size 2M\nshm_off 64K\n");
}
END_TEST

/* a header of ours behind bytes of another's */
START_TEST(bytes_before_off_survive_forming_anew)
{
	uint8_t first[8192];
	struct vine_seg *a;

	rig_name(name);
	memset(first, 0x77, sizeof(first));
	make(first, sizeof(first), 8192 + 2 * RIG_MIB);
	a = opened("shm_size 2M\nshm_off 8K\n");
	unchanged(first, sizeof(first), 8192 + 2 * RIG_MIB);
	vine_seg_close(a);
}
END_TEST

/* --- from a socket ------------------------------------------------------- */

static struct vine_seg *
made(const char *text)
{
	struct utils_config *config;
	struct vine_seg *seg = NULL;

	ck_assert_int_eq(utils_config_parse(text, "test", &config), 0);
	ck_assert_int_eq(vine_seg_make(config, &seg), 0);
	utils_config_free(config);
	return seg;
}

START_TEST(a_made_segment_has_no_name_and_its_size_for_good)
{
	struct vine_seg *a = made("socket /run/x\nshm_size 2M\nshm_off 1M\n"
				  "shm_trunc 0\nqueue_slots 64\n");
	struct stat st;

	ck_assert_int_eq(a->formed, 1);
	ck_assert_uint_eq(a->layout.size, 2 * RIG_MIB);
	ck_assert_uint_eq(a->layout.queue_slots, 64);
	ck_assert_int_eq(fstat(a->fd, &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, 2 * RIG_MIB);
	ck_assert_uint_eq(st.st_nlink, 0);
	ck_assert_int_eq(ftruncate(a->fd, 4096), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(vine_seg_close(a), 1);
}
END_TEST

/* A child that greets one peer with the segment in fd. */
static pid_t
serve_one(const char *path, int fd)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int listening = socket(AF_UNIX, SOCK_STREAM, 0), sock;
	pid_t pid;
	char c;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	ck_assert_int_eq(bind(listening, (struct sockaddr *)&at, sizeof(at)),
			 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	pid = fork();
	if (pid == 0) {
		sock = accept(listening, NULL, NULL);
		vine_peer_say(sock, 0, -1);
		vine_peer_say(sock, 9, -1);
		vine_peer_say(sock, -1, fd);
		vine_peer_say(sock, 9, eventfd(0, 0));
		_exit(read(sock, &c, 1) == 0 ? 0 : 1);
	}
	close(listening);
	return pid;
}

START_TEST(a_segment_from_a_socket_is_the_one_that_was_made)
{
	struct vine_seg *a = made("socket /run/x\nshm_size 2M\n"), *b = NULL;
	char path[64], text[128];
	int again = arch_shm_reopen(a->fd);
	pid_t pid;

	snprintf(path, sizeof(path), "/tmp/vine-seg-%d", (int)getpid());
	pid = serve_one(path, again);
	close(again);
	snprintf(text, sizeof(text), "socket %s\nshm_size 8M\n", path);
	ck_assert_int_eq(open_text(text, &b), 0);
	unlink(path);
	ck_assert_uint_eq(b->peer.id, 9);
	ck_assert_int_eq(b->formed, 0);
	ck_assert_uint_eq(b->incarnation, a->incarnation);
	ck_assert_uint_eq(b->layout.size, 2 * RIG_MIB);
	b->base[2 * RIG_MIB - 1] = 'x';
	ck_assert_int_eq(a->base[2 * RIG_MIB - 1], 'x');
	ck_assert_int_eq(vine_seg_has_appliance(b), 1);
	ck_assert_int_eq(vine_seg_close(a), 0);
	ck_assert_int_eq(vine_seg_close(b), 1);
	ck_assert_int_eq(rig_child_ended(pid), 0);
}
END_TEST

START_TEST(a_segment_from_a_socket_that_is_not_sealed_is_refused)
{
	int fd = memfd_create("x", MFD_ALLOW_SEALING);
	struct vine_seg *b = NULL;
	char path[64], text[128];
	pid_t pid;

	ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
	snprintf(path, sizeof(path), "/tmp/vine-seg-%d", (int)getpid());
	pid = serve_one(path, fd);
	snprintf(text, sizeof(text), "socket %s\n", path);
	rig_listen();
	ck_assert_int_eq(open_text(text, &b), -EPROTO);
	unlink(path);
	ck_assert_ptr_nonnull(strstr(rig_log, "is not sealed"));
	ck_assert_int_eq(rig_child_ended(pid), 0);
}
END_TEST

START_TEST(a_directory_or_a_device_is_no_segment)
{
	struct vine_seg *a = NULL;

	rig_listen();
	ck_assert_int_lt(open_text("shm_file /tmp\n", &a), 0);
	ck_assert_int_eq(open_text("shm_file /dev/zero\n", &a), -EINVAL);
	ck_assert_int_eq(open_text("shm_file /nonexistent/x\n", &a), -ENOENT);
}
END_TEST

START_TEST(at_gives_no_pointer_outside_the_segment)
{
	struct vine_seg seg = { .base = (uint8_t *)4096 };
	uint64_t seed = 5;

	seg.layout.size = RIG_MIB;
	ck_assert_ptr_eq(vine_seg_at(&seg, 0, RIG_MIB, 4096), seg.base);
	ck_assert_ptr_null(vine_seg_at(&seg, 0, RIG_MIB + 1, 1));
	ck_assert_ptr_null(vine_seg_at(&seg, 1, RIG_MIB, 1));
	ck_assert_ptr_null(vine_seg_at(&seg, UINT64_MAX, 1, 1));
	ck_assert_ptr_null(vine_seg_at(&seg, 1, UINT64_MAX, 1));
	ck_assert_ptr_null(vine_seg_at(&seg, 8, 8, 16));
	for (int i = 0; i < 1000000; i++) {
		uint64_t off = rig_random(&seed) >> (i % 64);
		uint64_t len = rig_random(&seed) >> (i * 7 % 64);
		int inside = (unsigned __int128)off + len <= RIG_MIB;

		rig_check((vine_seg_at(&seg, off, len, 1) != NULL) == inside);
	}
}
END_TEST

/* --- memory of the caller's --- */

START_TEST(memory_of_the_caller_is_formed_once)
{
	struct vine_seg *a, *b;
	void *mem = mmap(NULL, 2 * RIG_MIB, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_int_eq(vine_seg_wrap(mem, 2 * RIG_MIB, 64, &a), 0);
	ck_assert_int_eq(a->formed, 1);
	ck_assert_int_eq(vine_seg_wrap(mem, 2 * RIG_MIB, 128, &b), 0);
	ck_assert_int_eq(b->formed, 0);
	ck_assert_uint_eq(b->layout.queue_slots, 64);
	ck_assert_uint_eq(a->incarnation, b->incarnation);
	vine_seg_close(a);
	vine_seg_close(b);
	rig_listen();
	ck_assert_int_eq(vine_seg_wrap(NULL, RIG_MIB, 64, &a), -EINVAL);
	ck_assert_int_eq(vine_seg_wrap((char *)mem + 8, RIG_MIB, 64, &a),
			 -EINVAL);
	ck_assert_int_eq(vine_seg_wrap(mem, 4096, 64, &a), -ENOSPC);
	ck_assert_int_eq(vine_seg_wrap(mem, RIG_MIB, 64, &a), -EPROTO);
	memset(mem, 0xa5, 4096);
	ck_assert_int_eq(vine_seg_wrap(mem, 2 * RIG_MIB, 64, &a), -EPROTO);
}
END_TEST

/* --- many first attaches at a time --- */

#define CROWD 1000u

struct outcome {
	_Atomic uint32_t go;
	_Atomic uint32_t ready;
	_Atomic uint32_t formed;
	_Atomic uint32_t opened;
	_Atomic uint32_t left;
	_Atomic uint32_t differ;
	_Atomic uint64_t incarnation;
	_Atomic int error;
};

static void
attach_and_leave(struct outcome *o)
{
	struct vine_seg *seg = NULL;
	uint64_t none = 0;
	int rc;

	o->ready++;
	while (!o->go)
		rig_nap(50000000);
	rc = open_with("shm_size 1M\n", &seg);
	if (rc) {
		o->error = rc;
		_exit(1);
	}
	o->formed += (uint32_t)seg->formed;
	if (!atomic_compare_exchange_strong(&o->incarnation, &none,
					    seg->incarnation) &&
	    none != seg->incarnation)
		o->differ++;
	o->opened++;
	/* nobody leaves before all are there, or it would be formed again */
	while (o->opened < CROWD && o->error == 0)
		rig_nap(50000000);
	vine_seg_close(seg);
	o->left++;
	_exit(0);
}

START_TEST(of_a_thousand_first_attaches_exactly_one_forms)
{
	struct outcome *o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint32_t failed = 0;

	rig_name(name);
	for (uint32_t i = 0; i < CROWD; i++) {
		pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			attach_and_leave(o);
	}
	rig_await(o->ready == CROWD);
	o->go = 1;
	for (uint32_t i = 0; i < CROWD; i++) {
		int status;

		if (wait(&status) < 0 || status != 0)
			failed++;
	}
	ck_assert_msg(failed == 0, "%u of %u failed, the last error is %d",
		      failed, CROWD, o->error);
	ck_assert_uint_eq(o->opened, CROWD);
	ck_assert_uint_eq(o->left, CROWD);
	ck_assert_uint_eq(o->formed, 1);
	ck_assert_uint_eq(o->differ, 0);
	ck_assert(!exists());
}
END_TEST

/* Attaches and leaves without end: the name comes and goes. */
START_TEST(coming_and_going_never_fails)
{
	uint32_t failed = 0;

	rig_name(name);
	for (int i = 0; i < 8; i++) {
		if (fork() == 0) {
			for (int j = 0; j < 150; j++) {
				struct vine_seg *seg = NULL;

				if (open_with("shm_size 1M\n", &seg) != 0 ||
				    seg->layout.size != RIG_MIB)
					_exit(1);
				vine_seg_close(seg);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < 8; i++) {
		int status;

		if (wait(&status) < 0 || status != 0)
			failed++;
	}
	ck_assert_uint_eq(failed, 0);
	ck_assert(!exists());
}
END_TEST

/* A fork shares the descriptor, and with it every lock of the object. */
START_TEST(a_child_that_lives_on_does_not_keep_others_out)
{
	struct vine_seg *a, *stays, *b = NULL;
	pid_t pid;
	int rc;

	rig_name(name);
	stays = opened("shm_size 1M\n");
	a = opened("shm_size 1M\n");
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	vine_seg_close(a);
	rig_listen();
	rc = open_with("shm_size 1M\n", &b);
	kill(pid, SIGKILL);
	rig_child_ended(pid);
	ck_assert_msg(rc == 0, "returned %d: %s", rc, rig_log);
	vine_seg_close(b);
	vine_seg_close(stays);
	shm_unlink(name);
}
END_TEST

/* It is said when it is formed, and not found by who writes there. */
START_TEST(a_segment_that_what_it_lies_in_has_no_room_for_is_not_formed)
{
	struct vine_layout l;
	struct vine_seg *seg;
	char text[512];

	if (!full_mount("128k"))
		return;
	rig_name(name);
	rig_listen();
	ck_assert_int_eq(vine_layout_plan(16 * RIG_MIB, 128, &l), 0);
	ck_assert_int_eq(open_with("shm_size 16M\n", &seg), -ENOSPC);
	snprintf(text, sizeof(text), "segment %s finds no memory for the first "
		 "%llu of its 16777216 bytes", name,
		 (unsigned long long)l.heap_off);
	ck_assert_msg(strstr(rig_log, text) != NULL, "%s", rig_log);
	ck_assert_ptr_nonnull(strstr(rig_log, "what it lies in is full"));
	ck_assert(!exists());
	/* the heap is of no account: most of it may never be used */
	seg = opened("shm_size 1M\n");
	ck_assert_int_eq(vine_seg_close(seg), 1);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(the_first_forms_and_the_second_joins),
	RIG_CASE(a_live_segment_is_never_truncated),
	RIG_CASE(what_the_dead_left_is_formed_anew),
	RIG_CASE(without_trunc_it_is_taken_up_and_never_removed),
	RIG_CASE(off_leaves_what_is_before_it_alone),
	RIG_CASE(ivshmem_leaves_the_first_page_alone),
	RIG_CASE(foreign_contents_are_refused_and_left_as_they_are),
	RIG_CASE(a_foreign_file_of_a_few_bytes_is_refused),
	RIG_CASE(a_foreign_file_that_is_shorter_than_off_is_refused),
	RIG_CASE(bytes_before_off_survive_forming_anew),
	RIG_CASE(a_made_segment_has_no_name_and_its_size_for_good),
	RIG_CASE(a_segment_from_a_socket_is_the_one_that_was_made),
	RIG_CASE(a_segment_from_a_socket_that_is_not_sealed_is_refused),
	RIG_CASE(a_directory_or_a_device_is_no_segment),
	RIG_CASE(at_gives_no_pointer_outside_the_segment),
	RIG_CASE(memory_of_the_caller_is_formed_once),
	RIG_CASE(of_a_thousand_first_attaches_exactly_one_forms),
	RIG_CASE(coming_and_going_never_fails),
	RIG_CASE(a_child_that_lives_on_does_not_keep_others_out),
	/* last: it changes what the process has for a /dev/shm */
	RIG_CASE(a_segment_that_what_it_lies_in_has_no_room_for_is_not_formed),
};

RIG_MAIN("vine_seg", cases)
