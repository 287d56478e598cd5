# cmake -DA=program -DB=program -P same_output.cmake: both must end well and print the same, and
# something.
foreach(program IN ITEMS A B)
  execute_process(COMMAND ${${program}} OUTPUT_VARIABLE said_${program} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
if(NOT said_A STREQUAL said_B OR said_A STREQUAL "")
  message(FATAL_ERROR "${A} printed\n${said_A}\nbut ${B} printed\n${said_B}")
endif()
message("${said_A}")
