/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace buffer: a list of buffers, one per thread.
 *
 * Single writer: `count` and the records of a buffer are written by its owner
 * alone, without a lock; a record counts once `count` has passed it. Rows are
 * written by whoever holds the buffer's `lock`: the owner when the buffer is
 * full, utils_trace_stop, or the handler of a fatal signal. `written` says how
 * many of the records are in the file already. Buffers are never freed: the
 * list only grows at its head, so that a signal handler can walk it; a thread
 * that ends leaves its buffer to the next new thread.
 *
 * Lock order: utils_trace_mutex, then one buffer's lock. The holder of a
 * buffer's lock is quiet (see the header). Lines are logged with neither held,
 * because the application's log callback may call traced functions.
 *
 * `session` counts the traces of this process. A buffer whose session is not
 * the current one is stale: its records are dropped, so a thread that was late
 * for the last stop cannot write into the next file.
 */
#include "utils/utils_trace_buffer.h"

#ifdef VINE_TRACE_ENABLE

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "utils/utils_log.h"
#include "utils/utils_trace_file.h"
#include "utils/utils_trace_row.h"

#define TRACE_DEFAULT_RECORDS 100	/* VineTalk's default */
#define TRACE_MAX_RECORDS (UINT32_C(1) << 23)	/* 1 GiB a thread */
#define TRACE_BLOCK_ROWS 64		/* rows of one write, at most */
#define TRACE_BLOCK_SIZE (1 + TRACE_BLOCK_ROWS * UTILS_TRACE_ROW_MAX)
#define TRACE_HANDLER_WAIT_MS 5000	/* a handler waits for locks so long */

struct trace_buffer {
	struct trace_buffer *next;	/* set before it is in the list */
	_Atomic uint32_t session;	/* 0: stale; written under lock */
	_Atomic uint32_t count;		/* records; owner */
	uint32_t written;		/* of them in the file; under lock */
	uint32_t capacity;		/* records */
	uint32_t tid;			/* of the owner; under lock */
	int owned;			/* a thread has it; under the mutex */
	atomic_int lock;		/* whoever writes rows */
	char *block;			/* TRACE_BLOCK_SIZE; under lock */
	struct utils_trace_record *records;
};

pthread_mutex_t utils_trace_mutex = PTHREAD_MUTEX_INITIALIZER;

static struct {
	_Atomic uint32_t session;
	_Atomic int last;		/* 1: a fatal signal came */
	uint32_t capacity;		/* of new buffers; under the mutex */
	_Atomic(struct trace_buffer *) buffers;
	atomic_int write_warned;	/* in this trace */
	atomic_int memory_warned;
	pthread_key_t key;		/* its destructor is the thread's end */
	int has_key;			/* under the mutex */
} trace;

/* initial-exec: found by one load, also in a shared object */
static _Thread_local struct trace_buffer *trace_self
	__attribute__((tls_model("initial-exec")));

void
utils_trace_quiet_begin(struct utils_trace_quiet *quiet)
{
	sigset_t all;

	quiet->error = errno;
	sigfillset(&all);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &quiet->cancel);
	pthread_sigmask(SIG_SETMASK, &all, &quiet->mask);
}

void
utils_trace_quiet_end(const struct utils_trace_quiet *quiet)
{
	pthread_sigmask(SIG_SETMASK, &quiet->mask, NULL);
	pthread_setcancelstate(quiet->cancel, NULL);
	errno = quiet->error;
}

void
utils_trace_buffer_warn(int error)
{
	if (error != 0 && !atomic_exchange(&trace.write_warned, 1))
		log_warn("trace: cannot write %s: %s; rows are lost, the "
			 "application goes on", utils_trace_file.path,
			 strerror(error));
}

static int
trace_trylock(struct trace_buffer *buffer)
{
	/* TRACE-A1 pairs with TRACE-R1: the next holder sees `written` and the
	 * text of the last */
	return !atomic_exchange_explicit(&buffer->lock, 1,
					 memory_order_acquire);
}

static void
trace_lock(struct trace_buffer *buffer)
{
	while (!trace_trylock(buffer))
		sched_yield();	/* stop or a handler writes our rows */
}

