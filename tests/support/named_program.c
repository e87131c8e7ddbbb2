/* SPDX-License-Identifier: Apache-2.0 */
/* Random programs: making arrays, keeping values and telling what was done. */
#include "support/named_program.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void program_begin(program *p, pencl_device *device, uint64_t seed)
{
    *p = (program){.noise = {seed * 0x9E3779B97F4A7C15ULL + 1}, .device = device};
    p->ctx = pn_device_ctx(device);
    noise_next(&p->noise);
    ck_assert_int_eq(pencl_graph_new(&p->graph, device), PENCL_OK);
}

void program_end(program *p)
{
    pencl_graph_free(p->graph);
    for (int i = 0; i < p->n_arrays; i++) {
        pencl_array_free(p->arrays[i]);
    }
    free(p->arrays);
    pn_text_free(&p->text);
    named_free_all();
}

int program_number(const program *p, const thing *t)
{
    return (int)(t - p->things);
}

int program_below(program *p, int n)
{
    return (int)noise_below(&p->noise, n);
}

bool program_chance(program *p, int percent)
{
    return program_below(p, 100) < percent;
}

void program_say(program *p, const char *fmt, ...)
{
    char line[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    pn_text_add(&p->text, "%s", line);
}

void program_fail(program *p, const char *why)
{
    ck_abort_msg("%s\n%s", why, pn_text_get(&p->text));
}

/* ---- arrays ---- */

/* Few names and one size for each, so that many pair up, and kernels are often the same. */
static const pencl_axis axes[] = {{"a", 2}, {"b", 3}, {"c", 4}, {"d", 1}, {"e", 5}};

/* A random order of a random choice of axes. */
static int draw_axes(program *p, pencl_axis out[], int most)
{
    int order[] = {0, 1, 2, 3, 4};
    for (int i = 4; i > 0; i--) {
        int j = program_below(p, i + 1);
        int k = order[i];
        order[i] = order[j];
        order[j] = k;
    }
    int n = program_below(p, most + 1);
    for (int i = 0; i < n; i++) {
        out[i] = axes[order[i]];
    }
    return n;
}

static double draw_number(program *p, pencl_dtype dtype)
{
    if (dtype == PENCL_I32 && program_chance(p, 25)) {
        return (double)(int32_t)noise_next(&p->noise);
    }
    return dtype == PENCL_I32 ? program_below(p, 17) - 8 : (program_below(p, 33) - 16) / 4.0;
}

static void upload(program *p, pencl_array *array, const named *model)
{
    size_t n = (size_t)named_count(model);
    unsigned char *bytes = calloc(n + 1, 4);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < n; i++) {
        double x = model->data[i];
        int32_t whole = model->dtype == PENCL_I32 ? (int32_t)x : 0;
        float single = (float)x;
        uint16_t half = pn_f32_to_f16(single);
        uint16_t brain = pn_f32_to_bf16(single);
        switch (model->dtype) {
        case PENCL_I32:
            memcpy(bytes + 4 * i, &whole, 4);
            break;
        case PENCL_F32:
            memcpy(bytes + 4 * i, &single, 4);
            break;
        default:
            memcpy(bytes + 2 * i, model->dtype == PENCL_F16 ? &half : &brain, 2);
            break;
        }
    }
    size_t width = model->dtype == PENCL_F16 || model->dtype == PENCL_BF16 ? 2 : 4;
    ck_assert_msg(pencl_array_upload(array, bytes, n * width) == PENCL_OK, "%s",
                  pencl_error_text(p->ctx));
    free(bytes);
}

static thing *add_thing(program *p, thing t)
{
    ck_assert_int_lt(p->n_things, MOST_THINGS);
    p->things[p->n_things] = t;
    return &p->things[p->n_things++];
}

static thing *new_array(program *p, const named *model)
{
    pencl_array *array = NULL;
    pencl_axis shape[PENCL_MAX_AXES];
    for (int i = 0; i < model->n_axes; i++) {
        shape[i] = model->axes[i];
        if (shape[i].name[0] == '@') {
            shape[i].name[0] = '\0';
        }
    }
    ck_assert_int_eq(pencl_array_new(&array, p->device, model->dtype, shape, model->n_axes),
                     PENCL_OK);
    upload(p, array, model);
    program_say(p, "x%d = array(", p->n_things);
    named_print(&p->text, model);
    program_say(p, ")\n");
    return add_thing(p, (thing){.array = array, .model = (named *)model});
}

thing *program_array(program *p)
{
    static const pencl_dtype dtypes[] = {PENCL_F32, PENCL_F32, PENCL_I32, PENCL_F16, PENCL_BF16};
    pencl_dtype dtype = dtypes[program_below(p, 5)];
    pencl_axis shape[PENCL_MAX_AXES];
    named *model = named_new(dtype, shape, draw_axes(p, shape, 3));
    coords c;
    for (bool more = named_first(model, &c); more; more = named_next(model, &c)) {
        named_set(model, &c, draw_number(p, dtype));
    }
    return new_array(p, model);
}

thing *program_ids(program *p)
{
    pencl_axis shape[PENCL_MAX_AXES];
    int n = draw_axes(p, shape, 2);
    if (n > 0 && program_chance(p, 50)) { /* several updates of one place */
        snprintf(shape[0].name, sizeof shape[0].name, "@0");
    }
    named *model = named_new(PENCL_I32, shape, n);
    coords c;
    for (bool more = named_first(model, &c); more; more = named_next(model, &c)) {
        named_set(model, &c, program_below(p, 17) - 8);
    }
    return new_array(p, model);
}

/* ---- values ---- */

static void keep_array(program *p, pencl_array *array)
{
    p->arrays = realloc(p->arrays, (size_t)(p->n_arrays + 1) * sizeof *p->arrays);
    ck_assert_ptr_nonnull(p->arrays);
    p->arrays[p->n_arrays++] = array;
}

void program_to_value(program *p, thing *t)
{
    keep_array(p, t->array);
    t->value = pencl_graph_array(p->graph, t->array);
    t->array = NULL;
    ck_assert_ptr_nonnull(t->value);
}

thing *program_pick(program *p)
{
    int from = program_below(p, p->n_things);
    for (int i = 0; i < p->n_things; i++) {
        thing *t = &p->things[(from + i) % p->n_things];
        if (t->value != NULL) {
            return t;
        }
    }
    return NULL;
}

bool program_is_tame(const named *model)
{
    enum { MOST_ELEMENTS = 600, MOST_AXES = 6 };
    double most = model->dtype == PENCL_I32 ? INFINITY : 2048;
    return model->n_axes <= MOST_AXES && named_count(model) <= MOST_ELEMENTS &&
           named_largest(model) <= most;
}

bool program_result(program *p, pencl_value *value, named *model)
{
    if (value == NULL) {
        ck_assert_int_ne(pencl_graph_finish(p->graph), PENCL_OK);
        program_fail(p, pencl_error_text(p->ctx));
    }
    program_say(p, "  x%d: ", p->n_things);
    named_print(&p->text, model);
    program_say(p, model->exact ? "\n" : ", rounded\n");
    add_thing(p, (thing){.value = value, .model = model});
    return true;
}
