/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the device that DEVICE suites run on. */
#include "support/devices.h"

#include <check.h>
#include <stdlib.h>

pencl_device *test_device(pencl_ctx *ctx)
{
    pencl_device *device = NULL;
    const char *name = getenv("PENCL_TEST_DEVICE");
    pencl_status status = pencl_device_open(&device, ctx, name != NULL && *name ? name : "ref");
    ck_assert_msg(status == PENCL_OK, "%s", pencl_error_text(ctx));
    return device;
}
