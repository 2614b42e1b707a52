# SPDX-License-Identifier: Apache-2.0
#
# Install: the library, its headers, what finds it (pkg-config and CMake), the
# daemon with its unit, the tools, man pages and documents.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vine)
install(TARGETS vine EXPORT vineTargets)
install(EXPORT vineTargets NAMESPACE vine:: DESTINATION ${package_dir})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/
	DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

configure_package_config_file(cmake/vineConfig.cmake.in vineConfig.cmake
	INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(vineConfigVersion.cmake
	COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/vineConfig.cmake
	${PROJECT_BINARY_DIR}/vineConfigVersion.cmake
	DESTINATION ${package_dir})

# The file finds its prefix by its own place, so it holds for
# `cmake --install --prefix` and for a tree that was moved.
file(RELATIVE_PATH pc_to_prefix
	${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(libvine.pc.in libvine.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/libvine.pc
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET vined)
	install(TARGETS vined DESTINATION ${CMAKE_INSTALL_SBINDIR})
	configure_file(src/appliance/vined.service.in vined.service @ONLY)
	install(FILES ${PROJECT_BINARY_DIR}/vined.service
		DESTINATION lib/systemd/system)
endif()
if(tool_targets)
	set(daemons vined-keeper)	# what is no command of a user's
	list(REMOVE_ITEM tool_targets ${daemons})
	install(TARGETS ${tool_targets})
	install(TARGETS ${daemons} DESTINATION ${CMAKE_INSTALL_SBINDIR})
	foreach(tool IN ITEMS vinectl vine-inspect)
		install(FILES src/tools/${tool}.bash RENAME ${tool} DESTINATION
			${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
	endforeach()
endif()

foreach(section RANGE 1 8)
	file(GLOB pages CONFIGURE_DEPENDS man/*.${section})
	install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
file(GLOB documents CONFIGURE_DEPENDS LICENSE *.md)
install(FILES ${documents} DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}
	FILES_MATCHING PATTERN "*.md" PATTERN "*.svg" PATTERN "*.png")
