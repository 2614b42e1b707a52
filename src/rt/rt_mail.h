/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mail: a function to be called on the thread of another scheduler.
 *
 * It is a member of whatever it is about. From rt_mail_post on it is the
 * scheduler's, until one of its two functions is called, there and not in a
 * task: `call`; or `drop`, where it was cancelled or the scheduler is freed.
 * Exactly one of them is, once. Mail of one sender arrives in its order.
 */
#ifndef RT_MAIL_H
#define RT_MAIL_H

#include <stdatomic.h>

struct rt_sched;

/* Zero it, set the first two or three. */
struct rt_mail {
	void (*call)(struct rt_mail *mail);
	void (*drop)(struct rt_mail *mail);	/* NULL: nothing to do */
	void *user;				/* kept for you */
	struct rt_mail *next;	/* the scheduler's */
	_Atomic int state;	/* 0, or one of rt_mail.c */
};

/*
 * rt_mail_post posts mail to a scheduler, and wakes it where it sleeps. The
 * scheduler is not being freed. Any thread; never blocks.
 */
void rt_mail_post(struct rt_sched *to, struct rt_mail *mail);

/*
 * rt_mail_cancel has mail dropped in place of called, if it is not too late.
 * The caller knows that it was not delivered to its end: the memory is still
 * there. Any thread; never blocks. Returns 0: `call` will not be called, `drop`
 * will; or -EALREADY.
 */
int rt_mail_cancel(struct rt_mail *mail);

#endif
