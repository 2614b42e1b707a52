/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plot: a picture is a title, axes and some series. A series is either one
 * benchmark's distribution, or all benchmarks whose name is a prefix and a
 * number. Its points form one block of the data file; gnuplot finds it by its
 * index.
 */
#include "tools/vine_bench_plot.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "utils/utils_log.h"

#define SERIES_MAX 8		/* of a picture, each at up to 3 distances */

/* What the points of a picture are. */
enum shape {
	PERCENTILES,	/* of one benchmark: share of operations, ns */
	VALUES,		/* number in the name, value, least, most */
	RATIOS,		/* number in the name, ratio to the limit */
};

struct series {
	const char *name;	/* of the benchmark, or a prefix */
	const char *label;
};

struct picture {
	const char *name;
	enum shape shape;
	const char *title, *x, *y;
	const char *more;	/* lines for the script, or "" */
	struct series series[SERIES_MAX];	/* up to a NULL name */
};

static const struct picture pictures[] = {
	{ "latency-polling", PERCENTILES, "Round trips, both sides polling",
	  "round trips that took no longer", "ns (logarithmic)",
	  "set logscale y\nset yrange [50:*]\n",
	  { { "line2", "two bounced lines" }, { "ring256.rtt", "bare rings" },
	    { "task.rtt", "empty task" },
	    { "task.rtt.nostamp", "empty task, no stamps" },
	    { "task.rtt.touch", "64 bytes copied" } } },
	{ "latency-sleeping", PERCENTILES, "Waking up",
	  "round trips that took no longer", "us (logarithmic)",
	  "set logscale y\nset yrange [5:*]\n",
	  { { "futex.pause", "bare futex, both asleep" },
	    { "sleep.rtt", "task, both asleep" },
	    { "futex.server", "bare futex, server asleep" },
	    { "sleep.vined", "task, vined asleep" },
	    { "futex.client", "bare futex, to the client" },
	    { "sleep.client", "completion to the client" } } },
	{ "idle-queues", RATIOS, "Round trip of one queue beside idle ones",
	  "idle queues", "times the round trip alone",
	  "set logscale x 2\nset xrange [0.7:50000]\nset yrange [0.8:1.5]\n"
	  "set xtics (1, 16, 256, 4096, 32768)\n"
	  "set arrow 1 from 2048,1.1 to 8192,1.1 nohead lc rgb 'black' dt 2\n"
	  "set label 1 'budget 1.1' at 4096,1.12 center\n"
	  "set arrow 2 from 16384,1.3 to 50000,1.3 nohead lc rgb 'black' dt 2\n"
	  "set label 2 'budget 1.3' at 28000,1.32 center\n",
	  { { "queues.idle.", "beside idle queues" } } },
	{ "active-queues", VALUES, "Cost of a task to vined, all backlogged",
	  "active queues", "ns a task",
	  "set logscale x 2\nset xrange [0.7:6000]\nset yrange [0:*]\n"
	  "set xtics (1, 16, 256, 4096)\n",
	  { { "queues.active.", "cost of a task" } } },
	{ "rate", VALUES, "Tasks a second of one queue",
	  "window, or tasks of each of two batches in flight", "million/s",
	  "set logscale x 2\nset xrange [0.8:320]\nset yrange [0:*]\n",
	  { { "ring256.w", "bare rings, by window" },
	    { "task.rate.w", "tasks with two data, by window" },
	    { "task.batch.", "the same, by batch" } } },
	{ "threads", VALUES, "Tasks a second of threads, window 32 each",
	  "application threads", "million/s",
	  "set xrange [0.5:8.5]\nset xtics (1, 2, 4, 8)\nset yrange [0:*]\n",
	  { { "threads.", "all threads together" } } },
};

