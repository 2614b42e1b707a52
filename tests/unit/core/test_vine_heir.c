/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of vine_heir: an appliance is cut off before and after each of its
 * stores to the keep, and another takes up what it left.
 *
 * The appliance is a child that does lane 0's work for one session, whose words
 * the test writes by hand. While it carries one thing out, each store makes an
 * image of segment and keep. The parent then puts one image after the other in
 * their place and takes it up: the session has what it was told of and nothing
 * else, and what it asks for again it gets.
 */
#include <fcntl.h>

#include "rig.h"
#include "step.h"
#include "core/vine_ctl.h"
#include "core/vine_door.h"
#include "core/vine_pipe.h"
#include "core/vine_ready.h"
#include "utils/utils_config.h"

#if STEP_CAN

#define SLOT 3u
#define NONCE UINT64_C(0x1234)
#define IMAGES 400u
#define KEEP_MAX (128u << 10)
#define CODE_SIZE 5000u
#define CODE_ROOM 8192u

/* The session, as an application knows it. */
struct guest {
	uint64_t nonce;
	uint32_t sub;		/* positions in the control queue's rings */
	uint32_t comp;
	uint32_t cookie;	/* of what it asked for last */
	int asked;		/* and has no answer to */
	uint32_t op;
	uint64_t a, b, c;
	uint64_t off;		/* of its extent, if it has one */
	uint32_t vaccel, proc;
};

struct image {
	uint8_t seg[RIG_MIB];
	uint8_t keep[KEEP_MAX];	/* without descriptors */
	uint8_t code[CODE_ROOM];
};

/* What the child leaves for its parent. */
static struct left {
	struct guest guest;
	uint32_t count;
	uint64_t keep_bytes;	/* of an image */
	uint64_t keep_size, code_at;
	char keep_path[512];
	uint32_t accel;
	struct image images[IMAGES];
} *left;

static struct rig rig;
static struct vine_seg *seg;		/* the parent's, who stays its user */

/* --- a session by hand ---------------------------------------------------- */

static void
poll_all(void)
{
	struct vine_lane *lane = &rig.pipe->lanes[0];

	for (int i = 0; i < 64; i++) {
		lane->last_door = 0;
		lane->looks = 0;
		vine_lane_poll(lane);
	}
}

static struct vine_session_shm *
slot_shm(void)
{
	return vine_seg_session(rig.pipe->seg, SLOT);
}

static void
knock(uint32_t request)
{
	struct vine_ready door;

	arch_store_release32(&slot_shm()->request, request);
	vine_ready_bind(rig.pipe->seg, 0, &door);
	vine_ready_ring(&door, VINE_READY_DOOR);
}

static void
ask_in(struct guest *g)
{
	g->nonce = NONCE;
	arch_store32(&slot_shm()->claim, 1);
	arch_store64(&slot_shm()->nonce, NONCE);
	arch_store64(&slot_shm()->boot_id, rig.pipe->boot_id);
	knock(VINE_REQUEST_ATTACH);
}

static const struct vine_queue_shm *
control_shm(void)
{
	return vine_seg_queue(rig.pipe->seg, arch_load32(&slot_shm()->queue));
}

/* Put what it asks for into its control queue. */
static void
ask(struct guest *g, uint32_t op, uint64_t a, uint64_t b, uint64_t c)
{
	uint8_t *base = rig.pipe->seg->base;
	struct vine_ring sub = { (struct vine_desc_shm *)
		(base + arch_load64(&control_shm()->sub)), VINE_SLOTS_CTL - 1,
		g->sub };
	struct vine_desc_shm *slot = vine_ring_slot(&sub);
	struct vine_ready ready;

	g->asked = 1;
	g->op = op;
	g->a = a;
	g->b = b;
	g->c = c;
	g->cookie = (g->sub & (2 * VINE_SLOTS_CTL - 1)) | g->sub << 16;
	memcpy(base + arch_load64(&slot_shm()->mailbox), "its", 4);
	arch_store64(&slot->w[1], (uint64_t)op << 32);
	arch_store64(&slot->w[2], 0);
	arch_store64(&slot->w[4], a);
	arch_store64(&slot->w[5], b);
	arch_store64(&slot->w[6], c);
	vine_ring_push(&sub, g->cookie);
	g->sub = sub.pos;
	vine_ready_bind(rig.pipe->seg, arch_load32(&control_shm()->bell),
			&ready);
	vine_ready_ring(&ready, arch_load32(&slot_shm()->queue));
}

