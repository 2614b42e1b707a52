/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of vined_socket: one holder at a time, left-overs, permissions. */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../core/rig.h"
#include "appliance/vined_socket.h"

static char folder[64], path[108];
static const struct vined_socket_opts opts = { 0600, (uid_t)-1, (gid_t)-1 };

static void
setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/vine-socket-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	rig_listen();
}

static int
connects(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), rc;

	memcpy(to.sun_path, path, sizeof(path));
	rc = connect(fd, (struct sockaddr *)&to, sizeof(to));
	close(fd);
	return rc == 0;
}

/* Nothing is left in the folder. */
static void
check_empty(void)
{
	ck_assert_int_eq(rmdir(folder), 0);
}

START_TEST(a_socket_has_its_permissions_and_goes_with_its_close)
{
	struct vined_socket_opts shared = { 0660, (uid_t)-1, getegid() };
	struct vined_socket s;
	struct stat st;
	mode_t mask = umask(077);

	setup();
	ck_assert_int_eq(vined_socket_open(&s, path, &shared), 0);
	umask(mask);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	ck_assert_uint_eq(st.st_gid, getegid());
	ck_assert(connects());
	vined_socket_close(&s);
	check_empty();
}
END_TEST

START_TEST(a_second_holder_is_refused_and_the_first_keeps_it)
{
	struct vined_socket s, second;
	char said[128];

	setup();
	ck_assert_int_eq(vined_socket_open(&s, path, &opts), 0);
	ck_assert_int_eq(vined_socket_open(&second, path, &opts), -EADDRINUSE);
	snprintf(said, sizeof(said), "served by process %d", (int)getpid());
	ck_assert_ptr_nonnull(strstr(rig_log, said));
	ck_assert(connects());
	ck_assert_int_eq(vined_socket_open(&second, path, &opts), -EADDRINUSE);
	vined_socket_close(&s);
	ck_assert_int_eq(vined_socket_open(&second, path, &opts), 0);
	vined_socket_close(&second);
	check_empty();
}
END_TEST

START_TEST(what_a_killed_holder_left_is_taken_over)
{
	struct vined_socket s;
	int status;
	pid_t pid;

	setup();
	pid = fork();
	if (pid == 0) {
		if (vined_socket_open(&s, path, &opts) == 0)
			raise(SIGKILL);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert(!connects());
	ck_assert_int_eq(vined_socket_open(&s, path, &opts), 0);
	ck_assert(connects());
	vined_socket_close(&s);
	check_empty();
}
END_TEST

/* A server that is no vined takes no lock. */
START_TEST(a_stranger_who_listens_there_keeps_it)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct vined_socket s;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	setup();
	memcpy(at.sun_path, path, sizeof(path));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(vined_socket_open(&s, path, &opts), -EADDRINUSE);
	ck_assert(connects());
	unlink(path);
	check_empty();
}
END_TEST

START_TEST(of_many_that_start_at_a_time_one_gets_it)
{
	int go[2], won = 0;
	pid_t pids[16];

	setup();
	ck_assert_int_eq(pipe(go), 0);
	for (int i = 0; i < 16; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct vined_socket s;
			char c;

			close(go[1]);
			(void)!read(go[0], &c, 1);
			if (vined_socket_open(&s, path, &opts) != 0)
				_exit(1);
			pause();
		}
	}
	close(go[1]);	/* all at once */
	for (int left = 16; left > 1; left--) {
		int status;
		pid_t pid = wait(&status);

		ck_assert_int_gt(pid, 0);
		ck_assert(WIFEXITED(status));
		ck_assert_int_eq(WEXITSTATUS(status), 1);
		for (int i = 0; i < 16; i++)
			if (pids[i] == pid)
				pids[i] = 0;
	}
	ck_assert(connects());
	for (int i = 0; i < 16; i++)
		if (pids[i]) {
			won++;
			kill(pids[i], SIGKILL);
			ck_assert_int_eq(waitpid(pids[i], NULL, 0), pids[i]);
		}
	ck_assert_int_eq(won, 1);
	unlink(path);
	strcat(path, ".lock");
	unlink(path);
	check_empty();
}
END_TEST

START_TEST(a_path_that_cannot_be_is_refused_and_nothing_is_left)
{
	struct vined_socket s;
	char longer[200];
	int fd;

	setup();
	ck_assert_int_eq(vined_socket_open(&s, "relative", &opts), -EINVAL);
	memset(longer, 'x', sizeof(longer));
	longer[0] = '/';
	longer[108] = '\0';
	ck_assert_int_eq(vined_socket_open(&s, longer, &opts), -EINVAL);
	ck_assert_int_eq(vined_socket_open(&s, "/nonexistent/s", &opts),
			 -ENOENT);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_eq(vined_socket_open(&s, path, &opts), -ENOTSOCK);
	ck_assert_ptr_nonnull(strstr(rig_log, "is no socket"));
	close(fd);
	ck_assert_int_eq(unlink(path), 0);
	check_empty();
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(a_socket_has_its_permissions_and_goes_with_its_close),
	RIG_CASE(a_second_holder_is_refused_and_the_first_keeps_it),
	RIG_CASE(what_a_killed_holder_left_is_taken_over),
	RIG_CASE(a_stranger_who_listens_there_keeps_it),
	RIG_CASE(of_many_that_start_at_a_time_one_gets_it),
	RIG_CASE(a_path_that_cannot_be_is_refused_and_nothing_is_left),
};

RIG_MAIN("vined_socket", cases)
