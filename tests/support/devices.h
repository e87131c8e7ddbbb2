/* SPDX-License-Identifier: Apache-2.0 */
/* The device that DEVICE suites run on. */
#ifndef PENCL_TESTS_SUPPORT_DEVICES_H
#define PENCL_TESTS_SUPPORT_DEVICES_H

#include "pencl/context.h"

/* Opens the device named by PENCL_TEST_DEVICE, `ref` without it; fails the test when it cannot.
 * Call it from a checked fixture or a test, never before Check forks: after OpenCL was used, a
 * forked child hangs on PoCL. */
pencl_device *test_device(pencl_ctx *ctx);

#endif
