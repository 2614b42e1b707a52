/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of arch_msi where there are no interrupts; tests/vm has the others. */
#include "../core/rig.h"
#include "arch/spin/arch_msi.h"
#include "tests/lib/device.h"

#define A "0000:00:04.0"

START_TEST(what_keeps_us_from_a_devices_interrupts_is_said)
{
	struct arch_msi msi;
	const char *why;
	char path[128];

	device_none();
	device_add(A, "/nonexistent", 1 << 20, 1);
	ck_assert_int_eq(arch_msi_open(A, &msi, &why), -ENODEV);
	ck_assert_str_eq(why, "its driver is not vfio-pci");
	ck_assert_int_eq(msi.bell.fd, -1);
	snprintf(path, sizeof(path), "%s/" A "/driver", device_root);
	ck_assert_int_eq(symlink("../drivers/uio_pci_generic", path), 0);
	ck_assert_int_eq(arch_msi_open(A, &msi, &why), -ENODEV);
	ck_assert_str_eq(why, "its driver is not vfio-pci");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink("../drivers/vfio-pci", path), 0);
	ck_assert_int_eq(arch_msi_open(A, &msi, &why), -ENODEV);
	ck_assert_str_eq(why, "it is in no IOMMU group");
	snprintf(path, sizeof(path), "%s/" A "/iommu_group", device_root);
	ck_assert_int_eq(symlink("../groups/65000", path), 0);
	ck_assert_int_lt(arch_msi_open(A, &msi, &why), 0);
	ck_assert_ptr_nonnull(strstr(why, "/dev/vfio"));
	ck_assert_int_eq(msi.container, -1);
	arch_msi_close(&msi);
	device_end();
}
END_TEST

static const struct rig_case cases[] = {
	RIG_CASE(what_keeps_us_from_a_devices_interrupts_is_said),
};

RIG_MAIN("arch_msi", cases)
