/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segment: the mapped region, formed or found formed, and where its parts lie.
 *
 * Forming and joining happen under the attach byte of the object, so that of
 * any number of first attaches one forms the segment and all find it formed.
 * A segment with users is never given another size. One without users is left
 * over from an earlier life: it is formed anew (shm_trunc 1), or taken up as it
 * is (shm_trunc 0).
 *
 * Where the config names a socket the appliance makes the segment, sealed and
 * without a name, and everybody else has it from there (vine_peer.h).
 *
 * A segment in the memory of an ivshmem device, or in a file on DAX, is far:
 * its other users may be on other machines, so it has no locks. It is used as
 * it is found; a blank one is formed by the appliance.
 */
#ifndef VINE_SEG_H
#define VINE_SEG_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/shm/arch_pci.h"
#include "core/vine_fork.h"
#include "core/vine_layout.h"
#include "core/vine_peer.h"

struct arch_shm_mapper;
struct utils_config;

/* Words of the header that whoever forms a segment writes, once. */
#define VINE_SEG_FORMED (offsetof(struct vine_header_shm, generation) / 8)

struct vine_seg {
	uint8_t *base;
	struct vine_layout layout;	/* computed, never read from `base` */
	uint64_t incarnation;
	uint64_t header[VINE_SEG_FORMED]; /* as it was when we opened */
	const struct arch_shm_mapper *mapper;	/* NULL: the caller's memory */
	char name[256];		/* for messages and removal */
	int fd;			/* -1: far, or the caller's memory */
	uint64_t off;		/* where in the object */
	int far;		/* 1: no locks; leases go by heartbeats */
	uint64_t lease;		/* ns that a heartbeat may stand still */
	_Atomic int silent;	/* far: the appliance's has, for that long */
	void *mapped;		/* far: all of the object */
	uint64_t mapped_size;
	/* of an ivshmem device: to ring the appliance; NULL: one cannot */
	struct arch_pci_registers *registers;
	char device[13];	/* its address */
	enum arch_pci_cache cache;	/* far: how its memory is kept */
	int keep;		/* 1: do not remove the object */
	int formed;		/* 1: this open formed it */
	struct vine_peer peer;	/* from a socket: the connection */
	struct vine_fork_child known;	/* fd, to children */
	struct vine_fork_child known_sock;
};

/*
 * vine_seg_open maps the segment that a config names, forming it where it is
 * new. The caller owns *seg. Blocks while another process attaches, at most
 * 30 s; until a far segment has been formed, at most the config's
 * attach_timeout. Returns 0, or, logged: -ENOENT, -ENODEV, -EMLINK (several
 * devices), -EACCES, -EPROTO (foreign or newer), -ENOSPC (too small, or what it
 * lies in is full), -EDQUOT (the same by a quota), -EINVAL, -EBUSY (the attach
 * byte is held), -ETIMEDOUT (nobody forms it), -ENOTSUP (its memory is
 * write-combined), -ENOMEM.
 */
int vine_seg_open(const struct utils_config *config, struct vine_seg **seg);

/* vine_seg_open_own is vine_seg_open for the appliance, who does not wait until
 * far memory is formed, but has vine_far_form form it. Not for a config with a
 * socket. */
int vine_seg_open_own(const struct utils_config *config, struct vine_seg **seg);

/*
 * vine_seg_join has the segment of a config's socket handed over and maps it;
 * the connection lasts until vine_seg_close. vine_seg_open does that where a
 * config has a socket, with the config's attach_timeout. Blocks up to
 * timeout_ns, and as vine_seg_open. Returns as that, or as vine_peer_attach, or
 * -EPROTO for memory that is not sealed.
 */
int vine_seg_join(const struct utils_config *config, int64_t timeout_ns,
		  struct vine_seg **seg);

/*
 * vine_seg_make makes the segment for a config's socket: of shm_size, in sealed
 * memory without a name. The appliance alone. Otherwise as vine_seg_open.
 */
int vine_seg_make(const struct utils_config *config, struct vine_seg **seg);

/*
 * vine_seg_adopt takes up such a segment, of which the caller keeps fd, from an
 * earlier appliance: what its guests wrote into the header is not believed,
 * size, slots and incarnation are said, and written there again. Returns 0, or,
 * logged: -EPROTO where the object cannot be that, -ENOMEM, or as open(2).
 */
int vine_seg_adopt(const struct utils_config *config, int fd, uint64_t size,
		   uint32_t slots, uint64_t incarnation,
		   struct vine_seg **seg);

