/* SPDX-License-Identifier: Apache-2.0 */
/* A context and a device for each test. */
#include "support/fixture.h"

#include "base/base.h"
#include "support/devices.h"

#include <check.h>
#include <string.h>

pencl_ctx *ctx;
pencl_device *device;

void fixture_ref(void)
{
    ctx = pencl_ctx_new();
    ck_assert_ptr_nonnull(ctx);
    ck_assert_int_eq(pencl_device_open(&device, ctx, "ref"), PENCL_OK);
}

void fixture_device(void)
{
    ctx = pencl_ctx_new();
    ck_assert_ptr_nonnull(ctx);
    device = test_device(ctx);
}

void fixture_close(void)
{
    pencl_device_close(device);
    pencl_ctx_free(ctx);
    ck_assert_int_eq(pn_alloc_live(), 0);
}

void ok(pencl_status status)
{
    ck_assert_msg(status == PENCL_OK, "%s", pencl_error_text(ctx));
}

void expect_error(pencl_status got, pencl_status status, const char *words)
{
    ck_assert_str_eq(pencl_status_name(got), pencl_status_name(status));
    ck_assert_msg(strstr(pencl_error_text(ctx), words) != NULL, "\"%s\" lacks \"%s\"",
                  pencl_error_text(ctx), words);
}