/* The answer: exactly one, with its cookie. Returns its value or -errno. */
static int64_t
answer_to(struct guest *g)
{
	struct vine_cring ring = { (struct vine_comp_shm *)
		(rig.pipe->seg->base + arch_load64(&control_shm()->comp)),
		2 * VINE_SLOTS_CTL - 1, g->comp };
	struct vine_comp c;

	poll_all();
	rig_check(vine_cring_pop(&ring, &c));
	rig_check(c.cookie == g->cookie);
	g->comp = ring.pos;
	g->asked = 0;
	rig_check(!vine_cring_pop(&ring, &c));
	if (vine_comp_status(c.how) == VINE_STATUS_OK)
		return (int64_t)c.value;
	rig_check(vine_comp_status(c.how) == VINE_STATUS_FAILED);
	return -(int64_t)vine_comp_error(c.how);
}

/* Ask, and again as vine_errand_run does. */
static int64_t
again(struct guest *g, int64_t rc)
{
	if (rc != -ERESTART)
		return rc;
	ask(g, g->op, g->a, g->b, g->c);
	rc = answer_to(g);
	if (rc == -EINVAL && (g->op == VINE_CTL_RETURN ||
			      g->op == VINE_CTL_ACCEL_CLOSE ||
			      g->op == VINE_CTL_PROC_PUT))
		return 0;
	return rc;
}

static int64_t
get(struct guest *g, uint32_t op, uint64_t a, uint64_t b, uint64_t c)
{
	ask(g, op, a, b, c);
	return answer_to(g);
}

/* --- the appliance that is cut off ---------------------------------------- */

static void
take_image(struct step step)
{
	struct image *image;

	if (!step.store)
		return;
	rig_check(left->count < IMAGES);
	image = &left->images[left->count++];
	memcpy(image->seg, rig.pipe->seg->base, RIG_MIB);
	mprotect(rig.pipe->keep.base, left->keep_bytes, PROT_READ | PROT_WRITE);
	memcpy(image->keep, rig.pipe->keep.base, left->keep_bytes);
	memcpy(image->code, rig.pipe->keep.code, CODE_ROOM);
}

/* A page that is closed must be closed again for the access itself. */
static void
before_store(struct step step)
{
	take_image(step);
}

static void
open_pipe(void)
{
	rig_serve_on(&rig);
	vine_pipe_serve(rig.pipe);
	atomic_store(&rig.pipe->lanes[0].asleep, 0);
	poll_all();
}

static void
nothing(struct guest *g)
{
	(void)g;
}

static void
appliance(void (*prepare)(struct guest *g), void (*act)(struct guest *g),
	  int attached)
{
	struct guest *g = &left->guest;
	struct vine_keep *keep;

	open_pipe();
	keep = &rig.pipe->keep;
	rig_check(keep->fd >= 0);
	left->keep_size = keep->size;
	left->code_at = (uint64_t)(keep->code - keep->base);
	left->keep_bytes = (uint64_t)(keep->descs - keep->base);
	rig_check(left->keep_bytes <= KEEP_MAX);
	snprintf(left->keep_path, sizeof(left->keep_path), "%s", keep->path);
	left->accel = rig.accel->handle;
	if (attached) {
		ask_in(g);
		poll_all();
		rig_check(arch_load32(&slot_shm()->state) ==
			  VINE_SESSION_OPEN);
		prepare(g);
	}
	act(g);
	step_begin_pages(keep->base, left->keep_bytes, before_store,
			 take_image);
	poll_all();
	step_end();
	_exit(0);
}

/* --- the one that takes it up --------------------------------------------- */

static void
put_image(uint32_t i)
{
	const struct image *image = &left->images[i];
	int fd;

	memcpy(seg->base, image->seg, RIG_MIB);
	fd = open(left->keep_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)left->keep_size), 0);
	ck_assert_int_eq(pwrite(fd, image->keep, left->keep_bytes, 0),
			 (ssize_t)left->keep_bytes);
	ck_assert_int_eq(pwrite(fd, image->code, CODE_ROOM,
				(off_t)left->code_at), CODE_ROOM);
	close(fd);
}

