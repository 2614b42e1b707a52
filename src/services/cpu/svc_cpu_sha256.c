/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA256: libcrypto's, over the inputs in order as one message. Output 0 gets
 * the 32 bytes of the digest, the value is the number of bytes hashed.
 *
 * If an input changes meanwhile, the digest is that of no message. Hashing
 * branches on lengths alone, which are the appliance's; the digest is made in
 * private memory and copied out once.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <openssl/evp.h>

#include "services/cpu/svc_cpu_check.h"
#include "services/cpu/svc_cpu_kernels.h"
#include "utils/utils_log.h"

enum { SVC_CPU_SHA256_SIZE = 32 };

/* Fetched once: a fetch for each task costs as much as hashing 1 KiB. */
static pthread_once_t svc_cpu_sha256_once = PTHREAD_ONCE_INIT;
static EVP_MD *svc_cpu_sha256_md;
static struct utils_log_rate svc_cpu_sha256_rate;

static void
svc_cpu_sha256_init(void)
{
	svc_cpu_sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static int
svc_cpu_sha256_hash(EVP_MD_CTX *ctx, const struct vine_kernel_call *call,
		    unsigned char *digest, uint64_t *total)
{
	unsigned int size = 0;
	uint32_t i;

	*total = 0;
	if (!EVP_DigestInit_ex(ctx, svc_cpu_sha256_md, NULL))
		return -EIO;
	for (i = 0; i < call->in_count; i++) {
		if (!EVP_DigestUpdate(ctx, call->in[i].ptr,
				      call->in[i].length))
			return -EIO;
		*total += call->in[i].length;
	}
	if (!EVP_DigestFinal_ex(ctx, digest, &size) ||
	    size != SVC_CPU_SHA256_SIZE)
		return -EIO;
	return 0;
}

int
svc_cpu_run_sha256(struct vine_kernel_call *call)
{
	static const struct svc_cpu_shape shape = {
		.kernel = "sha256",
		.in_min = 1, .in_max = SVC_CPU_ANY,
		.out_min = 1, .out_max = 1,
	};
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx;
	uint64_t total;
	int err;

	err = svc_cpu_check_shape(call, &shape);
	if (err)
		return err;
	err = svc_cpu_check_out(call, shape.kernel, 0, SVC_CPU_SHA256_SIZE);
	if (err)
		return err;
	pthread_once(&svc_cpu_sha256_once, svc_cpu_sha256_init);
	ctx = svc_cpu_sha256_md ? EVP_MD_CTX_new() : NULL;
	err = ctx ? svc_cpu_sha256_hash(ctx, call, digest, &total) : -ENOMEM;
	EVP_MD_CTX_free(ctx);
	if (err) {
		utils_log_limited(&svc_cpu_sha256_rate, UTILS_LOG_ERROR,
				  "cpu kernel sha256: libcrypto %s",
				  svc_cpu_sha256_md ? "ran out of memory" :
				  "has no SHA256");
		return err;
	}
	memcpy(call->out[0].ptr, digest, SVC_CPU_SHA256_SIZE);
	call->value = total;
	return 0;
}
