/* SPDX-License-Identifier: Apache-2.0 */
/*
 * My kernel: a procedure of your own on the appliance's CPU, as a tutorial.
 *
 * This one is "histogram": how often each of the 256 byte values occurs in the
 * inputs. Output 0 gets 256 counters of 8 bytes, the task's value is the number
 * of bytes seen. Build it with libvine's headers alone and tell the appliance:
 *
 *	cc -std=c11 -O2 -Wall -shared -fPIC -o my-kernel.so my-kernel.c
 *	echo "cpu_kernels $PWD/my-kernel.so" >> vine.conf
 *
 * Then an application finds it like any other procedure:
 *
 *	vine_proc_get(CPU, "histogram")
 *
 * It runs inside the appliance with all its rights. A crash here is a crash
 * of the appliance.
 */
#include <errno.h>
#include <string.h>

#include <vine/kernel.h>

enum { VALUES = 256 };

/*
 * A kernel looks at its call before it touches a byte. The counts, the lengths
 * and the arguments are the appliance's own copies: once checked, they stay as
 * they are. 0 is success; a negative errno fails the task and reaches the
 * application.
 */
static int
check(const struct vine_kernel_call *call)
{
	if (call->in_count < 1 || call->out_count != 1)
		return -EINVAL;
	if (call->args_size != 0)
		return -EINVAL;
	if (call->out[0].length < VALUES * sizeof(uint64_t))
		return -EINVAL;
	return 0;
}

/*
 * The bytes behind a view are the application's, and it may write them at any
 * time, also now. So load each byte once, and let nothing depend on two loads
 * of it being equal. Here that is easy: a byte becomes an index below 256
 * whatever it is. A kernel that reads a length or an offset from its input
 * copies it to a variable of its own, checks that copy and uses that copy.
 */
static void
count(uint64_t *counters, const struct vine_view *view)
{
	const unsigned char *byte = view->ptr;
	size_t i;

	for (i = 0; i < view->length; i++)
		counters[byte[i]]++;
}

/*
 * run may be called on several threads at once, so it keeps nothing in static
 * variables. The counters are built on the stack and copied out at the end:
 * memory that the application can write is no place to count in, and a view
 * need not be aligned for 8 bytes.
 */
static int
histogram(struct vine_kernel_call *call)
{
	uint64_t counters[VALUES] = { 0 };
	uint32_t i;
	int err;

	err = check(call);
	if (err)
		return err;
	for (i = 0; i < call->in_count; i++) {
		count(counters, &call->in[i]);
		call->value += call->in[i].length;
	}
	memcpy(call->out[0].ptr, counters, sizeof(counters));
	return 0;
}

/*
 * ns_per_kib is the cost of a KiB of input and output. By it the appliance
 * decides whether a small call runs at once on the thread that took the task
 * (under 2 us in all) or on one of the accelerator's own threads. Leave it 0 if
 * you do not know, or if the kernel may block: then it always gets a thread.
 */
static const struct vine_kernel kernels[] = {
	{ .name = "histogram", .run = histogram, .ns_per_kib = 1000 },
};

/* The one symbol that the appliance looks for. */
extern const struct vine_kernel_table vine_kernels;
const struct vine_kernel_table vine_kernels = {
	.abi = VINE_KERNEL_ABI,
	.count = sizeof(kernels) / sizeof(kernels[0]),
	.kernels = kernels,
};