/* What is taken, of everything; the control queue and its rings too. */
struct use {
	uint32_t queues, extents, vaccels, procs, refs;
};

static struct use
count_use(void)
{
	struct vine_pipe_s *p = rig.pipe;
	struct use u = { 0 };

	for (uint32_t i = 0; i < p->seg->layout.queues; i++) {
		ck_assert((atomic_load(&p->queues[i]) != NULL) ==
			  (p->keep.queues[i].state != 0));
		u.queues += p->keep.queues[i].state != 0;
	}
	for (uint32_t i = 0; i < p->extents.max; i++) {
		ck_assert((p->extents.entries[i].state ==
			   VINE_EXTENT_GRANTED) ==
			  (p->keep.extents[i].serial != 0));
		u.extents += p->keep.extents[i].serial != 0;
	}
	for (uint32_t i = 0; i < p->registry.accel_count; i++)
		u.vaccels += p->keep.accels[i].state ==
			VINE_KEEP_ACCEL_VIRTUAL;
	for (uint32_t i = 0; i < p->registry.proc_count; i++) {
		struct vine_proc_s *proc = atomic_load(&p->registry.procs[i].
						       proc);

		u.procs += proc && proc->code;
		u.refs += proc ? proc->users : 0;
	}
	ck_assert_uint_eq(p->recs[SLOT].vaccels, u.vaccels);
	ck_assert_uint_eq(p->recs[SLOT].procs, u.procs);
	return u;
}

static void
check_use(uint32_t queues, uint32_t extents, uint32_t vaccels, uint32_t procs)
{
	struct use u = count_use();

	ck_assert_uint_eq(u.queues, queues);
	ck_assert_uint_eq(u.extents, extents);
	ck_assert_uint_eq(u.vaccels, vaccels);
	ck_assert_uint_eq(u.procs, procs);
	ck_assert_uint_eq(u.refs, procs);
}

/* It leaves, and everything comes back. */
static void
leave(void)
{
	knock(VINE_REQUEST_DETACH);
	poll_all();
	ck_assert_uint_eq(arch_load32(&slot_shm()->state),
			  VINE_SESSION_CLOSED);
	ck_assert_uint_eq(arch_load64(&slot_shm()->echo), NONCE);
	check_use(0, 0, 0, 0);
}

/*
 * Cut `act` off everywhere. `check` sees the session as an heir has it, with
 * the answer of what was asked for, after it was asked for again if need be.
 */
static void
cut_off(void (*prepare)(struct guest *g), void (*act)(struct guest *g),
	int attached, void (*check)(struct guest *g, int64_t rc))
{
	struct vine_pipe_opts opts = { .size = sizeof(opts) };
	struct utils_config *config;
	uint32_t lost = 0;
	pid_t pid;

	left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert_ptr_ne(left, MAP_FAILED);
	rig_init(&rig, RIG_MIB, "queue_slots 16\n");
	opts.config = rig.config;
	ck_assert_int_eq(utils_config_parse(rig.config, "test", &config), 0);
	ck_assert_int_eq(vine_seg_open(config, &seg), 0);
	pid = fork();
	if (pid == 0)
		appliance(prepare, act, attached);
	ck_assert_int_eq(rig_child_ended(pid), 0);
	ck_assert_uint_ge(left->count, 8);
	for (uint32_t i = 0; i < left->count; i++) {
		struct guest g = left->guest;

		put_image(i);
		open_pipe();
		ck_assert_msg(rig.pipe->keep.found, "image %u of %u is not "
			      "taken up", i, left->count);
		if (g.asked) {
			int64_t rc = answer_to(&g);

			lost += rc == -ERESTART;
			check(&g, again(&g, rc));
		} else {
			check(&g, 0);
		}
		vine_pipe_exit(rig.pipe);
	}
	printf("# %u images, %u with the task in flight\n", left->count, lost);
	/* a control task is in flight at some of them */
	ck_assert(!left->guest.asked || lost > 0);
	utils_config_free(config);
	vine_seg_close(seg);
}

/* --- what is cut off ------------------------------------------------------ */

static void
ask_attach(struct guest *g)
{
	ask_in(g);
}

