# SPDX-License-Identifier: Apache-2.0
# dev.cmake without CLBlast.
include(${CMAKE_CURRENT_LIST_DIR}/dev.cmake)
set(PENCL_CLBLAST OFF CACHE BOOL "")
