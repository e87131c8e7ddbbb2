/* SPDX-License-Identifier: Apache-2.0 */
/* Plans every case of every op by every kernel, on the device that is there, and runs nothing. With
 * the library fake_gpu that writes down what a GPU's compiler would get. RECORD_AS, which goes into
 * the record, is the op, the case and how inputs are stored; a leading "* " says that pencl itself
 * chose the kernel. */
#include "op/op.h"
#include "plan/trial.h"

#include <stdio.h>
#include <stdlib.h>

static int failed;

static bool plan_one(pencl_device *device, const pn_case *c, pn_storage storage, const char *kernel)
{
    static const char *const words[] = {"", ", rows16", ", first rows16"};
    char as[256];
    snprintf(as, sizeof as, "%s%s: %s%s", kernel == NULL ? "* " : "", c->def->name, c->row->name,
             words[storage]);
    setenv("RECORD_AS", as, 1);
    if (pn_trial_plan(device, c, storage, kernel) != PENCL_OK) {
        fprintf(stderr, "%s, %s: %s\n", as, kernel == NULL ? "chosen" : kernel,
                pencl_error_text(pn_device_ctx(device)));
        return false;
    }
    return true;
}

static void plan_case(pencl_device *device, const pn_op_def *def, const pn_op_case *row)
{
    pn_case c;
    if (pn_case_make(&c, pn_device_ctx(device), def, row) != PENCL_OK) {
        fprintf(stderr, "%s: %s: %s\n", def->name, row->name,
                pencl_error_text(pn_device_ctx(device)));
        failed++;
        return;
    }
    for (int storage = PN_ALL_PLAIN; storage < PN_STORAGES; storage++) {
        if (!pn_case_can_be_stored(&c, (pn_storage)storage)) {
            continue;
        }
        failed += !plan_one(device, &c, (pn_storage)storage, NULL);
        for (const pn_candidate *k = def->kernels; k != NULL && k->name != NULL; k++) {
            if (!k->forced_only) {
                failed += !plan_one(device, &c, (pn_storage)storage, k->name);
            }
        }
    }
    pn_case_free(&c);
}

int main(void)
{
    pencl_ctx *ctx = pencl_ctx_new();
    pencl_device *device = NULL;
    if (pencl_device_open(&device, ctx, "gpu") != PENCL_OK) {
        fprintf(stderr, "%s\n", pencl_error_text(ctx));
        pencl_ctx_free(ctx);
        return 1;
    }
    for (int i = 0; pn_ops[i] != NULL; i++) {
        for (const pn_op_case *row = pn_ops[i]->cases; row->name != NULL; row++) {
            plan_case(device, pn_ops[i], row);
        }
    }
    pencl_device_close(device);
    pencl_ctx_free(ctx);
    return failed > 0;
}
