/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine_far and vine_beat: sessions in the memory of a device, which
 * has no locks. The device is one of tests/lib/device.h; its appliance is here,
 * on the object that the device shows.
 */
#include <signal.h>

#include "core/vine_life.h"
#include "core/vine_pipe.h"
#include "core/vine_session.h"
#include "rig.h"
#include "tests/lib/device.h"

#define A "0000:00:04.0"
#define B "0000:00:05.0"
#define SIZE (8 * RIG_MIB)
#define BESIDE "lease 2s\n"

/* An appliance, and a device that shows its segment. */
static void
show(struct rig *rig, uint32_t position)
{
	char path[128];

	device_none();
	rig_open(rig, SIZE, BESIDE);
	snprintf(path, sizeof(path), "/dev/shm/%s", rig->name);
	device_add(A, path, SIZE, position);
}

static void
hide(struct rig *rig)
{
	rig_close(rig);
	device_end();
}

static int
attach_by(const char *config, struct vine_session **s)
{
	struct vine_session_opts opts = { .size = sizeof(opts),
					  .config = config };

	return vine_session_open(&opts, s);
}

static uint64_t
counted(struct rig *rig, enum vine_count what)
{
	return atomic_load(&rig->pipe->lanes[0].count[what]);
}

static uint64_t
incarnation_of(const struct rig *rig)
{
	return rig->pipe->seg->incarnation;
}

START_TEST(a_session_works_in_the_memory_of_a_device)
{
	static const char *const names[] = { "pci:", "pci:" A };
	struct vine_session *s;
	struct vine_task_opts o;
	char config[128];
	struct rig rig;
	uint64_t value;

	show(&rig, 0);
	for (int i = 0; i < 2; i++) {
		snprintf(config, sizeof(config), "shm_file %s\ntrace 0\n",
			 names[i]);
		ck_assert_int_eq(attach_by(config, &s), 0);
		o = rig_opts(s, "nop");
		for (int n = 0; n < 100; n++)
			ck_assert_int_eq(rig_run(&o, &value), VINE_STATUS_OK);
		ck_assert_uint_eq(value, 42);
		vine_session_close(s);
	}
	hide(&rig);
}
END_TEST

START_TEST(its_number_names_the_device_that_has_it)
{
	struct vine_session *s;
	char path[128], config[128];
	struct rig rig, other;

	show(&rig, 0);
	rig_open(&other, SIZE, NULL);
	snprintf(path, sizeof(path), "/dev/shm/%s", other.name);
	device_add(B, path, SIZE, 0);
	snprintf(config, sizeof(config), "shm_file pci:%016llx\ntrace 0\n",
		 (unsigned long long)incarnation_of(&other));
	ck_assert_int_eq(attach_by(config, &s), 0);
	ck_assert_uint_eq(s->seg->incarnation, incarnation_of(&other));
	vine_session_close(s);
	rig_listen();
	ck_assert_int_eq(attach_by("shm_file pci:0123456789abcdef\ntrace 0\n",
				   &s), -ENODEV);
	ck_assert_ptr_nonnull(strstr(rig_log, "0123456789abcdef"));
	ck_assert_int_eq(attach_by("shm_file pci:\ntrace 0\n", &s), -EMLINK);
	rig_close(&other);
	hide(&rig);
}
END_TEST

