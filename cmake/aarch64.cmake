# SPDX-License-Identifier: Apache-2.0
#
# aarch64: cross compilation by Debian's gcc-aarch64-linux-gnu; programs run
# under qemu-aarch64 where it is installed. Libraries but libc are looked for
# in build/arm64-root alone (scripts/arm64-root.sh puts Check and liburing there),
# so the appliance is not built; the runtime is, for its tests.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

cmake_path(SET arm64_root NORMALIZE
	${CMAKE_CURRENT_LIST_DIR}/../build/arm64-root)
set(CMAKE_FIND_ROOT_PATH ${arm64_root} /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${arm64_root}/usr/lib/aarch64-linux-gnu/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${arm64_root})

find_program(QEMU_AARCH64 qemu-aarch64)
if(QEMU_AARCH64)
	set(CMAKE_CROSSCOMPILING_EMULATOR
		${QEMU_AARCH64};-L;/usr/aarch64-linux-gnu)
endif()
