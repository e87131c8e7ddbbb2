/* SPDX-License-Identifier: Apache-2.0 */
/* What the OpenCL layers of tests/layer and the log leave to be looked at. */
#ifndef PENCL_TESTS_SUPPORT_REPORT_H
#define PENCL_TESTS_SUPPORT_REPORT_H

#include "pencl/context.h"

/* The i-th of the n numbers of 8 bytes of a layer's report; fails the test when they are not there.
 */
int64_t test_report(const char *path, int n, int i);

/* Warnings of a context's log since test_count_warnings. */
extern int test_warnings;
void test_count_warnings(pencl_ctx *ctx);

#endif
