/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The word is there always. A device's interrupt, or a serial port, is taken
 * where the memory is a device's and no word of it can be waited on.
 * Descriptors are opened and closed under the lock of forks, and a child closes
 * them, or it would keep the device busy. One thread: the one that opens or
 * closes the session.
 */
#include <string.h>

#include "arch/spin/arch_bell.h"
#include "arch/spin/arch_msi.h"
#include "core/vine_bell.h"
#include "core/vine_fork.h"
#include "core/vine_port.h"
#include "core/vine_session.h"
#include "utils/utils_log.h"

/*
 * The bell at which we wait: a futex in the slot. In far memory there is no
 * futex; the threads of this process have a word of their own then.
 */
void
vine_bell_of_slot(struct vine_session *s)
{
	s->mute = s->msi.bell.fd < 0 && s->seg->far;
	s->bell = arch_bell_of_word(s->seg->far ? &s->own_bell : &s->shm->bell);
}

/*
 * The appliance's way to wake us, where the device has a server and a driver
 * that lets us have its interrupt. Without it we look now and then.
 */
void
vine_bell_take_interrupt(struct vine_session *s)
{
	int *const fds[] = { &s->msi.device, &s->msi.group,
			     &s->msi.container };
	const char *why;
	int rc;

	if (s->seg->registers == NULL)
		return;
	vine_fork_lock();
	rc = arch_msi_open(s->seg->device, &s->msi, &why);
	vine_fork_unlock();
	if (rc) {
		log_debug("segment %s, device %s: no interrupts, %s: %s",
			  s->seg->name, s->seg->device, why, strerror(-rc));
		return;
	}
	/* a child would keep the device busy */
	for (int i = 0; i < 3; i++)
		vine_fork_add(&s->known_msi[i], vine_fork_close, fds[i]);
}

static void
drop_interrupt(struct vine_session *s)
{
	if (s->msi.bell.fd < 0)
		return;
	for (int i = 0; i < 3; i++)
		vine_fork_remove(&s->known_msi[i]);
	vine_fork_lock();
	arch_msi_close(&s->msi);
	vine_fork_unlock();
}

static void
drop_port(struct vine_session *s)
{
	if (s->port.fd < 0)
		return;
	vine_fork_remove(&s->known_port);
	vine_fork_lock();
	vine_port_close(&s->port);
	vine_fork_unlock();
}

/* A port of the machine is the way to wake us where its device is none. */
void
vine_bell_take_port(struct vine_session *s)
{
	const char *why;
	int rc;

	if (!s->mute)
		return;
	vine_fork_lock();
	rc = vine_port_open(&s->port, s->port_name, s->slot, s->nonce, &why);
	vine_fork_unlock();
	if (rc == 0) {
		/* a child would keep the port busy */
		vine_fork_add(&s->known_port, vine_fork_close, &s->port.fd);
		rc = vine_port_greet(&s->port, VINE_PORT_ANSWER_MS, &why);
		s->mute = rc != 0;
		if (rc)
			drop_port(s);
	}
	if (rc)
		log_debug("segment %s: no bell by serial port \"%s\", %s: %s",
			  s->seg->name, s->port_name, why, strerror(-rc));
}

void
vine_bell_close(struct vine_session *s)
{
	drop_interrupt(s);
	drop_port(s);
}
