# cmake -DNM=nm -DPLUGIN=file.so -P PressworkCheckExports.cmake: fails unless the plugin exports exactly
# pw_plugin_v1.
execute_process(COMMAND ${NM} -D --defined-only ${PLUGIN}
  OUTPUT_VARIABLE text RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE)
if(failed)
  message(FATAL_ERROR "${NM} cannot read ${PLUGIN}")
endif()
string(REGEX MATCHALL "[^\n]+" lines "${text}")
set(names "")
foreach(line IN LISTS lines)
  string(REGEX REPLACE "^.* [A-Za-z] " "" name "${line}")
  list(APPEND names ${name})
endforeach()
if(NOT names STREQUAL "pw_plugin_v1")
  message(FATAL_ERROR "${PLUGIN} must export pw_plugin_v1 and nothing else; it exports: ${names}\n"
    "Define it with PRESSWORK_PLUGIN (C++) or as a PW_EXPORT function (C).")
endif()
