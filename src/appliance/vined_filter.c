/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter is made out of vined_calls.def and loaded for all threads at a
 * time. A forbidden call is not carried out: its thread gets SIGSYS, and the
 * handler writes which call it was and ends the process by the same signal.
 * Code that has taken over the process may change that handler; its calls are
 * not carried out for all that.
 *
 * Names of calls are looked up before, because a handler may not allocate. A
 * thread that blocks SIGSYS is killed without a line, so ours do not.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/vined_filter.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"

#define NUMBERS 1024	/* above every number of a call in libseccomp */

/* The lists of vined_calls.def. */
enum {
	ALWAYS = 1,
	APP_CODE = 2,
	SANITIZERS = 4,
	COVERAGE = 8,
	SOCKETS = 16,
	RINGS = 32,
};

#define WRITING (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))

/* Conditions: argument n is a value, has all of the bits, has none of them. */
#define ARG_IS(n, value) { (n), SCMP_CMP_EQ, (value), 0 }
#define ARG_HAS(n, bits) { (n), SCMP_CMP_MASKED_EQ, (bits), (bits) }
#define ARG_LACKS(n, bits) { (n), SCMP_CMP_MASKED_EQ, (bits), 0 }

enum verdict { ALLOW, ALLOW_IF, FAIL };

struct call {
	int number;		/* below 0: not of this architecture */
	const char *name;
	enum verdict verdict;
	unsigned int lists;
	uint16_t error;		/* of FAIL */
	struct scmp_arg_cmp condition;	/* of ALLOW_IF */
};

static const char *names[NUMBERS];
static int with_level;

static unsigned int
lists_in_force(unsigned int allow)
{
	unsigned int lists = ALWAYS;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	lists |= SANITIZERS;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	lists |= SANITIZERS;
#endif
#endif
#ifdef VINE_COVERAGE
	lists |= COVERAGE;
#endif
	if (allow & VINED_ALLOW_APP_CODE)
		lists |= APP_CODE;
	if (allow & VINED_ALLOW_SOCKETS)
		lists |= SOCKETS;
	if (allow & VINED_ALLOW_RINGS)
		lists |= RINGS;
	return lists;
}

static int
add(scmp_filter_ctx filter, const struct call *c, unsigned int lists)
{
	uint32_t action = c->verdict == FAIL ?
		SCMP_ACT_ERRNO(c->error) : SCMP_ACT_ALLOW;
	int rc = 0;

	if (c->number < 0)
		return 0;
	if (c->verdict == ALLOW_IF && !(c->lists & lists))
		rc = seccomp_rule_add_array(filter, action, c->number, 1,
					    &c->condition);
	else if (c->verdict == FAIL || c->lists & lists)
		rc = seccomp_rule_add(filter, action, c->number, 0);
	if (rc == -EEXIST)	/* in two lists */
		rc = 0;
	if (rc)
		log_error("filter of system calls: %s: %s", c->name,
			  strerror(-rc));
	return rc;
}

static int
add_all(scmp_filter_ctx filter, unsigned int lists)
{
	const struct call calls[] = {
#define VINED_CALL(call, in) \
		{ .number = SCMP_SYS(call), .name = #call, \
		  .verdict = ALLOW, .lists = (in) },
#define VINED_CALL_IF(call, how, in) \
		{ .number = SCMP_SYS(call), .name = #call, \
		  .verdict = ALLOW_IF, .lists = (in), .condition = how },
#define VINED_CALL_NOT(call, fault) \
		{ .number = SCMP_SYS(call), .name = #call, .verdict = FAIL, \
		  .error = (fault) },
#include "appliance/vined_calls.def"
#undef VINED_CALL
#undef VINED_CALL_IF
#undef VINED_CALL_NOT
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && rc == 0; i++)
		rc = add(filter, &calls[i], lists);
	return rc;
}

/* --- a forbidden call --------------------------------------------------- */

/* Text for a handler: no allocation, no lock, no locale. */
struct line {
	char text[256];
	size_t used;
};

static void
put(struct line *line, const char *text)
{
	while (*text && line->used < sizeof(line->text))
		line->text[line->used++] = *text++;
}

static void
put_number(struct line *line, unsigned int n)
{
	char digits[12];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do
		digits[--at] = (char)('0' + n % 10);
	while (n /= 10);
	put(line, digits + at);
}

static void
on_forbidden(int signal_number, siginfo_t *info, void *context)
{
	unsigned int number = (unsigned int)info->si_syscall;
	struct line line = { .used = 0 };
	char thread[17] = "";
	ssize_t n;

	(void)context;
	prctl(PR_GET_NAME, thread, 0, 0, 0);
	put(&line, with_level ? "<3>" : "vined: error: ");
	put(&line, "forbidden system call ");
	put_number(&line, number);
	put(&line, " (");
	put(&line, number < NUMBERS && names[number] ? names[number] : "?");
	put(&line, ") in thread ");
	put(&line, thread);
	put(&line, ": killed by the filter\n");
	n = write(STDERR_FILENO, line.text, line.used);
	(void)n;
	raise(signal_number);	/* SA_RESETHAND: this one ends us */
}

static int
handle_forbidden(int journal)
{
	struct sigaction act = {
		.sa_sigaction = on_forbidden,
		.sa_flags = SA_SIGINFO | SA_RESETHAND | SA_NODEFER,
	};

	with_level = journal;
	for (int i = 0; i < NUMBERS; i++)	/* kept until the end */
		names[i] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE,
							    i);
	sigfillset(&act.sa_mask);
	sigdelset(&act.sa_mask, SIGSYS);
	return sigaction(SIGSYS, &act, NULL) == 0 ? 0 : -errno;
}

/* --- loading ------------------------------------------------------------ */

static int
load(scmp_filter_ctx filter, unsigned int lists)
{
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	if (rc == 0)	/* errors of the kernel as they are */
		rc = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
	if (rc == 0)	/* a tree and no chain: calls with conditions are many */
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
				      SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc = add_all(filter, lists);
	if (rc == 0)
		rc = seccomp_load(filter);
	return rc;
}

int
vined_filter_load(const struct utils_config *config, unsigned int allow,
		  int journal)
{
	const char *how = utils_config_str(config, UTILS_KEY_seccomp);
	scmp_filter_ctx filter;
	int rc;

	if (strcmp(how, "off") == 0) {
		log_warn("seccomp is off: no filter of system calls");
		return 0;
	}
	rc = handle_forbidden(journal);
	if (rc)
		return rc;
	filter = seccomp_init(strcmp(how, "log") == 0 ? SCMP_ACT_LOG :
			      SCMP_ACT_TRAP);
	rc = filter ? load(filter, lists_in_force(allow)) : -ENOMEM;
	if (filter)
		seccomp_release(filter);
	if (rc)
		log_error("the filter of system calls cannot be loaded: %s; "
			  "seccomp off goes without", strerror(-rc));
	return rc;
}
