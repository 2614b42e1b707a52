/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapper: what every kind of object must do, run by each of them: on the host by
 * test_arch_shm.c, in a virtual machine by tests/vm/vm_map.c.
 *
 * mapper_case says which object; it is there, has that many bytes, all of which
 * a test may write.
 */
#ifndef TESTS_MAPPER_H
#define TESTS_MAPPER_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "arch/arch_atomic.h"
#include "arch/shm/arch_shm.h"

#define MAPPER_PAGE 4096u

struct mapper_case {
	const char *name;	/* NULL: a new object is opened, and given
				 * `bytes` */
	const char *missing;	/* of the same kind, and not there; NULL: none */
	const struct arch_shm_mapper *mapper;
	uint64_t bytes;
};

static struct mapper_case mapper_case;

static void
mapper_open(struct arch_shm_object *o)
{
	const struct mapper_case *c = &mapper_case;

	*o = (struct arch_shm_object){ .fd = -1 };
	ck_assert_int_eq(c->mapper->open(c->name ? c->name : "mapper", O_RDWR,
					 0, o), 0);
	ck_assert_int_ge(o->fd, 0);
	ck_assert_int_eq(fcntl(o->fd, F_GETFD), FD_CLOEXEC);
	if (c->name == NULL)
		ck_assert_int_eq(ftruncate(o->fd, (off_t)c->bytes), 0);
}

START_TEST(a_name_is_of_its_kind)
{
	if (mapper_case.name)
		ck_assert_ptr_eq(arch_shm_mapper_of(mapper_case.name),
				 mapper_case.mapper);
}
END_TEST

START_TEST(the_size_is_the_objects)
{
	struct arch_shm_object o;
	uint64_t bytes = 0;

	mapper_open(&o);
	ck_assert_int_eq(arch_shm_bytes(&o, &bytes), 0);
	ck_assert_uint_eq(bytes, mapper_case.bytes);
	close(o.fd);
}
END_TEST

START_TEST(what_one_mapping_writes_another_reads)
{
	uint64_t last = mapper_case.bytes - 8;
	struct arch_shm_object o;
	void *a, *b, *end;

	mapper_open(&o);
	ck_assert_int_eq(arch_shm_map(&o, 0, mapper_case.bytes, 0, &a), 0);
	ck_assert_int_eq(arch_shm_map(&o, 0, MAPPER_PAGE, 1, &b), 0);
	ck_assert_int_eq(arch_shm_map(&o, mapper_case.bytes - MAPPER_PAGE,
				      MAPPER_PAGE, 1, &end), 0);
	close(o.fd);	/* a mapping outlives it */
	for (uint64_t i = 0; i < 2; i++) {
		arch_store64((le64_t *)a, 0x1122334455667788 + i);
		arch_store64((le64_t *)((char *)a + last), i + 7);
		ck_assert_uint_eq(arch_load64((le64_t *)b),
				  0x1122334455667788 + i);
		ck_assert_uint_eq(arch_load64((le64_t *)((char *)end +
				  MAPPER_PAGE - 8)), i + 7);
	}
	arch_shm_unmap(a, mapper_case.bytes);
	arch_shm_unmap(b, MAPPER_PAGE);
	arch_shm_unmap(end, MAPPER_PAGE);
}
END_TEST

START_TEST(atomics_work_on_it)
{
	struct arch_shm_object o;
	le64_t *wide;
	le32_t *word;
	void *a;

	mapper_open(&o);
	ck_assert_int_eq(arch_shm_map(&o, 0, MAPPER_PAGE, 0, &a), 0);
	word = a;
	wide = (le64_t *)a + 1;
	arch_store32(word, 1);
	ck_assert_int_eq(arch_cas32(word, 1, 2), 1);
	ck_assert_int_eq(arch_cas32(word, 1, 3), 0);
	ck_assert_uint_eq(arch_xchg32(word, 9), 2);
	arch_store64(wide, 1);
	arch_or64(wide, UINT64_C(1) << 63);
	ck_assert_uint_eq(arch_xchg64(wide, 0), UINT64_C(1) << 63 | 1);
	arch_shm_unmap(a, MAPPER_PAGE);
	close(o.fd);
}
END_TEST

START_TEST(bytes_that_are_not_the_objects_are_not_mapped)
{
	uint64_t bytes = mapper_case.bytes;
	static const uint64_t far[] = { UINT64_MAX, UINT64_MAX - 4095,
					INT64_MAX, UINT64_C(1) << 63 };
	struct arch_shm_object o;
	void *a;

	mapper_open(&o);
	ck_assert_int_eq(arch_shm_map(&o, 0, bytes + 1, 0, &a), -ERANGE);
	ck_assert_int_eq(arch_shm_map(&o, bytes, MAPPER_PAGE, 0, &a), -ERANGE);
	ck_assert_int_eq(arch_shm_map(&o, MAPPER_PAGE, bytes, 0, &a), -ERANGE);
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		ck_assert_int_eq(arch_shm_map(&o, far[i], MAPPER_PAGE, 0, &a),
				 -ERANGE);
		ck_assert_int_eq(arch_shm_map(&o, MAPPER_PAGE, far[i], 0, &a),
				 -ERANGE);
		ck_assert_int_eq(arch_shm_map(&o, far[i], far[i], 0, &a),
				 -ERANGE);
	}
	close(o.fd);
}
END_TEST

START_TEST(an_object_that_is_not_there_is_not_made)
{
	struct arch_shm_object o = { .fd = -1 };

	if (mapper_case.missing)
		ck_assert_int_lt(mapper_case.mapper->open(mapper_case.missing,
							  O_RDWR, 0, &o), 0);
	ck_assert_int_eq(o.fd, -1);
}
END_TEST

#define MAPPER_TESTS(X) \
	X(a_name_is_of_its_kind) \
	X(the_size_is_the_objects) \
	X(what_one_mapping_writes_another_reads) \
	X(atomics_work_on_it) \
	X(bytes_that_are_not_the_objects_are_not_mapped) \
	X(an_object_that_is_not_there_is_not_made)

/* mapper_add adds them to a case of tests. */
static void
mapper_add(TCase *tcase)
{
#define ADD(test) tcase_add_test(tcase, test);
	MAPPER_TESTS(ADD)
#undef ADD
}

#endif
