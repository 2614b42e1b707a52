/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Init: the first process of a guest of tests/vm/vm.sh.
 *
 * It mounts what programs expect, loads the modules named in /vm/modules, runs
 * the program of /vm/argv with the environment of /vm/env, and says how that
 * ended on the third serial port: "exit 42", "signal 6", or "init" and what
 * went wrong. Then it has the machine reset, at which QEMU ends. The program's
 * output goes to the second port; the first one is the kernel's.
 *
 * Linked statically: the guest may hold no library.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define WORDS_MAX 64
#define TEXT_MAX 16384

static const struct {
	const char *type, *at;
	int needed;
} mounts[] = {
	{ "devtmpfs", "/dev", 1 },
	{ "proc", "/proc", 1 },
	{ "sysfs", "/sys", 1 },
	{ "tmpfs", "/dev/shm", 1 },
	{ "debugfs", "/sys/kernel/debug", 0 },
};

/* end writes how it ended and resets the machine. */
static void end(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/* A serial port that changes nothing in what is written to it. */
static int
port(const char *name)
{
	int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios t;

	if (fd >= 0 && tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		cfsetspeed(&t, B115200);
		tcsetattr(fd, TCSANOW, &t);
	}
	return fd;
}

static void
end(const char *format, ...)
{
	int fd = port("/dev/ttyS2");
	char line[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (fd < 0 || write(fd, line, (size_t)n) != n || tcdrain(fd) != 0)
		fprintf(stderr, "init: cannot say: %s", line);
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
		LINUX_REBOOT_CMD_RESTART, NULL);
	for (;;)
		pause();
}

/* The words of a file, one a line. */
static int
read_words(const char *path, char *text, char **words)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), count = 0;
	ssize_t n = fd < 0 ? -1 : read(fd, text, TEXT_MAX - 1);
	char *save = NULL;

	if (n < 0)
		end("init: %s: %s", path, strerror(errno));
	close(fd);
	text[n] = '\0';
	for (char *w = strtok_r(text, "\n", &save); w;
	     w = strtok_r(NULL, "\n", &save)) {
		if (count == WORDS_MAX)
			end("init: %s has more than %d lines", path, WORDS_MAX);
		words[count++] = w;
	}
	words[count] = NULL;
	return count;
}

static void
mount_all(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].at, 0755);
		if (mount(mounts[i].type, mounts[i].at, mounts[i].type, 0,
			  NULL) != 0 && mounts[i].needed)
			end("init: cannot mount %s: %s", mounts[i].at,
			    strerror(errno));
	}
}

static void
load_modules(void)
{
	static char text[TEXT_MAX];
	char *words[WORDS_MAX + 1];

	read_words("/vm/modules", text, words);
	for (int i = 0; words[i]; i++) {
		int fd = open(words[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 &&
			       errno != EEXIST))
			end("init: module %s: %s", words[i], strerror(errno));
		close(fd);
	}
}

static void
run(char **argv, char **env)
{
	int out = port("/dev/ttyS1");
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (out < 0 || in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 ||
	    dup2(out, 2) < 0)
		end("init: the program has no output: %s", strerror(errno));
	setsid();
	execve(argv[0], argv, env);
	end("init: cannot run %s: %s", argv[0], strerror(errno));
}

int
main(void)
{
	static char argv_text[TEXT_MAX], env_text[TEXT_MAX];
	char *argv[WORDS_MAX + 1], *env[WORDS_MAX + 1];
	int status = 0;
	pid_t pid, one;

	if (getpid() != 1)	/* the probe of vm.sh runs it as its program */
		return 0;
	mount_all();
	load_modules();
	if (read_words("/vm/argv", argv_text, argv) == 0)
		end("init: /vm/argv is empty");
	read_words("/vm/env", env_text, env);
	pid = fork();
	if (pid < 0)
		end("init: fork: %s", strerror(errno));
	if (pid == 0)
		run(argv, env);
	/* whoever is left over is ours, too */
	do {
		one = wait(&status);
	} while (one != pid && (one >= 0 || errno == EINTR));
	if (one < 0)
		end("init: wait: %s", strerror(errno));
	if (WIFSIGNALED(status))
		end("signal %d", WTERMSIG(status));
	end("exit %d", WEXITSTATUS(status));
}
