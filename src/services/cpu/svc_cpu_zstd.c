/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zstd: one input to one output by libzstd, compressed (zstd_compress) or back
 * (zstd_decompress). The value is the number of bytes of the result.
 *
 * libzstd is safe against corrupt input but expects input that stands still:
 * it reads some fields twice, and its authors do not promise anything for
 * memory that changes meanwhile. An application can change its memory at any
 * time. So libzstd sees private memory only: input goes in and output comes
 * out through two private pieces, each filled or emptied by one memcpy. What
 * changes meanwhile can spoil the result of the one who changed it.
 *
 * Both directions stream, so the private memory of a task is bounded: two
 * pieces of 128 KiB, and libzstd's window of at most 128 MiB.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "services/cpu/svc_cpu_check.h"
#include "services/cpu/svc_cpu_kernels.h"
#include "utils/utils_log.h"

enum { SVC_CPU_ZSTD_PIECE = 128 * 1024 };

/* A call on its way through the two private pieces. */
struct svc_cpu_zstd {
	const char *from;	/* the application's input, what is left */
	size_t from_left;
	char *to;		/* the application's output, what is left */
	size_t to_left;
	uint64_t total;		/* bytes of result */
	char *pieces;		/* one allocation for both */
	ZSTD_inBuffer in;	/* private */
	ZSTD_outBuffer out;	/* private */
};

static struct utils_log_rate svc_cpu_zstd_rate;

static size_t
svc_cpu_zstd_piece(size_t size)
{
	return size < SVC_CPU_ZSTD_PIECE ? size : SVC_CPU_ZSTD_PIECE;
}

static int
svc_cpu_zstd_begin(struct svc_cpu_zstd *z, const struct vine_kernel_call *call)
{
	size_t in_size = svc_cpu_zstd_piece(call->in[0].length);
	/* One byte more than the output has: an overflow is seen as such. */
	size_t out_size = svc_cpu_zstd_piece(call->out[0].length) + 1;

	memset(z, 0, sizeof(*z));
	z->from = call->in[0].ptr;
	z->from_left = call->in[0].length;
	z->to = call->out[0].ptr;
	z->to_left = call->out[0].length;
	z->pieces = malloc(in_size + out_size);
	if (!z->pieces)
		return -ENOMEM;
	z->in.src = z->pieces;
	z->out.dst = z->pieces + in_size;
	z->out.size = out_size;
	return 0;
}

/* Copies the next piece of input; the piece before has been used up. */
static void
svc_cpu_zstd_fill(struct svc_cpu_zstd *z)
{
	size_t size = svc_cpu_zstd_piece(z->from_left);

	if (size)	/* pieces begins with the input's */
		memcpy(z->pieces, z->from, size);
	z->from += size;
	z->from_left -= size;
	z->in.size = size;
	z->in.pos = 0;
}

/* Copies out what libzstd made, if there is room for it. */
static int
svc_cpu_zstd_drain(struct svc_cpu_zstd *z)
{
	if (z->out.pos > z->to_left)
		return -ENOSPC;
	memcpy(z->to, z->out.dst, z->out.pos);
	z->to += z->out.pos;
	z->to_left -= z->out.pos;
	z->total += z->out.pos;
	z->out.pos = 0;
	return 0;
}

static int
svc_cpu_zstd_deflate(ZSTD_CCtx *ctx, struct svc_cpu_zstd *z)
{
	ZSTD_EndDirective mode;
	size_t left;
	int err;

	do {
		svc_cpu_zstd_fill(z);
		mode = z->from_left ? ZSTD_e_continue : ZSTD_e_end;
		do {
			left = ZSTD_compressStream2(ctx, &z->out, &z->in, mode);
			if (ZSTD_isError(left))
				return ZSTD_getErrorCode(left) ==
				       ZSTD_error_memory_allocation ?
				       -ENOMEM : -EIO;
			err = svc_cpu_zstd_drain(z);
			if (err)
				return err;
		} while (mode == ZSTD_e_end ? left : z->in.pos < z->in.size);
	} while (mode != ZSTD_e_end);
	return 0;
}