/* vine_seg_wrap is vine_seg_open on memory of the caller's. */
int vine_seg_wrap(void *mem, uint64_t size, uint32_t queue_slots,
		  struct vine_seg **seg);

/* vine_seg_has_appliance tells whether the object has a living appliance; of
 * the caller's memory nobody knows, and it says yes. Of a far one it says what
 * is known from its heartbeat (vine_beat.h). */
int vine_seg_has_appliance(const struct vine_seg *seg);

/*
 * vine_seg_close unmaps a segment and removes the object if nobody else uses
 * it. Returns 1 if nobody else did, else 0.
 */
int vine_seg_close(struct vine_seg *seg);

/* What vine_seg_mend found. */
enum vine_seg_found {
	VINE_SEG_WHOLE = 0,
	VINE_SEG_CUT,		/* it was shorter than it is to be */
	VINE_SEG_STARVED,	/* it was not, and yet memory was missing */
};

/*
 * vine_seg_mend gives the object of a segment back the size that somebody has
 * taken from it, and maps it anew where memory was missing. For the appliance,
 * in a process with arch_shm_guard.h, which has survived that; one thread at a
 * time, others may use the segment. What was cut off is zero. Returns what it
 * found (*at: the offset that was missing), or -errno of arch_shm_guard_mend,
 * or -ENODEV for far memory, which nobody can give back.
 */
int vine_seg_mend(const struct vine_seg *seg, vine_off_t *at);

/*
 * vine_seg_back has memory put behind the page at an offset; *has becomes how
 * many bytes of the object have some. Of a segment with a descriptor. Returns 0
 * or as arch_shm_back.
 */
int vine_seg_back(const struct vine_seg *seg, vine_off_t at, uint64_t *has);

/*
 * vine_seg_at is the one place where an offset becomes a pointer. Returns NULL
 * unless `len` bytes from `off` on lie in the segment, `off` being a multiple
 * of the power of two `align`.
 */
static inline void *
vine_seg_at(const struct vine_seg *seg, vine_off_t off, uint64_t len,
	    uint64_t align)
{
	uint64_t size = seg->layout.size;

	if (len > size || off > size - len || (off & (align - 1)) != 0)
		return NULL;
	return seg->base + off;
}

/* The parts, at places that the plan gave. */
static inline struct vine_header_shm *
vine_seg_header(const struct vine_seg *seg)
{
	return (struct vine_header_shm *)seg->base;
}

static inline struct vine_session_shm *
vine_seg_session(const struct vine_seg *seg, uint32_t i)
{
	return (struct vine_session_shm *)
		(seg->base + seg->layout.session_off) + i;
}

static inline struct vine_queue_shm *
vine_seg_queue(const struct vine_seg *seg, uint32_t i)
{
	return (struct vine_queue_shm *)(seg->base + seg->layout.queue_off) + i;
}

static inline struct vine_accel_shm *
vine_seg_accel(const struct vine_seg *seg, uint32_t i)
{
	return (struct vine_accel_shm *)(seg->base + seg->layout.accel_off) + i;
}

static inline struct vine_proc_shm *
vine_seg_proc(const struct vine_seg *seg, uint32_t i)
{
	return (struct vine_proc_shm *)(seg->base + seg->layout.proc_off) + i;
}

static inline struct vine_extent_shm *
vine_seg_extent(const struct vine_seg *seg, uint32_t i)
{
	return (struct vine_extent_shm *)
		(seg->base + seg->layout.extent_off) + i;
}

static inline struct vine_counter_shm *
vine_seg_counter(const struct vine_seg *seg, uint32_t i)
{
	return (struct vine_counter_shm *)
		(seg->base + seg->layout.counter_off) + i;
}

static inline struct vine_bell_shm *
vine_seg_bell(const struct vine_seg *seg, uint32_t i)
{
	return (struct vine_bell_shm *)(seg->base + seg->layout.bell_off) + i;
}

/* vine_seg_claim returns what a session of that nonce claims its slot by. */
static inline uint32_t
vine_seg_claim(uint64_t nonce)
{
	return (uint32_t)nonce | 1;
}

/* vine_seg_boot_id returns a hash of the running kernel's boot id, never 0. */
uint64_t vine_seg_boot_id(void);

/* vine_seg_random returns 64 random bits, never 0. */
uint64_t vine_seg_random(void);

#endif
