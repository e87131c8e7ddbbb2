/* SPDX-License-Identifier: Apache-2.0 */
/* A model opened up, with the public headers alone: block 3's feed-forward gives zero, a layer of
 * our own follows block 5, block 7's output is captured; then text is generated. */
#include "api/open.h"

#include <stdio.h>

static pencl_value *rescale(const pencl_layer *self, pencl_value *x, const pencl_side_inputs *side)
{
    (void)side;
    return pencl_value_scale(x, pencl_layer_number(self, "by"));
}

static const pencl_field fields[] = {{"by", PENCL_FIELD_NUMBER}, {0}};
static const pencl_layer_type rescale_type = {
    .name = "Rescale", .doc = "x * by", .fields = fields, .apply = rescale};

static pencl_layer *new_rescale(pencl_ctx *ctx, double by)
{
    pencl_attribute a = {.name = "by", .kind = PENCL_FIELD_NUMBER, .number = by};
    pencl_layer *layer = NULL;
    return pencl_layer_from_attributes(&layer, ctx, &rescale_type, &a, 1) == PENCL_OK ? layer
                                                                                      : NULL;
}

static pencl_selection *nth(pencl_ctx *ctx, pencl_layer *root, const char *type, int i)
{
    return pencl_selection_nth(
        pencl_selection_at_instances_of(pencl_layer_select(ctx, root), type, PENCL_OUTERMOST), i);
}

pencl_status open_up(pencl_model *model, pencl_ctx *ctx)
{
    pencl_layer *body = pencl_layer_ref(pencl_lm_body(pencl_model_lm(model)));
    pencl_layer *zero = new_rescale(ctx, 0.0);
    pencl_layer *louder = new_rescale(ctx, 1.25);
    pencl_status st = PENCL_OK;
    for (int step = 0; st == PENCL_OK && step < 3; step++) {
        pencl_layer *changed = NULL;
        pencl_selection *s = step == 0   ? nth(ctx, body, "TransformerFeedForward", 3)
                             : step == 1 ? nth(ctx, body, "TransformerBlock", 5)
                                         : nth(ctx, body, "TransformerBlock", 7);
        st = step == 0   ? pencl_selection_set(&changed, s, pencl_layer_node(zero))
             : step == 1 ? pencl_selection_insert_after(&changed, s, louder)
                         : pencl_selection_capture(&changed, s, "block 7");
        pencl_selection_free(s);
        pencl_layer_free(body);
        body = changed;
    }
    if (st == PENCL_OK) {
        st = pencl_model_set_body(model, body);
    }
    pencl_layer_free(body);
    pencl_layer_free(zero);
    pencl_layer_free(louder);
    return st;
}
