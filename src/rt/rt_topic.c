/* SPDX-License-Identifier: Apache-2.0 */
/*
 * News are one piece of memory with a letter for each subscriber of that
 * moment, and a count of letters that are under way; who takes the last one
 * frees it. A letter names its subscriber by number: that may have left, and be
 * gone, when the letter comes.
 *
 * Letters are posted under the topic's lock. So none is posted to a scheduler
 * that has left it, and all subscribers see the same order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rt/rt_inside.h"
#include "rt/rt_mail.h"
#include "rt/rt_topic.h"

struct letter {
	struct rt_mail mail;
	struct rt_sched *to;
	uint64_t number;
};

struct news {
	_Atomic uint32_t left;
	size_t size;
	const char *text;
	struct letter letters[];
};

static _Atomic uint64_t numbers;

void
rt_topic_init(struct rt_topic *topic)
{
	pthread_mutex_init(&topic->lock, NULL);
	utils_list_init(&topic->subscribers);
	topic->count = 0;
}

void
rt_topic_fini(struct rt_topic *topic)
{
	pthread_mutex_destroy(&topic->lock);
}

void
rt_topic_join(struct rt_topic *topic, struct rt_sched *s,
	      struct rt_subscriber *sub)
{
	sub->topic = topic;
	sub->sched = s;
	sub->number = atomic_fetch_add(&numbers, 1) + 1;
	sub->next = s->subscribers;
	s->subscribers = sub;
	pthread_mutex_lock(&topic->lock);
	utils_list_push_back(&topic->subscribers, &sub->link);
	topic->count++;
	pthread_mutex_unlock(&topic->lock);
}

void
rt_topic_leave(struct rt_subscriber *sub)
{
	struct rt_topic *topic = sub->topic;
	struct rt_subscriber **at;

	if (topic == NULL)
		return;
	pthread_mutex_lock(&topic->lock);
	utils_list_remove(&sub->link);
	topic->count--;
	pthread_mutex_unlock(&topic->lock);
	for (at = &sub->sched->subscribers; *at != sub;)
		at = &(*at)->next;
	*at = sub->next;
	sub->topic = NULL;
}

void
rt_topic_leave_all(struct rt_sched *s)
{
	while (s->subscribers)
		rt_topic_leave(s->subscribers);
}

/* One letter is read, or will not be. */
static void
let_go(struct news *news)
{
	if (atomic_fetch_sub(&news->left, 1) == 1)
		free(news);
}

static void
drop(struct rt_mail *mail)
{
	let_go(mail->user);
}

static void
deliver(struct rt_mail *mail)
{
	struct letter *letter = (struct letter *)(void *)mail;
	struct news *news = mail->user;
	struct rt_subscriber *sub = letter->to->subscribers;

	while (sub && sub->number != letter->number)
		sub = sub->next;
	if (sub)
		sub->hear(sub, news->text, news->size);
	let_go(news);
}

int
rt_topic_publish(struct rt_topic *topic, const void *text, size_t size)
{
	struct news *news;
	uint32_t n = 0;

	pthread_mutex_lock(&topic->lock);
	news = malloc(sizeof(*news) + topic->count * sizeof(*news->letters) +
		      size);
	if (news == NULL) {
		pthread_mutex_unlock(&topic->lock);
		return -ENOMEM;
	}
	/* one for us: the first may be read before the last is posted */
	atomic_init(&news->left, topic->count + 1);
	news->size = size;
	news->text = (const char *)&news->letters[topic->count];
	if (size)
		memcpy(&news->letters[topic->count], text, size);
	utils_list_each(&topic->subscribers, link) {
		struct rt_subscriber *sub = utils_list_of(link,
			struct rt_subscriber, link);

		news->letters[n] = (struct letter){
			.mail = { .call = deliver, .drop = drop,
				  .user = news },
			.to = sub->sched, .number = sub->number };
		rt_mail_post(sub->sched, &news->letters[n++].mail);
	}
	pthread_mutex_unlock(&topic->lock);
	let_go(news);
	return (int)n;
}
