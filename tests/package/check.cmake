# cmake -DHOW=install|find_package|pkg_config|readme ... -P check.cmake
#
# One step of using kadmos as a stranger does: SOURCE is the repository, BUILD its build directory,
# WORK a directory to work in, CXX and FLAGS the compiler and what it must be given.
cmake_minimum_required(VERSION 3.25)
set(prefix ${WORK}/prefix)
set(said "hello from alice\n")

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(expect_greeting program)
  execute_process(COMMAND ${program} OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY TIMEOUT 60)
  if(NOT output STREQUAL said)
    message(FATAL_ERROR "expected '${said}' from ${program}, not '${output}'")
  endif()
endfunction()

if(HOW STREQUAL "install")
  file(REMOVE_RECURSE ${WORK})
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
  run(${prefix}/bin/dht-node --version)
  run(${prefix}/bin/dht-cli --version)
elseif(HOW STREQUAL "find_package")
  run(${CMAKE_COMMAND} -S ${SOURCE}/tests/package -B ${WORK}/find_package -G Ninja
      -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_CXX_FLAGS=${FLAGS})
  run(${CMAKE_COMMAND} --build ${WORK}/find_package)
  expect_greeting(${WORK}/find_package/embed)
elseif(HOW STREQUAL "pkg_config")
  file(GLOB_RECURSE pc ${prefix}/*/kadmos.pc)
  cmake_path(GET pc PARENT_PATH pc_dir)
  set(ENV{PKG_CONFIG_PATH} ${pc_dir})
  execute_process(COMMAND pkg-config --cflags --libs kadmos OUTPUT_VARIABLE given
                  COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(given UNIX_COMMAND "${given}")
  separate_arguments(flags UNIX_COMMAND "${FLAGS}")
  run(${CXX} -std=c++20 ${flags} ${SOURCE}/tests/package/embed.cc ${given} -o ${WORK}/embed)
  expect_greeting(${WORK}/embed)
elseif(HOW STREQUAL "readme")
  file(READ ${SOURCE}/README.md readme)
  file(READ ${SOURCE}/tests/package/embed.cc program)
  string(FIND "${readme}" "```cpp\n${program}```" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "the program in README.md is not tests/package/embed.cc")
  endif()
else()
  message(FATAL_ERROR "no such HOW: ${HOW}")
endif()
