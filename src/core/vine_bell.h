/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bell: at which the threads of a session wait, and by which the appliance
 * wakes them: a futex in the slot; in the memory of a device its interrupt
 * (arch_msi.h) or a byte in a serial port (vine_port.h). Where there is none of
 * them the session is mute, and looks now and then.
 */
#ifndef VINE_BELL_H
#define VINE_BELL_H

struct vine_session;

/* vine_bell_of_slot has the session wait at its slot's word, or, where that is
 * in far memory, at one of its own. */
void vine_bell_of_slot(struct vine_session *session);

/*
 * vine_bell_take_interrupt takes the interrupt of the session's device, where
 * it has a server and a driver that gives it away; vine_bell_take_port the
 * serial port of the config, of a session that has its slot and would be mute.
 * Either may fail, which is said in the log. The second blocks for up to
 * VINE_PORT_ANSWER_MS.
 */
void vine_bell_take_interrupt(struct vine_session *session);
void vine_bell_take_port(struct vine_session *session);

/* vine_bell_close gives both back, as far as the session has them. */
void vine_bell_close(struct vine_session *session);

#endif
