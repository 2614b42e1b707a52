/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A number is a place in the table and, above it, how often that place was
 * used. Places that are free wait in a line, so that none is used again soon.
 *
 * The lock is for who has what: a call that opens or closes takes it, and so
 * does the end of a session; no other.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rt/rt_sched.h"
#include "services/net/svc_net_socket.h"

#define PLACE_BITS 16
#define PLACE_MASK ((1u << PLACE_BITS) - 1)

/* A session that has sockets. */
struct svc_net_holder {
	const void *tenant;
	uint32_t serial;
	uint32_t count;
	struct utils_list sockets;
	struct utils_link link;
};

static void
remove_path(struct svc_net_socket *socket)
{
	if (socket->path[0])
		(void)unlink(socket->path);
	socket->path[0] = '\0';
}

int
svc_net_table_init(struct svc_net_table *table, uint32_t size, uint32_t most)
{
	memset(table, 0, sizeof(*table));
	table->sockets = calloc(size, sizeof(*table->sockets));
	if (table->sockets == NULL)
		return -ENOMEM;
	table->size = size;
	table->most = most;
	utils_list_init(&table->free);
	utils_list_init(&table->holders);
	pthread_mutex_init(&table->lock, NULL);
	for (uint32_t i = 0; i < size; i++) {
		table->sockets[i].fd = -1;
		utils_list_init(&table->sockets[i].users);
		utils_list_push_back(&table->free, &table->sockets[i].link);
	}
	return 0;
}

void
svc_net_table_fini(struct svc_net_table *table)
{
	for (uint32_t i = 0; i < table->size; i++) {
		remove_path(&table->sockets[i]);
		if (table->sockets[i].fd >= 0)
			close(table->sockets[i].fd);
	}
	while (!utils_list_empty(&table->holders)) {
		struct svc_net_holder *h = utils_list_of(
			utils_list_first(&table->holders),
			struct svc_net_holder, link);

		utils_list_remove(&h->link);
		free(h);
	}
	pthread_mutex_destroy(&table->lock);
	free(table->sockets);
}

/* Under the lock. */
static struct svc_net_holder *
find_holder(struct svc_net_table *table, const void *tenant, uint32_t serial)
{
	utils_list_each(&table->holders, link) {
		struct svc_net_holder *h = utils_list_of(
			link, struct svc_net_holder, link);

		if (h->tenant == tenant && h->serial == serial)
			return h;
	}
	return NULL;
}

static struct svc_net_holder *
make_holder(struct svc_net_table *table, const void *tenant, uint32_t serial)
{
	struct svc_net_holder *h = find_holder(table, tenant, serial);

	if (h)
		return h;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return NULL;
	h->tenant = tenant;
	h->serial = serial;
	utils_list_init(&h->sockets);
	utils_list_push_back(&table->holders, &h->link);
	return h;
}

static void
drop_holder(struct svc_net_holder *h)
{
	if (h->count)
		return;
	utils_list_remove(&h->link);
	free(h);
}

static int
take_locked(struct svc_net_table *table, struct svc_net_holder *h,
	    struct svc_net_socket **out)
{
	struct svc_net_socket *s;

	if (h->count >= table->most)
		return -EMFILE;
	if (utils_list_empty(&table->free))
		return -ENFILE;
	s = utils_list_of(utils_list_first(&table->free),
			  struct svc_net_socket, link);
	utils_list_remove(&s->link);
	utils_list_push_back(&h->sockets, &s->link);
	s->holder = h;
	h->count++;
	*out = s;
	return 0;
}

int
svc_net_socket_take(struct svc_net_table *table, const void *tenant,
		    uint32_t serial, struct svc_net_socket **socket)
{
	struct svc_net_holder *h;
	int rc = -ENOMEM;

	pthread_mutex_lock(&table->lock);
	h = make_holder(table, tenant, serial);
	if (h) {
		rc = take_locked(table, h, socket);
		drop_holder(h);
	}
	pthread_mutex_unlock(&table->lock);
	if (rc == 0) {
		(*socket)->home = rt_sched_self();
		atomic_store(&(*socket)->owner, rt_sched_self());
	}
	return rc;
}

void
svc_net_socket_drop(struct svc_net_table *table, struct svc_net_socket *socket)
{
	struct svc_net_holder *h;

	remove_path(socket);	/* of one that was never opened */
	atomic_store(&socket->owner, NULL);
	pthread_mutex_lock(&table->lock);
	socket->gone = socket->leaving;
	if (!socket->gone) {
		h = socket->holder;
		utils_list_remove(&socket->link);
		utils_list_push_back(&table->free, &socket->link);
		socket->holder = NULL;
		h->count--;
		drop_holder(h);
	}
	pthread_mutex_unlock(&table->lock);
}

