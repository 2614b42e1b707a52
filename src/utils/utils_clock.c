/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the clock works: which counter makes the ticks is settled before main.
 * Ticks become ns by anchors, pairs of a tick and the CLOCK_MONOTONIC ns at
 * the same instant. Three are kept: the process's first, and the last two,
 * which are at least a second apart once the process is older than that. The
 * line through the last two converts what is newer than the older of them, the
 * line from the first to it what is older; so both follow an adjusted clock.
 *
 * Anchors are renewed by whoever converts and finds the last one older than a
 * second. One thread does it (`busy`), and the others go on with what is
 * published; nobody waits. There are two sets: set `version & 1` is in use, the
 * other is filled, then `version` counts on (CLOCK-R1). A reader that finds
 * the version moved on reads again. A fork in the middle leaves the child with
 * a whole set.
 */
#include "utils/utils_clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/prctl.h>
#endif

/* A line of ns over ticks; its slope is ns * 2^SHIFT per tick. */
#define SHIFT 48

#define NS_PER_S UINT64_C(1000000000)
#define RENEW_NS NS_PER_S
/*
 * The shortest distance of two anchors to draw a line through. Anchors are
 * good to about 50 ns, so the line's slope is good to 1/20000.
 */
#define SPAN_MIN_NS UINT64_C(1000000)
/* An anchor is read anew, at most so often, until it is so many ticks wide. */
#define TRIES 8
#define NARROW_TICKS 100

__extension__ typedef unsigned __int128 u128;

struct anchor {
	uint64_t ticks;
	uint64_t ns;
};

struct anchors {
	struct anchor first;
	struct anchor older;
	struct anchor last;
	uint64_t slope;		/* older to last; 0: not known yet */
	uint64_t slope_old;	/* first to older */
	uint64_t renew_ticks;	/* age of `last` at which to renew */
};

#define WORDS (sizeof(struct anchors) / sizeof(uint64_t))

enum utils_clock_kind utils_clock_kind_now = UTILS_CLOCK_MONOTONIC;

/* Each word is atomic: a reader may look while the set is filled again. */
static uint64_t sets[2][WORDS];
static uint32_t version;
static uint32_t busy;

uint64_t
utils_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t
utils_clock_ticks_slow(void)
{
#if defined(__aarch64__)
	if (utils_clock_kind_now == UTILS_CLOCK_CNTVCT) {
		uint64_t ticks;

		__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
		return ticks;
	}
#endif
	return utils_clock_ns();
}

/*
 * The pair is as good as the time between its two ticks is short: the reader
 * may be descheduled in between.
 */
static struct anchor
anchor_now(void)
{
	struct anchor best = { 0, 0 };
	uint64_t narrow = UINT64_MAX;
	int i;

	for (i = 0; i < TRIES; i++) {
		uint64_t before = utils_clock_ticks();
		uint64_t ns = utils_clock_ns();
		uint64_t width = utils_clock_ticks() - before;

		if (width >= narrow)
			continue;
		narrow = width;
		best.ticks = before + width / 2;
		best.ns = ns;
		if (width < NARROW_TICKS)
			break;
	}
	return best;
}

/* slope_of returns the slope from a to b, 0 if they are too close. */
static uint64_t
slope_of(struct anchor a, struct anchor b)
{
	if (b.ns - a.ns < SPAN_MIN_NS || b.ns <= a.ns || b.ticks <= a.ticks)
		return 0;
	return (uint64_t)(((u128)(b.ns - a.ns) << SHIFT) /
			  (b.ticks - a.ticks));
}

static void
publish(const struct anchors *a)
{
	uint64_t words[WORDS];
	uint32_t next = __atomic_load_n(&version, __ATOMIC_RELAXED) + 1;
	size_t i;

	memcpy(words, a, sizeof(words));
	/* CLOCK-R2: who sees one of these words also sees that the version
	 * moved on before; pairs with CLOCK-A2 in anchors_read(). */
	for (i = 0; i < WORDS; i++)
		__atomic_store_n(&sets[next & 1][i], words[i],
				 __ATOMIC_RELEASE);
	/* CLOCK-R1 publishes the set; pairs with CLOCK-A1. */
	__atomic_store_n(&version, next, __ATOMIC_RELEASE);
}

