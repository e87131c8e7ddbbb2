/* SPDX-License-Identifier: Apache-2.0 */
/* Operations by name. */
#include "study/ops.h"

#include <string.h>

bool pn_ops_wanted(const char *asked, const pn_op_def *def)
{
    return strcmp(asked, "all") == 0 || strcmp(asked, def->name) == 0;
}

pencl_status pn_ops_find(pencl_ctx *ctx, const char *asked)
{
    if (strcmp(asked, "all") == 0 || pn_op_by_name(asked) != NULL) {
        return PENCL_OK;
    }
    pn_text names = {0};
    for (int i = 0; pn_ops[i] != NULL; i++) {
        pn_text_add(&names, "%s%s", i == 0 ? "" : ", ", pn_ops[i]->name);
    }
    pencl_status st = PN_FAIL(ctx, PENCL_E_ARG, "no operation is \"%s\"; there are %s", asked,
                              pn_text_get(&names));
    pn_text_free(&names);
    return st;
}
