/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What vined does with what was held for it: here the test is the holder, and
 * gives back less than it got, or something else. vined takes up what is whole,
 * begins anew where it is not, says why, and leaves nothing with its holder
 * that nobody needs.
 */
#include "core/vine_keep.h"
#include "core/vine_life.h"
#include "core/vine_session.h"
#include "raw_peer.h"
#include "work.h"

enum { HELD_MAX = 512, PASSED_FROM = 600 };

static struct appliance appliance;
static char path[108];		/* of the socket */
static char told_at[108];	/* our own */
static char config[512];	/* an application's */
static int notify;
static struct held {
	char name[64];
	int fd;
} held[HELD_MAX];
static int held_count;

/* --- the holder ---------------------------------------------------------- */

static void
drop_at(int i)
{
	close(held[i].fd);
	held[i] = held[--held_count];
}

static void
drop(const char *name)
{
	for (int i = held_count; i-- > 0;)
		if (strcmp(held[i].name, name) == 0)
			drop_at(i);
}

static void
put(const char *name, int fd)
{
	ck_assert_int_lt(held_count, HELD_MAX);
	ck_assert_int_ge(fd, 0);
	snprintf(held[held_count].name, sizeof(held[0].name), "%s", name);
	held[held_count++].fd = fd;
}

/* The only one whose name ends so, or -1. */
static int
find(const char *end)
{
	int at = -1;

	for (int i = 0; i < held_count; i++) {
		const char *dot = strrchr(held[i].name, '.');

		if (dot && strcmp(dot + 1, end) == 0) {
			ck_assert_msg(at < 0, "%s twice", end);
			at = i;
		}
	}
	return at;
}

static void
take_told(const char *text, const int *fds, int count)
{
	const char *at = strstr(text, "FDNAME=");
	char name[64] = "";

	if (at)
		snprintf(name, sizeof(name), "%.*s",
			 (int)strcspn(at + 7, "\n"), at + 7);
	if (strncmp(text, "FDSTOREREMOVE=1", 15) == 0)
		drop(name);
	if (strncmp(text, "FDSTORE=1", 9) == 0)
		ck_assert(strstr(text, "FDPOLL=0") != NULL);
	else
		ck_assert_int_eq(count, 0);
	for (int i = 0; i < count; i++)
		put(name, fds[i]);
}

/* Take what is said; 0 if there is nothing. */
static int
hear_one(char *text, size_t size)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control;
	struct iovec iov = { text, size - 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c;
	int fds[8], count = 0;
	ssize_t n = recvmsg(notify, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return 0;
	text[n] = '\0';
	c = CMSG_FIRSTHDR(&msg);
	if (c) {
		count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), (size_t)count * sizeof(int));
	}
	take_told(text, fds, count);
	return 1;
}

static void
hear(void)
{
	char text[4096];

	while (hear_one(text, sizeof(text)))
		;
}

static void
hear_until(const char *what)
{
	int64_t end = appliance_now() + APPLIANCE_PATIENCE_MS;
	char text[4096];

	for (;;) {
		struct pollfd p = { .fd = notify, .events = POLLIN };

		ck_assert_msg(appliance_now() < end, "never heard %s", what);
		(void)poll(&p, 1, 100);
		if (hear_one(text, sizeof(text)) &&
		    strncmp(text, what, strlen(what)) == 0)
			return;
	}
}

static void
hear_until_held(int count)
{
	AWAIT((hear(), held_count == count));
}

/* In the child: what is held from 3 on. */
static void
pass_on(void)
{
	static char names[HELD_MAX * 64];
	char number[32];

	for (int i = 0; i < held_count; i++)
		dup2(held[i].fd, PASSED_FROM + i);
	for (int i = 0; i < held_count; i++) {
		dup2(PASSED_FROM + i, 3 + i);
		close(PASSED_FROM + i);
		strcat(names, i ? ":" : "");
		strcat(names, held[i].name);
	}
	setenv("LISTEN_FDNAMES", names, 1);
	snprintf(number, sizeof(number), "%d", held_count);
	setenv("LISTEN_FDS", number, 1);
	snprintf(number, sizeof(number), "%d", getpid());
	setenv("LISTEN_PID", number, 1);
	setenv("NOTIFY_SOCKET", told_at, 1);
}

