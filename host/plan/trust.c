/* SPDX-License-Identifier: Apache-2.0 */
/* Trials of kernel candidates before their first use. */
#include "plan/trust.h"

#include "array/dtypes.h"
#include "plan/trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TOKENS = 16, MOST_CASES = 64 };

/* ---- names ---- */

static void add_dtypes(char *out, size_t room, const pn_spec *specs, int n)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < n && used < room; i++) {
        used += (size_t)snprintf(out + used, room - used, "%s%s", i > 0 ? "," : "",
                                 pn_dtype_of(specs[i].dtype)->name);
    }
}

/* How the task's weights lie: "none" without weights. */
static const char *layout_of(const pn_task *t)
{
    const char *layout = "none";
    for (int i = 0; i < t->n_in; i++) {
        const pn_store *store = t->in[i].store;
        if (store != NULL) {
            layout = store->layout == &pn_layout_rows16 ? "rows16" : "plain";
        }
    }
    return layout;
}

/* A power of two: plans for 5 and for 8 tokens use the same kernels in the same way. */
static int64_t bound(int64_t tokens)
{
    int64_t n = 1;
    while (n < tokens && n < MOST_TOKENS) {
        n *= 2;
    }
    return n;
}

static int64_t tokens_of(const pn_spec *spec)
{
    int at = pn_spec_find(spec, "seq");
    return at >= 0 ? spec->axes[at].size : 1;
}

void pn_trust_name(char out[PN_VERDICT_MAX], const pn_task *t, const pn_candidate *c)
{
    char dtypes[64];
    add_dtypes(dtypes, sizeof dtypes, t->call->in, t->call->n_in);
    snprintf(out, PN_VERDICT_MAX, "%s/%s/%s/%s/%" PRId64, t->call->def->name, c->name, dtypes,
             layout_of(t), bound(tokens_of(&t->call->out)));
}

/* A name taken apart. */
typedef struct wanted {
    const pn_op_def *def;
    char kernel[64];
    char dtypes[64];
    char layout[16];
    int64_t tokens;
} wanted;

static bool read_name(wanted *w, const char *name)
{
    char op[64];
    int n = sscanf(name, "%63[^/]/%63[^/]/%63[^/]/%15[^/]/%" SCNd64, op, w->kernel, w->dtypes,
                   w->layout, &w->tokens);
    if (n < 5) { /* an op without inputs has no types */
        w->dtypes[0] = '\0';
        n = 1 +
            sscanf(name, "%63[^/]/%63[^/]//%15[^/]/%" SCNd64, op, w->kernel, w->layout, &w->tokens);
    }
    w->def = n == 5 ? pn_op_by_name(op) : NULL;
    return w->def != NULL;
}

/* ---- which case ---- */

/* How far a case is from the task that the name stands for: its types count most. */
static int64_t distance(const wanted *w, const pn_op_case *row)
{
    pencl_ctx quiet = {0};
    pn_spec specs[PN_MAX_IN];
    char dtypes[64];
    bool stored = false;
    int n = 0;
    for (; n < PN_MAX_IN && row->in[n] != NULL; n++) {
        if (pn_spec_parse(&specs[n], &quiet, row->in[n]) != PENCL_OK) {
            return INT64_MAX;
        }
        stored = stored || row->rows[n] > 0;
    }
    add_dtypes(dtypes, sizeof dtypes, specs, n);
    int64_t tokens = n > 0 ? tokens_of(&specs[0]) : 1;
    int64_t apart = llabs(bound(tokens) - w->tokens);
    apart += strcmp(dtypes, w->dtypes) != 0 ? 1000 : 0;
    return apart + (stored != (strcmp(w->layout, "none") != 0) ? 100 : 0);
}

/* The nearest case that was not tried; NULL when none is left. */
static const pn_op_case *next_case(const wanted *w, bool tried[MOST_CASES])
{
    int best = -1;
    int64_t least = INT64_MAX;
    for (int i = 0; i < MOST_CASES && w->def->cases[i].name != NULL; i++) {
        int64_t apart = tried[i] ? INT64_MAX : distance(w, &w->def->cases[i]);
        if (apart < least) {
            least = apart;
            best = i;
        }
    }
    if (best < 0) {
        return NULL;
    }
    tried[best] = true;
    return &w->def->cases[best];
}

/* ---- trying ---- */

/* The case by the candidate; `fault` stays empty when it is right. */
static pencl_status
run_case(pn_text *fault, bool *taken, pencl_device *device, const wanted *w, const pn_op_case *row)
{
    pn_case c;
    pn_trial trial = {0};
    pencl_ctx *ctx = pn_device_ctx(device);
    pn_storage storage = strcmp(w->layout, "rows16") == 0 ? PN_ALL_ROWS16 : PN_ALL_PLAIN;
    pencl_status st = pn_case_make(&c, ctx, w->def, row);
    if (st == PENCL_OK && pn_case_can_be_stored(&c, device, storage)) {
        st = pn_trial_run(&trial, device, &c, storage, w->kernel);
    }
    *taken = trial.taken;
    if (st == PENCL_OK && trial.fault.size > 0) {
        pn_text_add(fault, "%s: %s", row->name, pn_text_get(&trial.fault));
    }
    pn_text_free(&trial.fault);
    pn_case_free(&c);
    return st;
}

