/* SPDX-License-Identifier: Apache-2.0 */
/* A context and a device for each test of a file, as a checked fixture:
 *
 *     tcase_add_checked_fixture(tc, fixture_ref, fixture_close);
 */
#ifndef PENCL_TESTS_SUPPORT_FIXTURE_H
#define PENCL_TESTS_SUPPORT_FIXTURE_H

#include "pencl/pencl.h"

extern pencl_ctx *ctx;
extern pencl_device *device;

/* Opens `ref`. */
void fixture_ref(void);
/* Opens the device that DEVICE suites run on. */
void fixture_device(void);
/* Every reference must be gone: what is alive after the device and the context is a leak. */
void fixture_close(void);

/* Fails the test with the error's text. */
void ok(pencl_status status);
/* This status and no other, with these words in the text. */
void expect_error(pencl_status got, pencl_status status, const char *words);

#endif
