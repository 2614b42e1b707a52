/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vine_reaper: what a process that died had comes back. */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "rig.h"
#include "core/vine_pipe.h"
#include "core/vine_session.h"

static struct rig rig;

/* Sessions that the appliance has. */
static uint32_t
sessions_of(struct rig *r)
{
	uint32_t n;

	pthread_mutex_lock(&r->pipe->lock);
	n = r->pipe->recs_open;
	pthread_mutex_unlock(&r->pipe->lock);
	return n;
}

/* A child that knows nothing of us must not keep our session alive. */
START_TEST(a_dead_parent_is_noticed_though_its_child_lives)
{
	pid_t pid, grandchild = 0;
	int tell[2];

	rig_open(&rig, 16 * RIG_MIB, NULL);
	ck_assert_int_eq(pipe(tell), 0);
	pid = fork();
	if (pid == 0) {
		struct vine_session *s = rig_attach(&rig);

		grandchild = fork();
		if (grandchild == 0) {
			/* qemu ignores MADV_DONTFORK, and a mapping keeps the
			 * file open, and with it the session's lock */
			if (getenv("VINE_EMULATED"))
				munmap(s->seg->base, s->seg->layout.size);
			pause();
			_exit(0);
		}
		if (s && write(tell[1], &grandchild, sizeof(pid_t)) > 0)
			pause();
		_exit(1);
	}
	ck_assert_int_eq(read(tell[0], &grandchild, sizeof(pid_t)),
			 sizeof(pid_t));
	ck_assert_uint_eq(sessions_of(&rig), 1);
	kill(pid, SIGKILL);
	rig_child_ended(pid);
	for (int i = 0; i < 600 && sessions_of(&rig); i++)
		rig_nap(100000000);
	kill(grandchild, SIGKILL);
	ck_assert_msg(sessions_of(&rig) == 0,
		      "the session of a dead process is still open after a minute");
	rig_close(&rig);
}
END_TEST

START_TEST(the_dead_give_everything_back)
{
	struct vine_session *s;
	vine_data *d;

	rig_open(&rig, 4 * RIG_MIB, NULL);
	for (int i = 0; i < 3; i++) {
		int tell[2];
		char c;
		pid_t pid;

		ck_assert_int_eq(pipe(tell), 0);
		pid = fork();
		if (pid == 0) {
			s = rig_attach(&rig);
			if (vine_data_alloc_in(s, 3 * RIG_MIB, 0, &d) == 0 &&
			    write(tell[1], "x", 1) == 1)
				pause();
			_exit(1);
		}
		ck_assert_int_eq(read(tell[0], &c, 1), 1);
		kill(pid, SIGKILL);
		rig_child_ended(pid);
		rig_await(sessions_of(&rig) == 0);
	}
	s = rig_attach(&rig);
	rig_await(vine_data_alloc_in(s, 3 * RIG_MIB, 0, &d) == 0);
	vine_session_close(s);
	rig_close(&rig);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_dead_parent_is_noticed_though_its_child_lives),
	RIG_CASE(the_dead_give_everything_back),
};

RIG_MAIN("vine_reaper", cases)