/* shm_ivshmem alone finds the device, and leaves its first page alone */
START_TEST(shm_ivshmem_finds_the_device_by_itself)
{
	struct vine_session *s;
	char path[128];
	struct rig rig;
	int fd;

	device_none();
	rig_init(&rig, SIZE, "shm_ivshmem 1\n");
	fd = shm_open(rig.name, O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(ftruncate(fd, (off_t)SIZE), 0);
	close(fd);
	rig_serve_on(&rig);
	rig_start(&rig);
	snprintf(path, sizeof(path), "/dev/shm/%s", rig.name);
	device_add(A, path, SIZE, 0);
	ck_assert_int_eq(attach_by("shm_ivshmem 1\ntrace 0\n", &s), 0);
	vine_session_close(s);
	hide(&rig);
}
END_TEST

START_TEST(what_is_wrong_with_a_device_is_said)
{
	struct vine_session *s;
	char path[128];
	struct rig rig;
	int fd;

	show(&rig, 0);
	rig_listen();
	/* smaller than the header says */
	snprintf(path, sizeof(path), "/dev/shm/%s", rig.name);
	device_add(B, path, SIZE / 2, 0);
	ck_assert_int_eq(attach_by("shm_file pci:" B "\ntrace 0\n", &s),
			 -EPROTO);
	ck_assert_ptr_nonnull(strstr(rig_log, "its object has 4194304 bytes"));
	/* too small for any */
	device_add("0000:00:06.0", path, 65536, 0);
	ck_assert_int_eq(attach_by("shm_file pci:0000:00:06.0\ntrace 0\n", &s),
			 -ENOSPC);
	/* nothing in it, as where QEMU made the file itself */
	snprintf(path, sizeof(path), "%s/blank", device_root);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(ftruncate(fd, (off_t)SIZE), 0);
	device_add("0000:00:07.0", path, SIZE, 0);
	ck_assert_int_eq(attach_by("shm_file pci:0000:00:07.0\ntrace 0\n"
				   "attach_timeout 100ms\n", &s), -ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(rig_log, "is blank at offset 0"));
	/* something else in it */
	ck_assert_int_eq(pwrite(fd, "ELF?", 4, 0), 4);
	ck_assert_int_eq(attach_by("shm_file pci:0000:00:07.0\ntrace 0\n", &s),
			 -EPROTO);
	ck_assert_ptr_nonnull(strstr(rig_log, "not a libvine segment"));
	close(fd);
	/* an offset beyond its end */
	ck_assert_int_eq(attach_by("shm_file pci:" A "\nshm_off 15T\ntrace 0\n",
				   &s), -ENOSPC);
	hide(&rig);
}
END_TEST

START_TEST(uncached_memory_is_warned_of_and_write_combined_refused)
{
	struct vine_session *s;
	struct rig rig;

	show(&rig, 0);
	device_types("uncached-minus");
	rig_listen();
	ck_assert_int_eq(attach_by("shm_file pci:\ntrace 0\n", &s), 0);
	ck_assert_ptr_nonnull(strstr(rig_log, "is uncached"));
	ck_assert_ptr_nonnull(strstr(rig_log, "ns a read"));
	vine_session_close(s);
	device_types("write-back");
	rig_listen();
	ck_assert_int_eq(attach_by("shm_file pci:\ntrace 0\n", &s), 0);
	ck_assert_str_eq(rig_log, "");
	vine_session_close(s);
	device_types("write-combining");
	ck_assert_int_eq(attach_by("shm_file pci:\ntrace 0\n", &s), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(rig_log, "write-combined"));
	hide(&rig);
}
END_TEST

/* A session of another process: it hears where the devices are, and says when
 * it has attached. */
static void
live(int hear, int say)
{
	struct vine_session *s;

	if (read(hear, device_root, sizeof(device_root)) !=
	    sizeof(device_root))
		_exit(1);
	arch_pci_root = device_root;
	if (attach_by("shm_file pci:\ntrace 0\n", &s) == 0 &&
	    write(say, "x", 1) == 1)
		pause();
	_exit(1);
}

/* Nobody hears of the death; the heart has stopped all the same. */
START_TEST(a_session_whose_heart_stops_is_taken_back)
{
	struct vine_session *s;
	struct rig rig;
	int go[2], told[2];
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe(go), 0);
	ck_assert_int_eq(pipe(told), 0);
	pid = fork();	/* while there is one thread */
	if (pid == 0)
		live(told[0], go[1]);
	show(&rig, 0);
	ck_assert_int_eq(write(told[1], device_root, sizeof(device_root)),
			 sizeof(device_root));
	ck_assert_int_eq(read(go[0], &c, 1), 1);
	/* longer than a lease: it lives */
	rig_nap(4 * SECOND);
	ck_assert_uint_eq(counted(&rig, VINE_COUNT_SESSIONS_REAPED), 0);
	kill(pid, SIGKILL);
	rig_child_ended(pid);
	rig_await(counted(&rig, VINE_COUNT_SESSIONS_REAPED) == 1);
	/* and its slot is free again */
	ck_assert_int_eq(attach_by("shm_file pci:\ntrace 0\n", &s), 0);
	ck_assert_uint_eq(s->slot, 0);
	vine_session_close(s);
	hide(&rig);
}
END_TEST

START_TEST(an_appliance_whose_heart_stops_is_noticed)
{
	struct vine_task_result r = { .size = sizeof(r) };
	struct vine_task_opts o;
	struct vine_session *s;
	struct rig rig;
	vine_task *task;

	show(&rig, 0);
	ck_assert_int_eq(attach_by("shm_file pci:\ntrace 0\nlease 2s\n", &s),
			 0);
	o = rig_opts(s, "keep");
	ck_assert_int_eq(vine_task_issue_opts(&o, &task), 0);
	rig_await(rig.kept_count == 1);
	rig_stop(&rig);		/* nobody looks around any more */
	rig_listen();
	ck_assert_int_eq(vine_task_wait_for(task, 60 * SECOND), 0);
	ck_assert_int_eq(vine_task_result(task, &r), 0);
	ck_assert_int_eq(r.status, VINE_STATUS_APPLIANCE_LOST);
	ck_assert_ptr_nonnull(strstr(rig_log, "heartbeat stands still"));
	vine_task_free(task);
	vine_session_close(s);
	rig_release(&rig, 0, 0);
	rig_start(&rig);
	hide(&rig);
}
END_TEST