static void
trace_unlock(struct trace_buffer *buffer)
{
	/* TRACE-R1 */
	atomic_store_explicit(&buffer->lock, 0, memory_order_release);
}

/*
 * trace_flush_some writes the next rows, as many as the text has room for, and
 * returns how many records it is done with; those that did not get into the
 * file are added to *lost, and *error is the errno.
 */
static uint32_t
trace_flush_some(struct trace_buffer *buffer, uint32_t count, uint64_t *lost,
		 int *error)
{
	size_t ends[TRACE_BLOCK_ROWS];	/* where each row ends */
	char *text = buffer->block + 1;
	uint32_t rows = 0, in_file = 0;
	size_t length = 0, got;

	while (rows < TRACE_BLOCK_ROWS && rows < count - buffer->written) {
		const struct utils_trace_record *record =
			&buffer->records[buffer->written + rows];

		length += utils_trace_row_write(text + length, record,
			utils_clock_to_ns(record->start),
			utils_clock_span_ns(record->duration), buffer->tid);
		ends[rows++] = length;
	}
	got = utils_trace_file_write(buffer->block, length);
	if (got < length)
		*error = errno;
	while (in_file < rows && ends[in_file] <= got)
		in_file++;
	atomic_fetch_add(&utils_trace_file.rows, in_file);
	*lost += rows - in_file;
	return rows;
}

/*
 * trace_flush writes all records that are not in the file. Under the buffer's
 * lock; usable in a signal handler. Returns 0, or the errno of a failed write.
 */
static int
trace_flush(struct trace_buffer *buffer)
{
	/* TRACE-A2 pairs with TRACE-R2: the records below count are whole */
	uint32_t count = atomic_load_explicit(&buffer->count,
					      memory_order_acquire);
	uint64_t lost = 0;
	int error = 0;

	/* a child made by a bare clone() has a copy of its parent's records */
	if (getpid() != utils_trace_file.pid)
		return 0;
	while (buffer->written < count)
		buffer->written += trace_flush_some(buffer, count, &lost,
						    &error);
	atomic_fetch_add(&utils_trace_file.lost, lost);
	return error;
}

/*
 * trace_empty writes the calling thread's buffer and makes it empty; records
 * of an earlier session are dropped.
 */
static void
trace_empty(struct trace_buffer *buffer)
{
	struct utils_trace_quiet quiet;
	int error = 0;

	utils_trace_quiet_begin(&quiet);
	trace_lock(buffer);
	/* after the handler nobody writes: the process may end amid a row */
	if (atomic_load(&buffer->session) == atomic_load(&trace.session) &&
	    !atomic_load(&trace.last))
		error = trace_flush(buffer);
	buffer->written = 0;
	atomic_store(&buffer->count, 0);
	trace_unlock(buffer);
	utils_trace_quiet_end(&quiet);
	utils_trace_buffer_warn(error);
}

/* trace_thread_end writes what the thread has left and gives its buffer up. */
static void
trace_thread_end(void *arg)
{
	struct trace_buffer *buffer = arg;

	trace_empty(buffer);
	trace_self = NULL;
	pthread_mutex_lock(&utils_trace_mutex);
	buffer->owned = 0;
	pthread_mutex_unlock(&utils_trace_mutex);
}

static struct trace_buffer *
trace_buffer_new(uint32_t capacity)
{
	struct trace_buffer *buffer = calloc(1, sizeof(*buffer));
	size_t bytes = (size_t)capacity * sizeof(buffer->records[0]);
	uint32_t i;

	if (buffer == NULL)
		return NULL;
	buffer->records = aligned_alloc(64, bytes);
	buffer->block = malloc(TRACE_BLOCK_SIZE);
	if (buffer->records == NULL || buffer->block == NULL) {
		free(buffer->records);
		free(buffer->block);
		free(buffer);
		return NULL;
	}
	/* touch the pages now, not while calls are measured */
	for (i = 0; i < capacity; i++)
		buffer->records[i].start = 0;
	buffer->capacity = capacity;
	return buffer;
}

