/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Check: comparisons of private numbers. Counts, lengths and addresses of a
 * call are the appliance's own copies, so what was checked stays true.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "services/cpu/svc_cpu_check.h"
#include "utils/utils_log.h"

static struct utils_log_rate svc_cpu_check_rate;

int
svc_cpu_refuse(const char *kernel, const char *format, ...)
{
	char text[256];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	utils_log_limited(&svc_cpu_check_rate, UTILS_LOG_WARN,
			  "cpu kernel %s: %s", kernel, text);
	return -EINVAL;
}

static int
svc_cpu_check_count(const char *kernel, const char *what, uint32_t count,
		    uint32_t min, uint32_t max)
{
	if (count >= min && count <= max)
		return 0;
	if (max == SVC_CPU_ANY)
		return svc_cpu_refuse(kernel, "%u %s, expected at least %u",
				      count, what, min);
	if (min == max)
		return svc_cpu_refuse(kernel, "%u %s, expected %u", count,
				      what, min);
	return svc_cpu_refuse(kernel, "%u %s, expected %u to %u", count, what,
			      min, max);
}

int
svc_cpu_check_shape(const struct vine_kernel_call *call,
		    const struct svc_cpu_shape *shape)
{
	int err;

	err = svc_cpu_check_count(shape->kernel, "inputs", call->in_count,
				  shape->in_min, shape->in_max);
	if (err)
		return err;
	err = svc_cpu_check_count(shape->kernel, "outputs", call->out_count,
				  shape->out_min, shape->out_max);
	if (err)
		return err;
	if (call->args_size != shape->args_size)
		return svc_cpu_refuse(shape->kernel,
				      "%u bytes of arguments, expected %u",
				      call->args_size, shape->args_size);
	return 0;
}

static int
svc_cpu_check_length(const struct vine_view *view, const char *kernel,
		     const char *what, uint32_t i, size_t need)
{
	if (view->length >= need)
		return 0;
	return svc_cpu_refuse(kernel,
			      "%s %u has %zu bytes, expected at least %zu",
			      what, i, view->length, need);
}

int
svc_cpu_check_in(const struct vine_kernel_call *call, const char *kernel,
		 uint32_t i, size_t need)
{
	return svc_cpu_check_length(&call->in[i], kernel, "input", i, need);
}

int
svc_cpu_check_out(const struct vine_kernel_call *call, const char *kernel,
		  uint32_t i, size_t need)
{
	return svc_cpu_check_length(&call->out[i], kernel, "output", i, need);
}

static int
svc_cpu_check_aligned(const struct vine_view *views, uint32_t count,
		      const char *kernel, const char *what)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		if ((uintptr_t)views[i].ptr % sizeof(float))
			return svc_cpu_refuse(
				kernel, "%s %u does not begin at a multiple "
				"of %zu bytes", what, i, sizeof(float));
	return 0;
}

int
svc_cpu_check_floats(const struct vine_kernel_call *call, const char *kernel)
{
	int err;

	err = svc_cpu_check_aligned(call->in, call->in_count, kernel, "input");
	if (err)
		return err;
	return svc_cpu_check_aligned(call->out, call->out_count, kernel,
				     "output");
}

int
svc_cpu_check_apart(const struct vine_kernel_call *call, const char *kernel,
		    uint32_t i, size_t in_size, size_t out_size)
{
	uintptr_t in = (uintptr_t)call->in[i].ptr;
	uintptr_t out = (uintptr_t)call->out[0].ptr;

	/* Subtraction of the smaller: a sum could wrap. */
	if (in <= out ? out - in >= in_size : in - out >= out_size)
		return 0;
	return svc_cpu_refuse(kernel, "input %u and output 0 overlap", i);
}
