/* SPDX-License-Identifier: Apache-2.0 */
/* matmul_clblast: CLBlast's Sgemm over weights made float32, opened at run time. */
#include "op/matmul.h"

bool pn_matmul_clblast_fits(const pn_task *t, const pn_caps *caps)
{
    (void)t;
    (void)caps;
    return false;
}

size_t pn_matmul_clblast_scratch(const pn_task *t, const pn_caps *caps)
{
    (void)t;
    (void)caps;
    return 0;
}

pencl_status pn_matmul_clblast_emit(pn_emit *e, const pn_task *t)
{
    (void)t;
    return PN_FAIL(pn_emit_ctx(e), PENCL_E_UNSUPPORTED, "matmul_clblast");
}