/* trace_buffer_find takes a buffer that a thread has given up. Under mutex. */
static struct trace_buffer *
trace_buffer_find(void)
{
	struct trace_buffer *buffer = atomic_load(&trace.buffers);

	while (buffer != NULL &&
	       (buffer->owned || buffer->capacity != trace.capacity))
		buffer = buffer->next;
	return buffer;
}

/*
 * trace_buffer_take returns a buffer for the calling thread, or NULL when the
 * trace has stopped or there is no memory. Under mutex.
 */
static struct trace_buffer *
trace_buffer_take(void)
{
	struct trace_buffer *buffer;

	if (!__atomic_load_n(&utils_trace_on, __ATOMIC_RELAXED))
		return NULL;
	buffer = trace_buffer_find();
	if (buffer == NULL) {
		buffer = trace_buffer_new(trace.capacity);
		if (buffer == NULL) {
			atomic_fetch_add(&utils_trace_file.lost, 1);
			return NULL;
		}
		buffer->next = atomic_load(&trace.buffers);
		atomic_store(&trace.buffers, buffer);
	}
	trace_lock(buffer);
	buffer->owned = 1;
	buffer->tid = (uint32_t)gettid();
	buffer->written = 0;
	atomic_store(&buffer->count, 0);
	atomic_store(&buffer->session, atomic_load(&trace.session));
	trace_unlock(buffer);
	return buffer;
}

/*
 * trace_join gives the calling thread a buffer of the current session, or NULL
 * as trace_buffer_take. A stale one is given back first: the new trace may
 * have another size.
 */
static struct trace_buffer *
trace_join(void)
{
	struct trace_buffer *buffer;
	struct utils_trace_quiet quiet;
	int no_memory;

	utils_trace_quiet_begin(&quiet);
	pthread_mutex_lock(&utils_trace_mutex);
	if (trace_self != NULL)
		trace_self->owned = 0;
	buffer = trace_buffer_take();
	if (buffer != NULL && pthread_setspecific(trace.key, buffer) != 0) {
		/* its end would not be seen, so it must not record */
		buffer->owned = 0;
		atomic_fetch_add(&utils_trace_file.lost, 1);
		buffer = NULL;
	}
	if (buffer == NULL)
		pthread_setspecific(trace.key, NULL);
	trace_self = buffer;
	no_memory = buffer == NULL &&
		__atomic_load_n(&utils_trace_on, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&utils_trace_mutex);
	utils_trace_quiet_end(&quiet);
	if (no_memory && !atomic_exchange(&trace.memory_warned, 1))
		log_warn("trace: no memory for a buffer of %u records; calls "
			 "of thread %d are not traced", trace.capacity,
			 (int)gettid());
	errno = quiet.error;
	return buffer;
}

/* trace_open returns the calling thread's buffer, or NULL: record nothing. */
static inline struct trace_buffer *
trace_open(void)
{
	struct trace_buffer *buffer = trace_self;

	if (__builtin_expect(buffer == NULL, 0))
		return trace_join();
	if (__builtin_expect(
		atomic_load_explicit(&buffer->session, memory_order_relaxed) !=
		atomic_load_explicit(&trace.session, memory_order_relaxed), 0))
		return trace_join();
	return buffer;
}

static inline struct utils_trace_record *
trace_next(struct trace_buffer *buffer)
{
	return &buffer->records[atomic_load_explicit(&buffer->count,
						     memory_order_relaxed)];
}

/* trace_commit makes the record that trace_next gave out count. */
static inline void
trace_commit(struct trace_buffer *buffer)
{
	uint32_t count = 1 + atomic_load_explicit(&buffer->count,
						  memory_order_relaxed);

	/* TRACE-R2 */
	atomic_store_explicit(&buffer->count, count, memory_order_release);
	if (__builtin_expect(count == buffer->capacity, 0))
		trace_empty(buffer);
}

static inline uint16_t
trace_core(void)
{
	int core = sched_getcpu();

	return core < 0 ? UTILS_TRACE_NO_CORE : (uint16_t)core;
}

