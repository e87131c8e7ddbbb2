/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays as text: penzai's summary and, of small ones, the values as NumPy prints them. */
#include "array/array.h"

enum { SMALL = 64 }; /* elements */

/* How many axes, counted from the last, start (or end) at the i-th element in C order. */
static int axes_turning_at(const pn_spec *spec, int64_t i)
{
    int64_t inner = 1;
    for (int a = spec->n_axes - 1; a >= 0; a--) {
        inner *= spec->axes[a].size;
        if (i % inner != 0) {
            return spec->n_axes - 1 - a;
        }
    }
    return spec->n_axes;
}

static void add_repeated(pn_text *out, const char *piece, int n)
{
    for (int i = 0; i < n; i++) {
        pn_text_add(out, "%s", piece);
    }
}

/* Between elements i - 1 and i: closes and opens brackets. */
static void add_break(pn_text *out, const pn_spec *spec, int64_t i)
{
    int n = axes_turning_at(spec, i);
    if (i > 0) {
        add_repeated(out, "]", n);
    }
    if (i > 0 && i < pn_spec_count(spec)) {
        pn_text_add(out, n > 0 ? "," : ", ");
        add_repeated(out, "\n", n > 0 ? 1 : 0);
        add_repeated(out, " ", n > 0 ? spec->n_axes - n : 0);
    }
    if (i < pn_spec_count(spec)) {
        add_repeated(out, "[", n);
    }
}

static pencl_status add_values(pn_text *out, const pencl_array *array)
{
    const pn_spec *spec = &array->view.spec;
    int64_t n = pn_spec_count(spec);
    bool integer = spec->dtype == PENCL_I32; /* float32 would lose digits of large ones */
    float values[SMALL];
    int32_t integers[SMALL];
    if (integer) {
        PENCL_TRY(pencl_array_download(array, integers, (size_t)n * sizeof *integers));
    } else {
        PENCL_TRY(pencl_array_download_f32(array, values, n));
    }
    pn_text_add(out, "\n");
    for (int64_t i = 0; i < n; i++) {
        add_break(out, spec, i);
        if (integer) {
            pn_text_add(out, "%d", integers[i]);
        } else {
            pn_text_add(out, "%.6g", (double)values[i]);
        }
    }
    add_break(out, spec, n);
    return PENCL_OK;
}

pencl_status pencl_array_print(char **out, const pencl_array *array)
{
    pencl_ctx *ctx = pn_device_ctx(array->device);
    pn_text text = {0};
    pencl_status st = PENCL_OK;
    *out = NULL;
    pn_error_clear(ctx);
    pn_text_add(&text, "<NamedArray ");
    pn_spec_print(&text, &array->view.spec);
    pn_text_add(&text, ">");
    int64_t n = pn_spec_count(&array->view.spec);
    if (n > 0 && n <= SMALL) {
        st = add_values(&text, array);
    }
    if (st == PENCL_OK && text.failed) {
        st = PN_NOMEM(ctx);
    }
    if (st != PENCL_OK) {
        pn_text_free(&text);
        return st;
    }
    *out = text.data;
    return PENCL_OK;
}

void pencl_text_free(char *text)
{
    pn_free(text);
}
