# cmake -DBUILD=<build folder> -DSOURCE=<source folder> -DWORK=<scratch> -DCC= -DCXX= -P installed_sdk_test.cmake
# Installs the SDK alone and builds the example plugins with nothing but that.
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
