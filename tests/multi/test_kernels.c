/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many applications with many threads, all of the CPU's kernels at once, each
 * result compared with one that was made without libvine: sha256sum, the zstd
 * program, and plain code that follows the definitions.
 */
#include <complex.h>
#include <math.h>
#include <pthread.h>

#include <vine/vine.h>

#include "appliance.h"

enum { APPS = 3, THREADS = 3, ROUNDS = 6, SIZE_MAX_TEST = 96 * 1024 };

static struct appliance appliance;

/* One thread of one application. */
struct hand {
	struct vine_session *session;
	vine_accel *cpu;
	uint32_t seed;
	char file[192];		/* its own, for the programs */
	int bad;		/* results that were wrong */
};

#define FAULT(h, ...) \
	do { \
		fprintf(stderr, __VA_ARGS__); \
		fputc('\n', stderr); \
		(h)->bad++; \
	} while (0)

static uint32_t
random_of(struct hand *h)
{
	h->seed = h->seed * 1664525u + 1013904223u;
	return h->seed >> 8;
}

static vine_data *
data_new(struct hand *h, size_t size)
{
	vine_data *d = NULL;

	if (vine_data_alloc_in(h->session, size, 0, &d) != 0) {
		FAULT(h, "no data of %zu bytes", size);
		abort();
	}
	return d;
}

static vine_data *
data_random(struct hand *h, size_t size)
{
	vine_data *d = data_new(h, size);
	unsigned char *p = vine_data_deref(d);

	for (size_t i = 0; i < size; i++)
		p[i] = (unsigned char)(random_of(h) & 0x3f);
	return d;
}

/* Carry one task out; returns its status' errno, and its value. */
static int
call(struct hand *h, const char *name, vine_data **in, uint32_t ins,
     vine_data **out, uint32_t outs, const void *args, uint32_t args_size,
     uint64_t *value)
{
	struct vine_slice slices[8];
	struct vine_task_opts o = {
		.size = sizeof(o), .accel = h->cpu, .in = slices,
		.in_count = ins, .out = slices + ins, .out_count = outs,
		.args = args, .args_size = args_size,
	};
	struct vine_task_result r = { .size = sizeof(r) };
	vine_task *task;
	int rc;

	for (uint32_t i = 0; i < ins; i++)
		slices[i] = vine_slice_all(in[i]);
	for (uint32_t i = 0; i < outs; i++)
		slices[ins + i] = vine_slice_all(out[i]);
	rc = vine_proc_find(h->session, CPU, name, &o.proc);
	if (rc == 0)
		rc = vine_task_issue_opts(&o, &task);
	if (rc) {
		FAULT(h, "%s was not issued: %s", name, strerror(-rc));
		return rc;
	}
	vine_task_wait_for(task, VINE_FOREVER);
	vine_task_result(task, &r);
	vine_task_free(task);
	vine_proc_release(o.proc);
	*value = r.value;
	return r.status == VINE_STATUS_OK ? 0 : -r.error;
}

static void
check_bytes(struct hand *h)
{
	size_t size = 1 + random_of(h) % SIZE_MAX_TEST;
	vine_data *in = data_random(h, size), *out = data_new(h, size);
	unsigned char byte = (unsigned char)random_of(h);
	unsigned char *p = vine_data_deref(out);
	size_t wrong = 0;
	uint64_t value;

	if (call(h, "copy", &in, 1, &out, 1, NULL, 0, &value) != 0 ||
	    value != size || memcmp(p, vine_data_deref(in), size) != 0)
		FAULT(h, "copy of %zu bytes", size);
	if (call(h, "fill", NULL, 0, &out, 1, &byte, 1, &value) != 0 ||
	    value != size)
		FAULT(h, "fill of %zu bytes", size);
	for (size_t i = 0; i < size; i++)
		wrong += p[i] != byte;
	if (wrong)
		FAULT(h, "fill left %zu of %zu bytes", wrong, size);
	vine_data_free(in);
	vine_data_free(out);
}

static void
check_add(struct hand *h)
{
	char one[32], two[32], both[64];
	vine_data *in[2], *out = data_new(h, 64);
	uint64_t value;

	snprintf(one, sizeof(one), "left %u ", random_of(h));
	snprintf(two, sizeof(two), "right %u", random_of(h));
	snprintf(both, sizeof(both), "%s%s", one, two);
	in[0] = data_new(h, strlen(one) + 1);
	in[1] = data_new(h, strlen(two));	/* without its NUL */
	memcpy(vine_data_deref(in[0]), one, strlen(one) + 1);
	memcpy(vine_data_deref(in[1]), two, strlen(two));
	if (call(h, "add", in, 2, &out, 1, NULL, 0, &value) != 0 ||
	    value != strlen(both) || strcmp(vine_data_deref(out), both) != 0)
		FAULT(h, "add of \"%s\" and \"%s\"", one, two);
	vine_data_free(in[0]);
	vine_data_free(in[1]);
	vine_data_free(out);
}

