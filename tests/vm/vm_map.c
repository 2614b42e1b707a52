/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm-map NAME BYTES MISSING [CACHE] runs the tests of tests/lib/mapper.h, in a
 * virtual machine, on an object of that many bytes. CACHE is what the kernel
 * has to say of the memory of a device: write-back or uncached.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/shm/arch_pci.h"
#include "tests/lib/mapper.h"

static const char *cache;

START_TEST(the_kernel_keeps_it_as_it_should)
{
	enum arch_pci_cache is = ARCH_PCI_COMBINING;
	struct arch_shm_object o;
	struct arch_pci pci;
	void *a;

	mapper_open(&o);
	ck_assert_int_eq(arch_shm_map(&o, 0, mapper_case.bytes, 0, &a), 0);
	ck_assert_int_eq(arch_pci_find(o.device, &pci), 0);
	ck_assert_uint_eq(pci.size, mapper_case.bytes);
	ck_assert_int_eq(arch_pci_cache(&pci, &is), 0);
	ck_assert_int_eq(is, strcmp(cache, "write-back") == 0 ?
			 ARCH_PCI_WRITE_BACK : ARCH_PCI_UNCACHED);
	printf("vm-map: %s at %#llx is %s\n", o.device,
	       (unsigned long long)pci.begin, cache);
	arch_shm_unmap(a, mapper_case.bytes);
	close(o.fd);
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *suite = suite_create("mapper");
	TCase *tcase = tcase_create("mapper");
	SRunner *runner;
	int failed;

	if (argc < 4) {
		fprintf(stderr, "usage: vm-map NAME BYTES MISSING [CACHE]\n");
		return 2;
	}
	mapper_case = (struct mapper_case){ .name = argv[1],
		.bytes = strtoull(argv[2], NULL, 0), .missing = argv[3],
		.mapper = arch_shm_mapper_of(argv[1]) };
	cache = argc > 4 ? argv[4] : NULL;
	printf("vm-map: %s is of kind %s\n", argv[1],
	       mapper_case.mapper->kind);
	mapper_add(tcase);
	if (cache)
		tcase_add_test(tcase, the_kernel_keeps_it_as_it_should);
	tcase_set_timeout(tcase, 120);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