static int
svc_cpu_zstd_level(const struct vine_kernel_call *call, int32_t *level)
{
	*level = ZSTD_CLEVEL_DEFAULT;
	if (call->args_size == sizeof(*level))
		memcpy(level, call->args, sizeof(*level));
	else if (call->args_size)
		return svc_cpu_refuse("zstd_compress",
				      "%u bytes of arguments, expected 0 or 4",
				      call->args_size);
	if (*level < SVC_CPU_ZSTD_LEVEL_MIN || *level > SVC_CPU_ZSTD_LEVEL_MAX)
		return svc_cpu_refuse("zstd_compress",
				      "level %d, expected %d to %d", *level,
				      SVC_CPU_ZSTD_LEVEL_MIN,
				      SVC_CPU_ZSTD_LEVEL_MAX);
	return 0;
}

int
svc_cpu_run_zstd_compress(struct vine_kernel_call *call)
{
	struct svc_cpu_shape shape = {
		.kernel = "zstd_compress",
		.in_min = 1, .in_max = 1,
		.out_min = 1, .out_max = 1,
		.args_size = call->args_size, /* judged with the level */
	};
	struct svc_cpu_zstd z;
	ZSTD_CCtx *ctx;
	int32_t level;
	int err;

	err = svc_cpu_check_shape(call, &shape);
	if (!err)
		err = svc_cpu_zstd_level(call, &level);
	if (!err)
		err = svc_cpu_zstd_begin(&z, call);
	if (err)
		return err;
	ctx = ZSTD_createCCtx();
	/* The size makes tables no larger than the input deserves. */
	if (!ctx ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel,
						level)) ||
	    ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(ctx, z.from_left)))
		err = -ENOMEM;
	if (!err)
		err = svc_cpu_zstd_deflate(ctx, &z);
	ZSTD_freeCCtx(ctx);
	free(z.pieces);
	if (!err)
		call->value = z.total;
	return err;
}

static int
svc_cpu_zstd_bad(size_t code)
{
	if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
		return -ENOMEM;
	utils_log_limited(&svc_cpu_zstd_rate, UTILS_LOG_WARN,
			  "cpu kernel zstd_decompress: %s",
			  ZSTD_getErrorName(code));
	return -EBADMSG;
}

/* Frames one after the other; the last must end where the input ends. */
static int
svc_cpu_zstd_inflate(ZSTD_DCtx *ctx, struct svc_cpu_zstd *z)
{
	size_t left = 1;	/* 0 at the end of a frame */
	int full;
	int err;

	do {
		svc_cpu_zstd_fill(z);
		do {
			left = ZSTD_decompressStream(ctx, &z->out, &z->in);
			if (ZSTD_isError(left))
				return svc_cpu_zstd_bad(left);
			/* By its contract libzstd may then hold more back. */
			full = z->out.pos == z->out.size;
			err = svc_cpu_zstd_drain(z);
			if (err)
				return err;
		} while (z->in.pos < z->in.size || (full && left));
	} while (z->from_left);
	if (!left)
		return 0;
	utils_log_limited(&svc_cpu_zstd_rate, UTILS_LOG_WARN,
			  "cpu kernel zstd_decompress: the input ends inside "
			  "a frame");
	return -EBADMSG;
}

int
svc_cpu_run_zstd_decompress(struct vine_kernel_call *call)
{
	static const struct svc_cpu_shape shape = {
		.kernel = "zstd_decompress",
		.in_min = 1, .in_max = 1,
		.out_min = 1, .out_max = 1,
	};
	struct svc_cpu_zstd z;
	ZSTD_DCtx *ctx;
	int err;

	err = svc_cpu_check_shape(call, &shape);
	if (!err)
		err = svc_cpu_zstd_begin(&z, call);
	if (err)
		return err;
	ctx = ZSTD_createDCtx();
	err = ctx ? svc_cpu_zstd_inflate(ctx, &z) : -ENOMEM;
	ZSTD_freeDCtx(ctx);
	free(z.pieces);
	if (!err)
		call->value = z.total;
	return err;
}