static void
is_attached(struct guest *g, int64_t rc)
{
	(void)rc;
	ck_assert_uint_eq(arch_load64(&slot_shm()->echo), NONCE);
	ck_assert_uint_eq(arch_load32(&slot_shm()->state), VINE_SESSION_OPEN);
	check_use(1, 1, 0, 0);
	ck_assert_int_ge(get(g, VINE_CTL_GRANT, 4096, 0, 0), 0);
	leave();
}

START_TEST(an_attach)
{
	cut_off(nothing, ask_attach, 0, is_attached);
}
END_TEST

static void
ask_grant(struct guest *g)
{
	ask(g, VINE_CTL_GRANT, 10000, 0, 0);
}

static void
has_grant(struct guest *g, int64_t rc)
{
	ck_assert_int_ge(rc, 0);
	check_use(1, 2, 0, 0);
	ck_assert_ptr_nonnull(vine_extents_find(&rig.pipe->extents,
		rig.pipe->recs[SLOT].serial, (vine_off_t)rc, 12288));
	ck_assert_int_eq(get(g, VINE_CTL_RETURN, (uint64_t)rc, 0, 0), 0);
	check_use(1, 1, 0, 0);
	leave();
}

START_TEST(a_grant)
{
	cut_off(nothing, ask_grant, 1, has_grant);
}
END_TEST

/* An earlier grant is not undone with a later one. */
static void
grant_one(struct guest *g)
{
	g->off = (uint64_t)get(g, VINE_CTL_GRANT, 8192, 0, 0);
}

static void
has_two_grants(struct guest *g, int64_t rc)
{
	ck_assert_int_ge(rc, 0);
	ck_assert_uint_ne((uint64_t)rc, g->off);
	check_use(1, 3, 0, 0);
	ck_assert_int_eq(get(g, VINE_CTL_RETURN, g->off, 0, 0), 0);
	leave();
}

START_TEST(a_grant_after_another)
{
	cut_off(grant_one, ask_grant, 1, has_two_grants);
}
END_TEST

static void
ask_return(struct guest *g)
{
	ask(g, VINE_CTL_RETURN, g->off, 0, 0);
}

static void
has_no_grant(struct guest *g, int64_t rc)
{
	ck_assert_int_eq(rc, 0);
	check_use(1, 1, 0, 0);
	ck_assert_int_eq(get(g, VINE_CTL_RETURN, g->off, 0, 0), -EINVAL);
	leave();
}

START_TEST(a_return)
{
	cut_off(grant_one, ask_return, 1, has_no_grant);
}
END_TEST

static void
ask_queue(struct guest *g)
{
	ask(g, VINE_CTL_QUEUE_OPEN, 0, 0, 0);
}

static void
has_queue(struct guest *g, int64_t rc)
{
	(void)g;
	ck_assert_int_gt(rc, 0);
	check_use(2, 2, 0, 0);
	ck_assert_uint_eq(rig.pipe->recs[SLOT].queues, 2);
	ck_assert_ptr_nonnull(atomic_load(&rig.pipe->queues[rc]));
	leave();
}

START_TEST(a_queue)
{
	cut_off(nothing, ask_queue, 1, has_queue);
}
END_TEST

static void
ask_vaccel(struct guest *g)
{
	ask(g, VINE_CTL_ACCEL_OPEN, left->accel, 2, 0);
}

static void
has_vaccel(struct guest *g, int64_t rc)
{
	struct vine_registry *r = &rig.pipe->registry;
	uint32_t serial = rig.pipe->recs[SLOT].serial;

	ck_assert_int_gt(rc, 0);
	ck_assert_uint_eq(rig.accel->handle, left->accel);
	ck_assert_ptr_eq(vine_registry_accel(r, (uint32_t)rc, serial),
			 rig.accel);
	ck_assert_uint_eq(vine_registry_level(r, (uint32_t)rc, serial),
			  VINE_LEVEL_NORMAL + 2);
	check_use(1, 1, 1, 0);
	ck_assert_int_eq(get(g, VINE_CTL_ACCEL_CLOSE, (uint64_t)rc, 0, 0), 0);
	leave();
}

START_TEST(a_virtual_accelerator)
{
	cut_off(nothing, ask_vaccel, 1, has_vaccel);
}
END_TEST

