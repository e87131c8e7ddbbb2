# SPDX-License-Identifier: Apache-2.0
# cmake -DOUT=FILE -P commit.cmake: which commit is being built, as a header; written when it changed.
cmake_minimum_required(VERSION 3.18)
set(commit unknown)
set(number 0)
find_program(GIT git)
if(GIT)
  execute_process(COMMAND ${GIT} rev-parse --short HEAD OUTPUT_VARIABLE text OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE failed ERROR_QUIET)
  if(NOT failed)
    set(commit ${text})
    execute_process(COMMAND ${GIT} rev-list --count HEAD OUTPUT_VARIABLE number
      OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define BUILD_COMMIT \"@commit@\"\n#define BUILD_NUMBER @number@\n" @ONLY)
