# presswork_add_plugin(NAME SOURCES file... [LIBRARIES target...] [OUTPUT_DIRECTORY dir])
#
# Builds the stage plugin NAME.so: a loadable module with hidden visibility that exports pw_plugin_v1 and
# nothing else, and has no undefined symbols. Both are checked when it is linked. LIBRARIES are best static.
# Without OUTPUT_DIRECTORY it goes to PRESSWORK_PLUGIN_DIR, or else to the current binary folder.
set(PRESSWORK_PLUGIN_MODULE_DIR ${CMAKE_CURRENT_LIST_DIR})
# In the source tree and in an installation the map lies in different places.
find_file(PRESSWORK_EXPORTS_MAP exports.map NO_DEFAULT_PATH NO_CACHE REQUIRED
  PATHS ${CMAKE_CURRENT_LIST_DIR} ${CMAKE_CURRENT_LIST_DIR}/../abi)

function(presswork_add_plugin name)
  cmake_parse_arguments(P "" "OUTPUT_DIRECTORY" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT P_OUTPUT_DIRECTORY)
    set(P_OUTPUT_DIRECTORY ${PRESSWORK_PLUGIN_DIR})
  endif()
  if(NOT P_OUTPUT_DIRECTORY)
    set(P_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  endif()
  add_library(${name} MODULE ${P_SOURCES})
  set_target_properties(${name} PROPERTIES
    PREFIX "" SUFFIX ".so" LIBRARY_OUTPUT_DIRECTORY ${P_OUTPUT_DIRECTORY}
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS ${PRESSWORK_EXPORTS_MAP})
  target_compile_features(${name} PRIVATE cxx_std_17)
  target_link_libraries(${name} PRIVATE ${P_LIBRARIES} Presswork::sdk)
  if(TARGET presswork_options)
    target_link_libraries(${name} PRIVATE presswork_options)
  endif()
  target_link_options(${name} PRIVATE LINKER:--version-script=${PRESSWORK_EXPORTS_MAP})
  # A sanitizer's runtime comes with the host's executable, so its symbols are undefined here.
  if(NOT PRESSWORK_SANITIZE AND NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
    target_link_options(${name} PRIVATE LINKER:--no-undefined)
  endif()
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} -DPLUGIN=$<TARGET_FILE:${name}>
            -P ${PRESSWORK_PLUGIN_MODULE_DIR}/PressworkCheckExports.cmake
    VERBATIM)
endfunction()