/* Start vined with what is held; wait until it serves, and holds it again. */
static void
run(void)
{
	pid_t parent = getpid();
	char bin[4096];

	appliance_bin(bin, sizeof(bin), "vined");
	appliance.pid = fork();
	ck_assert_int_ge(appliance.pid, 0);
	if (appliance.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(126);
		dup2(open(appliance.log, O_WRONLY | O_CREAT | O_APPEND |
			  O_CLOEXEC, 0600), STDERR_FILENO);
		setpgid(0, 0);
		unsetenv("JOURNAL_STREAM");
		pass_on();
		execl(bin, "vined", "--config", appliance.config, NULL);
		_exit(127);
	}
	hear_until("READY=1");
}

static void
plan(const char *tag)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char text[2048], lines[8192], base[256];

	snprintf(base, sizeof(base), "%s/%s", appliance_folder, tag);
	ck_assert_uint_lt(strlen(base) + 5, sizeof(path));
	snprintf(path, sizeof(path), "%.100s.sock", base);
	snprintf(told_at, sizeof(told_at), "%.100s.told", base);
	snprintf(text, sizeof(text), "socket %s\nshm_size 4M\n", path);
	snprintf(config, sizeof(config), "socket %s\ntrace 0\n"
		 "log_level error\nattach_timeout 20s\n", path);
	work_kernels(lines, sizeof(lines), text);
	appliance_plan(&appliance, tag, lines);
	memcpy(at.sun_path, told_at, sizeof(at.sun_path));
	notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(notify, (struct sockaddr *)&at, sizeof(at)), 0);
}

static void
start(const char *tag)
{
	plan(tag);
	run();
	hear();
	ck_assert_int_eq(held_count, 4);
}

static void
kill_it(void)
{
	ck_assert_int_eq(appliance_stop(&appliance, SIGKILL), 128 + SIGKILL);
	hear();
}

/* In order: then nobody holds anything. */
static void
stop(void)
{
	ck_assert_int_eq(kill(appliance.pid, SIGTERM), 0);
	hear_until("STOPPING=1");
	hear_until_held(0);
	ck_assert_int_eq(appliance_wait(&appliance), 0);
	ck_assert_int_ne(access(path, F_OK), 0);
	close(notify);
}

static struct vine_session *
attach(void)
{
	struct vine_session_opts o = { .size = sizeof(o), .config = config };
	struct vine_session *s = NULL;

	ck_assert_int_eq(vine_session_open(&o, &s), 0);
	return s;
}

static int
works(struct vine_session *s)
{
	struct vine_task_opts o = opts_of(s, "quick");
	struct order order = { 0, 5 };
	struct vine_slice out;
	enum vine_status status;
	vine_data *data;
	vine_task *task;

	MUST(vine_data_alloc_in(s, sizeof(struct tally), 64, &data) == 0);
	out = vine_slice_all(data);
	o.out = &out;
	o.out_count = 1;
	o.args = &order;
	o.args_size = sizeof(order);
	MUST(vine_task_issue_opts(&o, &task) == 0);
	status = status_of(task);
	vine_task_free(task);
	vine_data_free(data);
	return status == VINE_STATUS_OK;
}

static int
ended(int sock)
{
	struct pollfd p = { .fd = sock };

	return poll(&p, 1, 0) == 1;
}

/* --- what is whole ------------------------------------------------------- */

