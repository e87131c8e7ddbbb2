/* SPDX-License-Identifier: Apache-2.0 */
/* How long a step takes on a device of which only a few figures are known, and files of them. */
#include "pencl/profile.h"

#include "base/os.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Assumed, the same for every device. Of what a plain sum reads, a kernel that decodes reads so
 * much: its rows end, its groups start. Of what multiplications alone reach, matrix kernels reach
 * so much with many tokens: they load, and unpack weights, as well. */
#define READ_SHARE    0.85
#define PRODUCT_SHARE 0.5

/* ---- forecasts ---- */

/* Operations that make a stored weight a number: masks, shifts, conversions. The kernels in cl/lib
 * apply scales to sums, not to weights. */
static double unpacking(pencl_dtype dtype)
{
    switch (dtype) {
    case PENCL_F32:
        return 0;
    case PENCL_F16:
    case PENCL_BF16:
        return 1;
    case PENCL_Q8_0:
        return 2;
    default:
        return 3;
    }
}

/* GFLOP/s of weights with one token, and with many. What was measured stands; else each weight
 * costs its operations beside the multiplication, all at the rate of that. */
static double product_gflops(const pencl_profile_node *node, const pencl_forecast *f)
{
    const bool one = node->tokens <= 1;
    const double measured = one ? f->decode_gflops : f->prompt_gflops;
    if (measured > 0) {
        return measured;
    }
    return one ? f->fma_gflops / (1 + unpacking(node->dtype)) : PRODUCT_SHARE * f->fma_gflops;
}

double pencl_profile_forecast(const pencl_profile *profile, const pencl_forecast *f)
{
    double us = 0;
    for (int i = 0; i < pencl_profile_count(profile); i++) {
        const pencl_profile_node *node = pencl_profile_at(profile, i);
        const double products = 2 * node->weights * node->tokens;
        double moving = node->bytes / (READ_SHARE * f->read_gbs * 1e3);
        double computing = fmax(node->flops - products, 0) / (f->fma_gflops * 1e3);
        if (products > 0) {
            computing += products / (product_gflops(node, f) * 1e3);
        }
        us += fmax(moving, computing) + node->launches * f->launch_us;
    }
    return us;
}

/* ---- files ---- */

typedef struct figure {
    const char *name;
    size_t at;
    bool needed;
} figure;

#define AT(field) offsetof(pencl_forecast, field)
static const figure figures[] = {
    {"read_gbs", AT(read_gbs), true},
    {"fma_gflops", AT(fma_gflops), true},
    {"launch_us", AT(launch_us), true},
    {"decode_gflops", AT(decode_gflops), false},
    {"prompt_gflops", AT(prompt_gflops), false},
    {"subgroup", AT(subgroup), false},
    {"local_kib", AT(local_kib), false},
};

static double *figure_of(pencl_forecast *f, size_t i)
{
    return (double *)((char *)f + figures[i].at);
}

static pencl_status
read_figure(pencl_forecast *out, pencl_ctx *ctx, const char *name, const char *value, int line)
{
    for (size_t i = 0; i < PN_COUNT(figures); i++) {
        if (strcmp(name, figures[i].name) != 0) {
            continue;
        }
        char *end = NULL;
        double number = strtod(value, &end);
        if (end == value || *end != '\0' || !isfinite(number) || number <= 0) {
            return PN_FAIL(ctx, PENCL_E_FORMAT, "line %d: %s: \"%s\" is no positive number", line,
                           name, value);
        }
        *figure_of(out, i) = number;
        return PENCL_OK;
    }
    return PN_FAIL(ctx, PENCL_E_FORMAT, "line %d: \"%s\" is not known: read_gbs, fma_gflops, ...",
                   line, name);
}

/* Cuts white space off both ends. */
static char *trim(char *text)
{
    static const char white[] = " \t\r";
    text += strspn(text, white);
    size_t n = strlen(text);
    while (n > 0 && strchr(white, text[n - 1]) != NULL) {
        n--;
    }
    text[n] = '\0';
    return text;
}

/* "name = value", or nothing but a comment. */
static pencl_status read_line(pencl_forecast *out, pencl_ctx *ctx, char *text, int line)
{
    text[strcspn(text, "#")] = '\0';
    text = trim(text);
    if (*text == '\0') {
        return PENCL_OK;
    }
    char *value = strchr(text, '=');
    if (value == NULL) {
        return PN_FAIL(ctx, PENCL_E_FORMAT, "line %d: \"name = value\" is needed, not \"%s\"", line,
                       text);
    }
    *value = '\0';
    text = trim(text);
    value = trim(value + 1);
    if (strcmp(text, "name") == 0) {
        pn_copy(out->name, sizeof out->name, value);
        return PENCL_OK;
    }
    return read_figure(out, ctx, text, value, line);
}

static pencl_status read_text(pencl_forecast *out, pencl_ctx *ctx, char *text)
{
    for (int line = 1; text != NULL; line++) {
        char *end = strchr(text, '\n');
        if (end != NULL) {
            *end++ = '\0';
        }
        PENCL_TRY(read_line(out, ctx, text, line));
        text = end;
    }
    for (size_t i = 0; i < PN_COUNT(figures); i++) {
        if (figures[i].needed && *figure_of(out, i) <= 0) {
            return PN_FAIL(ctx, PENCL_E_FORMAT, "%s is missing", figures[i].name);
        }
    }
    return PENCL_OK;
}

pencl_status pencl_forecast_read(pencl_forecast *out, pencl_ctx *ctx, const char *path)
{
    pn_text text = {0};
    pn_error_clear(ctx);
    *out = (pencl_forecast){0};
    pencl_status st = pn_file_read(&text, ctx, path, 1 << 16);
    if (st == PENCL_OK && text.data != NULL) {
        st = read_text(out, ctx, text.data);
        if (st != PENCL_OK) {
            pn_error_prefix(ctx, path);
        }
    } else if (st == PENCL_OK) {
        st = PN_FAIL(ctx, PENCL_E_FORMAT, "%s: read_gbs is missing", path);
    }
    pn_text_free(&text);
    return st;
}