/* The nearest case that the candidate takes. What no case covers is taken on trust. */
static pencl_status run_nearest(pn_text *fault, pencl_device *device, const wanted *w)
{
    bool tried[MOST_CASES] = {false};
    bool taken = false;
    const pn_op_case *row = next_case(w, tried);
    for (; row != NULL && !taken; row = next_case(w, tried)) {
        PENCL_TRY(run_case(fault, &taken, device, w, row));
    }
    return PENCL_OK;
}

/* A difference is a verdict. A refused build or launch is tried once more, and then a doubt. */
static pencl_status try_one(pencl_device *device, const char *name)
{
    wanted w;
    pencl_ctx *ctx = pn_device_ctx(device);
    pencl_status st = PENCL_OK;
    if (!read_name(&w, name)) {
        return PN_FAIL(ctx, PENCL_E_ARG, "\"%s\" names no kernel to try", name);
    }
    pn_log(ctx, PENCL_LOG_INFO, "plan", "trying %s", name);
    for (int attempt = 0; attempt < 2; attempt++) {
        pn_text fault = {0};
        pn_error_clear(ctx);
        st = run_nearest(&fault, device, &w);
        if (st == PENCL_OK) {
            pn_device_judge(device, name, pn_text_get(&fault));
        }
        bool good = st == PENCL_OK && fault.size == 0;
        pn_text_free(&fault);
        if (good) {
            pn_device_settle_doubts(device);
        }
        if (st == PENCL_OK || st == PENCL_E_NOMEM) {
            return st;
        }
    }
    pn_device_doubt(device, name, pencl_error_text(ctx));
    pn_error_clear(ctx);
    return PENCL_OK;
}

pencl_status pencl_device_probe(pencl_device *device, const char *const *kernels, size_t n_kernels)
{
    char why[8];
    pn_error_clear(pn_device_ctx(device));
    for (size_t i = 0; i < n_kernels; i++) {
        if (!pn_device_verdict(device, kernels[i], why, sizeof why)) {
            PENCL_TRY(try_one(device, kernels[i]));
        }
    }
    return PENCL_OK;
}

/* ---- what a plan wants ---- */

/* Said when it becomes known, so once: later starts find the verdict. */
static void warn(pencl_device *device, const char *name, const char *why)
{
    const pencl_device_info *info = pencl_device_describe(device);
    wanted w;
    if (why[0] != '\0' && read_name(&w, name)) {
        pn_log(pn_device_ctx(device), PENCL_LOG_WARN, "plan",
               "%s: the kernel %s (%s, tokens <= %" PRId64
               ") is not used on %s (%s, driver %s): %s",
               w.def->name, w.kernel, w.dtypes, w.tokens, info->id, info->name, info->driver, why);
    }
}

/* By another process, where there is one. */
static void ask_probe(pencl_device *device, const char *const *names, size_t n)
{
    pencl_ctx *ctx = pn_device_ctx(device);
    char why[8];
    int failed = ctx->probe(ctx->probe_user, pencl_device_describe(device)->id, names, n);
    pn_device_reread_verdicts(device);
    for (size_t i = 0; i < n; i++) {
        bool known = pn_device_verdict(device, names[i], why, sizeof why);
        if (!known && failed) {
            pn_device_doubt(device, names[i], "every process that tried it died");
        } else if (known && why[0] == '\0') {
            pn_device_settle_doubts(device);
        }
    }
}

static pencl_status try_all(pencl_device *device, const char *const *names, size_t n)
{
    char why[512];
    if (pn_device_ctx(device)->probe != NULL) {
        ask_probe(device, names, n);
    }
    PENCL_TRY(pencl_device_probe(device, names, n));
    for (size_t i = 0; i < n; i++) {
        if (pn_device_verdict(device, names[i], why, sizeof why)) {
            warn(device, names[i], why);
        }
    }
    return PENCL_OK;
}

pencl_status pn_trust_try(pencl_device *device, pn_text *names)
{
    size_t n = 0;
    for (const char *at = pn_text_get(names); *at != '\0'; at++) {
        n += *at == '\n';
    }
    const char **list = pn_calloc(n + 1, sizeof *list);
    if (list == NULL || names->failed) {
        pn_free(list);
        return PN_NOMEM(pn_device_ctx(device));
    }
    char *at = names->data;
    for (size_t i = 0; i < n; i++) {
        list[i] = at;
        at += strcspn(at, "\n");
        *at++ = '\0';
    }
    pencl_status st = try_all(device, list, n);
    pn_free(list);
    return st;
}

void pn_trust_drop(pencl_device *device, const pn_task *t, const char *why)
{
    char name[PN_VERDICT_MAX];
    pn_trust_name(name, t, t->chosen);
    pn_device_overrule(device, name, why);
    warn(device, name, why);
}
