/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU: an accelerator "cpu0" whose procedures are kernels: those of
 * kernels.def, those of the operator's libraries, and, only where the operator
 * says so, code that applications register. The context of a procedure is its
 * struct vine_kernel.
 *
 * A call that is expected to take less than 2 us runs inside submit: handing
 * it to another thread would cost more than that. Any other is held and goes
 * to the pool. What a request needs until its completion lies in the request,
 * on the stack of its thread and in the pool's cells, so there is no malloc on
 * the road outside the kernels.
 *
 * State is written at the start and the stop alone; submit, cancel and the
 * pool's threads read it.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cblas.h>

#include "services/cpu/svc_cpu_fft_plan.h"
#include "services/cpu/svc_cpu_kernels.h"
#include "services/cpu/svc_cpu_library.h"
#include "services/cpu/svc_cpu_pool.h"
#include "services/svc.h"
#include "utils/utils_config.h"
#include "utils/utils_log.h"

enum { SVC_CPU_INLINE_NS = 2000 };

/*
 * OpenBLAS starts a thread for each core when it is loaded, before main. This
 * ends them, as it does by itself before a fork. No header of it declares it,
 * and a build without threads lacks it.
 */
extern int blas_thread_shutdown_(void) __attribute__((weak));

struct svc_cpu {
	struct svc_cpu_pool *pool;
	struct svc_cpu_library *libraries;	/* of the operator */
};

/* What an application registered. kernel is a copy: its own table may lie. */
struct svc_cpu_app {
	struct vine_kernel kernel;	/* first: the procedure's context */
	struct svc_cpu_library *library;
};

static struct utils_log_rate svc_cpu_app_rate;

/*
 * The daemon gives up its rights while it has one thread. So those of OpenBLAS
 * end before main.
 */
static void __attribute__((constructor))
svc_cpu_blas_quiet(void)
{
	if (blas_thread_shutdown_)
		blas_thread_shutdown_();
}

static uint32_t
svc_cpu_threads(const struct utils_config *config)
{
	uint64_t threads = utils_config_u64(config, UTILS_KEY_cpu_threads);
	cpu_set_t set;
	long online;

	if (!threads && !sched_getaffinity(0, sizeof(set), &set))
		threads = (uint64_t)CPU_COUNT(&set);
	if (!threads) {		/* more cores than a cpu_set_t has bits */
		online = sysconf(_SC_NPROCESSORS_ONLN);
		threads = online > 0 ? (uint64_t)online : 1;
	}
	if (threads > SVC_CPU_POOL_THREADS)
		threads = SVC_CPU_POOL_THREADS;
	return (uint32_t)threads;
}

/* Names who has a kernel of that name already, or returns NULL. */
static const char *
svc_cpu_owner(const struct svc_cpu *cpu, const char *name)
{
	const struct svc_cpu_library *library;

	if (svc_cpu_kernel_find(svc_cpu_kernels(), name))
		return "the appliance";
	for (library = cpu->libraries; library; library = library->next)
		if (svc_cpu_kernel_find(library->table, name))
			return library->name;
	return NULL;
}

static int
svc_cpu_offer(struct svc_host *host, const struct vine_kernel_table *table)
{
	const struct vine_kernel *kernel;
	uint32_t i;
	int err;

	for (i = 0; i < table->count; i++) {
		kernel = &table->kernels[i];
		/* ctx is passed back as it is and read only. */
		err = svc_add_proc(host, CPU, kernel->name, (void *)kernel);
		if (err) {
			log_error("cpu: procedure %s: %s", kernel->name,
				  strerror(-err));
			return err;
		}
	}
	return 0;
}

static int
svc_cpu_add_library(struct svc_cpu *cpu, struct svc_host *host,
		    const char *path)
{
	struct svc_cpu_library *library;
	const char *owner;
	uint32_t i;
	int err;

	err = svc_cpu_library_open(path, &library);
	if (err)
		return err;
	for (i = 0; i < library->table->count; i++) {
		owner = svc_cpu_owner(cpu, library->table->kernels[i].name);
		if (!owner)
			continue;
		log_error("cpu kernels %s: %s has a kernel %s already", path,
			  owner, library->table->kernels[i].name);
		svc_cpu_library_close(library);
		return -EEXIST;
	}
	library->next = cpu->libraries;
	cpu->libraries = library;
	return svc_cpu_offer(host, library->table);
}

static int
svc_cpu_build(void *state, const char *name, const void *code, size_t size,
	      void **ctx)
{
	struct svc_cpu_app *app = calloc(1, sizeof(*app));
	const struct vine_kernel_table *table;
	const struct vine_kernel *kernel;
	int err;

	(void)state;
	err = app ? svc_cpu_library_load(name, code, size, &app->library) :
		    -ENOMEM;
	if (err) {
		free(app);
		return err;
	}
	table = app->library->table;
	kernel = svc_cpu_kernel_find(table, name);
	if (!kernel && table->count == 1)
		kernel = &table->kernels[0];
	if (!kernel) {
		utils_log_limited(&svc_cpu_app_rate, UTILS_LOG_WARN,
				  "cpu application code %s: none of its %u "
				  "kernels has that name", name, table->count);
		svc_cpu_library_close(app->library);
		free(app);
		return -ENOEXEC;
	}
	app->kernel = *kernel;
	/* An application does not decide what may hold up a worker. */
	app->kernel.ns_per_kib = 0;
	*ctx = &app->kernel;
	return 0;
}

