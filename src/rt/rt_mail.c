/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mailbox is a stack that senders push to by compare and swap. The scheduler
 * takes all of it by exchange and turns it round. A sender that finds the
 * mailbox empty looks whether the scheduler sleeps; one that does not find it
 * empty follows another that has looked, or will.
 *
 * `state` says who has the mail: who changes POSTED, to CALLED or to CANCELLED,
 * decides which of its functions is called.
 */
#include <errno.h>
#include <stddef.h>

#include "rt/rt_inside.h"
#include "rt/rt_mail.h"

enum { NEW, POSTED, CALLED, CANCELLED };

void
rt_mail_post(struct rt_sched *to, struct rt_mail *mail)
{
	struct rt_mail *first;

	atomic_store_explicit(&mail->state, POSTED, memory_order_relaxed);
	first = atomic_load_explicit(&to->mail, memory_order_relaxed);
	/* MAIL-R1: publishes what the mail is, and all that its sender did
	 * before; pairs with MAIL-A1 in take(). */
	do
		mail->next = first;
	while (!atomic_compare_exchange_weak(&to->mail, &first, mail));
	if (first == NULL)
		rt_sched_rouse(to);
}

int
rt_mail_cancel(struct rt_mail *mail)
{
	int posted = POSTED;

	return atomic_compare_exchange_strong(&mail->state, &posted, CANCELLED) ?
		0 : -EALREADY;
}

/* All that was posted, oldest first. */
static struct rt_mail *
take(struct rt_sched *s)
{
	struct rt_mail *all, *turned = NULL;

	if (atomic_load_explicit(&s->mail, memory_order_relaxed) == NULL)
		return NULL;
	/* MAIL-A1: pairs with MAIL-R1 in rt_mail_post(). */
	all = atomic_exchange(&s->mail, NULL);
	while (all) {
		struct rt_mail *next = all->next;

		all->next = turned;
		turned = all;
		all = next;
	}
	return turned;
}

static void
deliver(struct rt_sched *s, struct rt_mail *m)
{
	RT_TRACE_AT(s, mail, NULL, m, 0);
	m->call(m);
}

uint32_t
rt_mail_deliver(struct rt_sched *s)
{
	struct rt_mail *m = take(s), *next;
	uint32_t n = 0;

	for (; m; m = next, n++) {
		int posted = POSTED;

		next = m->next;
		if (atomic_compare_exchange_strong(&m->state, &posted, CALLED))
			deliver(s, m);
		else if (m->drop)
			m->drop(m);
	}
	return n;
}

void
rt_mail_drop(struct rt_sched *s)
{
	struct rt_mail *m, *next;

	while ((m = take(s)) != NULL) {
		for (; m; m = next) {
			next = m->next;
			atomic_store(&m->state, CANCELLED);
			if (m->drop)
				m->drop(m);
		}
	}
}