static const char head[] =
"set terminal svg size 860,540 enhanced font 'sans-serif,15' "
"background rgb 'white' linewidth 1.5\n"
"set encoding utf8\n"
"set linetype 1 lc rgb '#000000' pt 7 ps 0.7\n"
"set linetype 2 lc rgb '#d55e00' pt 5 ps 0.7\n"
"set linetype 3 lc rgb '#0072b2' pt 9 ps 0.8\n"
"set linetype 4 lc rgb '#009e73' pt 11 ps 0.8\n"
"set linetype 5 lc rgb '#cc79a7' pt 13 ps 0.9\n"
"set linetype 6 lc rgb '#8a6d00' pt 6 ps 0.8\n"
"set grid lc rgb '#d0d0d0' lw 0.7\n"
"set border 3\n"
"set tics nomirror\n"
"set bmargin 7.5\nset rmargin 4\n"
"set key at screen 0.5,0.17 center top Left reverse samplen 2 "
"spacing 1.2 maxrows 3\n";

/* A picture on its way: its files, and the blocks written so far. */
struct drawing {
	const struct vine_bench_report *report;
	const struct picture *picture;
	FILE *data, *script;
	unsigned int blocks;
	double nines;		/* PERCENTILES: the largest that is drawn */
	char note[128];		/* what is not in the picture */
};

int
vine_bench_plot_prepare(const char *dir)
{
	if (mkdir(dir, 0777) < 0 && errno != EEXIST) {
		log_error("%s: cannot make the folder: %s", dir,
			  strerror(errno));
		return -EIO;
	}
	if (access(dir, W_OK | X_OK) < 0) {
		log_error("%s: cannot be written: %s", dir, strerror(errno));
		return -EIO;
	}
	/* not by system(): SIGCHLD must not be blocked */
	if (system("gnuplot --version >/dev/null 2>&1")) {
		log_error("--plot needs gnuplot in $PATH (package "
			  "gnuplot-nox)");
		return -ENOENT;
	}
	return 0;
}

/*
 * text writes a string for gnuplot's enhanced mode, within double quotes. What
 * would have a meaning there is left out.
 */
static void
text(FILE *out, const char *s)
{
	for (; *s; s++)
		if (!strchr("_^{}@&~\\\"`", *s))
			fputc(*s, out);
}

/* add_plot adds a block to the script's plot command; distance may be "". */
static void
add_plot(struct drawing *d, const char *label, const char *distance,
	 const char *how)
{
	fprintf(d->script, "%s '%s.dat' index %u %s title \"",
		d->blocks ? ", \\\n    " : "plot", d->picture->name, d->blocks,
		how);
	text(d->script, label);
	fprintf(d->script, "%s%s\"", distance[0] ? ", " : "", distance);
	d->blocks++;
}

static void
begin_block(const struct drawing *d, const char *name,
	    enum vine_bench_distance distance)
{
	fprintf(d->data, "%s# %s, %s\n", d->blocks ? "\n\n" : "", name,
		vine_bench_distance_name(distance));
}

/*
 * distribution writes the share of the operations as the number of its nines,
 * log10 of n / (n - below), and the latency that they did not exceed.
 */
static void
distribution(struct drawing *d, const struct series *s,
	     const struct utils_hist *hist, enum vine_bench_distance distance)
{
	const double scale = d->picture->y[0] == 'u' ? 1e3 : 1;
	uint64_t below = 0, value;
	double percent, nines = 0;
	size_t i;

	begin_block(d, s->name, distance);
	for (i = 0; i < UTILS_HIST_BUCKETS && below < hist->count; i++) {
		below += hist->buckets[i];
		if (!hist->buckets[i] || below == hist->count)
			continue;
		percent = 100 * (double)below / (double)hist->count;
		value = utils_hist_percentile(hist, percent);
		nines = -log10(1 - percent / 100);
		fprintf(d->data, "%.5f %.6g\n", nines, (double)value / scale);
	}
	d->nines = fmax(d->nines, nines);
	add_plot(d, s->label, "", "using 1:2 with lines");
}

