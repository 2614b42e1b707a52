/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout: every byte of the segment that has a meaning.
 *
 * Structs that end in _shm lie in the segment, which the peer may write at any
 * time. They hold fixed-width little-endian words and offsets only, each read
 * and written through arch_atomic.h. No logic here but the plan: which part
 * lies where is a pure function of the segment's size and of the slots of a
 * queue, so both sides compute it and neither believes the other.
 *
 * A comment `writer:` names the one side that writes a line. The exceptions are
 * hints: the claim word of a session slot, the ready bits, and a bell.
 */
#ifndef VINE_LAYOUT_H
#define VINE_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "arch/arch_atomic.h"
#include "core/vine_limits.h"

#define VINE_MAGIC UINT64_C(0x31474553454e4956)	/* "VINESEG1" in memory */
#define VINE_ABI_MAJOR 1
#define VINE_ABI_MINOR 0
#define VINE_PAGE 4096u
#define VINE_LINE 64u

/* Features. An unknown incompat bit refuses the attach; an unknown ro_compat
 * bit allows reading only; an unknown compat bit is ignored. */
#define VINE_COMPAT_ALL 0u
#define VINE_INCOMPAT_ALL 0u
#define VINE_RO_COMPAT_ALL 0u

/* A byte distance from the start of the segment. Never an address. */
typedef uint64_t vine_off_t;

enum vine_seg_state {
	VINE_SEG_BLANK = 0,
	VINE_SEG_FORMING = 1,
	VINE_SEG_READY = 2,
};

enum vine_appliance_state {
	VINE_APPLIANCE_NONE = 0,
	VINE_APPLIANCE_SERVING = 1,
	VINE_APPLIANCE_DRAINING = 2,
};

/* Offset 0, one page. */
struct vine_header_shm {
	/* writer: whoever forms the segment; state is released last */
	le64_t magic;
	le32_t state;		/* enum vine_seg_state, SEG-R1 */
	le32_t layout_id;	/* fingerprint of the structs below */
	le16_t abi_major;
	le16_t abi_minor;
	le32_t compat;
	le32_t incompat;
	le32_t ro_compat;
	le64_t size;		/* bytes of the segment */
	le64_t incarnation;	/* random */
	le32_t queue_slots;	/* slots of a thread's submission ring */
	le32_t pad0;
	le64_t pad1;
	/* writer: the appliance */
	le64_t generation;	/* counts appliances on this segment */
	le64_t boot_id;		/* hash of its kernel's boot id */
	le32_t appliance;	/* enum vine_appliance_state */
	le32_t clock_kind;	/* enum utils_clock_kind of its stamps */
	le64_t heartbeat;	/* grows while it looks around */
	le32_t scarce;		/* changes when a session found no memory */
	le32_t pad2[7];
	le8_t  pad3[VINE_PAGE - 128];
};

/* How a session slot is used; see core/vine_door.h for the handshake. */
enum vine_session_request {
	VINE_REQUEST_NONE = 0,
	VINE_REQUEST_ATTACH = 1,
	VINE_REQUEST_DETACH = 2,
};

enum vine_session_state {
	VINE_SESSION_FREE = 0,
	VINE_SESSION_OPEN = 1,
	VINE_SESSION_REFUSED = 2,
	VINE_SESSION_CLOSED = 3,
	VINE_SESSION_LOST = 4,
};

#define VINE_SESSION_F_MEMBARRIER 1u	/* registered for expedited barriers */
#define VINE_SESSION_F_BEATS 2u		/* alive while its heartbeat grows */
#define VINE_SESSION_F_MUTE 4u		/* cannot ring the appliance */
#define VINE_SESSION_F_HEARS 8u		/* its peer's vector 0 wakes it */
#define VINE_SESSION_F_PORT 16u		/* a byte at its serial port does */

