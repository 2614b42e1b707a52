/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of arch_pci: which device is found, and what is said where none is. */
#include "../core/rig.h"
#include "arch/shm/arch_pci.h"
#include "arch/shm/arch_shm.h"
#include "tests/lib/device.h"

#define A "0000:00:04.0"
#define B "0000:00:05.0"

START_TEST(without_a_device_it_says_so)
{
	struct arch_pci pci;

	device_none();
	rig_listen();
	ck_assert_int_eq(arch_pci_find(NULL, &pci), -ENODEV);
	ck_assert_ptr_nonnull(strstr(rig_log, "there is no ivshmem device"));
	ck_assert_int_eq(arch_pci_find(A, &pci), -ENODEV);
	ck_assert_ptr_nonnull(strstr(rig_log, A));
	device_end();
	ck_assert_int_eq(arch_pci_find(NULL, &pci), -ENOENT);
}
END_TEST

START_TEST(the_only_device_is_found_among_others)
{
	struct arch_pci pci;

	device_none();
	device_add(A, "/nonexistent", 1 << 20, 0);
	device_add(B, "/nonexistent", 1 << 20, 0);
	device_text(A, "device", "0x1000\n");	/* a virtio one */
	ck_assert_int_eq(arch_pci_find(NULL, &pci), 0);
	ck_assert_str_eq(pci.address, B);
	ck_assert_uint_eq(pci.begin, DEVICE_AT);
	ck_assert_uint_eq(pci.size, 1 << 20);
	ck_assert_int_eq(arch_pci_open_bar(&pci, 2), -ENOENT);
	device_end();
}
END_TEST

START_TEST(of_several_devices_one_must_be_named)
{
	struct arch_pci pci;

	device_none();
	device_add(B, "/nonexistent", 1 << 21, 0);
	device_add(A, "/nonexistent", 1 << 20, 0);
	rig_listen();
	ck_assert_int_eq(arch_pci_find(NULL, &pci), -EMLINK);
	ck_assert_ptr_nonnull(strstr(rig_log, "2 ivshmem devices: " A " " B));
	ck_assert_int_eq(arch_pci_find(B, &pci), 0);
	ck_assert_uint_eq(pci.size, 1 << 21);
	device_end();
}
END_TEST

START_TEST(a_device_without_memory_is_refused)
{
	static const char *const broken[] = {
		"", "\n\n\n", "0x0 0x0 0x0\n0x0 0x0 0x0\n0x0 0x0 0x0\n",
		"1 2 3\n1 2 3\n0x2000 0x1000 0\n", "1 2 3\n1 2 3\nx\n",
	};
	struct arch_pci pci;

	device_none();
	device_add(A, "/nonexistent", 1 << 20, 0);
	rig_listen();
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		device_text(A, "resource", broken[i]);
		ck_assert_int_eq(arch_pci_find(NULL, &pci), -EINVAL);
	}
	ck_assert_ptr_nonnull(strstr(rig_log, A " has no memory"));
	device_end();
}
END_TEST

START_TEST(a_device_that_is_off_is_switched_on)
{
	struct arch_pci pci;
	char path[128];
	uint8_t config[5];
	int fd;

	device_none();
	device_add(A, "/dev/null", 1 << 20, 0);
	device_write(A, "config", "\xf4\x1a\x10\x11\x01", 5);
	ck_assert_int_eq(arch_pci_find(NULL, &pci), 0);
	fd = arch_pci_open_bar(&pci, 0);
	ck_assert_int_ge(fd, 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/" A "/config", device_root);
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(read(fd, config, 5), 5);
	ck_assert_uint_eq(config[4], 3);
	close(fd);
	device_end();
}
END_TEST

START_TEST(the_kernels_word_on_caching_is_read)
{
	enum arch_pci_cache cache;
	struct arch_pci pci;

	device_none();
	device_add(A, "/nonexistent", 1 << 20, 0);
	ck_assert_int_eq(arch_pci_find(NULL, &pci), 0);
	ck_assert_int_eq(arch_pci_cache(&pci, &cache), -ENOENT);
	device_types("write-back");
	ck_assert_int_eq(arch_pci_cache(&pci, &cache), 0);
	ck_assert_int_eq(cache, ARCH_PCI_WRITE_BACK);
	device_types("uncached-minus");
	ck_assert_int_eq(arch_pci_cache(&pci, &cache), 0);
	ck_assert_int_eq(cache, ARCH_PCI_UNCACHED);
	device_types("write-combining");
	ck_assert_int_eq(arch_pci_cache(&pci, &cache), 0);
	ck_assert_int_eq(cache, ARCH_PCI_COMBINING);
	pci.begin -= 4096;
	pci.size = 4096;
	ck_assert_int_eq(arch_pci_cache(&pci, &cache), -ENOENT);
	device_end();
}
END_TEST

START_TEST(files_of_sysfs_are_not_taken_for_files)
{
	struct arch_shm_object o = { .fd = -1 };

	rig_listen();
	ck_assert_int_eq(arch_shm_file.open("/sys/kernel/notes", O_RDONLY, 0,
					    &o), -EINVAL);
	ck_assert_ptr_nonnull(strstr(rig_log, "name it as pci:"));
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(without_a_device_it_says_so),
	RIG_CASE(the_only_device_is_found_among_others),
	RIG_CASE(of_several_devices_one_must_be_named),
	RIG_CASE(a_device_without_memory_is_refused),
	RIG_CASE(a_device_that_is_off_is_switched_on),
	RIG_CASE(the_kernels_word_on_caching_is_read),
	RIG_CASE(files_of_sysfs_are_not_taken_for_files),
};

RIG_MAIN("arch_pci", cases)
