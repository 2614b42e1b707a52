/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filter image: reads a PNG, has an appliance make it gray and find its edges,
 * and writes a PNG. Says on stdout how long each step took.
 *
 *	cc -o filter-image filter-image.c -lvine -lpng
 *	./filter-image picture.png edges.png
 *
 * No pixel is copied between this program and the appliance: libpng decodes
 * straight into memory that both sides have mapped, the appliance's two
 * procedures read and write it there, and libpng encodes out of it.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no appliance.
 */
#include <errno.h>
#include <getopt.h>
#include <png.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <vine/vine.h>

enum { DONE = 0, FAILED = 1, USAGE = 2, NO_APPLIANCE = 3 };

static const char help[] =
	"usage: filter-image [-g FILE] IN OUT\n"
	"\n"
	"Reads the PNG IN, has an appliance make it gray and find its edges,\n"
	"and writes the edges to the PNG OUT.\n"
	"\n"
	"  -g, --gray FILE  write the gray picture too\n"
	"  -h, --help       print this\n"
	"\n"
	"exit codes: 0 done, 1 failed, 2 usage, 3 no appliance\n";

/* Everything the program has open. */
struct filter {
	struct vine_session *session;
	vine_accel *accel;
	uint32_t size[2];	/* width, height: the tasks' arguments */
	uint64_t pixels;
	vine_data *color;	/* 3 bytes a pixel */
	vine_data *gray;	/* 1 byte a pixel */
	vine_data *edges;	/* 1 byte a pixel */
};

static int
complain(const char *what, const char *why)
{
	fprintf(stderr, "filter-image: %s: %s\n", what, why);
	return FAILED;
}

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int
alloc_pictures(struct filter *f)
{
	int rc = vine_data_alloc_in(f->session, f->pixels * 3, 0, &f->color);

	if (rc == 0)
		rc = vine_data_alloc_in(f->session, f->pixels, 0, &f->gray);
	if (rc == 0)
		rc = vine_data_alloc_in(f->session, f->pixels, 0, &f->edges);
	if (rc) {
		fprintf(stderr, "filter-image: %u x %u pixels need %llu bytes "
			"of the segment: %s (see shm_size)\n", f->size[0],
			f->size[1], (unsigned long long)f->pixels * 5,
			strerror(-rc));
		return FAILED;
	}
	return DONE;
}

/*
 * The header first, which says how much memory it takes; then the pixels, into
 * that memory. libpng turns whatever the file holds into 8-bit RGB, what is
 * transparent into white.
 */
static int
read_png(struct filter *f, const char *name)
{
	static const png_color white = { 255, 255, 255 };
	png_image image = { .version = PNG_IMAGE_VERSION };
	int failed;

	if (!png_image_begin_read_from_file(&image, name))
		return complain(name, image.message);
	image.format = PNG_FORMAT_RGB;
	f->size[0] = image.width;
	f->size[1] = image.height;
	f->pixels = (uint64_t)image.width * image.height;
	failed = alloc_pictures(f);
	if (!failed && !png_image_finish_read(&image, &white,
					      vine_data_deref(f->color), 0,
					      NULL))
		failed = complain(name, image.message);
	png_image_free(&image);
	return failed;
}

static int
write_png(const struct filter *f, vine_data *pixels, const char *name)
{
	png_image image = {
		.version = PNG_IMAGE_VERSION,
		.width = f->size[0],
		.height = f->size[1],
		.format = PNG_FORMAT_GRAY,
	};

	if (!png_image_write_to_file(&image, name, 0, vine_data_deref(pixels),
				     0, NULL))
		return complain(name, image.message);
	return DONE;
}

/* What a task took, by the stamps that come back with it. */
static void
report(const struct filter *f, const char *name,
       const struct vine_task_result *r)
{
	double run = (double)(r->complete_ns - r->execute_ns);
	double way = (double)(r->execute_ns - r->issue_ns);

	if (r->complete_ns == 0) {
		printf("%-9s done, by an appliance with another clock\n", name);
		return;
	}
	printf("%-9s %8.2f ms on the appliance, %.1f us after its issue, "
	       "%.0f Mpixel/s\n", name, run / 1e6, way / 1e3,
	       run > 0 ? (double)f->pixels * 1e3 / run : 0);
}

/* One procedure from one picture to another. Waits for it. */
static int
filter(struct filter *f, const char *name, vine_data *from, vine_data *to)
{
	struct vine_slice in = vine_slice_all(from);
	struct vine_slice out = vine_slice_all(to);
	struct vine_task_opts opts = {
		.size = sizeof(opts),
		.accel = f->accel,
		.in = &in,
		.in_count = 1,
		.out = &out,
		.out_count = 1,
		.args = f->size,
		.args_size = sizeof(f->size),
	};
	struct vine_task_result result = { .size = sizeof(result) };
	vine_task *task = NULL;
	int rc = vine_proc_find(f->session, CPU, name, &opts.proc);

	if (rc)
		return complain(name, strerror(-rc));
	rc = vine_task_issue_opts(&opts, &task);
	if (rc == 0)
		rc = vine_task_wait_for(task, VINE_FOREVER);
	if (rc == 0)
		rc = vine_task_result(task, &result);
	if (rc) {
		complain(name, strerror(-rc));
	} else if (result.status != VINE_STATUS_OK) {
		fprintf(stderr, "filter-image: %s: task ended as %s: %s\n",
			name, vine_status_name(result.status),
			strerror(result.error));
		rc = -result.error;
	} else {
		report(f, name, &result);
	}
	vine_task_free(task);
	vine_proc_release(opts.proc);
	return rc ? FAILED : DONE;
}

static int
run(struct filter *f, const char *in, const char *out, const char *gray)
{
	double start = now_ms(), then;
	int failed = read_png(f, in);

	if (failed)
		return failed;
	printf("%-9s %8.2f ms, %u x %u pixels\n", "decode", now_ms() - start,
	       f->size[0], f->size[1]);
	failed = filter(f, "grayscale", f->color, f->gray);
	if (!failed)
		failed = filter(f, "sobel", f->gray, f->edges);
	then = now_ms();
	if (!failed && gray)
		failed = write_png(f, f->gray, gray);
	if (!failed)
		failed = write_png(f, f->edges, out);
	if (!failed)
		printf("%-9s %8.2f ms\n%-9s %8.2f ms\n", "encode",
		       now_ms() - then, "all", now_ms() - start);
	return failed;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "gray", required_argument, NULL, 'g' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct filter f = { .session = NULL };
	const char *gray = NULL;
	int c, rc;

	while ((c = getopt_long(argc, argv, "g:h", longs, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdout) < 0 ? FAILED : DONE;
		if (c != 'g') {
			fputs(help, stderr);
			return USAGE;
		}
		gray = optarg;
	}
	if (argc - optind != 2) {
		fputs(help, stderr);
		return USAGE;
	}
	rc = vine_session_open(NULL, &f.session);
	if (rc) {	/* the library has said more on stderr */
		complain("no session", strerror(-rc));
		return NO_APPLIANCE;
	}
	rc = vine_accel_list_in(f.session, CPU, &f.accel, 1);
	if (rc > 0)
		rc = run(&f, argv[optind], argv[optind + 1], gray);
	else
		rc = complain("accelerator of the type CPU",
			      strerror(rc ? -rc : ENODEV));
	vine_session_close(f.session);	/* and with it all its data */
	return rc;
}