struct vine_session_shm {
	/* hint: set by compare-and-swap by whoever wants the slot */
	le32_t claim;
	le32_t pad0;
	/* writer: the application */
	le64_t heartbeat;	/* grows while it lives, with F_BEATS */
	le64_t pad1[6];
	le64_t nonce;		/* fresh for each attach */
	le32_t request;		/* enum vine_session_request, DOOR-R1 */
	le32_t flags;		/* VINE_SESSION_F_* */
	le64_t boot_id;
	le8_t  label[32];
	le32_t weight;		/* beside other sessions; 0: default */
	le32_t peer;		/* its number at the socket; 0: none */
	/* writer: the appliance */
	le64_t echo;		/* the nonce that state answers */
	le32_t state;		/* enum vine_session_state, DOOR-R2 */
	le32_t error;		/* errno of REFUSED */
	le64_t generation;	/* of the appliance that answered */
	le32_t queue;		/* index of the control queue */
	le32_t fence;		/* 1: the application needs real fences */
	le64_t granted;		/* bytes, for tools */
	le64_t mailbox;		/* offset of the control queue's text page */
	le32_t queues;		/* for tools */
	le32_t vaccels;		/* for tools */
	le64_t pad2;
	/* writer: the appliance (a bell the application sleeps on) */
	le32_t bell;
	le32_t procs;		/* from here on for tools; a quota 0: none */
	le64_t code;		/* bytes, of these procedures */
	le64_t quota_memory;
	le64_t quota_code;
	le32_t quota_tasks;
	le32_t quota_queues;
	le32_t quota_vaccels;
	le32_t quota_procs;
	le32_t tasks;		/* in flight; updated every VINE_TICK_MS */
	le32_t pad3[3];
};

/* A queue's directory entry. The rings themselves lie in the heap. */
struct vine_queue_shm {
	/* writer: the appliance, rarely: stays in the application's cache */
	le32_t armed;		/* 1: not polled; set the ready bit and ring */
	le32_t state;		/* 1: in use */
	le32_t session;
	le32_t bell;		/* which bell and ready set */
	le64_t sub;		/* offset of the submission ring */
	le64_t comp;		/* offset of the completion ring */
	le32_t sub_slots;
	le32_t comp_slots;
	le32_t pad0[6];
	/* writer: the application */
	le32_t waiting;		/* not 0: asleep; a new value each sleep */
	le32_t pad1[15];
	/* writer: the appliance, once a visit */
	le32_t taken;		/* submission slots before this are free */
	le32_t pad2;
	le64_t completed;	/* for tools */
	le64_t pad3[6];
	le64_t pad4[8];
};

/*
 * A submission slot: one cache line, eight words. Word 0 is stored last with
 * release (RING-R1).
 */
struct vine_desc_shm {
	le64_t w[8];
};

/* A completion slot: half a line, four words; word 0 last (RING-R2). */
struct vine_comp_shm {
	le64_t w[4];
};

/* A task's table: what does not fit the descriptor, in the heap. */
struct vine_table_shm {
	le32_t in_count;
	le32_t out_count;
	le32_t args_size;
	le32_t pad;
	/* in_count + out_count of struct vine_tref_shm, then the arguments */
};

struct vine_tref_shm {
	le64_t off;
	le64_t len;
};

/* writer: the appliance */
struct vine_accel_shm {
	le32_t handle;		/* index | generation << 16; 0: free; DIR-R1 */
	le32_t type;		/* vine_accel_type_e */
	le32_t phys;		/* 0: physical; else the handle of its */
	le32_t session;		/* of a virtual one */
	le32_t units;
	le32_t state;		/* 0 failed, 1 in service */
	le32_t numa_node;	/* 2^32-1: not known */
	le32_t vaccels;
	le8_t  name[48];
	le32_t priority;	/* signed, of a virtual one */
	le32_t pad0[3];
	le64_t pad1[4];
	/* updated every VINE_TICK_MS */
	le64_t completed;
	le64_t failed;
	le64_t in_flight;
	le64_t busy_ns;
	le64_t pad2[12];
};

/* writer: the appliance */
struct vine_proc_shm {
	le32_t handle;		/* as in vine_accel_shm; DIR-R1 */
	le32_t type;
	le32_t users;		/* references held by sessions */
	le32_t pad0;
	le64_t code_size;	/* 0: the appliance's own */
	le8_t  name[64];
	le64_t pad1[5];
};

/* writer: the appliance. For tools, and for an appliance that has no keep. */
struct vine_extent_shm {
	le64_t off;
	le64_t len;		/* 0: free entry */
	le32_t session;
	le32_t queue;		/* not 0: holds that queue's rings */
	le64_t pad;
};

/* writer: the appliance */
struct vine_counter_shm {
	le64_t value;
	le8_t  label[56];
};

/* A worker's bell: hint. */
struct vine_bell_shm {
	le32_t sleeping;	/* 1: ring me; taken by exchange */
	le32_t word;		/* the futex */
	le32_t pad[14];
};

