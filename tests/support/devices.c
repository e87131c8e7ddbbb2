/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the device that DEVICE suites run on. */
#include "support/devices.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Exit handlers of drivers crash now and then, in tests that passed: this one, registered after
 * theirs, runs first and ends the process. */
static void leave(int status, void *unused)
{
    (void)unused;
    fflush(NULL);
    _exit(status);
}

pencl_device *test_device(pencl_ctx *ctx)
{
    pencl_device *device = NULL;
    const char *name = getenv("PENCL_TEST_DEVICE");
    pencl_status status = pencl_device_open(&device, ctx, name != NULL && *name ? name : "ref");
    ck_assert_msg(status == PENCL_OK, "%s", pencl_error_text(ctx));
    if (pencl_device_describe(device)->type != PENCL_DEVICE_REF) {
        on_exit(leave, NULL);
    }
    return device;
}