/* Castagnoli's CRC, a bit at a time, reflected. */
static uint32_t
crc_of(const unsigned char *p, size_t n)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
	}
	return ~crc;
}

static void
check_crc32c(struct hand *h)
{
	size_t size = random_of(h) % 20000;
	vine_data *in = data_random(h, size), *out = data_new(h, 4);
	uint32_t want = crc_of(vine_data_deref(in), size), got;
	uint64_t value;

	if (call(h, "crc32c", &in, 1, &out, 1, NULL, 0, &value) != 0 ||
	    value != want)
		FAULT(h, "crc32c of %zu bytes: %#llx, expected %#x", size,
		      (unsigned long long)value, want);
	memcpy(&got, vine_data_deref(out), 4);
	if (got != want)
		FAULT(h, "crc32c wrote %#x, expected %#x", got, want);
	vine_data_free(in);
	vine_data_free(out);
}

static void
check_sobel(struct hand *h)
{
	uint32_t wh[2] = { 3 + random_of(h) % 200, 3 + random_of(h) % 100 };
	long w = wh[0], n = w * wh[1], wrong = 0;
	vine_data *in = data_random(h, (size_t)n);
	vine_data *out = data_new(h, (size_t)n);
	const unsigned char *p = vine_data_deref(in), *q = vine_data_deref(out);
	uint64_t value;

	for (long i = 0; i < n; i++)	/* use the whole range */
		((unsigned char *)vine_data_deref(in))[i] =
			(unsigned char)(p[i] * 4);
	if (call(h, "sobel", &in, 1, &out, 1, wh, 8, &value) != 0 ||
	    value != (uint64_t)n)
		FAULT(h, "sobel of %u x %u", wh[0], wh[1]);
	for (long y = 0; y < wh[1]; y++) {
		for (long x = 0; x < w; x++) {
			double gx = 0, gy = 0;
			long want = 0;

			if (x && y && x + 1 < w && y + 1 < wh[1]) {
				const unsigned char *c = p + y * w + x;

				gx = c[1 - w] + 2 * c[1] + c[1 + w] -
					(c[-1 - w] + 2 * c[-1] +
					 c[w - 1]);
				gy = c[w - 1] + 2 * c[w] + c[w + 1] -
					(c[-1 - w] + 2 * c[-w] +
					 c[1 - w]);
				want = lround(sqrt(gx * gx + gy * gy));
			}
			wrong += q[y * w + x] != (want > 255 ? 255 : want);
		}
	}
	if (wrong)
		FAULT(h, "sobel of %u x %u: %ld pixels", wh[0], wh[1], wrong);
	vine_data_free(in);
	vine_data_free(out);
}

static void
check_grayscale(struct hand *h)
{
	uint32_t wh[2] = { 1 + random_of(h) % 200, 1 + random_of(h) % 100 };
	size_t n = (size_t)wh[0] * wh[1], wrong = 0;
	vine_data *in = data_random(h, 3 * n), *out = data_new(h, n);
	const unsigned char *p = vine_data_deref(in), *q = vine_data_deref(out);
	uint64_t value;

	if (call(h, "grayscale", &in, 1, &out, 1, wh, 8, &value) != 0 ||
	    value != n)
		FAULT(h, "grayscale of %u x %u", wh[0], wh[1]);
	for (size_t i = 0; i < n; i++)
		wrong += q[i] != (77 * p[3 * i] + 150 * p[3 * i + 1] +
				  29 * p[3 * i + 2] + 128) / 256;
	if (wrong)
		FAULT(h, "grayscale: %zu of %zu pixels", wrong, n);
	vine_data_free(in);
	vine_data_free(out);
}