static void
anchors_read(struct anchors *a)
{
	uint64_t words[WORDS];
	uint32_t seen;
	size_t i;

	do {
		/* CLOCK-A1 */
		seen = __atomic_load_n(&version, __ATOMIC_ACQUIRE);
		/* CLOCK-A2 */
		for (i = 0; i < WORDS; i++)
			words[i] = __atomic_load_n(&sets[seen & 1][i],
						   __ATOMIC_ACQUIRE);
	} while (__atomic_load_n(&version, __ATOMIC_RELAXED) != seen);
	memcpy(a, words, sizeof(words));
}

/*
 * The counter runs on or starts anew while the machine is suspended, and
 * CLOCK_MONOTONIC stands still. No line goes through that. Judged by the known
 * slope, if that was measured over long enough to be a judge.
 */
static int
jumped(const struct anchors *a, struct anchor now)
{
	uint64_t slope = slope_of(a->last, now);
	uint64_t tolerance = a->slope / 512;	/* ntpd slews by 1/2000 */

	if (a->last.ns - a->older.ns < RENEW_NS)
		return 0;
	return slope < a->slope - tolerance || slope > a->slope + tolerance;
}

static void
add_anchor(struct anchors *a, struct anchor now)
{
	uint64_t slope;

	if (jumped(a, now)) {
		/* all begins anew, with the known slope until there is one */
		a->first = a->older = a->last = now;
		return;
	}
	/* keep the older one until both are a second apart */
	if (now.ns - a->older.ns >= 2 * RENEW_NS)
		a->older = a->last;
	a->last = now;
	slope = slope_of(a->older, a->last);
	if (slope)
		a->slope = slope;
	slope = slope_of(a->first, a->older);
	a->slope_old = slope ? slope : a->slope;
	if (a->slope)
		a->renew_ticks = (uint64_t)(((u128)RENEW_NS << SHIFT) /
					    a->slope);
}

