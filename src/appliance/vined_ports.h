/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports: the host's ends of virtio-serial ports, by which vined wakes the
 * applications of machines whose device sends no interrupts.
 *
 * A machine's QEMU connects the port to a socket (the config's bell_socket). An
 * application says through it which slot it has (core/vine_port.h); where a
 * lane would ring that session it writes a byte. The connection's end is the
 * end of the machine, and its session is closed. It runs on the main thread; of
 * what is here the lanes use vined_ports_ring alone.
 */
#ifndef VINED_PORTS_H
#define VINED_PORTS_H

#include <stdint.h>

#include <vine_pipe.h>

struct rt_wait;
struct utils_config;
struct vined_ports;

/*
 * vined_ports_open has the config's bell_socket listen. *ports is NULL where
 * there is none. Returns 0, or as vined_socket_open and vined_gate_read.
 */
int vined_ports_open(const struct utils_config *config, struct rt_wait *wait,
		     struct vined_ports **ports);

/* The rest takes NULL and does nothing. vined_ports_bind has a pipe ring its
 * sessions here; before the pipe is served. */
void vined_ports_bind(struct vined_ports *ports, vine_pipe_s *pipe);

/* vined_ports_serve begins to take connections in. Returns 0 or -errno,
 * logged. vined_ports_stop ends that: nothing calls back any more. */
int vined_ports_serve(struct vined_ports *ports);
void vined_ports_stop(struct vined_ports *ports);

/* vined_ports_close closes all of it. No lane rings any more. */
void vined_ports_close(struct vined_ports *ports);

/*
 * vined_ports_ring rings the session in a slot, if a port has said that it is
 * its. ports is a struct vined_ports. Any thread; a port that takes no byte has
 * enough of them, so it does not block.
 */
void vined_ports_ring(void *ports, uint32_t slot);

#endif