/* common returns the distance at which most series have something. */
static enum vine_bench_distance
common(const struct drawing *d)
{
	size_t n, most = 0, at;
	int distance, best = VINE_BENCH_NEAR;
	const struct series *s;

	for (distance = 0; distance < VINE_BENCH_DISTANCES; distance++) {
		n = 0;
		for (s = d->picture->series; s->name; s++) {
			at = (size_t)(vine_bench_find(s->name) -
				      vine_bench_table);
			n += d->report->entry[at].hist[distance] != NULL;
		}
		if (n > most) {
			most = n;
			best = distance;
		}
	}
	return (enum vine_bench_distance)best;
}

static void
percentiles(struct drawing *d)
{
	const enum vine_bench_distance distance = common(d);
	const struct vine_bench_entry *entry;
	const struct series *s;
	size_t used;

	/* one distance in the picture: its note names it, not each series */
	used = (size_t)snprintf(d->note, sizeof(d->note), ", %s",
				vine_bench_distance_name(distance));
	for (s = d->picture->series; s->name; s++) {
		entry = &d->report->entry[vine_bench_find(s->name) -
					  vine_bench_table];
		if (entry->hist[distance]) {
			distribution(d, s, entry->hist[distance], distance);
			continue;
		}
		if (entry->reps && used < sizeof(d->note))
			used += (size_t)snprintf(d->note + used,
				sizeof(d->note) - used, "; not %s", s->name);
	}
}

/* number_after returns the number that a name is besides a prefix, or 0. */
static unsigned long
number_after(const char *name, const char *prefix)
{
	const size_t length = strlen(prefix);
	unsigned long n;
	char *end;

	if (strncmp(name, prefix, length))
		return 0;
	n = strtoul(name + length, &end, 10);
	return *end ? 0 : n;
}

