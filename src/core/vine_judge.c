/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First the header, which must say what we would write of this segment; then
 * each kind of record by itself. Nobody else has the keep while it is judged,
 * and no guest can ever write it: what makes no sense is of another build, or
 * cut off, and one bad record is as bad as all. Writes but the pages that code
 * has, into the keep's runs.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vine_pipe.h>

#include "arch/shm/arch_shm.h"
#include "core/vine_judge.h"
#include "core/vine_keep.h"
#include "utils/utils_log.h"

#define KEEP_MAGIC UINT64_C(0x5045454b454e4956)	/* "VINEKEEP" */
#define KEEP_VERSION 2u

/* Another build may know other records. */
static uint32_t
keep_id(void)
{
	static const uint32_t sizes[] = {
		sizeof(struct vine_keep_header),
		sizeof(struct vine_keep_session),
		sizeof(struct vine_keep_queue), sizeof(struct vine_keep_extent),
		sizeof(struct vine_keep_accel), sizeof(struct vine_keep_proc),
		sizeof(struct vine_keep_desc), VINE_BELLS_MAX,
	};
	uint32_t hash = vine_layout_id();

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		hash = (hash ^ sizes[i]) * 16777619u;	/* FNV-1a, 32 bits */
	return hash;
}

void
vine_judge_identify(const struct vine_keep *k, struct vine_keep_header *h)
{
	struct stat st = { 0 };

	memset(h, 0, sizeof(*h));
	h->magic = KEEP_MAGIC;
	h->version = KEEP_VERSION;
	h->id = keep_id();
	h->size = k->size;
	h->segment_size = k->seg->layout.size;
	h->queue_slots = k->seg->layout.queue_slots;
	h->incarnation = k->seg->incarnation;
	h->boot_id = vine_seg_boot_id();
	if (k->seg->fd >= 0 && fstat(k->seg->fd, &st) == 0) {
		h->device = st.st_dev;
		h->inode = st.st_ino;
	}
}

int
vine_judge_knows(const struct vine_keep_header *h)
{
	return h->magic == KEEP_MAGIC && h->version == KEEP_VERSION;
}

int
vine_judge_peek(int fd, const char *name, struct vine_keep_header *h)
{
	const char *why = NULL;
	struct stat st;

	if (!arch_shm_is_sealed(fd) || fstat(fd, &st) != 0)
		why = "it is no sealed memory";
	else if (pread(fd, h, sizeof(*h), 0) != sizeof(*h) ||
		 h->magic != KEEP_MAGIC)
		why = "it is no keep";
	else if (h->state != VINE_KEEP_VALID)
		why = "it was given up";
	else if (h->version != KEEP_VERSION || h->id != keep_id())
		why = "it is of another build";
	else if (h->boot_id != vine_seg_boot_id())
		why = "it is from before a boot of the machine";
	else if (h->size != (uint64_t)st.st_size)
		why = "it is of another size";
	if (why == NULL)
		return 0;
	log_warn("the keep of segment %s cannot be used: %s", name, why);
	return -EPROTO;
}

/* Returns NULL, or why it is not the keep of our segment. */
const char *
vine_judge_foreign(const struct vine_keep *k)
{
	const struct vine_keep_header *h = k->header;
	struct vine_keep_header our;

	vine_judge_identify(k, &our);
	/* KEEP-A3: what counts is complete; pairs with KEEP-R3 in
	 * vine_keep_set(). */
	if (__atomic_load_n(&h->state, __ATOMIC_ACQUIRE) != VINE_KEEP_VALID)
		return "it was given up";
	if (h->magic != our.magic || h->version != our.version ||
	    h->id != our.id || h->size != our.size ||
	    h->segment_size != our.segment_size ||
	    h->queue_slots != our.queue_slots)
		return "it is of another version or size";
	if (h->boot_id != our.boot_id)
		return "it is from before a boot of the machine";
	if (h->incarnation != our.incarnation || h->device != our.device ||
	    h->inode != our.inode)
		return "the segment is another";
	return NULL;
}

static int
in_heap(const struct vine_layout *l, uint64_t off, uint64_t len)
{
	return off >= l->heap_off && len <= l->heap_size &&
	       off - l->heap_off <= l->heap_size - len;
}

static int
sound_sessions(const struct vine_keep *k)
{
	const struct vine_layout *l = &k->seg->layout;

	for (uint32_t i = 0; i < l->sessions; i++) {
		const struct vine_keep_session *s = &k->sessions[i];

		if (s->state > VINE_KEEP_SESSION_CLOSED)
			return 0;
		if (s->state != VINE_KEEP_SESSION_OPEN)
			continue;
		if (s->serial == 0 || s->serial >> 31 || s->nonce == 0 ||
		    !in_heap(l, s->mailbox, VINE_PAGE) ||
		    s->control == 0 || s->control >= l->queues)
			return 0;
		for (uint32_t j = 0; j < i; j++)
			if (k->sessions[j].state == VINE_KEEP_SESSION_OPEN &&
			    k->sessions[j].serial == s->serial)
				return 0;
	}
	return 1;
}