void
utils_trace_call(uint64_t start, enum utils_trace_fn fn, const char *text,
		 unsigned int count, const uint64_t *words)
{
	uint64_t duration = utils_clock_ticks() - start;
	struct trace_buffer *buffer = trace_open();
	struct utils_trace_record *record;
	unsigned int i;

	if (buffer == NULL)
		return;
	record = trace_next(buffer);
	record->start = start;
	record->duration = duration;
	record->fn = (uint16_t)fn;
	record->core = trace_core();
	for (i = 0; i < count; i++)
		record->words[i] = words[i];
	record->text[0] = '\0';
	if (text != NULL) {
		size_t length = strnlen(text, UTILS_TRACE_TEXT);

		memcpy(record->text, text, length);
		record->text[length] = '\0';
	}
	trace_commit(buffer);
}

void
utils_trace_point(enum utils_trace_fn fn, uint64_t queue, uint64_t cookie,
		  uint64_t ticks)
{
	struct trace_buffer *buffer = trace_open();
	struct utils_trace_record *record;

	if (buffer == NULL)
		return;
	record = trace_next(buffer);
	record->start = ticks;
	record->duration = 0;
	record->fn = (uint16_t)fn;
	record->core = trace_core();
	record->words[0] = 0;
	record->words[1] = queue;
	record->words[2] = cookie;
	trace_commit(buffer);
}

/* trace_last_one writes one buffer, unless its lock cannot be had. */
static void
trace_last_one(struct trace_buffer *buffer, int *waited)
{
	while (!trace_trylock(buffer)) {
		if (++*waited > TRACE_HANDLER_WAIT_MS) {
			atomic_fetch_add(&utils_trace_file.lost,
					 atomic_load(&buffer->count));
			return;
		}
		poll(NULL, 0, 1);
	}
	if (atomic_load(&buffer->session) == atomic_load(&trace.session))
		(void)trace_flush(buffer);
	trace_unlock(buffer);
}

void
utils_trace_buffer_last(void)
{
	struct trace_buffer *buffer = atomic_load(&trace.buffers);
	int waited = 0;

	/* before any lock: who has one now is waited for, and is the last */
	atomic_store(&trace.last, 1);
	for (; buffer != NULL; buffer = buffer->next)
		trace_last_one(buffer, &waited);
}

int
utils_trace_buffer_open(uint64_t buffer_bytes)
{
	uint64_t records = buffer_bytes / UTILS_TRACE_RECORD;

	if (!trace.has_key &&
	    pthread_key_create(&trace.key, trace_thread_end) != 0)
		return -EAGAIN;
	trace.has_key = 1;
	if (buffer_bytes == 0)
		records = TRACE_DEFAULT_RECORDS;
	if (records < 1)
		records = 1;
	if (records > TRACE_MAX_RECORDS)
		records = TRACE_MAX_RECORDS;
	trace.capacity = (uint32_t)records;
	atomic_store(&trace.write_warned, 0);
	atomic_store(&trace.memory_warned, 0);
	atomic_fetch_add(&trace.session, 1);
	return 0;
}

int
utils_trace_buffer_close(void)
{
	struct trace_buffer *buffer = atomic_load(&trace.buffers);
	int error = 0, failed;

	for (; buffer != NULL; buffer = buffer->next) {
		trace_lock(buffer);
		if (atomic_load(&buffer->session) ==
		    atomic_load(&trace.session)) {
			failed = trace_flush(buffer);
			error = error != 0 ? error : failed;
			atomic_store(&buffer->session, 0);
		}
		trace_unlock(buffer);
	}
	return error;
}

void
utils_trace_buffer_forget(void)
{
	struct trace_buffer *buffer = atomic_load(&trace.buffers);

	/* the child has one thread: locks and owners are its parent's */
	for (; buffer != NULL; buffer = buffer->next) {
		atomic_store(&buffer->session, 0);
		atomic_store(&buffer->count, 0);
		atomic_store(&buffer->lock, 0);
		buffer->written = 0;
		buffer->owned = buffer == trace_self;
	}
}

void
utils_trace_buffer_unload(void)
{
	if (trace.has_key)
		pthread_key_delete(trace.key);
	trace.has_key = 0;
}

#endif
