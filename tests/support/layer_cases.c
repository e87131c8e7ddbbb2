/* SPDX-License-Identifier: Apache-2.0 */
/* Layers' golden cases, read. */
#include "support/layer_cases.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void ok(const layer_cases *c, pencl_status status)
{
    ck_assert_msg(status == PENCL_OK, "%s", pencl_error_text(pn_device_ctx(c->device)));
}

layer_cases layer_cases_open(pencl_device *device)
{
    return (layer_cases){device, golden_json("penzai/layers.json")};
}

static const json_t *part_of(const layer_cases *c, const char *name, const char *part)
{
    const json_t *found = json_object_get(json_object_get(c->golden, name), part);
    ck_assert_msg(found != NULL, "%s has no %s", name, part);
    return found;
}

pn_spec layer_case_spec(const layer_cases *c, const char *name, const char *part)
{
    pn_spec spec = {.dtype = PENCL_F32};
    const char *axis;
    json_t *size;
    json_object_foreach(json_object_get(part_of(c, name, part), "axes"), axis, size)
    {
        pn_spec_push(&spec, axis, json_integer_value(size));
    }
    return spec;
}

float *layer_case_values(const layer_cases *c, const char *name, const char *part)
{
    const json_t *values = json_object_get(part_of(c, name, part), "values");
    float *all = calloc(json_array_size(values) + 1, sizeof *all);
    for (size_t i = 0; i < json_array_size(values); i++) {
        all[i] = (float)json_number_value(json_array_get(values, i));
    }
    return all;
}

static pencl_array *
array_of(const layer_cases *c, pencl_dtype dtype, const pn_spec *spec, const void *values)
{
    pencl_array *array = NULL;
    ok(c, pencl_array_new(&array, c->device, dtype, spec->axes, spec->n_axes));
    ok(c, pencl_array_upload(array, values, (size_t)pn_spec_count(spec) * 4));
    return array;
}

pencl_array *layer_case_array(const layer_cases *c, const char *name, const char *part)
{
    pn_spec spec = layer_case_spec(c, name, part);
    float *values = layer_case_values(c, name, part);
    pencl_array *array = array_of(c, PENCL_F32, &spec, values);
    free(values);
    return array;
}

pencl_array *layer_case_ids(const layer_cases *c, const char *name, const char *part)
{
    pn_spec spec = layer_case_spec(c, name, part);
    float *values = layer_case_values(c, name, part);
    int64_t n = pn_spec_count(&spec);
    int32_t *ids = calloc((size_t)n + 1, sizeof *ids);
    for (int64_t i = 0; i < n; i++) {
        ids[i] = (int32_t)values[i];
    }
    pencl_array *array = array_of(c, PENCL_I32, &spec, ids);
    free(ids);
    free(values);
    return array;
}

pencl_variable *layer_case_variable(
    const layer_cases *c, const char *name, const char *label, const char *axes, int n_row_axes)
{
    char words[PENCL_MAX_AXES][PENCL_AXIS_NAME_MAX];
    const char *names[PENCL_MAX_AXES] = {NULL};
    pencl_array *array = layer_case_array(c, name, label);
    pencl_array *ordered = NULL;
    pencl_variable *v = NULL;
    int n = 0;
    for (const char *p = axes; *p != '\0' && n < PENCL_MAX_AXES; p += strspn(p, " ")) {
        size_t size = strcspn(p, " ");
        pn_copy(words[n], size + 1, p);
        names[n] = words[n];
        n++;
        p += size;
    }
    ok(c, pencl_array_order(&ordered, array, names, n));
    ok(c, pencl_variable_new(&v, PENCL_PARAMETER, label, ordered, n_row_axes));
    pencl_array_free(ordered);
    pencl_array_free(array);
    return v;
}

void layer_case_expect(const layer_cases *c, const char *name, const apply_call *call)
{
    pn_text axes = {0};
    pn_spec spec = layer_case_spec(c, name, "y");
    float *want = layer_case_values(c, name, "y");
    for (int i = 0; i < spec.n_axes; i++) {
        pn_text_add(&axes, "%s=%lld ", spec.axes[i].name, (long long)spec.axes[i].size);
    }
    apply_expect(c->device, call, pn_text_get(&axes), want);
    pn_text_free(&axes);
    free(want);
}

void layer_case_expect_of(const layer_cases *c, const char *name, pencl_layer *layer)
{
    pencl_array *x = layer_case_array(c, name, "x");
    layer_case_expect(c, name, &(apply_call){.layer = layer, .x = x});
    pencl_array_free(x);
}