#define VINE_ASSERT_AT(type, member, at) \
	_Static_assert(offsetof(struct type, member) == (at), \
		       #type "." #member " moved")
#define VINE_ASSERT_SIZE(type, bytes) \
	_Static_assert(sizeof(struct type) == (bytes), #type " changed size")

VINE_ASSERT_SIZE(vine_header_shm, 4096);
VINE_ASSERT_AT(vine_header_shm, magic, 0);
VINE_ASSERT_AT(vine_header_shm, state, 8);
VINE_ASSERT_AT(vine_header_shm, layout_id, 12);
VINE_ASSERT_AT(vine_header_shm, abi_major, 16);
VINE_ASSERT_AT(vine_header_shm, abi_minor, 18);
VINE_ASSERT_AT(vine_header_shm, compat, 20);
VINE_ASSERT_AT(vine_header_shm, incompat, 24);
VINE_ASSERT_AT(vine_header_shm, ro_compat, 28);
VINE_ASSERT_AT(vine_header_shm, size, 32);
VINE_ASSERT_AT(vine_header_shm, incarnation, 40);
VINE_ASSERT_AT(vine_header_shm, queue_slots, 48);
VINE_ASSERT_AT(vine_header_shm, generation, 64);
VINE_ASSERT_AT(vine_header_shm, boot_id, 72);
VINE_ASSERT_AT(vine_header_shm, appliance, 80);
VINE_ASSERT_AT(vine_header_shm, clock_kind, 84);
VINE_ASSERT_AT(vine_header_shm, heartbeat, 88);
VINE_ASSERT_AT(vine_header_shm, scarce, 96);

VINE_ASSERT_SIZE(vine_session_shm, 256);
VINE_ASSERT_AT(vine_session_shm, claim, 0);
VINE_ASSERT_AT(vine_session_shm, heartbeat, 8);
VINE_ASSERT_AT(vine_session_shm, nonce, 64);
VINE_ASSERT_AT(vine_session_shm, request, 72);
VINE_ASSERT_AT(vine_session_shm, flags, 76);
VINE_ASSERT_AT(vine_session_shm, boot_id, 80);
VINE_ASSERT_AT(vine_session_shm, label, 88);
VINE_ASSERT_AT(vine_session_shm, weight, 120);
VINE_ASSERT_AT(vine_session_shm, peer, 124);
VINE_ASSERT_AT(vine_session_shm, echo, 128);
VINE_ASSERT_AT(vine_session_shm, state, 136);
VINE_ASSERT_AT(vine_session_shm, error, 140);
VINE_ASSERT_AT(vine_session_shm, generation, 144);
VINE_ASSERT_AT(vine_session_shm, queue, 152);
VINE_ASSERT_AT(vine_session_shm, fence, 156);
VINE_ASSERT_AT(vine_session_shm, granted, 160);
VINE_ASSERT_AT(vine_session_shm, mailbox, 168);
VINE_ASSERT_AT(vine_session_shm, queues, 176);
VINE_ASSERT_AT(vine_session_shm, vaccels, 180);
VINE_ASSERT_AT(vine_session_shm, bell, 192);
VINE_ASSERT_AT(vine_session_shm, procs, 196);
VINE_ASSERT_AT(vine_session_shm, code, 200);
VINE_ASSERT_AT(vine_session_shm, quota_memory, 208);
VINE_ASSERT_AT(vine_session_shm, quota_code, 216);
VINE_ASSERT_AT(vine_session_shm, quota_tasks, 224);
VINE_ASSERT_AT(vine_session_shm, quota_queues, 228);
VINE_ASSERT_AT(vine_session_shm, quota_vaccels, 232);
VINE_ASSERT_AT(vine_session_shm, quota_procs, 236);
VINE_ASSERT_AT(vine_session_shm, tasks, 240);

VINE_ASSERT_SIZE(vine_queue_shm, 256);
VINE_ASSERT_AT(vine_queue_shm, armed, 0);
VINE_ASSERT_AT(vine_queue_shm, state, 4);
VINE_ASSERT_AT(vine_queue_shm, session, 8);
VINE_ASSERT_AT(vine_queue_shm, bell, 12);
VINE_ASSERT_AT(vine_queue_shm, sub, 16);
VINE_ASSERT_AT(vine_queue_shm, comp, 24);
VINE_ASSERT_AT(vine_queue_shm, sub_slots, 32);
VINE_ASSERT_AT(vine_queue_shm, comp_slots, 36);
VINE_ASSERT_AT(vine_queue_shm, waiting, 64);
VINE_ASSERT_AT(vine_queue_shm, taken, 128);
VINE_ASSERT_AT(vine_queue_shm, completed, 136);

VINE_ASSERT_SIZE(vine_desc_shm, 64);
VINE_ASSERT_SIZE(vine_comp_shm, 32);
VINE_ASSERT_SIZE(vine_table_shm, 16);
VINE_ASSERT_AT(vine_table_shm, in_count, 0);
VINE_ASSERT_AT(vine_table_shm, out_count, 4);
VINE_ASSERT_AT(vine_table_shm, args_size, 8);
VINE_ASSERT_SIZE(vine_tref_shm, 16);
VINE_ASSERT_AT(vine_tref_shm, off, 0);
VINE_ASSERT_AT(vine_tref_shm, len, 8);

VINE_ASSERT_SIZE(vine_accel_shm, 256);
VINE_ASSERT_AT(vine_accel_shm, handle, 0);
VINE_ASSERT_AT(vine_accel_shm, type, 4);
VINE_ASSERT_AT(vine_accel_shm, phys, 8);
VINE_ASSERT_AT(vine_accel_shm, session, 12);
VINE_ASSERT_AT(vine_accel_shm, units, 16);
VINE_ASSERT_AT(vine_accel_shm, state, 20);
VINE_ASSERT_AT(vine_accel_shm, numa_node, 24);
VINE_ASSERT_AT(vine_accel_shm, vaccels, 28);
VINE_ASSERT_AT(vine_accel_shm, name, 32);
VINE_ASSERT_AT(vine_accel_shm, priority, 80);
VINE_ASSERT_AT(vine_accel_shm, completed, 128);
VINE_ASSERT_AT(vine_accel_shm, failed, 136);
VINE_ASSERT_AT(vine_accel_shm, in_flight, 144);
VINE_ASSERT_AT(vine_accel_shm, busy_ns, 152);

VINE_ASSERT_SIZE(vine_proc_shm, 128);
VINE_ASSERT_AT(vine_proc_shm, handle, 0);
VINE_ASSERT_AT(vine_proc_shm, type, 4);
VINE_ASSERT_AT(vine_proc_shm, users, 8);
VINE_ASSERT_AT(vine_proc_shm, code_size, 16);
VINE_ASSERT_AT(vine_proc_shm, name, 24);

VINE_ASSERT_SIZE(vine_extent_shm, 32);
VINE_ASSERT_AT(vine_extent_shm, off, 0);
VINE_ASSERT_AT(vine_extent_shm, len, 8);
VINE_ASSERT_AT(vine_extent_shm, session, 16);
VINE_ASSERT_AT(vine_extent_shm, queue, 20);
VINE_ASSERT_SIZE(vine_counter_shm, 64);
VINE_ASSERT_AT(vine_counter_shm, value, 0);
VINE_ASSERT_AT(vine_counter_shm, label, 8);
VINE_ASSERT_SIZE(vine_bell_shm, 64);
VINE_ASSERT_AT(vine_bell_shm, sleeping, 0);
VINE_ASSERT_AT(vine_bell_shm, word, 4);

/* Where the parts lie: private, computed, never read from the segment. */
struct vine_layout {
	uint64_t size;
	uint32_t queue_slots;
	uint32_t sessions;
	uint32_t queues;
	uint32_t accels;
	uint32_t procs;
	uint32_t extents;
	uint32_t ready_words;	/* leaf words of one ready set */
	uint32_t summary_words;	/* 0: flat */
	uint64_t ready_stride;	/* bytes from one ready set to the next */
	vine_off_t session_off;
	vine_off_t queue_off;
	vine_off_t accel_off;
	vine_off_t proc_off;
	vine_off_t extent_off;
	vine_off_t counter_off;
	vine_off_t bell_off;
	vine_off_t ready_off;
	vine_off_t heap_off;
	uint64_t heap_size;
};

/*
 * vine_layout_plan computes the layout of a segment of `size` bytes (rounded
 * down to pages) whose threads' queues have queue_slots slots. Returns 0, or
 * -EINVAL for slots that are no power of two within the limits, -ENOSPC for
 * less than VINE_SEGMENT_MIN, -EFBIG for more than 2^48 bytes.
 */
int vine_layout_plan(uint64_t size, uint32_t queue_slots,
		     struct vine_layout *layout);

/* vine_layout_id returns the fingerprint of this build's structs. */
uint32_t vine_layout_id(void);

#endif
