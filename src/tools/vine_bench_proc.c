/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proc: files of one line each, or of lines "key: number".
 */
#include "tools/vine_bench_proc.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
vine_bench_proc_threads(pid_t pid, int (*fn)(pid_t tid, void *arg), void *arg)
{
	struct dirent *entry;
	char path[64];
	int rc = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (!rc && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			rc = fn((pid_t)atoi(entry->d_name), arg);
	closedir(dir);
	return rc;
}

/* number_of finds the line of a key in a file of such lines; 0: none. */
static uint64_t
number_of(const char *path, const char *key)
{
	const size_t length = strlen(key);
	unsigned long long n = 0;
	char line[256];
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, length) && line[length] == ':') {
			n = strtoull(line + length + 1, NULL, 10);
			break;
		}
	if (file)
		fclose(file);
	return n;
}

static int
add_switches(pid_t tid, void *sum)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	*(uint64_t *)sum += number_of(path, "voluntary_ctxt_switches");
	return 0;
}

uint64_t
vine_bench_proc_switches(pid_t pid)
{
	uint64_t sum = 0;

	vine_bench_proc_threads(pid, add_switches, &sum);
	return sum;
}

uint64_t
vine_bench_proc_bytes(pid_t pid, const char *key)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	return number_of(path, key) << 10;
}

long
vine_bench_proc_ticks(pid_t pid)
{
	char path[64], line[1024] = "";
	unsigned long user = 0, kernel = 0;
	const char *rest;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (file) {
		if (!fgets(line, sizeof(line), file))
			line[0] = '\0';
		fclose(file);
	}
	/* the name, in brackets, may hold anything */
	rest = strrchr(line, ')');
	if (!rest || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u "
			    "%*u %lu %lu", &user, &kernel) != 2)
		return -1;
	return (long)(user + kernel);
}
