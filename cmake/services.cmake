# SPDX-License-Identifier: Apache-2.0
#
# Services: what CMake knows about src/services, all of it read off the
# folders.
#
# A folder src/services/<name> with sources becomes the static library
# svc_<name>, and svc_<name>_ops stands in the daemon's table. Its service.cmake
# (optional) runs here and may append to
#   SERVICE_LIBS   what the service links: targets, flags
#   SERVICE_DEFS   its compile definitions
# or set SERVICE_SKIP to the reason why it cannot be built here.

# vine_generate_config_keys writes the file that includes every key table: the
# core's and that of each service.
function(vine_generate_config_keys file)
	file(GLOB tables CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/src
		src/services/*/keys.def)
	set(text "/* Made by CMake: every table of config keys. */\n")
	foreach(table IN ITEMS utils/config_keys.def LISTS tables)
		string(APPEND text "#include \"${table}\"\n")
	endforeach()
	file(CONFIGURE OUTPUT ${file} CONTENT "${text}" @ONLY)
endfunction()

# vine_add_service makes svc_<name> out of a folder; it appends to the caller's
# service_targets, service_objects, service_libs and service_names.
function(vine_add_service name sources)
	set(SERVICE_LIBS "")
	set(SERVICE_DEFS "")
	set(SERVICE_SKIP "")
	include(${PROJECT_SOURCE_DIR}/src/services/${name}/service.cmake
		OPTIONAL)
	if(SERVICE_SKIP)
		message(STATUS "Service ${name} is left out: ${SERVICE_SKIP}")
		return()
	endif()
	add_library(svc_${name} STATIC ${sources})
	target_compile_definitions(svc_${name} PRIVATE ${SERVICE_DEFS})
	target_link_libraries(svc_${name} PRIVATE vine_src PUBLIC ${SERVICE_LIBS})

	list(APPEND service_names ${name})
	list(APPEND service_targets svc_${name})
	list(APPEND service_objects $<TARGET_OBJECTS:svc_${name}>)
	list(APPEND service_libs ${SERVICE_LIBS})
	return(PROPAGATE service_names service_targets service_objects
		service_libs)
endfunction()

# vine_add_services does so for every folder and writes the daemon's table.
function(vine_add_services table)
	file(GLOB folders CONFIGURE_DEPENDS LIST_DIRECTORIES true
		${PROJECT_SOURCE_DIR}/src/services/*)
	foreach(folder IN LISTS folders)
		file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.c)
		if(sources)
			cmake_path(GET folder FILENAME name)
			vine_add_service(${name} "${sources}")
		endif()
	endforeach()

	set(declarations "")
	set(entries "")
	foreach(name IN LISTS service_names)
		string(APPEND declarations
			"extern const struct svc_ops svc_${name}_ops;\n")
		string(APPEND entries "\t&svc_${name}_ops,\n")
	endforeach()
	file(CONFIGURE OUTPUT ${table} @ONLY CONTENT
"/* Made by CMake from the folders of src/services. */
#include \"services/svc.h\"

@declarations@extern const struct svc_ops *const vined_services[];
const struct svc_ops *const vined_services[] = {
@entries@	NULL,
};
")
	return(PROPAGATE service_names service_targets service_objects
		service_libs)
endfunction()
