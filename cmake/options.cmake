# SPDX-License-Identifier: Apache-2.0
#
# Options: checks the cache variables and turns them into flags for every
# target of the tree.

if(NOT CMAKE_BUILD_TYPE)
	set_property(CACHE CMAKE_BUILD_TYPE PROPERTY VALUE RelWithDebInfo)
endif()
if(async_architecture STREQUAL "posix") # VineTalk's name for not spinning
	set(async_architecture ladder)
endif()
if(NOT async_architecture MATCHES "^(ladder|spin)$")
	message(FATAL_ERROR "async_architecture is \"${async_architecture}\", "
		"expected ladder or spin")
endif()
if(NOT target_architecture STREQUAL "shm")
	message(FATAL_ERROR "target_architecture is \"${target_architecture}\", "
		"expected shm")
endif()
if(COVERAGE AND NOT CMAKE_C_COMPILER_ID STREQUAL "GNU")
	message(FATAL_ERROR "COVERAGE needs gcc, the compiler is "
		"${CMAKE_C_COMPILER_ID}")
endif()
if(FUZZ AND NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
	message(FATAL_ERROR "FUZZ needs clang, the compiler is "
		"${CMAKE_C_COMPILER_ID}")
endif()

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_COMPILE_WARNING_AS_ERROR ${WERROR})
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(THREADS_PREFER_PTHREAD_FLAG ON)

add_compile_definitions(_GNU_SOURCE)
# Stack clash protection touches each page of a large frame, so that no task
# passes the guard below its stack (rt_stack.h).
add_compile_options(-Wall -Wextra -fstack-protector-strong
	-fstack-clash-protection)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$" AND
   CMAKE_C_COMPILER_ID STREQUAL "GNU")
	# Left alone it touches every 64 KiB there: a guard has 16.
	add_compile_options(--param=stack-clash-protection-guard-size=12)
endif()
add_link_options(LINKER:-z,relro LINKER:-z,now)

if(SANITIZE)
	# A report of undefined behaviour ends the program, so its test fails.
	add_compile_options(-fsanitize=${SANITIZE} -fno-sanitize-recover=all
		-fno-omit-frame-pointer)
	add_link_options(-fsanitize=${SANITIZE})
elseif(CMAKE_BUILD_TYPE MATCHES "^Rel" AND NOT COVERAGE)
	add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
if(COVERAGE)
	# Counters are atomic, or threads would lose counts.
	add_compile_options(--coverage -fprofile-update=atomic)
	add_link_options(--coverage)
endif()
if(FUZZ)
	# Everything tells a fuzzer which ways were taken.
	add_compile_options(-fsanitize=fuzzer-no-link)
endif()
