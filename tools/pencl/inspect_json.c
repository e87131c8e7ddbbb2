/* SPDX-License-Identifier: Apache-2.0 */
/* A model as one JSON document. */
#include "inspect.h"
#include "output.h"

#include <string.h>

static json_t *axes_json(const pencl_axis *axes, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        json_array_append_new(list, json_pack("{s:o, s:I}", "name", json_text(axes[i].name), "size",
                                              (json_int_t)axes[i].size));
    }
    return list;
}

static json_t *fields_json(const pencl_layer *layer)
{
    int n = 0;
    const pencl_attribute *a = pencl_layer_attributes(layer, &n);
    json_t *fields = json_object();
    for (int i = 0; i < n; i++) {
        json_t *value = a[i].kind == PENCL_FIELD_NUMBER ? json_real(a[i].number)
                        : a[i].kind == PENCL_FIELD_TEXT
                            ? json_text(a[i].text != NULL ? a[i].text : "")
                        : a[i].kind == PENCL_FIELD_AXES ? axes_json(a[i].axes, a[i].n)
                                                        : NULL;
        if (value != NULL) {
            json_object_set_new(fields, a[i].name, value);
        }
    }
    return fields;
}

static void add_layer(json_t *out, const outline *o, int i)
{
    json_t *children = json_array();
    json_object_set_new(out, "doc",
                        json_text(pencl_layer_type_of(o->nodes[i].layer)->doc != NULL
                                      ? pencl_layer_type_of(o->nodes[i].layer)->doc
                                      : ""));
    json_object_set_new(out, "fields", fields_json(o->nodes[i].layer));
    for (int k = o->nodes[i].end > i + 1 ? i + 1 : -1; k >= 0; k = outline_next(o, k, false)) {
        json_array_append_new(children, outline_json(o, k));
    }
    json_object_set_new(out, "children", children);
}

static void add_variable(json_t *out, const outline *o, int i)
{
    const pencl_variable *v = o->nodes[i].variable;
    json_t *axes = json_array();
    for (int k = 0; k < pencl_variable_n_axes(v); k++) {
        json_t *one = axes_json(pencl_variable_axis(v, k), 1);
        json_array_extend(axes, one);
        json_decref(one);
    }
    json_object_set_new(out, "label", json_text(pencl_variable_label(v)));
    json_object_set_new(out, "dtype", json_string(pencl_dtype_name(pencl_variable_dtype(v))));
    json_object_set_new(out, "axes", axes);
    if (o->nodes[i].shared >= 0) {
        json_object_set_new(out, "shared_with", json_text(o->nodes[o->nodes[i].shared].path));
    }
}

json_t *outline_json(const outline *o, int i)
{
    const outline_node *node = &o->nodes[i];
    const pencl_color color =
        node->layer != NULL ? pencl_layer_color(node->layer) : pencl_variable_color(node->variable);
    json_t *out = json_pack("{s:s, s:o, s:I, s:{s:s, s:s}}", "type", outline_type(node), "path",
                            json_text(node->path), "bytes", (json_int_t)node->bytes, "color",
                            "border", color.border, "fill", color.fill);
    if (node->layer != NULL) {
        add_layer(out, o, i);
    } else {
        add_variable(out, o, i);
    }
    return out;
}

static json_t *metadata_json(const pencl_transformer_metadata *m)
{
    return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:s}", "common_head_axes",
                     axes_json(m->common_head_axes, m->n_common), "query_only_head_axes",
                     axes_json(m->query_only_head_axes, m->n_query_only), "embedding_dim",
                     (json_int_t)m->embedding_dim, "projection_dim", (json_int_t)m->projection_dim,
                     "mlp_hidden_dim", (json_int_t)m->mlp_hidden_dim, "vocab_size",
                     (json_int_t)m->vocab_size, "activation_dtype",
                     pencl_dtype_name(m->activation_dtype));
}

int inspect_json(const work *w, const outline *o)
{
    const pencl_model_info *info = pencl_model_describe(w->model);
    json_t *out = json_pack(
        "{s:o, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:s}", "file", json_text(info->path),
        "file_bytes", (json_int_t)info->file_bytes, "name", json_text(info->name), "architecture",
        json_text(info->architecture), "file_type", json_text(info->file_type), "n_params",
        (json_int_t)info->n_params, "weight_bytes", (json_int_t)info->weight_bytes, "n_blocks",
        (json_int_t)info->n_blocks, "trained_context", (json_int_t)info->trained_context, "device",
        pencl_device_describe(w->device)->id);
    json_object_set_new(out, "metadata",
                        metadata_json(pencl_lm_metadata(pencl_model_lm(w->model))));
    json_t *selected = json_array();
    for (int i = 0; i < o->n; i++) {
        if (o->nodes[i].selected) {
            json_array_append_new(selected, json_text(o->nodes[i].path));
        }
    }
    json_object_set_new(out, "selected", selected);
    json_object_set_new(out, "tree", outline_json(o, 0));
    return print_json(out);
}
