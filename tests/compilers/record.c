/* SPDX-License-Identifier: Apache-2.0 */
/* Runs every case of every op by every kernel, or a model's prompt, on the GPU that is there. With
 * the library fake_gpu, which computes nothing, that writes down what a GPU's compiler would get;
 * results do not matter. RECORD_AS, which goes into the record, is the op, the case and how inputs
 * are stored; a leading "* " says that pencl itself chose the kernel.
 *
 *   record_kernels                   ops
 *   record_kernels MODEL TOKENS      a prompt, under the RECORD_AS that is set
 */
#include "op/op.h"
#include "pencl/study.h"
#include "plan/trial.h"

#include <stdio.h>
#include <stdlib.h>

static int failed;

/* In place of pn_device_verdict (the linker's --wrap): every kernel was tried, and is good. */
bool __wrap_pn_device_verdict(pencl_device *device, const char *what, char *why, size_t room);
bool __wrap_pn_device_verdict(pencl_device *device, const char *what, char *why, size_t room)
{
    (void)device;
    (void)what;
    if (room > 0) {
        why[0] = '\0';
    }
    return true;
}

static void fail(pencl_device *device, const char *what)
{
    fprintf(stderr, "%s: %s\n", what, pencl_error_text(pn_device_ctx(device)));
    failed++;
}

static void run_one(pencl_device *device, const pn_case *c, pn_storage storage, const char *kernel)
{
    static const char *const words[] = {"", ", rows16", ", first rows16"};
    char as[256];
    pn_trial trial;
    snprintf(as, sizeof as, "%s%s: %s%s", kernel == NULL ? "* " : "", c->def->name, c->row->name,
             words[storage]);
    setenv("RECORD_AS", as, 1);
    if (pn_trial_run(&trial, device, c, storage, kernel) != PENCL_OK) {
        fail(device, as);
    }
    pn_text_free(&trial.fault);
}

static void run_case(pencl_device *device, const pn_op_def *def, const pn_op_case *row)
{
    pn_case c;
    if (pn_case_make(&c, pn_device_ctx(device), def, row) != PENCL_OK) {
        fail(device, row->name);
        return;
    }
    for (int storage = PN_ALL_PLAIN; storage < PN_STORAGES; storage++) {
        if (!pn_case_can_be_stored(&c, device, (pn_storage)storage)) {
            continue;
        }
        run_one(device, &c, (pn_storage)storage, NULL);
        for (const pn_candidate *k = def->kernels; k != NULL && k->name != NULL; k++) {
            if (!k->forced_only) {
                run_one(device, &c, (pn_storage)storage, k->name);
            }
        }
    }
    pn_case_free(&c);
}

static void run_model(pencl_device *device, const char *path, const char *tokens)
{
    pencl_model *model = NULL;
    pencl_bench_result result = {0};
    pencl_bench_options options = PENCL_BENCH_OPTIONS_INIT;
    options.n_prompt = strtol(tokens, NULL, 10);
    options.repetitions = 1;
    if (pencl_model_open(&model, device, path, NULL) != PENCL_OK ||
        pencl_bench_model(&result, model, &options) != PENCL_OK) {
        fail(device, path);
    }
    pencl_bench_result_free(&result);
    pencl_model_close(model);
}

int main(int argc, char **argv)
{
    pencl_ctx *ctx = pencl_ctx_new();
    pencl_device *device = NULL;
    if (pencl_device_open(&device, ctx, "gpu") != PENCL_OK) {
        fprintf(stderr, "%s\n", pencl_error_text(ctx));
        pencl_ctx_free(ctx);
        return 1;
    }
    if (argc > 2) {
        run_model(device, argv[1], argv[2]);
    }
    for (int i = 0; argc < 2 && pn_ops[i] != NULL; i++) {
        for (const pn_op_case *row = pn_ops[i]->cases; row->name != NULL; row++) {
            run_case(device, pn_ops[i], row);
        }
    }
    pencl_device_close(device);
    pencl_ctx_free(ctx);
    return failed > 0;
}