/* It stood still for longer than a lease, and was not dead. */
START_TEST(an_appliance_that_is_heard_again_has_its_sessions)
{
	struct vine_task_opts o;
	struct vine_session *s;
	struct rig rig;
	uint64_t value;

	show(&rig, 0);
	rig_listen();
	ck_assert_int_eq(attach_by("shm_file pci:\ntrace 0\nlease 2s\n"
				   "restart_wait 60s\n", &s), 0);
	rig_stop(&rig);
	rig_await(atomic_load(&s->seg->silent));
	rig_start(&rig);
	o = rig_opts(s, "nop");
	ck_assert_int_eq(rig_run(&o, &value), VINE_STATUS_OK);
	rig_await(!atomic_load(&s->seg->silent));
	ck_assert_int_eq(vine_life_is_gone(s), 0);
	ck_assert_ptr_nonnull(strstr(rig_log, "heartbeat stands still"));
	vine_session_close(s);
	hide(&rig);
}
END_TEST

/* A page of zeros but for one word. */
static void
blank_but(const char *path, size_t word, uint64_t value)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, SIZE), 0);
	ck_assert_int_eq(pwrite(fd, &value, sizeof(value), (off_t)(8 * word)),
			 sizeof(value));
	close(fd);
}

START_TEST(an_appliance_forms_what_is_blank_or_ours_and_nothing_else)
{
	struct vine_pipe_opts opts = { .size = sizeof(opts),
		.config = "shm_file pci:\ntrace 0\nlease 2s\n" };
	static const uint64_t words[][2] = {
		{ 0, 0 }, { 0, VINE_MAGIC },	/* its maker died there */
		{ 1, VINE_SEG_FORMING }, { 5, 1 }, { 511, 1 },
	};
	char name[96], path[128];
	uint64_t value;
	vine_pipe_s *pipe;
	int last;

	rig_name(name);
	snprintf(path, sizeof(path), "/dev/shm/%s", name);
	device_none();
	blank_but(path, 0, 0);
	device_add(A, path, SIZE, 0);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		int fd, rc;

		blank_but(path, words[i][0], words[i][1]);
		rig_listen();
		rc = vine_pipe_open(&opts, &pipe);
		ck_assert_int_eq(rc, i < 2 ? 0 : -EPROTO);
		if (rc == 0) {
			ck_assert_int_eq(pipe->seg->formed, 1);
			ck_assert_int_eq(vine_pipe_end(pipe, &last), 0);
			continue;
		}
		ck_assert_ptr_nonnull(strstr(rig_log, "not a libvine segment"));
		fd = open(path, O_RDONLY);
		ck_assert_int_eq(pread(fd, &value, 8, 0), 8);
		ck_assert_uint_eq(value, 0);	/* nothing was written */
		close(fd);
	}
	unlink(path);
	device_end();
}
END_TEST

/* A register of the device is written once a sleep of the appliance, and the
 * slot says whose it is. */
START_TEST(a_device_with_a_server_rings_by_its_register)
{
	struct arch_pci_registers *registers;
	struct vine_session *s;
	struct vine_task_opts o;
	struct rig rig;
	uint64_t value;

	show(&rig, 7);
	ck_assert_int_eq(attach_by("shm_file pci:\ntrace 0\n", &s), 0);
	ck_assert_uint_eq(s->seg->peer.id, 7);
	ck_assert_uint_eq(arch_load32(&s->shm->peer), 7);
	registers = s->seg->registers;
	ck_assert_ptr_nonnull(registers);
	o = rig_opts(s, "nop");
	arch_store32(&registers->doorbell, 0xdead);
	for (int i = 0; i < 1000 && arch_load32(&registers->doorbell); i++) {
		rig_nap(20000000);	/* it sleeps as a rule */
		ck_assert_int_eq(rig_run(&o, &value), VINE_STATUS_OK);
	}
	/* peer 0, vector 0 */
	ck_assert_uint_eq(arch_load32(&registers->doorbell), 0);
	vine_session_close(s);
	hide(&rig);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_session_works_in_the_memory_of_a_device),
	RIG_CASE(its_number_names_the_device_that_has_it),
	RIG_CASE(shm_ivshmem_finds_the_device_by_itself),
	RIG_CASE(what_is_wrong_with_a_device_is_said),
	RIG_CASE(uncached_memory_is_warned_of_and_write_combined_refused),
	RIG_CASE(a_session_whose_heart_stops_is_taken_back),
	RIG_CASE(an_appliance_whose_heart_stops_is_noticed),
	RIG_CASE(an_appliance_that_is_heard_again_has_its_sessions),
	RIG_CASE(an_appliance_forms_what_is_blank_or_ours_and_nothing_else),
	RIG_CASE(a_device_with_a_server_rings_by_its_register),
};

RIG_MAIN("vine_far", cases)
