# SPDX-License-Identifier: Apache-2.0
# Address and undefined-behaviour sanitizers for host code. Warnings are dev.cmake's matter: gcc has
# false ones about string sizes under UBSan.
set(CMAKE_BUILD_TYPE Debug CACHE STRING "")
set(PENCL_SANITIZE "address,undefined" CACHE STRING "")
