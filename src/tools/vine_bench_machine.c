/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine: read from /proc, /sys and the compiler.
 */
#include "tools/vine_bench_machine.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#if !defined(__OPTIMIZE__)
#define WARNING "built without optimisation: the figures mean nothing"
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WARNING "built with a sanitizer: the figures mean nothing"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WARNING "built with a sanitizer: the figures mean nothing"
#endif
#endif
#ifndef WARNING
#define WARNING NULL
#endif

/* copy_line copies up to the end of the line. */
static void
copy_line(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%.*s", (int)strcspn(from, "\n"), from);
}

static void
look_at_cpu(struct vine_bench_machine *machine)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[4096], *value;

	snprintf(machine->cpu, sizeof(machine->cpu), "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		value = strchr(line, ':');
		if (!value)
			continue;
		if (!strncmp(line, "model name", 10))
			copy_line(machine->cpu, sizeof(machine->cpu),
				  value + strspn(value, ": "));
		if (!strncmp(line, "flags", 5) && strstr(value, " hypervisor"))
			machine->virtual = 1;
	}
	if (file)
		fclose(file);
}

/* Leaf 0x40000000 is where a hypervisor says its name. */
static void
look_at_hypervisor(struct vine_bench_machine *machine)
{
#if defined(__x86_64__)
	unsigned int a, word[3];

	if (!machine->virtual)
		return;
	__cpuid(0x40000000, a, word[0], word[1], word[2]);
	memcpy(machine->hypervisor, word, sizeof(word));
#else
	(void)machine;
#endif
}

/* first_line reads a small file; "unknown" where there is none. */
static void
first_line(const char *path, char *to, size_t size)
{
	char line[256] = "unknown";
	FILE *file = fopen(path, "re");

	if (file) {
		if (!fgets(line, sizeof(line), file))
			snprintf(line, sizeof(line), "unknown");
		fclose(file);
	}
	copy_line(to, size, line);
}

void
vine_bench_machine_look(const struct vine_bench_timer *timer,
			struct vine_bench_machine *machine)
{
	time_t now = time(NULL);
	struct utsname name;
	char load[64];
	struct tm utc;

	memset(machine, 0, sizeof(*machine));
	if (gmtime_r(&now, &utc))
		strftime(machine->date, sizeof(machine->date),
			 "%Y-%m-%dT%H:%M:%SZ", &utc);
	look_at_cpu(machine);
	look_at_hypervisor(machine);
	if (uname(&name) == 0)
		snprintf(machine->kernel, sizeof(machine->kernel), "%s %s %s",
			 name.sysname, name.release, name.machine);
	first_line("/sys/kernel/mm/transparent_hugepage/shmem_enabled",
		   machine->pages, sizeof(machine->pages));
	first_line("/proc/loadavg", load, sizeof(load));
	machine->load = strtod(load, NULL);
	machine->cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	vine_bench_clock_look(timer, &machine->clock);
#ifdef __clang__
	machine->compiler = __VERSION__;
#else
	machine->compiler = "GCC " __VERSION__;
#endif
	machine->warning = WARNING;
}
