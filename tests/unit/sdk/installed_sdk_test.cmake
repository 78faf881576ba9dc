# cmake -DBUILD=<build folder> -DSOURCE=<source folder> -DWORK=<scratch> -DCC= -DCXX= -P installed_sdk_test.cmake
# Installs the SDK alone and builds the example plugins, and the one in docs/writing-a-plugin.md, with nothing but that.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE failed OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(failed)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${text}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --component sdk --prefix ${WORK}/installed)
foreach(language c cpp)
  # A copy, so that nothing of the source tree is in reach.
  file(COPY ${SOURCE}/examples/plugins/${language} DESTINATION ${WORK})
  run(${CMAKE_COMMAND} -S ${WORK}/${language} -B ${WORK}/build-${language} -G Ninja
      -DCMAKE_PREFIX_PATH=${WORK}/installed -DCMAKE_C_COMPILER=${CC} -DCMAKE_CXX_COMPILER=${CXX}
      -DCMAKE_CXX_FLAGS=-Werror -DCMAKE_C_FLAGS=-Werror)
  run(${CMAKE_COMMAND} --build ${WORK}/build-${language})
  if(NOT EXISTS ${WORK}/build-${language}/example-${language}.so)
    message(FATAL_ERROR "the plugin example-${language}.so was not built")
  endif()
endforeach()
run(${CMAKE_COMMAND} -E chdir ${WORK}/build-cpp ./count_lines_test)

# The blocks of the page as it stands, each a file.
file(READ ${SOURCE}/docs/writing-a-plugin.md page)
foreach(block "cpp;count_words.cc" "cmake;CMakeLists.txt")
  list(GET block 0 language)
  list(GET block 1 name)
  set(fence "```${language}\n")
  string(FIND "${page}" "${fence}" start)
  string(LENGTH "${fence}" length)
  math(EXPR start "${start} + ${length}")
  string(SUBSTRING "${page}" ${start} -1 text)
  string(FIND "${text}" "```" end)
  string(SUBSTRING "${text}" 0 ${end} text)
  file(WRITE ${WORK}/page/${name} "${text}")
endforeach()
run(${CMAKE_COMMAND} -S ${WORK}/page -B ${WORK}/build-page -G Ninja -DCMAKE_PREFIX_PATH=${WORK}/installed
    -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_CXX_FLAGS=-Werror)
run(${CMAKE_COMMAND} --build ${WORK}/build-page)
if(NOT EXISTS ${WORK}/build-page/count-words.so)
  message(FATAL_ERROR "docs/writing-a-plugin.md: the plugin count-words.so was not built")
endif()