START_TEST(what_is_held_is_taken_up_in_whatever_order)
{
	struct vine_session *s;
	struct raw raw;
	struct held first;

	start("whole");
	ck_assert_int_ge(find("listen"), 0);
	ck_assert_int_ge(find("segment"), 0);
	ck_assert_int_ge(find("keep"), 0);
	ck_assert_int_ge(find("bell"), 0);
	raw = raw_attach(path);
	s = attach();
	hear_until_held(8);
	kill_it();
	for (int i = 0; i < held_count / 2; i++) {
		first = held[i];
		held[i] = held[held_count - 1 - i];
		held[held_count - 1 - i] = first;
	}
	run();
	hear();
	ck_assert_int_eq(held_count, 8);
	ck_assert(works(s));
	ck_assert(!ended(raw.sock));
	vine_session_close(s);
	hear_until_held(6);
	stop();
	ck_assert(ended(raw.sock));
}
END_TEST

/* It writes where it likes and holds every lock that vined might want. */
START_TEST(what_a_peer_does_to_the_segment_meanwhile_does_not_matter)
{
	struct vine_session *s;
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct vine_header_shm *h;
	struct raw raw;
	char name[64];
	int fd;

	start("hostile");
	raw = raw_attach(path);
	s = attach();
	hear_until_held(8);
	kill_it();
	h = (struct vine_header_shm *)(uintptr_t)raw.view.base;
	arch_store64(&h->magic, 1);
	arch_store64(&h->size, UINT64_MAX);
	arch_store32(&h->queue_slots, 7);
	arch_store64(&h->incarnation, 1);
	arch_store32(&h->state, 0);
	/* of an open file of its own, and of the one of all */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", raw.fd);
	fd = open(name, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	all.l_start = (INT64_C(1) << 62);
	all.l_len = 2;
	ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &all), 0);
	all.l_start = 0;
	all.l_len = 4096;
	ck_assert_int_eq(fcntl(raw.fd, F_OFD_SETLK, &all), 0);
	run();
	ck_assert(works(s));
	ck_assert_uint_eq(arch_load64(&h->size), raw.view.layout.size);
	vine_session_close(s);
	ck_assert(!ended(raw.sock));
	stop();
}
END_TEST

/* --- what is not --------------------------------------------------------- */

static void
lose(const char *what)
{
	int i = find(what);

	ck_assert_int_ge(i, 0);
	drop_at(i);
}

static void
swap(const char *one, const char *other)
{
	int i = find(one), j = find(other), fd = held[i].fd;

	held[i].fd = held[j].fd;
	held[j].fd = fd;
}

static void
replace(const char *what, int fd)
{
	int i = find(what);

	ck_assert_int_ge(fd, 0);
	close(held[i].fd);
	held[i].fd = fd;
}

