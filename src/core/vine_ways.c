/* SPDX-License-Identifier: Apache-2.0 */
/* What was negotiated stands in the session and its segment. */
#include <stdio.h>

#include "arch/shm/arch_shm.h"
#include "core/vine_session.h"
#include "core/vine_ways.h"

#define PUT(to, ...) snprintf(to, sizeof(to), __VA_ARGS__)

static void
ways_of_near(const struct vine_seg *seg, struct vine_ways *w)
{
	PUT(w->memory, "%s, of this kernel: write-back", seg->mapper->kind);
	PUT(w->to_appliance, "futex in the segment");
	PUT(w->to_session, "futex in the segment");
	PUT(w->deaths, "%s", seg->peer.sock >= 0 ?
	    "the end of a connection, at once" : "byte locks, within 1 s");
}

static void
ways_of_far(const struct vine_session *s, struct vine_ways *w)
{
	static const char *const kept[] = {
		[ARCH_PCI_WRITE_BACK] = "write-back",
		[ARCH_PCI_UNCACHED] = "uncached",
		[ARCH_PCI_COMBINING] = "write-combined",
	};
	const struct vine_seg *seg = s->seg;

	PUT(w->memory, "%s%s%s: %s", seg->mapper->kind,
	    seg->device[0] ? ", device " : "", seg->device, kept[seg->cache]);
	if (seg->registers)
		PUT(w->to_appliance, "register of the device, as machine %u of "
		    "its server", seg->peer.id);
	else
		PUT(w->to_appliance, "none: it naps, %d ms at most",
		    VINE_NAP_MAX_US / 1000);
	if (s->msi.bell.fd >= 0)
		PUT(w->to_session, "interrupt of the device (MSI-X)");
	else if (s->port.fd >= 0 && !s->mute)
		PUT(w->to_session, "byte at the serial port \"%s\"",
		    s->port_name);
	else
		PUT(w->to_session, "none: waits nap, %d us to %d ms",
		    VINE_NAP_MIN_US, VINE_NAP_MAX_US / 1000);
	PUT(w->deaths, "%sheartbeats, a lease of %llu ms",
	    seg->registers || s->port.fd >= 0 ?
	    "the end of the machine's connection; " : "",
	    (unsigned long long)seg->lease / 1000000);
}

void
vine_ways_of(const struct vine_session *session, struct vine_ways *ways)
{
	if (session->seg->far)
		ways_of_far(session, ways);
	else
		ways_of_near(session->seg, ways);
}