uint32_t
svc_net_socket_open(struct svc_net_table *table, struct svc_net_socket *socket,
		    int fd)
{
	uint32_t place = (uint32_t)(socket - table->sockets);

	socket->fd = fd;
	socket->busy = 0;	/* a dead task left it as it was */
	if (++socket->lap == 0)	/* no number is 0 */
		socket->lap = 1;
	socket->number = (uint32_t)socket->lap << PLACE_BITS | place;
	return socket->number;
}

struct rt_sched *
svc_net_socket_owner(const struct svc_net_table *table, uint32_t number)
{
	uint32_t place = number & PLACE_MASK;

	return place < table->size ?
		atomic_load(&table->sockets[place].owner) : NULL;
}

struct svc_net_socket *
svc_net_socket_find(struct svc_net_table *table, uint32_t number,
		    const void *tenant, uint32_t serial)
{
	struct svc_net_socket *s = &table->sockets[number & PLACE_MASK];

	if (atomic_load(&s->owner) != rt_sched_self() || number == 0 ||
	    s->number != number || s->holder->tenant != tenant ||
	    s->holder->serial != serial)
		return NULL;
	return s;
}

static void
closed(struct rt_op *op, int64_t result)
{
	struct svc_net_socket *s = utils_list_of(op, struct svc_net_socket,
						 close);

	(void)result;
	s->fd = -1;
	svc_net_socket_drop(op->user, s);
}

static void
close_now(struct svc_net_table *table, struct svc_net_socket *socket)
{
	socket->close = (struct rt_op){
		.kind = RT_OP_CLOSE,
		.fd = socket->fd,
		.done = closed,
		.user = table,
	};
	/* without the memory for it the descriptor has no op under way */
	if (rt_wait_submit(rt_sched_wait(rt_sched_self()), &socket->close)) {
		close(socket->fd);
		closed(&socket->close, 0);
	}
}

void
svc_net_socket_use(struct svc_net_socket *socket, struct svc_net_user *user)
{
	user->task = rt_task_self();
	utils_list_push_back(&socket->users, &user->link);
}

void
svc_net_socket_leave_off(struct svc_net_table *table,
			 struct svc_net_socket *socket,
			 struct svc_net_user *user)
{
	utils_list_remove(&user->link);
	if (socket->number == 0 && utils_list_empty(&socket->users))
		close_now(table, socket);
}

void
svc_net_socket_close(struct svc_net_table *table, struct svc_net_socket *socket)
{
	socket->number = 0;
	remove_path(socket);
	utils_list_each(&socket->users, link) {
		const struct svc_net_user *user = utils_list_of(
			link, struct svc_net_user, link);

		if (user->task != rt_task_self())
			rt_task_cancel(user->task);
	}
	if (utils_list_empty(&socket->users))
		close_now(table, socket);
}

/* Take a task off a socket's users; returns whether it was one. */
static int
drop_user(struct svc_net_socket *socket, const struct rt_task *task)
{
	utils_list_each(&socket->users, link) {
		if (utils_list_of(link, struct svc_net_user, link)->task !=
		    task)
			continue;
		utils_list_remove(link);
		return 1;
	}
	return 0;
}

void
svc_net_socket_forget(struct svc_net_table *table, const struct rt_task *task)
{
	for (uint32_t i = 0; i < table->size; i++) {
		struct svc_net_socket *s = &table->sockets[i];

		if (atomic_load(&s->owner) != rt_sched_self() ||
		    !drop_user(s, task))
			continue;
		if (s->number)
			svc_net_socket_close(table, s);
		else if (utils_list_empty(&s->users))
			close_now(table, s);
	}
}

static void
close_here(struct rt_mail *mail)
{
	struct svc_net_socket *s = utils_list_of(mail, struct svc_net_socket,
						 closing);
	struct svc_net_table *table = mail->user;
	int gone;

	pthread_mutex_lock(&table->lock);
	s->leaving = 0;
	gone = s->gone;
	pthread_mutex_unlock(&table->lock);
	if (gone)
		svc_net_socket_drop(table, s);
	else if (s->number)
		svc_net_socket_close(table, s);
}

/*
 * None of its tasks is left, so none of its sockets is being opened. One that
 * is being closed is not free for others before its mail has arrived.
 */
void
svc_net_socket_leave(struct svc_net_table *table, const void *tenant,
		     uint32_t serial)
{
	struct svc_net_holder *h;

	pthread_mutex_lock(&table->lock);
	h = find_holder(table, tenant, serial);
	if (h) {
		utils_list_each(&h->sockets, link) {
			struct svc_net_socket *s = utils_list_of(
				link, struct svc_net_socket, link);

			s->leaving = 1;
			s->closing.call = close_here;
			s->closing.user = table;
			rt_mail_post(s->home, &s->closing);
		}
	}
	pthread_mutex_unlock(&table->lock);
}