static void
svc_cpu_drop(void *state, void *ctx)
{
	struct svc_cpu_app *app = ctx;

	(void)state;
	svc_cpu_library_close(app->library);
	free(app);
}

static void
svc_cpu_execute(struct vine_req *req)
{
	const struct vine_kernel *kernel = vine_req_ctx(req);
	struct vine_kernel_call call = { 0 };
	int err;

	call.in = vine_req_in(req, &call.in_count);
	call.out = vine_req_out(req, &call.out_count);
	call.args = vine_req_args(req, &call.args_size);
	err = kernel->run(&call);
	if (!err) {
		vine_req_complete(req, VINE_STATUS_OK, 0, call.value);
		return;
	}
	/* A foreign kernel may return what is no errno. */
	if (err > 0 || err < -4095)
		err = -EIO;
	vine_req_complete(req, VINE_STATUS_FAILED, -err, 0);
}

/* On a thread of the pool. */
static void
svc_cpu_run_held(struct vine_req *req)
{
	if (svc_req_expired(req)) {
		vine_req_complete(req, VINE_STATUS_DEADLINE, 0, 0);
		return;
	}
	vine_req_execute(req);
	svc_cpu_execute(req);
}

/*
 * Tells whether a request is expected to take less than 2 us. Output counts as
 * well as input: some kernels have no input.
 */
static int
svc_cpu_is_short(const struct vine_req *req)
{
	const struct vine_kernel *kernel = vine_req_ctx(req);
	const struct vine_view *view;
	uint64_t budget;
	uint32_t count;
	uint32_t i;

	if (!kernel->ns_per_kib)
		return 0;
	/* What is left of it in bytes; no product that could overflow. */
	budget = SVC_CPU_INLINE_NS * 1024u / kernel->ns_per_kib;
	view = vine_req_in(req, &count);
	for (i = 0; i < count; i++) {
		if (view[i].length >= budget)
			return 0;
		budget -= view[i].length;
	}
	view = vine_req_out(req, &count);
	for (i = 0; i < count; i++) {
		if (view[i].length >= budget)
			return 0;
		budget -= view[i].length;
	}
	return budget > 0;
}

static void
svc_cpu_submit(void *state, struct vine_req *req)
{
	struct svc_cpu *cpu = state;

	if (svc_req_expired(req)) {
		vine_req_complete(req, VINE_STATUS_DEADLINE, 0, 0);
		return;
	}
	if (svc_cpu_is_short(req)) {
		svc_cpu_execute(req);
		return;
	}
	svc_hold(req);
	if (svc_cpu_pool_push(cpu->pool, req))
		vine_req_complete(req, VINE_STATUS_BUSY, 0, 0);
}

static void
svc_cpu_cancel(void *state, struct vine_req *req)
{
	struct svc_cpu *cpu = state;

	if (svc_cpu_pool_remove(cpu->pool, req))
		vine_req_complete(req, VINE_STATUS_CANCELED, 0, 0);
}

static void
svc_cpu_free(struct svc_cpu *cpu)
{
	struct svc_cpu_library *library;

	if (cpu->pool)
		svc_cpu_pool_stop(cpu->pool);
	while ((library = cpu->libraries)) {
		cpu->libraries = library->next;
		svc_cpu_library_close(library);
	}
	svc_cpu_fft_plan_forget();
	free(cpu);
}

static int
svc_cpu_populate(struct svc_cpu *cpu, struct svc_host *host,
		 const struct utils_config *config)
{
	uint32_t threads = svc_cpu_threads(config);
	const char *path;
	size_t i;
	int err;

	err = svc_add_accel(host, CPU, "cpu0", threads);
	if (err) {
		log_error("cpu: accelerator cpu0: %s", strerror(-err));
		return err;
	}
	err = svc_cpu_offer(host, svc_cpu_kernels());
	if (err)
		return err;
	for (i = 0; i < utils_config_count(config, UTILS_KEY_cpu_kernels);
	     i++) {
		path = utils_config_nth(config, UTILS_KEY_cpu_kernels, i);
		err = svc_cpu_add_library(cpu, host, path);
		if (err)
			return err;
	}
	return svc_cpu_pool_start(threads, svc_cpu_run_held, &cpu->pool);
}

static int
svc_cpu_start(struct svc_host *host, const struct utils_config *config,
	      void **state)
{
	struct svc_cpu *cpu = calloc(1, sizeof(*cpu));
	int err;

	if (!cpu) {
		log_error("cpu: out of memory");
		return -ENOMEM;
	}
	/* The pool is the parallelism; threads of OpenBLAS would compete. */
	openblas_set_num_threads(1);
	svc_cpu_blas_quiet();	/* to set it has started them again */
	err = svc_cpu_populate(cpu, host, config);
	if (err) {
		svc_cpu_free(cpu);
		return err;
	}
	if (utils_config_bool(config, UTILS_KEY_cpu_app_code)) {
		log_warn("cpu: cpu_app_code 1: applications run their own "
			 "machine code inside the appliance");
		svc_allow_app_code(host, CPU, svc_cpu_build, svc_cpu_drop);
	}
	*state = cpu;
	return 0;
}

static void
svc_cpu_stop(void *state)
{
	svc_cpu_free(state);
}

const struct svc_ops svc_cpu_ops = {
	.size = sizeof(struct svc_ops),
	.name = "cpu",
	.start = svc_cpu_start,
	.submit = svc_cpu_submit,
	.cancel = svc_cpu_cancel,
	.stop = svc_cpu_stop,
};
