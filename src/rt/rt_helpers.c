/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two lists under one lock, of what is to do and of what is finished. A thread
 * is started when an op comes, none is idle and the limit allows it; they stay.
 *
 * The one who finishes the first op since the last look tells the wait; those
 * after it need not.
 */
#include <errno.h>
#include <stdlib.h>

#include "arch/arch_thread.h"
#include "core/vine_limits.h"
#include "rt/rt_helpers.h"

struct rt_helpers {
	void (*news)(void *user);
	void *user;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct utils_list todo;
	struct utils_list finished;
	uint32_t todo_count;
	uint32_t idle;		/* threads that wait */
	uint32_t count;
	int stop;
	pthread_t threads[VINE_RT_HELPERS];
};

static struct rt_op *
next_op(struct rt_helpers *h)
{
	struct utils_link *link;
	struct rt_op *op;

	while ((link = utils_list_pop_front(&h->todo)) == NULL && !h->stop) {
		h->idle++;
		pthread_cond_wait(&h->work, &h->lock);
		h->idle--;
	}
	if (link == NULL)
		return NULL;
	op = utils_list_of(link, struct rt_op, queued);
	op->begun = 1;
	h->todo_count--;
	return op;
}

static void *
help(void *arg)
{
	struct rt_helpers *h = arg;
	struct rt_op *op;
	int first;

	pthread_setname_np(pthread_self(), "vine-helper");
	pthread_mutex_lock(&h->lock);
	while ((op = next_op(h)) != NULL) {
		pthread_mutex_unlock(&h->lock);
		op->result = rt_op_carry(op);
		pthread_mutex_lock(&h->lock);
		first = utils_list_empty(&h->finished);
		utils_list_push_back(&h->finished, &op->queued);
		if (!first)
			continue;
		pthread_mutex_unlock(&h->lock);
		h->news(h->user);
		pthread_mutex_lock(&h->lock);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

int
rt_helpers_new(void (*news)(void *user), void *user, struct rt_helpers **out)
{
	struct rt_helpers *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return -ENOMEM;
	h->news = news;
	h->user = user;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->work, NULL);
	utils_list_init(&h->todo);
	utils_list_init(&h->finished);
	*out = h;
	return 0;
}

void
rt_helpers_free(struct rt_helpers *helpers)
{
	pthread_mutex_lock(&helpers->lock);
	helpers->stop = 1;
	pthread_cond_broadcast(&helpers->work);
	pthread_mutex_unlock(&helpers->lock);
	for (uint32_t i = 0; i < helpers->count; i++)
		pthread_join(helpers->threads[i], NULL);
	pthread_cond_destroy(&helpers->work);
	pthread_mutex_destroy(&helpers->lock);
	free(helpers);
}

/* Another thread, under the lock: it waits for it. */
static int
more(struct rt_helpers *h)
{
	int rc = arch_thread_start(&h->threads[h->count], help, h);

	if (rc == 0)
		h->count++;
	return h->count ? 0 : rc;
}

int
rt_helpers_give(struct rt_helpers *helpers, struct rt_op *op)
{
	int rc = 0;

	pthread_mutex_lock(&helpers->lock);
	if (helpers->todo_count >= helpers->idle &&
	    helpers->count < VINE_RT_HELPERS)
		rc = more(helpers);
	if (rc == 0) {
		op->begun = 0;
		helpers->todo_count++;
		utils_list_push_back(&helpers->todo, &op->queued);
		pthread_cond_signal(&helpers->work);
	}
	pthread_mutex_unlock(&helpers->lock);
	return rc;
}

int
rt_helpers_take_back(struct rt_helpers *helpers, struct rt_op *op)
{
	int begun;

	pthread_mutex_lock(&helpers->lock);
	begun = op->begun;
	if (!begun) {
		utils_list_remove(&op->queued);
		helpers->todo_count--;
	}
	pthread_mutex_unlock(&helpers->lock);
	return !begun;
}

void
rt_helpers_take(struct rt_helpers *helpers, struct utils_list *to)
{
	pthread_mutex_lock(&helpers->lock);
	utils_list_move_all(to, &helpers->finished);
	pthread_mutex_unlock(&helpers->lock);
}
