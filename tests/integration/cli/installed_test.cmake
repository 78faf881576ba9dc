# Installs the build folder BUILD into the new folder PREFIX; the program there must find its stages and run one, and its workflows.
file(REMOVE_RECURSE ${PREFIX})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${PREFIX}/bin/presswork call model/load --with path=${MODEL} --workspace ${PREFIX}/none
  RESULT_VARIABLE code ERROR_VARIABLE said)
execute_process(COMMAND ${PREFIX}/bin/presswork compress ${MODEL} --memory 1GiB --print-workflow
  RESULT_VARIABLE compress_code OUTPUT_VARIABLE workflow ERROR_VARIABLE compress_said)
file(REMOVE_RECURSE ${PREFIX})
if(NOT compress_code EQUAL 0 OR NOT workflow MATCHES "/share/presswork/examples/text/eval.txt")
  message(FATAL_ERROR "the installed presswork compress ended with ${compress_code}: ${compress_said}")
endif()
if(NOT code EQUAL 0)
  message(FATAL_ERROR "the installed presswork ended with ${code}: ${said}")
endif()