static void
check_sgemm(struct hand *h)
{
	struct { uint32_t m, n, k; float alpha, beta; } args = {
		1 + random_of(h) % 40, 1 + random_of(h) % 40,
		1 + random_of(h) % 40, 0.5f, 2.0f };
	size_t m = args.m, n = args.n, k = args.k, wrong = 0;
	vine_data *in[2] = { data_new(h, m * k * 4), data_new(h, k * n * 4) };
	vine_data *out = data_new(h, m * n * 4);
	float *a = vine_data_deref(in[0]), *b = vine_data_deref(in[1]);
	float *c = vine_data_deref(out);
	double *want = calloc(m * n, sizeof(*want));
	uint64_t value;

	for (size_t i = 0; i < m * k; i++)
		a[i] = (float)((int)(random_of(h) % 17) - 8);
	for (size_t i = 0; i < k * n; i++)
		b[i] = (float)((int)(random_of(h) % 17) - 8);
	for (size_t i = 0; i < m * n; i++) {
		c[i] = (float)(random_of(h) % 5);
		want[i] = 2.0 * (double)c[i];
		for (size_t j = 0; j < k; j++)
			want[i] += 0.5 * (double)a[i / n * k + j] *
				(double)b[j * n + i % n];
	}
	if (call(h, "sgemm", in, 2, &out, 1, &args, sizeof(args), &value) != 0)
		FAULT(h, "sgemm of %u x %u x %u", args.m, args.n, args.k);
	for (size_t i = 0; i < m * n; i++)	/* small integers: exact */
		wrong += (double)c[i] != want[i];
	if (wrong)
		FAULT(h, "sgemm: %zu of %zu numbers", wrong, m * n);
	free(want);
	vine_data_free(in[0]);
	vine_data_free(in[1]);
	vine_data_free(out);
}

static void
check_fft(struct hand *h)
{
	struct { uint32_t n; int32_t sign; } args = {
		1 + random_of(h) % 128, random_of(h) & 1 ? 1 : -1 };
	vine_data *in = data_new(h, args.n * 8ul);
	vine_data *out = data_new(h, args.n * 8ul);
	float *a = vine_data_deref(in), *b = vine_data_deref(out);
	double worst = 0;
	uint64_t value;

	for (uint32_t i = 0; i < 2 * args.n; i++)
		a[i] = (float)((int)(random_of(h) % 201) - 100) / 100;
	if (call(h, "fft1d", &in, 1, &out, 1, &args, 8, &value) != 0 ||
	    value != args.n)
		FAULT(h, "fft1d of %u", args.n);
	for (uint32_t f = 0; f < args.n; f++) {
		double complex sum = 0;

		for (uint32_t t = 0; t < args.n; t++)
			sum += ((double)a[2 * t] + I * (double)a[2 * t + 1]) *
				cexp(args.sign * 2 * M_PI * I *
				     ((double)f * t / args.n));
		worst = fmax(worst, cabs(sum - ((double)b[2 * f] +
						I * (double)b[2 * f + 1])));
	}
	if (worst > 1e-3)
		FAULT(h, "fft1d of %u is off by %g", args.n, worst);
	vine_data_free(in);
	vine_data_free(out);
}

/* --- programs ----------------------------------------------------------- */

static int
save(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "w");
	size_t n = file ? fwrite(bytes, 1, size, file) : 0;

	return file && fclose(file) == 0 && n == size ? 0 : -1;
}

/* Up to `size` bytes that a shell command prints; -1 if it fails. */
static long
output_of(const char *command, void *bytes, size_t size)
{
	FILE *pipe = popen(command, "r");
	size_t n = pipe ? fread(bytes, 1, size, pipe) : 0;

	return pipe && pclose(pipe) == 0 ? (long)n : -1;
}

static void
check_sha256(struct hand *h)
{
	vine_data *in[2] = { data_random(h, random_of(h) % SIZE_MAX_TEST),
		data_random(h, random_of(h) % 100) };
	size_t one = vine_data_size(in[0]), two = vine_data_size(in[1]);
	unsigned char *p = malloc(one + two + 1);
	vine_data *out = data_new(h, 32);
	char command[512], want[65] = "", got[65];
	uint64_t value;

	if (call(h, "sha256", in, 2, &out, 1, NULL, 0, &value) != 0 ||
	    value != one + two)
		FAULT(h, "sha256 of %zu bytes", one + two);
	for (int i = 0; i < 32; i++)
		sprintf(got + 2 * i, "%02x",
			((unsigned char *)vine_data_deref(out))[i]);
	memcpy(p, vine_data_deref(in[0]), one);
	memcpy(p + one, vine_data_deref(in[1]), two);
	snprintf(command, sizeof(command), "sha256sum <'%s'", h->file);
	if (save(h->file, p, one + two) != 0 ||
	    output_of(command, want, 64) != 64 || strcmp(want, got) != 0)
		FAULT(h, "sha256 %s, sha256sum %s", got, want);
	free(p);
	vine_data_free(in[0]);
	vine_data_free(in[1]);
	vine_data_free(out);
}

