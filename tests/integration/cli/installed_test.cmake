# Installs the build folder BUILD into the new folder PREFIX; the program there must find its stages and run one.
file(REMOVE_RECURSE ${PREFIX})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${PREFIX}/bin/presswork call model/load --with path=${MODEL} --workspace ${PREFIX}/none
  RESULT_VARIABLE code ERROR_VARIABLE said)
file(REMOVE_RECURSE ${PREFIX})
if(NOT code EQUAL 0)
  message(FATAL_ERROR "the installed presswork ended with ${code}: ${said}")
endif()
