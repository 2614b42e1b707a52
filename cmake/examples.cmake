# SPDX-License-Identifier: Apache-2.0
#
# Examples: each source is a program, built like an application's: installed
# headers and -lvine, nothing else of this tree. my-kernel.c is a module that
# the cpu service loads.
#
# Those of examples/net are programs on the runtime, which is not installed: srv
# and clt, and plain, which is both without it. They come to bin/net; net_*.c is
# what they share.

file(GLOB examples CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*.c)
foreach(source IN LISTS examples)
	cmake_path(GET source STEM name)
	if(name STREQUAL "my-kernel")
		add_library(example-${name} MODULE ${source})
		target_include_directories(example-${name} PRIVATE
			${PROJECT_SOURCE_DIR}/include)
		set_target_properties(example-${name} PROPERTIES PREFIX ""
			LIBRARY_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
	else()
		add_executable(example-${name} ${source})
		target_link_libraries(example-${name} PRIVATE vine m)
	endif()
	set_target_properties(example-${name} PROPERTIES OUTPUT_NAME ${name})
endforeach()

if(TARGET example-filter-image)
	pkg_check_modules(PNG IMPORTED_TARGET libpng)
	if(TARGET PkgConfig::PNG)
		target_link_libraries(example-filter-image PRIVATE
			PkgConfig::PNG)
	else()
		message(STATUS "Example filter-image is left out: no libpng")
		set_target_properties(example-filter-image PROPERTIES
			EXCLUDE_FROM_ALL ON)
	endif()
endif()

if(BUILD_APPLIANCE)
	set(net ${PROJECT_SOURCE_DIR}/examples/net)
	file(GLOB net_shared CONFIGURE_DEPENDS ${net}/net_*.c)
	add_library(example-net STATIC ${net_shared})
	target_link_libraries(example-net PUBLIC vine_rt PkgConfig::JANSSON m)
	foreach(name IN ITEMS srv clt plain)
		add_executable(example-net-${name} ${net}/${name}.c)
		target_link_libraries(example-net-${name} PRIVATE example-net)
		set_target_properties(example-net-${name} PROPERTIES
			OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY
			${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/net)
	endforeach()
endif()