static int
compare_numbers(const void *a, const void *b)
{
	const unsigned long *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* One benchmark of a sweep: its number, then where it stands in the table. */
struct step {
	unsigned long number;
	size_t index;
};

static size_t
steps_of(const char *prefix, struct step *step)
{
	size_t i, n = 0;

	for (i = 0; i < vine_bench_count; i++) {
		step[n].number = number_after(vine_bench_table[i].name, prefix);
		step[n].index = i;
		n += step[n].number != 0;
	}
	qsort(step, n, sizeof(*step), compare_numbers);
	return n;
}

/* sweep writes the points of one series at one distance, if there are any. */
static void
sweep(struct drawing *d, const struct series *s, const struct step *step,
      size_t steps, enum vine_bench_distance distance)
{
	const int ratios = d->picture->shape == RATIOS;
	struct vine_bench_row row;
	size_t i, n = 0;

	for (i = 0; i < steps; i++) {
		vine_bench_report_row(d->report, step[i].index, distance, &row);
		if (!row.reps || isnan(ratios ? row.ratio : row.value))
			continue;
		if (!n++)
			begin_block(d, s->name, distance);
		if (ratios)
			fprintf(d->data, "%lu %.5g\n", step[i].number,
				row.ratio);
		else
			fprintf(d->data, "%lu %.5g %.5g %.5g\n",
				step[i].number, row.value, row.least, row.most);
	}
	if (n)
		add_plot(d, s->label, vine_bench_distance_name(distance),
			 ratios ? "using 1:2 with linespoints" :
			 "using 1:2:3:4 with yerrorlines");
}

static void
sweeps(struct drawing *d)
{
	struct step *step = calloc(vine_bench_count, sizeof(*step));
	const struct series *s;
	size_t steps;
	int distance;

	for (s = d->picture->series; step && s->name; s++) {
		steps = steps_of(s->name, step);
		for (distance = 0; distance < VINE_BENCH_DISTANCES; distance++)
			sweep(d, s, step, steps,
			      (enum vine_bench_distance)distance);
	}
	free(step);
}

/* percent_tics names the nines, as far as there are curves. */
static void
percent_tics(const struct drawing *d)
{
	static const char *const names[] = { "0 %%", "90 %%", "99 %%",
		"99.9 %%", "99.99 %%", "99.999 %%", "99.9999 %%" };
	size_t i;

	fprintf(d->script, "set xrange [0:%.2f]\nset xtics ('50 %%%%' 0.30103",
		fmax(d->nines, 1));
	for (i = 1; i < sizeof(names) / sizeof(names[0]) &&
	     (double)i <= fmax(d->nines, 1); i++)
		fprintf(d->script, ", '%s' %zu", names[i], i);
	fputs(")\n", d->script);
}

/* preamble writes all of the script that precedes its plot command. */
static void
preamble(struct drawing *d)
{
	const struct vine_bench_machine *m = d->report->machine;
	const struct picture *p = d->picture;

	fprintf(d->script, "# gnuplot %s.gp draws %s.svg\n%s", p->name, p->name,
		head);
	fprintf(d->script, "set output '%s.svg'\n", p->name);
	fputs("set title \"", d->script);
	text(d->script, p->title);
	fputs("\\n{/*0.75 ", d->script);
	text(d->script, m->cpu);
	fprintf(d->script, ", %.10s", m->date);
	text(d->script, d->note);
	fprintf(d->script, "}\"\nset xlabel '%s' "
		"offset 0,0.2\nset ylabel '%s'\n%s", p->x,
		p->y, p->more);
	if (p->shape == PERCENTILES)
		percent_tics(d);
}

/* close_file closes one and says whether all of it could be written. */
static int
close_file(FILE *file)
{
	int bad = ferror(file);

	return fclose(file) || bad ? -EIO : 0;
}

/* write_files writes data and script; *blocks: 0, there is nothing to draw. */
static int
write_files(struct drawing *d, const char *dir)
{
	char path[4352], *script = NULL;
	size_t size;
	FILE *out;
	int rc = -EIO;

	snprintf(path, sizeof(path), "%s/%s.dat", dir, d->picture->name);
	d->data = fopen(path, "we");
	/* the title tells what is missing: it comes after the blocks */
	d->script = open_memstream(&script, &size);
	if (!d->data || !d->script)
		goto close;
	if (d->picture->shape == PERCENTILES)
		percentiles(d);
	else
		sweeps(d);
	rc = close_file(d->script);
	snprintf(path, sizeof(path), "%s/%s.gp", dir, d->picture->name);
	d->script = d->blocks ? fopen(path, "we") : NULL;
	if (d->script) {
		preamble(d);
		fprintf(d->script, "%s\n", script);
	} else if (d->blocks) {
		rc = -EIO;
	}
close:
	out = d->script;
	if (out && close_file(out))
		rc = -EIO;
	if (d->data && close_file(d->data))
		rc = -EIO;
	free(script);
	if (rc)
		log_error("%s: cannot be written: %s", path, strerror(errno));
	return rc;
}

/* run_gnuplot draws in the folder. Returns 0 or -EIO, logged. */
static int
run_gnuplot(const char *dir, const char *name)
{
	char script[64];
	int status = -1;
	pid_t pid;

	snprintf(script, sizeof(script), "%s.gp", name);
	pid = fork();
	if (!pid) {
		if (chdir(dir) == 0)
			execlp("gnuplot", "gnuplot", script, (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!status)
		return 0;
	log_error("gnuplot could not draw %s/%s (status %#x)", dir, script,
		  (unsigned int)status);
	return -EIO;
}

static void
remove_data(const char *dir, const char *name)
{
	char path[4352];

	snprintf(path, sizeof(path), "%s/%s.dat", dir, name);
	unlink(path);
}

int
vine_bench_plot(const struct vine_bench_report *report, const char *dir)
{
	const size_t count = sizeof(pictures) / sizeof(pictures[0]);
	const struct picture *p;
	int rc = 0;

	for (p = pictures; p < pictures + count && !rc; p++) {
		struct drawing d = { .report = report, .picture = p };

		rc = write_files(&d, dir);
		if (!rc && d.blocks)
			rc = run_gnuplot(dir, p->name);
		else if (!rc)
			remove_data(dir, p->name);
		if (!rc && d.blocks)
			fprintf(stderr, "%s/%s.svg\n", dir, p->name);
	}
	return rc;
}
