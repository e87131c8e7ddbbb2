/* SPDX-License-Identifier: Apache-2.0 */
/* LowRankAdapter: a Linear and a low-rank change of it (LoRA), as a Sequential of that name. */
#include "nn/layers.h"

#include <string.h>

static bool has_name(const pencl_axis *axes, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(axes[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* What a part of the change must have: the linear's axes but those of one side, and the rank. */
typedef struct part {
    const char *name;
    pencl_variable *weights;
    const pencl_axis *without; /* axes of the other side */
    int n_without;
} part;

/* Checks the part's axes and finds the one that the linear lacks; NULL with the error on ctx. */
static const pencl_axis *find_rank(pencl_ctx *ctx, const pn_spec *linear, const part *p)
{
    const pn_spec *spec = pn_variable_spec(p->weights);
    const pencl_axis *rank = NULL;
    int shared = 0;
    for (int i = 0; i < linear->n_axes; i++) {
        const pencl_axis *axis = &linear->axes[i];
        if (has_name(p->without, p->n_without, axis->name)) {
            continue;
        }
        int at = pn_spec_find(spec, axis->name);
        if (at < 0 || spec->axes[at].size != axis->size) {
            pn_spec_fail(ctx, at < 0 ? PENCL_E_AXIS : PENCL_E_SHAPE, spec,
                         "%s of a low-rank adapter needs axis '%s' of size %lld", p->name,
                         axis->name, (long long)axis->size);
            return NULL;
        }
        shared++;
    }
    for (int i = 0; i < spec->n_axes; i++) {
        rank = pn_spec_find(linear, spec->axes[i].name) < 0 ? &spec->axes[i] : rank;
    }
    if (rank == NULL || spec->n_axes != shared + 1) {
        pn_spec_fail(ctx, PENCL_E_AXIS, spec,
                     "%s of a low-rank adapter needs the linear's axes of its side and the rank",
                     p->name);
        return NULL;
    }
    return rank;
}

static pencl_layer *linear_of(pencl_ctx *ctx,
                              pencl_variable *weights,
                              const pencl_attribute *in,
                              const pencl_attribute *out)
{
    pencl_attribute a[] = {
        {.name = "weights", .kind = PENCL_FIELD_VARIABLE, .variable = weights}, *in, *out};
    pencl_layer *layer = NULL;
    a[1].name = "in_axis_names";
    a[2].name = "out_axis_names";
    return pn_layer_new(&layer, ctx, &pn_layer_Linear, a, 3) == PENCL_OK ? layer : NULL;
}

/* b . a . x, times a scale that is not 1. */
static pencl_layer *update(pencl_ctx *ctx, pencl_layer *first, pencl_layer *second, double scale)
{
    if (scale == 1) {
        return PN_NN_NAMED_GROUP(ctx, "Update", first, second);
    }
    return PN_NN_NAMED_GROUP(ctx, "Update", first, second, pn_nn_rescale(ctx, scale));
}

pencl_status pencl_layer_low_rank_adapter(pencl_layer **out,
                                          pencl_ctx *ctx,
                                          pencl_layer *linear,
                                          pencl_variable *a,
                                          pencl_variable *b,
                                          double scale)
{
    *out = NULL;
    pn_error_clear(ctx);
    if (pencl_layer_type_of(linear) != &pn_layer_Linear) {
        return PN_FAIL(ctx, PENCL_E_ARG, "a low-rank adapter is of a Linear, not of a %s",
                       pencl_layer_type_of(linear)->name);
    }
    const pn_spec *weights = pn_variable_spec(pencl_layer_variable(linear, "weights"));
    if (weights == NULL || pn_variable_spec(a) == NULL || pn_variable_spec(b) == NULL) {
        return PN_FAIL(ctx, PENCL_E_UNBOUND, "a low-rank adapter needs weights with axes");
    }
    int n = 0;
    pencl_attribute in = pencl_layer_attributes(linear, &n)[1];
    pencl_attribute to = pencl_layer_attributes(linear, &n)[2];
    const pencl_axis *rank =
        find_rank(ctx, weights, &(part){"A", a, to.axes, to.axes != NULL ? to.n : 0});
    const pencl_axis *same =
        find_rank(ctx, weights, &(part){"B", b, in.axes, in.axes != NULL ? in.n : 0});
    if (rank == NULL || same == NULL) {
        return ctx->error.status;
    }
    if (strcmp(rank->name, same->name) != 0 || rank->size != same->size) {
        return PN_FAIL(ctx, PENCL_E_SHAPE, "the rank is %s:%lld in A and %s:%lld in B", rank->name,
                       (long long)rank->size, same->name, (long long)same->size);
    }
    pencl_axis name = *rank;
    name.size = 0; /* Linear names its axes only */
    pencl_attribute low = {.kind = PENCL_FIELD_AXES, .axes = &name, .n = 1};
    pencl_layer *change =
        update(ctx, linear_of(ctx, a, &in, &low), linear_of(ctx, b, &low, &to), scale);
    pencl_layer *pretrained = PN_NN_NAMED_GROUP(ctx, "Pretrained", pencl_layer_ref(linear));
    *out = PN_NN_LIST(ctx, "LowRankAdapter",
                      PN_NN_LIST(ctx, "BranchAndAddTogether", pretrained, change));
    return *out != NULL ? PENCL_OK : ctx->error.status;
}

const pencl_layer_type pn_layer_LowRankAdapter = {
    .name = "LowRankAdapter",
    .doc = "linear(x) + scale * b . a . x: [BranchAndAddTogether]",
    .fields = pn_sequential_fields,
    .apply = pn_sequential_apply,
    .kind_of = "Sequential",
    .color = "oklch(0.785 0.103 70.433349609375 / 1.0)",
    .fill = PN_PALE("oklch(0.785 0.103 70.433349609375 / 1.0)"),
};
