/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host: who makes the calls that the runtime makes of an operating system. It
 * is the kernel, or a simulation of one (rt_sim.h).
 *
 * Each wait has a host, and with it each scheduler. What is not called from a
 * thread that has entered a scheduler is the kernel's.
 */
#ifndef RT_HOST_H
#define RT_HOST_H

#include <stdint.h>
#include <sys/types.h>

#include "rt/rt_net.h"

struct rt_host;

/*
 * What a host can do. All return what the system call of that name does, or
 * -errno; those of files may block, but not in a simulation. No descriptor that
 * an operation is under way at is closed by `close`.
 */
struct rt_host_ops {
	int (*is_open)(struct rt_host *host, int fd);
	int (*close)(struct rt_host *host, int fd);

	/* sockets; all are O_NONBLOCK and O_CLOEXEC */
	int (*socket)(struct rt_host *host, int family, int type);
	int (*set)(struct rt_host *host, int fd, int level, int name,
		   int value);
	int (*bind)(struct rt_host *host, int fd,
		    const struct rt_net_address *address);
	int (*listen)(struct rt_host *host, int fd, int backlog);
	int (*name)(struct rt_host *host, int fd, int peer,
		    struct rt_net_address *address);
	int (*resolve)(struct rt_host *host, const char *name, uint16_t port,
		       struct rt_net_address *address);

	/* files, by name */
	int (*open)(struct rt_host *host, const char *path, int flags,
		    mode_t mode);
	int (*unlink)(struct rt_host *host, const char *path);
	int (*rename)(struct rt_host *host, const char *from, const char *to);
	int (*sync_dir)(struct rt_host *host, const char *path);
};

/* What a host begins with. */
struct rt_host {
	const struct rt_host_ops *ops;
};

/* The kernel. */
extern struct rt_host rt_host_kernel;

/* rt_host_self returns that of the scheduler which the thread has entered. */
struct rt_host *rt_host_self(void);

#endif
