# SPDX-License-Identifier: Apache-2.0
# What users get.
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
set(PENCL_TESTS OFF CACHE BOOL "")