static void
open_vaccel(struct guest *g)
{
	g->vaccel = (uint32_t)get(g, VINE_CTL_ACCEL_OPEN, left->accel, 0, 0);
}

static void
ask_close(struct guest *g)
{
	ask(g, VINE_CTL_ACCEL_CLOSE, g->vaccel, 0, 0);
}

/* Nor does what comes next get the handle of what has gone. */
static void
has_no_vaccel(struct guest *g, int64_t rc)
{
	ck_assert_int_eq(rc, 0);
	check_use(1, 1, 0, 0);
	ck_assert_int_ne(get(g, VINE_CTL_ACCEL_OPEN, left->accel, 0, 0),
			 g->vaccel);
	leave();
}

START_TEST(the_end_of_a_virtual_accelerator)
{
	cut_off(open_vaccel, ask_close, 1, has_no_vaccel);
}
END_TEST

/* Code in an extent of the session's. */
static void
write_code(struct guest *g)
{
	grant_one(g);
	memset(rig.pipe->seg->base + g->off, 0x5c, CODE_SIZE);
}

static void
ask_proc(struct guest *g)
{
	ask(g, VINE_CTL_PROC_ADD, CPU, g->off, CODE_SIZE);
}

static void
has_proc(struct guest *g, int64_t rc)
{
	struct vine_proc_s *p;

	ck_assert_int_gt(rc, 0);
	p = vine_registry_proc(&rig.pipe->registry, (uint32_t)rc);
	ck_assert_ptr_nonnull(p);
	ck_assert_str_eq(p->name, "its");
	ck_assert_uint_eq(p->code_size, CODE_SIZE);
	for (uint32_t i = 0; i < CODE_SIZE; i++)
		ck_assert(((uint8_t *)p->code)[i] == 0x5c);
	check_use(1, 2, 0, 1);
	ck_assert_int_eq(get(g, VINE_CTL_PROC_PUT, (uint64_t)rc, 0, 0), 0);
	check_use(1, 2, 0, 0);
	leave();
}

START_TEST(a_procedure)
{
	cut_off(write_code, ask_proc, 1, has_proc);
}
END_TEST

static void
add_proc(struct guest *g)
{
	write_code(g);
	g->proc = (uint32_t)get(g, VINE_CTL_PROC_ADD, CPU, g->off, CODE_SIZE);
}

static void
ask_put(struct guest *g)
{
	ask(g, VINE_CTL_PROC_PUT, g->proc, 0, 0);
}

static void
has_no_proc(struct guest *g, int64_t rc)
{
	(void)g;
	ck_assert_int_eq(rc, 0);
	check_use(1, 2, 0, 0);
	leave();
}

START_TEST(the_end_of_a_procedure)
{
	cut_off(add_proc, ask_put, 1, has_no_proc);
}
END_TEST

/* All that a session can have. */
static void
have_all(struct guest *g)
{
	add_proc(g);
	open_vaccel(g);
	rig_check(get(g, VINE_CTL_QUEUE_OPEN, 0, 0, 0) > 0);
}

static void
ask_leave(struct guest *g)
{
	(void)g;
	knock(VINE_REQUEST_DETACH);
}

static void
has_left(struct guest *g, int64_t rc)
{
	(void)g;
	(void)rc;
	ck_assert_uint_eq(arch_load32(&slot_shm()->state),
			  VINE_SESSION_CLOSED);
	ck_assert_uint_eq(arch_load64(&slot_shm()->echo), NONCE);
	check_use(0, 0, 0, 0);
}

START_TEST(a_session_that_leaves)
{
	cut_off(have_all, ask_leave, 1, has_left);
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(an_attach),
	RIG_CASE(a_grant),
	RIG_CASE(a_grant_after_another),
	RIG_CASE(a_return),
	RIG_CASE(a_queue),
	RIG_CASE(a_virtual_accelerator),
	RIG_CASE(the_end_of_a_virtual_accelerator),
	RIG_CASE(a_procedure),
	RIG_CASE(the_end_of_a_procedure),
	RIG_CASE(a_session_that_leaves),
};

RIG_MAIN("vine_heir", cases)

#else

int
main(void)
{
	fprintf(stderr, "skipped: stores cannot be stepped through here\n");
	return 77;
}

#endif