static int
sound_queues(const struct vine_keep *k)
{
	const struct vine_layout *l = &k->seg->layout;

	for (uint32_t i = 0; i < l->queues; i++) {
		const struct vine_keep_queue *q = &k->queues[i];
		uint32_t slots = q->control ? VINE_SLOTS_CTL : l->queue_slots;

		if (q->state == 0)
			continue;
		if (q->state != 1 || i == 0 || q->serial == 0 ||
		    q->slot >= l->sessions || q->slots != slots ||
		    q->control > 1 || q->lane >= VINE_BELLS_MAX ||
		    q->sub % VINE_LINE || q->comp % VINE_LINE ||
		    !in_heap(l, q->sub, slots * sizeof(struct vine_desc_shm)) ||
		    !in_heap(l, q->comp,
			     2 * slots * sizeof(struct vine_comp_shm)))
			return 0;
	}
	return 1;
}

/* Pages that are all of one are noted in `free`, once. */
static int
sound_extents(const struct vine_keep *k, struct vine_runs *free)
{
	const struct vine_layout *l = &k->seg->layout;

	for (uint32_t i = 0; i < l->extents; i++) {
		const struct vine_keep_extent *e = &k->extents[i];

		if (e->serial == 0)
			continue;
		if (e->slot >= l->sessions || e->queue >= l->queues ||
		    e->off % VINE_PAGE || e->len % VINE_PAGE || e->len == 0 ||
		    !in_heap(l, e->off, e->len) ||
		    vine_runs_claim(free, (uint32_t)((e->off - l->heap_off) /
						     VINE_PAGE),
				    (uint32_t)(e->len / VINE_PAGE)) != 0)
			return 0;
	}
	return 1;
}

static int
is_text(const char *text, size_t size)
{
	return text[0] != '\0' && strnlen(text, size) < size;
}

static int
sound_accels(const struct vine_keep *k)
{
	const struct vine_layout *l = &k->seg->layout;

	for (uint32_t i = 0; i < l->accels; i++) {
		const struct vine_keep_accel *a = &k->accels[i];

		if (a->state == VINE_KEEP_ACCEL_NONE)
			continue;
		if (i == 0 || a->state > VINE_KEEP_ACCEL_VIRTUAL ||
		    a->type >= VINE_ACCEL_TYPES || a->slot >= l->sessions ||
		    a->priority < -8 || a->priority > 7)
			return 0;
		if (a->state == VINE_KEEP_ACCEL_PHYSICAL &&
		    !is_text(a->name, sizeof(a->name)))
			return 0;
	}
	return 1;
}

/* Their code is noted in the keep's own runs. */
static int
sound_procs(struct vine_keep *k)
{
	const struct vine_layout *l = &k->seg->layout;

	for (uint32_t i = 0; i < l->procs; i++) {
		const struct vine_keep_proc *p = &k->procs[i];

		if (p->state == VINE_KEEP_PROC_NONE)
			continue;
		if (i == 0 || p->state > VINE_KEEP_PROC_CODE ||
		    p->type >= VINE_ACCEL_TYPES ||
		    !is_text(p->name, sizeof(p->name)))
			return 0;
		if (p->state == VINE_KEEP_PROC_CODE &&
		    (p->code_size > VINE_PROC_CODE_MAX ||
		     p->code % VINE_PAGE || p->code > l->heap_size ||
		     vine_keep_code_pages(p->code_size) >
		     (l->heap_size - p->code) / VINE_PAGE ||
		     vine_runs_claim(&k->code_runs,
				     (uint32_t)(p->code / VINE_PAGE),
				     vine_keep_code_pages(p->code_size)) != 0))
			return 0;
	}
	return 1;
}

/*
 * Returns 1 if every record can be what it says: no index, offset or length
 * leads out of where it belongs, no page has two owners. 0, or -ENOMEM.
 */
int
vine_judge_sound(struct vine_keep *k)
{
	uint32_t n = (uint32_t)(k->seg->layout.heap_size / VINE_PAGE);
	struct vine_runs free;
	int good;

	if (vine_runs_init(&free, n) != 0)
		return -ENOMEM;
	vine_runs_free(&free, 0, n);
	good = sound_sessions(k) && sound_queues(k) &&
		sound_extents(k, &free) && sound_accels(k) && sound_procs(k);
	vine_runs_fini(&free);
	return good;
}