static int
memory(size_t size, int seals)
{
	int fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static uint8_t *
keep_bytes(void)
{
	void *p = mmap(NULL, 2 * VINE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		       held[find("keep")].fd, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

#define SEALED (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static void
no_keep(void)
{
	lose("keep");
}

static void
no_segment(void)
{
	lose("segment");
}

static void
no_bell(void)
{
	lose("bell");
}

static void
only_peers(void)
{
	lose("keep");
	lose("segment");
	lose("bell");
	lose("listen");
}

static void
bell_is_a_socket(void)
{
	replace("bell", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static void
keep_is_the_segment(void)
{
	swap("keep", "segment");
}

static void
segment_twice(void)
{
	int i = find("segment");

	put(held[i].name, fcntl(held[i].fd, F_DUPFD_CLOEXEC, 3));
}

static void
segment_not_sealed(void)
{
	replace("segment", memory(4 << 20, F_SEAL_GROW));
}

static void
segment_too_small(void)
{
	replace("segment", memory(4096, SEALED));
}

static void
segment_another(void)
{
	replace("segment", memory(4 << 20, SEALED));
}

static void
segment_a_file(void)
{
	replace("segment", open(appliance.config, O_RDWR | O_CLOEXEC));
}

static void
keep_void(void)
{
	((struct vine_keep_header *)keep_bytes())->state = VINE_KEEP_VOID;
}

static void
keep_of_another_build(void)
{
	((struct vine_keep_header *)keep_bytes())->id ^= 1;
}

static void
keep_of_another_boot(void)
{
	((struct vine_keep_header *)keep_bytes())->boot_id ^= 1;
}

static void
keep_of_another_size(void)
{
	((struct vine_keep_header *)keep_bytes())->segment_size += VINE_PAGE;
}

static void
keep_with_an_insane_record(void)
{
	struct vine_keep_session *s =
		(struct vine_keep_session *)(keep_bytes() + VINE_PAGE);

	s[15].state = 99;
}

static const struct {
	const char *tag;
	void (*forge)(void);
	const char *says;
} bad[] = {
	{ "a", no_keep, "its keep is missing" },
	{ "b", no_segment, "its memory is missing" },
	{ "c", no_bell, "its bell is missing" },
	{ "d", only_peers, "its memory is missing" },
	{ "e", bell_is_a_socket, "its bell is missing" },
	{ "f", keep_is_the_segment, "it is no keep" },
	{ "g", segment_twice, "its memory is missing" },
	{ "h", segment_not_sealed, "its memory is missing" },
	{ "i", segment_too_small, "is not the sealed memory of" },
	{ "j", segment_another, "the segment is another" },
	{ "k", segment_a_file, "its memory is missing" },
	{ "l", keep_void, "it was given up" },
	{ "m", keep_of_another_build, "it is of another build" },
	{ "n", keep_of_another_boot, "it is from before a boot" },
	{ "o", keep_of_another_size, "is not the sealed memory of" },
	{ "p", keep_with_an_insane_record, "it makes no sense" },
};

START_TEST(where_something_is_missing_or_wrong_vined_begins_anew)
{
	struct vine_session *s, *next;
	struct raw raw;
	long from;

	start(bad[_i].tag);
	raw = raw_attach(path);
	s = attach();
	ck_assert(works(s));
	hear_until_held(8);
	kill_it();
	from = appliance_log_size(&appliance);
	bad[_i].forge();
	run();
	ck_assert(appliance_logged(&appliance, from, bad[_i].says));
	ck_assert(appliance_logged(&appliance, from, "begins anew"));
	/* the peers know, and the holder has no more of them */
	hear_until_held(4);
	raw_ended(raw.sock);
	ck_assert(find("listen") >= 0 && find("segment") >= 0 &&
		  find("keep") >= 0 && find("bell") >= 0);
	AWAIT(vine_life_check(s) != 0);
	vine_session_close(s);
	next = attach();
	ck_assert(works(next));
	/* and what is held now is whole */
	hear_until_held(6);
	kill_it();
	run();
	ck_assert(works(next));
	vine_session_close(next);
	stop();
}
END_TEST

/* --- parts --------------------------------------------------------------- */

START_TEST(a_socket_that_does_not_listen_there_is_made_anew)
{
	struct vine_session *s, *next;

	start("listening");
	s = attach();
	hear_until_held(6);
	for (int i = 0; i < 3; i++) {
		kill_it();
		if (i == 0)
			lose("listen");
		else if (i == 1)
			replace("listen", socket(AF_UNIX, SOCK_STREAM, 0));
		else
			ck_assert_int_eq(unlink(path), 0);
		run();
		hear_until_held(6);
		ck_assert_int_ge(find("listen"), 0);
		ck_assert(works(s));
		next = attach();
		ck_assert(works(next));
		vine_session_close(next);
		hear_until_held(6);
	}
	vine_session_close(s);
	stop();
}
END_TEST

START_TEST(a_peer_of_whom_something_is_missing_ends_and_others_go_on)
{
	struct vine_session *s;
	struct raw raw[3];
	int lost = 0;

	start("peers");
	s = attach();
	for (int i = 0; i < 3; i++)
		raw[i] = raw_attach(path);
	hear_until_held(12);
	kill_it();
	/* one has no bell, one has two connections */
	for (int i = 0; i < held_count; i++) {
		int type;
		socklen_t size = sizeof(type);
		int is_bell = getsockopt(held[i].fd, SOL_SOCKET, SO_TYPE,
					 &type, &size) != 0;

		if (is_bell && strstr(held[i].name, ".p2")) {
			drop_at(i--);
		} else if (is_bell && strstr(held[i].name, ".p3")) {
			close(held[i].fd);
			held[i].fd = socket(AF_UNIX, SOCK_STREAM, 0);
		}
	}
	run();
	hear_until_held(8);
	ck_assert(appliance_logged(&appliance, 0, "is no peer"));
	for (int i = 0; i < 3; i++)
		lost += ended(raw[i].sock);
	ck_assert_int_eq(lost, 2);
	ck_assert(works(s));
	vine_session_close(s);
	stop();
}
END_TEST

START_TEST(what_is_of_no_socket_of_the_configs_is_given_back)
{
	start("strange");
	kill_it();
	put("foo", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	put("0123456789abcdef.segment", memory(4096, SEALED));
	put("0123456789012345678901234567890123456789",
	    open("/dev/null", O_RDONLY | O_CLOEXEC));
	run();
	hear_until_held(4);
	ck_assert(appliance_logged(&appliance, 0, "3 descriptors were held"));
	stop();
}
END_TEST

/* --- a holder that is no good -------------------------------------------- */

START_TEST(a_holder_that_does_not_listen_keeps_nobody_waiting)
{
	struct vine_session *s;
	int socks[200];

	start("deaf");
	s = attach();
	for (int n = 0; n < 3; n++) {
		for (int i = 0; i < 200; i++)
			socks[i] = raw_connect(path);
		ck_assert(works(s));
		for (int i = 0; i < 200; i += 1 + (n == 2))
			close(socks[i]);
		ck_assert(works(s));
	}
	/* every second one of the last is still there */
	hear_until_held(4 + 2 + 200);
	kill_it();
	run();
	ck_assert(works(s));
	for (int i = 1; i < 200; i += 2)
		ck_assert(!ended(socks[i]));
	vine_session_close(s);
	stop();
}
END_TEST

START_TEST(without_a_holder_that_can_be_reached_vined_serves)
{
	struct vine_session *s;

	plan("nobody");
	snprintf(told_at, sizeof(told_at), "/no/such/socket");
	{
		long from = appliance_log_size(&appliance);
		pid_t pid = fork();

		if (pid == 0) {
			char bin[4096];

			prctl(PR_SET_PDEATHSIG, SIGKILL);
			dup2(open(appliance.log, O_WRONLY | O_CREAT | O_APPEND,
				  0600), STDERR_FILENO);
			appliance_bin(bin, sizeof(bin), "vined");
			pass_on();
			setenv("LISTEN_FDS", "many", 1);
			execl(bin, "vined", "--config", appliance.config,
			      NULL);
			_exit(127);
		}
		appliance.pid = pid;
		appliance_await(&appliance, from, "serving segment ");
	}
	ck_assert(appliance_logged(&appliance, 0, "/no/such/socket cannot be "
				   "connected to"));
	ck_assert(appliance_logged(&appliance, 0, "what was held for this "
				   "vined cannot be read"));
	s = attach();
	ck_assert(works(s));
	vine_session_close(s);
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("holder");

	tcase_add_test(tcase, what_is_held_is_taken_up_in_whatever_order);
	tcase_add_test(tcase,
		what_a_peer_does_to_the_segment_meanwhile_does_not_matter);
	tcase_add_loop_test(tcase,
		where_something_is_missing_or_wrong_vined_begins_anew, 0,
		(int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(tcase, a_socket_that_does_not_listen_there_is_made_anew);
	tcase_add_test(tcase,
		a_peer_of_whom_something_is_missing_ends_and_others_go_on);
	tcase_add_test(tcase,
		what_is_of_no_socket_of_the_configs_is_given_back);
	tcase_add_test(tcase,
		a_holder_that_does_not_listen_keeps_nobody_waiting);
	tcase_add_test(tcase,
		without_a_holder_that_can_be_reached_vined_serves);
	return appliance_main("holder", tcase);
}
