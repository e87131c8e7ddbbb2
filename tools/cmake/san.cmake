# SPDX-License-Identifier: Apache-2.0
# Address and undefined-behaviour sanitizers for host code.
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(PENCL_WERROR ON CACHE BOOL "")
set(PENCL_SANITIZE "address,undefined" CACHE STRING "")
