/* SPDX-License-Identifier: Apache-2.0 */
/* What logits are computed of: tokens, positions, side inputs, pieces. */
#include "logits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tokens ---- */

int logits_tokens(pencl_array **out, const work *w, const int32_t *ids, size_t n)
{
    const pencl_axis axes[] = {{PENCL_AXIS_SEQ, (int64_t)n}};
    const pencl_tokenizer *tokenizer = pencl_model_tokenizer(w->model);
    const char *warning = tokenizer != NULL ? pencl_tokenizer_warning(tokenizer, ids, n) : NULL;
    if (warning != NULL) {
        work_tell(w, "warning: %s", warning);
    }
    if (pencl_array_new(out, w->device, PENCL_I32, axes, 1) != PENCL_OK ||
        pencl_array_upload(*out, ids, n * sizeof *ids) != PENCL_OK) {
        return work_failed(w);
    }
    return EXIT_DONE;
}

int logits_load(pencl_array **out, const work *w, const char *path)
{
    static const char *const names[] = {PENCL_AXIS_BATCH, PENCL_AXIS_SEQ};
    pencl_array *plain = NULL;
    if (pencl_array_load(&plain, w->device, path) != PENCL_OK) {
        return work_failed(w);
    }
    int n = pencl_array_n_axes(plain);
    int status = EXIT_DONE;
    if (n < 1 || n > 2 || pencl_array_dtype(plain) != PENCL_I32) {
        say("%s: integers [seq] or [batch, seq] are needed, these are %d axes of %s", path, n,
            pencl_dtype_name(pencl_array_dtype(plain)));
        status = EXIT_FAILED;
    } else if (pencl_array_tag(out, plain, names + 2 - n, n) != PENCL_OK) {
        status = work_failed(w);
    }
    pencl_array_free(plain);
    return status;
}

/* ---- side inputs ---- */

/* "NAME=F.npy" or "NAME:axis,axis=F.npy" into its three parts; false when it is neither. */
static bool split_side(char *text, char **axes, char **path)
{
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0') {
        return false;
    }
    *equals = '\0';
    *path = equals + 1;
    *axes = strchr(text, ':');
    if (*axes != NULL) {
        *(*axes)++ = '\0';
    }
    return true;
}

/* Axis names of an array: those given, else those that its rank and type suggest. */
static int side_names(const char **names, char *given, const pencl_array *plain)
{
    static const char *const ints[] = {PENCL_AXIS_BATCH, PENCL_AXIS_SEQ};
    static const char *const floats[] = {PENCL_AXIS_SEQ, PENCL_AXIS_KV_SEQ};
    int n = pencl_array_n_axes(plain);
    if (given == NULL && (n == 1 || n == 2)) {
        bool mask = pencl_array_dtype(plain) != PENCL_I32;
        names[0] = n == 1 ? PENCL_AXIS_SEQ : mask ? floats[0] : ints[0];
        names[1] = mask ? floats[1] : ints[1];
        return n;
    }
    n = 0;
    for (char *name = given; name != NULL && n < PENCL_MAX_AXES; n++) {
        char *comma = strchr(name, ',');
        names[n] = name;
        if (comma != NULL) {
            *comma++ = '\0';
        }
        name = comma;
    }
    return n;
}

static int load_side(pencl_side_array *out, const work *w, char *text)
{
    const char *names[PENCL_MAX_AXES];
    char *axes = NULL;
    char *path = NULL;
    pencl_array *plain = NULL;
    pencl_array *named = NULL;
    *out = (pencl_side_array){text, NULL};
    if (!split_side(text, &axes, &path)) {
        return usage_error("logits", "--side takes NAME=F.npy, not \"%s\"", text);
    }
    pencl_status st = pencl_array_load(&plain, w->device, path);
    if (st == PENCL_OK) {
        int n = side_names(names, axes, plain);
        st = pencl_array_tag(&named, plain, names, n);
    }
    pencl_array_free(plain);
    out->array = named;
    return st == PENCL_OK ? EXIT_DONE : work_failed(w);
}

/* ---- a whole call ---- */

int logits_read_call(logits_call *c, const work *w, const logits_settings *s, pencl_array *tokens)
{
    int n = pencl_array_n_axes(tokens);
    *c = (logits_call){.tokens = tokens, .pad_id = s->pad_id};
    c->cache_len = s->cache_len > 0 ? s->cache_len : pencl_array_axis(tokens, n - 1)->size;
    int status = s->positions != NULL ? logits_load(&c->positions, w, s->positions) : EXIT_DONE;
    if (status == EXIT_DONE && s->feed != NULL) {
        status = input_ids(&c->pieces, &c->n_pieces, "logits", &s->feed, 1);
    }
    for (; status == EXIT_DONE && c->n_side < s->side.n; c->n_side++) {
        char *text = strdup(s->side.items[c->n_side]);
        status = text != NULL ? load_side(&c->side[c->n_side], w, text) : EXIT_FAILED;
    }
    return status;
}

void logits_free_call(logits_call *c)
{
    for (size_t i = 0; i < c->n_side; i++) {
        free((char *)c->side[i].name);
        pencl_array_free((pencl_array *)c->side[i].array);
    }
    free(c->pieces);
    pencl_array_free(c->positions);
}
