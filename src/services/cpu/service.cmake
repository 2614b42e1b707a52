# SPDX-License-Identifier: Apache-2.0
#
# The CPU accelerator: well-kept libraries for its kernels, threads for its
# pool, dl for the operator's kernels.
set(SVC_CPU_MODULES libcrypto>=3.0 libzstd>=1.4 fftw3f openblas)
pkg_check_modules(SVC_CPU IMPORTED_TARGET ${SVC_CPU_MODULES})
if(SVC_CPU_FOUND)
	find_package(Threads REQUIRED)
	list(APPEND SERVICE_LIBS PkgConfig::SVC_CPU Threads::Threads
		${CMAKE_DL_LIBS} m)
else()
	list(JOIN SVC_CPU_MODULES ", " SVC_CPU_NEEDED)
	set(SERVICE_SKIP "it needs all of ${SVC_CPU_NEEDED}")
endif()
