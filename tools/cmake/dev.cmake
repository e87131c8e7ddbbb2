# SPDX-License-Identifier: Apache-2.0
# Everyday build: optimised, with symbols, warnings as errors.
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "")
set(PENCL_WERROR ON CACHE BOOL "")
