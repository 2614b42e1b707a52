/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket: a descriptor of the appliance that belongs to a session.
 *
 * All that is done with it is done on one worker, its owner, where it was
 * opened. Any worker can tell the owner by the number; whether the number is
 * right, and of whose session, only the owner can.
 */
#ifndef SVC_NET_SOCKET_H
#define SVC_NET_SOCKET_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "rt/rt_mail.h"
#include "rt/rt_op.h"
#include "utils/utils_list.h"

struct rt_sched;
struct rt_task;
struct svc_net_holder;

struct svc_net_socket {
	_Atomic(struct rt_sched *) owner;	/* NULL: is free */
	struct rt_sched *home;	/* the same, and stays */
	/* the owner's */
	uint32_t number;	/* 0: none; is closed */
	int fd;
	int type;		/* SOCK_STREAM, SOCK_DGRAM */
	int family;
	uint8_t listens;
	uint8_t delays;		/* no TCP_NODELAY */
	uint8_t busy;		/* sides that a task keeps: RT_OP_IN, RT_OP_OUT */
	struct utils_list users;	/* of struct svc_net_user */
	char path[108];		/* to be removed with it; "": none */
	/* under the table's lock */
	struct svc_net_holder *holder;
	struct utils_link link;	/* in the holder's, or the free ones */
	uint16_t lap;		/* of numbers */
	uint8_t leaving;	/* `closing` is on its way */
	uint8_t gone;		/* dropped meanwhile */

	struct rt_mail closing;	/* its session has ended */
	struct rt_op close;
};

/* A task that is at work on a socket: on its stack. */
struct svc_net_user {
	struct rt_task *task;
	struct utils_link link;
};

struct svc_net_table {
	pthread_mutex_t lock;
	struct svc_net_socket *sockets;
	uint32_t size;
	uint32_t most;		/* of a session */
	struct utils_list free;	/* first in, first out */
	struct utils_list holders;
};

/*
 * svc_net_table_init makes a table for `size` sockets, of which a session has
 * at most `most`; fini ends one, closing what is open: no worker runs then.
 * Returns 0 or -ENOMEM.
 */
int svc_net_table_init(struct svc_net_table *table, uint32_t size,
		       uint32_t most);
void svc_net_table_fini(struct svc_net_table *table);

/*
 * svc_net_socket_take reserves a socket for a session, on this worker, without
 * a number or a descriptor yet; svc_net_socket_drop gives one such back. Any
 * worker. Returns 0, or -EMFILE: the session has as many as it may, -ENFILE:
 * there is none left, -ENOMEM.
 */
int svc_net_socket_take(struct svc_net_table *table, const void *tenant,
			uint32_t serial, struct svc_net_socket **socket);
void svc_net_socket_drop(struct svc_net_table *table,
			 struct svc_net_socket *socket);

/* svc_net_socket_open gives it a descriptor, and a number, which it returns. */
uint32_t svc_net_socket_open(struct svc_net_table *table,
			     struct svc_net_socket *socket, int fd);

/* svc_net_socket_owner returns whose worker's a number is; NULL: nobody's. */
struct rt_sched *svc_net_socket_owner(const struct svc_net_table *table,
				      uint32_t number);

/* svc_net_socket_find returns a session's socket, or NULL. Its owner. */
struct svc_net_socket *svc_net_socket_find(struct svc_net_table *table,
					   uint32_t number, const void *tenant,
					   uint32_t serial);

/*
 * svc_net_socket_use is the current task's, which is at work on the socket from
 * now on; svc_net_socket_leave_off ends that. Its owner.
 */
void svc_net_socket_use(struct svc_net_socket *socket,
			struct svc_net_user *user);
void svc_net_socket_leave_off(struct svc_net_table *table,
			      struct svc_net_socket *socket,
			      struct svc_net_user *user);

/*
 * svc_net_socket_forget is for a task that is dead (svc_ops.overflowed): the
 * sockets that it was at work on are closed, for nobody knows what of its
 * transfer was done. On its worker; does not block.
 */
void svc_net_socket_forget(struct svc_net_table *table,
			   const struct rt_task *task);

/*
 * svc_net_socket_close makes the number nobody's. The tasks that are at work on
 * it, but the current one, are cancelled, and the descriptor is closed when the
 * last of them has left off: until then no other socket can have its number.
 * Its owner; does not block.
 */
void svc_net_socket_close(struct svc_net_table *table,
			  struct svc_net_socket *socket);

/* svc_net_socket_leave has all sockets of a session closed. Any worker. */
void svc_net_socket_leave(struct svc_net_table *table, const void *tenant,
			  uint32_t serial);

#endif
