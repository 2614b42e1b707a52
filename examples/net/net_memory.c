/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From /proc/self/status (VmRSS, VmHWM), /proc/meminfo (Slab) and
 * /proc/net/sockstat (TCP: ... mem PAGES). What cannot be read counts as 0.
 */
#include "net_memory.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static uint64_t rss_before, slab_before;
static struct net_memory most;

/* The number after a word, in the first line that begins with `line`. */
static uint64_t
number(const char *path, const char *line, const char *word)
{
	unsigned long long found = 0;
	FILE *file = fopen(path, "re");
	char text[256];

	if (file == NULL)
		return 0;
	while (fgets(text, sizeof(text), file)) {
		const char *at;

		if (strncmp(text, line, strlen(line)) != 0)
			continue;
		at = strstr(text, word);
		if (at == NULL || sscanf(at + strlen(word), "%llu",
					 &found) != 1)
			found = 0;
		break;
	}
	fclose(file);
	return found;
}

static uint64_t
slab(void)
{
	return number("/proc/meminfo", "Slab:", ":") * 1024;
}

static void
keep_most(uint64_t *most_of, uint64_t now)
{
	if (now > *most_of)
		*most_of = now;
}

void
net_memory_begin(void)
{
	rss_before = number("/proc/self/status", "VmRSS:", ":") * 1024;
	slab_before = slab();
}

void
net_memory_look(void)
{
	uint64_t objects = slab();

	keep_most(&most.slab, objects > slab_before ?
		  objects - slab_before : 0);
	keep_most(&most.buffers,
		  number("/proc/net/sockstat", "TCP:", " mem ") *
		  (uint64_t)sysconf(_SC_PAGESIZE));
}

struct net_memory
net_memory_taken(void)
{
	uint64_t peak = number("/proc/self/status", "VmHWM:", ":") * 1024;

	most.process = peak > rss_before ? peak - rss_before : 0;
	return most;
}