static void
check_zstd(struct hand *h)
{
	size_t size = 1 + random_of(h) % SIZE_MAX_TEST, room = size + 2048;
	vine_data *in = data_random(h, size), *frame = data_new(h, room);
	vine_data *out = data_new(h, size);
	int32_t level = (int32_t)(random_of(h) % 12) - 3;
	char *back = malloc(room), command[512];
	struct vine_slice part;
	uint64_t value;
	long n;

	/* ours to theirs */
	if (call(h, "zstd_compress", &in, 1, &frame, 1, &level, 4, &value))
		FAULT(h, "zstd_compress of %zu bytes, level %d", size, level);
	snprintf(command, sizeof(command), "zstd -q -d -c '%s'", h->file);
	if (save(h->file, vine_data_deref(frame), value) != 0 ||
	    output_of(command, back, room) != (long)size ||
	    memcmp(back, vine_data_deref(in), size) != 0)
		FAULT(h, "zstd does not decompress a frame of %llu bytes",
		      (unsigned long long)value);
	/* theirs to ours */
	snprintf(command, sizeof(command), "zstd -q -5 -c '%s'", h->file);
	n = save(h->file, vine_data_deref(in), size) == 0 ?
		output_of(command, vine_data_deref(frame), room) : -1;
	if (n <= 0 || vine_slice_of(frame, 0, (size_t)n, &part) != 0)
		FAULT(h, "zstd does not compress");
	vine_data_free(frame);
	frame = data_new(h, (size_t)n);
	output_of(command, vine_data_deref(frame), (size_t)n);
	if (call(h, "zstd_decompress", &frame, 1, &out, 1, NULL, 0, &value) ||
	    value != size ||
	    memcmp(vine_data_deref(out), vine_data_deref(in), size) != 0)
		FAULT(h, "zstd_decompress of zstd's frame of %ld bytes", n);
	free(back);
	vine_data_free(in);
	vine_data_free(frame);
	vine_data_free(out);
}

/* --- applications ------------------------------------------------------- */

static void *
work(void *arg)
{
	struct hand *h = arg;

	for (int i = 0; i < ROUNDS; i++) {
		check_bytes(h);
		check_add(h);
		check_crc32c(h);
		check_sobel(h);
		check_grayscale(h);
		check_sgemm(h);
		check_fft(h);
		if (i % 3 == 0) {	/* programs take their time */
			check_sha256(h);
			check_zstd(h);
		}
	}
	return NULL;
}

static int
application(int app)
{
	struct vine_session_opts o = { .size = sizeof(o),
		.config_file = appliance.config };
	struct hand hands[THREADS];
	pthread_t threads[THREADS];
	struct vine_session *s;
	vine_accel *cpu;
	int bad = 0;

	if (vine_session_open(&o, &s) != 0 ||
	    vine_accel_find(s, CPU, "cpu0", &cpu) != 0)
		return 1;
	for (int i = 0; i < THREADS; i++) {
		hands[i] = (struct hand){ .session = s, .cpu = cpu,
			.seed = (uint32_t)(app * 100 + i) };
		if (i % 2 && vine_accel_open(cpu, i, &hands[i].cpu) != 0)
			return 1;
		snprintf(hands[i].file, sizeof(hands[i].file), "%s/%d.%d",
			 appliance_folder, app, i);
		if (pthread_create(&threads[i], NULL, work, &hands[i]) != 0)
			return 1;
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		bad += hands[i].bad;
	}
	vine_session_close(s);
	return bad != 0;
}

START_TEST(applications_with_threads_get_the_results_of_every_kernel)
{
	pid_t apps[APPS];
	int status;

	if (system("zstd -q --version >/dev/null") != 0 ||
	    system("sha256sum --version >/dev/null") != 0)
		ck_abort_msg("this test needs zstd and sha256sum");
	appliance_start(&appliance, "kernels", "shm_size 64M\n");
	for (int i = 0; i < APPS; i++) {
		apps[i] = fork();
		ck_assert_int_ge(apps[i], 0);
		if (apps[i] == 0)
			exit(application(i));
	}
	for (int i = 0; i < APPS; i++) {
		ck_assert_int_eq(waitpid(apps[i], &status, 0), apps[i]);
		ck_assert_msg(status == 0, "application %d ended with %#x", i,
			      status);
	}
	ck_assert_int_eq(appliance_stop(&appliance, SIGTERM), 0);
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("kernels");

	tcase_add_test(tcase,
		applications_with_threads_get_the_results_of_every_kernel);
	return appliance_main("kernels", tcase);
}