static void
renew(void)
{
	struct anchors a;
	struct anchor now;
	uint32_t zero = 0;

	/* CLOCK-A3 pairs with CLOCK-R3: one thread at a time fills sets. */
	if (!__atomic_compare_exchange_n(&busy, &zero, 1, 0, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return;
	anchors_read(&a);
	now = anchor_now();
	/* another thread may just have done it */
	if (a.slope == 0 || now.ticks - a.last.ticks > a.renew_ticks) {
		add_anchor(&a, now);
		publish(&a);
	}
	/* CLOCK-R3 */
	__atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
}

/* A fork while another thread renewed: that thread is not in the child. */
static void
after_fork_in_child(void)
{
	__atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
}

/*
 * A process this young has only its first anchor: waits until a line can be
 * drawn, once, about SPAN_MIN_NS.
 */
static void
wait_for_slope(struct anchors *a)
{
	while (a->slope == 0) {
		uint64_t age = utils_clock_ns() - a->first.ns;
		struct timespec t = { 0, 0 };

		if (age < SPAN_MIN_NS) {
			t.tv_nsec = (long)(SPAN_MIN_NS - age) + 1;
			clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
		}
		renew();
		anchors_read(a);
	}
}

/* current returns anchors whose slope is known and last is fresh. */
static void
current(struct anchors *a)
{
	int saved = errno;

	anchors_read(a);
	if (a->slope == 0) {
		wait_for_slope(a);
	} else if (utils_clock_ticks() - a->last.ticks > a->renew_ticks) {
		renew();
		anchors_read(a);
	}
	errno = saved;
}

/*
 * line returns the ns of a tick on the line through `at`. A tick that a peer
 * made up may lie outside of all time: then the nearest end.
 */
static uint64_t
line(struct anchor at, uint64_t slope, uint64_t ticks)
{
	u128 span;

	if (ticks >= at.ticks) {
		span = ((u128)(ticks - at.ticks) * slope) >> SHIFT;
		return span > UINT64_MAX - at.ns ? UINT64_MAX :
						   at.ns + (uint64_t)span;
	}
	span = ((u128)(at.ticks - ticks) * slope) >> SHIFT;
	return span > at.ns ? 0 : at.ns - (uint64_t)span;
}

uint64_t
utils_clock_to_ns(uint64_t ticks)
{
	struct anchors a;

	if (utils_clock_kind_now == UTILS_CLOCK_MONOTONIC)
		return ticks;
	current(&a);
	if (ticks >= a.older.ticks)
		return line(a.last, a.slope, ticks);
	return line(a.older, a.slope_old, ticks);
}

uint64_t
utils_clock_from_ns(uint64_t ns)
{
	struct anchors a;
	u128 ticks;

	if (utils_clock_kind_now == UTILS_CLOCK_MONOTONIC)
		return ns;
	current(&a);
	ticks = (((u128)ns << SHIFT) + a.slope - 1) / a.slope;
	return ticks > UINT64_MAX ? UINT64_MAX : (uint64_t)ticks;
}

uint64_t
utils_clock_span_ns(uint64_t ticks)
{
	struct anchors a;
	u128 ns;

	if (utils_clock_kind_now == UTILS_CLOCK_MONOTONIC)
		return ticks;
	current(&a);
	ns = ((u128)ticks * a.slope) >> SHIFT;
	return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

#if defined(__x86_64__) || defined(__aarch64__)
/*
 * The kernel watches the counter that it keeps time by, and gives it up if it
 * is not steady: its choice is the best evidence there is.
 */
static int
kernel_uses(const char *source)
{
	char name[32];
	ssize_t len;
	int fd;

	fd = open("/sys/devices/system/clocksource/clocksource0/"
		  "current_clocksource", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	len = read(fd, name, sizeof(name));
	close(fd);
	return len == (ssize_t)strlen(source) + 1 &&
	       memcmp(name, source, (size_t)len - 1) == 0;
}
#endif

static enum utils_clock_kind
choose(void)
{
#if defined(__x86_64__)
	unsigned int a, b, c, d;
	int mode = PR_TSC_ENABLE;

	/* bit 8: the TSC runs at one rate in every power state */
	if (__get_cpuid(0x80000007, &a, &b, &c, &d) && (d & (1u << 8)) &&
	    prctl(PR_GET_TSC, &mode) == 0 && mode == PR_TSC_ENABLE &&
	    kernel_uses("tsc"))
		return UTILS_CLOCK_TSC;
#elif defined(__aarch64__)
	if (kernel_uses("arch_sys_counter"))
		return UTILS_CLOCK_CNTVCT;
#endif
	return UTILS_CLOCK_MONOTONIC;
}

/* known_slope returns the slope that the hardware states, 0 if it does not. */
static uint64_t
known_slope(void)
{
#if defined(__aarch64__)
	uint64_t hz;

	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
	if (hz)
		return (uint64_t)(((u128)NS_PER_S << SHIFT) / hz);
#endif
	return 0;
}

__attribute__((constructor)) static void
start(void)
{
	struct anchors a = { .slope = 0 };

	utils_clock_kind_now = choose();
	if (utils_clock_kind_now == UTILS_CLOCK_MONOTONIC)
		return;
	a.first = a.older = a.last = anchor_now();
	a.slope = a.slope_old = known_slope();
	if (a.slope)
		a.renew_ticks = (uint64_t)(((u128)RENEW_NS << SHIFT) / a.slope);
	publish(&a);
	/* fails only for want of memory; then a child may keep old anchors */
	(void)pthread_atfork(NULL, NULL, after_fork_in_child);
}
