/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata verbs of random programs, on arrays and on values. */
#include "support/named_program.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { PLACE_ROOM = 16 }; /* for "@0" */

/* ---- applying a verb to what the thing is ---- */

static bool now_array(program *p, thing *t, pencl_status st, pencl_array **out, named *model)
{
    if (st != PENCL_OK) {
        program_fail(p, pencl_error_text(p->ctx));
    }
    pencl_array_free(t->array);
    t->array = *out;
    t->model = model;
    return true;
}

static bool now_value(program *p, thing *t, pencl_value *out, named *model)
{
    if (out == NULL) {
        ck_assert_int_ne(pencl_graph_finish(p->graph), PENCL_OK);
        program_fail(p, pencl_error_text(p->ctx));
    }
    t->value = out;
    t->model = model;
    return true;
}

/* The verb by pencl, on the array or the value, and its model. */
#define APPLY(p, t, model, verb, ...)                                                              \
    ((t)->array != NULL                                                                            \
         ? now_array(p, t, pencl_array_##verb(&made, (t)->array, __VA_ARGS__), &made, model)       \
         : now_value(p, t, pencl_value_##verb((t)->value, __VA_ARGS__), model))

/* ---- names ---- */

static bool is_positional(const char *name)
{
    return name[0] == '@';
}

static int count_positional(const named *x)
{
    int n = 0;
    for (int i = 0; i < x->n_axes; i++) {
        n += is_positional(x->axes[i].name);
    }
    return n;
}

/* The named axes in random order. */
static int draw_names(program *p, const named *x, const char *names[PENCL_MAX_AXES])
{
    int n = 0;
    for (int i = 0; i < x->n_axes; i++) {
        if (!is_positional(x->axes[i].name)) {
            int j = program_below(p, n + 1);
            names[n++] = names[j];
            names[j] = x->axes[i].name;
        }
    }
    return n;
}

static const char *draw_name(program *p, const named *x)
{
    const char *names[PENCL_MAX_AXES];
    return draw_names(p, x, names) > 0 ? names[0] : NULL;
}

/* A name that x has not. */
static const char *new_name(program *p, const named *x, int skip)
{
    static const char *const names[] = {"e", "f", "d", "g", "h", "i", "j", "k", "l"};
    int from = program_below(p, 3);
    for (size_t i = 0; i < PN_COUNT(names); i++) {
        const char *name = names[((size_t)from + i) % PN_COUNT(names)];
        if (named_find(x, name) < 0 && skip-- == 0) {
            return name;
        }
    }
    return NULL;
}

/* x under other names: `to` for each `from`. */
static named *renamed(const named *x, const char *const from[], const char *const to[], int n)
{
    named *y = named_new(x->dtype, x->axes, x->n_axes);
    y->exact = x->exact;
    memcpy(y->data, x->data, (size_t)named_count(x) * sizeof *y->data);
    for (int k = 0; k < n; k++) {
        int i = named_find(x, from[k]);
        snprintf(y->axes[i].name, PENCL_AXIS_NAME_MAX, "%s", to[k]);
    }
    return y;
}

/* ---- verbs: names and order ---- */

static bool do_rename(program *p, thing *t)
{
    const char *from = draw_name(p, t->model);
    const char *to = new_name(p, t->model, 0);
    pencl_array *made = NULL;
    if (from == NULL) {
        return false;
    }
    program_say(p, "x%d = rename(%s, %s)\n", program_number(p, t), from, to);
    return APPLY(p, t, renamed(t->model, &from, &to, 1), rename, from, to);
}

static bool do_order(program *p, thing *t)
{
    const char *names[PENCL_MAX_AXES];
    int n = draw_names(p, t->model, names);
    pencl_array *made = NULL;
    program_say(p, "x%d = order(", program_number(p, t));
    for (int i = 0; i < n; i++) {
        program_say(p, "%s ", names[i]);
    }
    program_say(p, ")\n");
    return APPLY(p, t, t->model, order, names, n);
}

/* Ordered as another one is, which is the thing itself in that order. */
static bool do_order_like(program *p, thing *t)
{
    const char *names[PENCL_MAX_AXES];
    int n = draw_names(p, t->model, names);
    pencl_array *made = NULL;
    program_say(p, "x%d = order_like(%s ...)\n", program_number(p, t), n > 0 ? names[0] : "");
    if (t->array == NULL) {
        pencl_value *other = pencl_value_order(t->value, names, n);
        return now_value(p, t, pencl_value_order_like(t->value, other), t->model);
    }
    pencl_array *other = NULL;
    ck_assert_int_eq(pencl_array_order(&other, t->array, names, n), PENCL_OK);
    pencl_status st = pencl_array_order_like(&made, t->array, other);
    pencl_array_free(other);
    return now_array(p, t, st, &made, t->model);
}

static bool do_canonicalize(program *p, thing *t)
{
    pencl_array *made = NULL;
    program_say(p, "x%d = canonicalize()\n", program_number(p, t));
    if (t->array == NULL) {
        return now_value(p, t, pencl_value_canonicalize(t->value), t->model);
    }
    pencl_status st = pencl_array_canonicalize(&made, t->array);
    return now_array(p, t, st, &made, t->model);
}

/* Names to places: the first of n names becomes the axis before all others. */
static void places(const named *x, int n, char room[][PLACE_ROOM], const char *out[])
{
    int there = count_positional(x);
    for (int i = 0; i < n; i++) {
        snprintf(room[i], PLACE_ROOM, "@%d", there + n - 1 - i);
        out[i] = room[i];
    }
}

static bool do_untag(program *p, thing *t)
{
    const char *names[PENCL_MAX_AXES];
    const char *to[PENCL_MAX_AXES];
    char room[PENCL_MAX_AXES][PLACE_ROOM];
    int n = draw_names(p, t->model, names);
    pencl_array *made = NULL;
    n = n > 0 ? 1 + program_below(p, n) : 0;
    places(t->model, n, room, to);
    bool first = count_positional(t->model) == 0 && program_chance(p, 50);
    program_say(p, "x%d = untag%s(%d of %s ...)\n", program_number(p, t), first ? "" : "_prefix", n,
                n > 0 ? names[0] : "");
    named *model = renamed(t->model, names, to, n);
    return first ? APPLY(p, t, model, untag, names, n) : APPLY(p, t, model, untag_prefix, names, n);
}

static bool do_tag(program *p, thing *t)
{
    const char *names[PENCL_MAX_AXES];
    const char *from[PENCL_MAX_AXES];
    char room[PENCL_MAX_AXES][PLACE_ROOM];
    int there = count_positional(t->model);
    pencl_array *made = NULL;
    if (there == 0) {
        return false;
    }
    int n = program_chance(p, 50) ? there : 1 + program_below(p, there);
    for (int i = 0; i < n; i++) {
        snprintf(room[i], sizeof room[i], "@%d", there - 1 - i);
        from[i] = room[i];
        names[i] = new_name(p, t->model, 0);
        for (int k = 0; k < i; k++) { /* another one than those before */
            if (strcmp(names[i], names[k]) == 0) {
                return false;
            }
        }
    }
    bool all = n == there && program_chance(p, 50);
    program_say(p, "x%d = tag%s(%d to %s ...)\n", program_number(p, t), all ? "" : "_prefix", n,
                names[0]);
    named *model = renamed(t->model, from, names, n);
    return all ? APPLY(p, t, model, tag, names, n) : APPLY(p, t, model, tag_prefix, names, n);
}

/* ---- verbs: parts and new axes ---- */

static bool do_slice(program *p, thing *t)
{
    const char *axis = draw_name(p, t->model);
    pencl_array *made = NULL;
    coords c;
    if (axis == NULL) {
        return false;
    }
    int size = (int)named_size(t->model, axis);
    int step = 1 + program_below(p, 2);
    int from = program_below(p, size);
    int n = 1 + program_below(p, (size - 1 - from) / step + 1);
    named *y = named_new(t->model->dtype, t->model->axes, t->model->n_axes);
    y->exact = t->model->exact;
    y->axes[named_find(y, axis)].size = n;
    for (bool more = named_first(y, &c); more; more = named_next(y, &c)) {
        coords at = c;
        coords_set(&at, axis, from + step * coords_of(&c, axis));
        named_set(y, &c, named_get(t->model, &at));
    }
    program_say(p, "x%d = slice(%s, %d, %d, %d)\n", program_number(p, t), axis, from, n, step);
    return step == 1 ? APPLY(p, t, y, slice, axis, from, n)
                     : APPLY(p, t, y, slice_steps, axis, from, n, step);
}

static bool do_index(program *p, thing *t)
{
    const char *axis = draw_name(p, t->model);
    pencl_array *made = NULL;
    coords c;
    if (axis == NULL) {
        return false;
    }
    int size = (int)named_size(t->model, axis);
    int at = program_below(p, 2 * size) - size;
    named *y = named_new(t->model->dtype, NULL, 0);
    y->exact = t->model->exact;
    named_join_axes(y, t->model, axis);
    named_fit(y);
    for (bool more = named_first(y, &c); more; more = named_next(y, &c)) {
        coords from = c;
        coords_set(&from, axis, at < 0 ? at + size : at);
        named_set(y, &c, named_get(t->model, &from));
    }
    program_say(p, "x%d = index(%s, %d)\n", program_number(p, t), axis, at);
    return APPLY(p, t, y, index, axis, at);
}

/* x with further axes, along which it is the same. */
static named *widened(const named *x, const pencl_axis *axes, int n)
{
    named *y = named_new(x->dtype, x->axes, x->n_axes);
    coords c;
    y->exact = x->exact;
    for (int i = 0; i < n; i++) {
        named_add_axis(y, axes[i].name, axes[i].size);
    }
    named_fit(y);
    for (bool more = named_first(y, &c); more; more = named_next(y, &c)) {
        named_set(y, &c, named_get(x, &c));
    }
    return y;
}

static bool do_insert_axis(program *p, thing *t)
{
    pencl_axis axis = {.size = 1};
    pencl_array *made = NULL;
    snprintf(axis.name, sizeof axis.name, "%s", new_name(p, t->model, 0));
    if (t->model->n_axes > 4) {
        return false;
    }
    program_say(p, "x%d = insert_axis(%s)\n", program_number(p, t), axis.name);
    return APPLY(p, t, widened(t->model, &axis, 1), insert_axis, axis.name);
}

static bool do_broadcast_to(program *p, thing *t)
{
    pencl_axis to[PENCL_MAX_AXES];
    pencl_axis added = {.size = 2 + program_below(p, 2)};
    pencl_array *made = NULL;
    int n = 0;
    if (t->model->n_axes > 4) {
        return false;
    }
    snprintf(added.name, sizeof added.name, "%s", new_name(p, t->model, 1));
    for (int i = 0; i < t->model->n_axes; i++) { /* positional ones, and some of the others */
        bool positional = is_positional(t->model->axes[i].name);
        if (positional || program_chance(p, 50)) {
            to[n++] = t->model->axes[i];
        }
    }
    to[n++] = added;
    /* Positional axes are given in order, without names. */
    for (int place = 0, i = n - 1; i >= 0; i--) {
        if (is_positional(to[i].name)) {
            char name[PLACE_ROOM];
            snprintf(name, sizeof name, "@%d", place++);
            to[i].size = named_size(t->model, name);
            to[i].name[0] = '\0';
        }
    }
    bool like = t->array == NULL && program_chance(p, 50);
    program_say(p, "x%d = broadcast_%s(%s=%lld)\n", program_number(p, t), like ? "like" : "to",
                added.name, (long long)added.size);
    named *y = widened(t->model, &added, 1);
    if (like) {
        pencl_value *other = pencl_value_broadcast_to(t->value, to, n);
        return now_value(p, t, pencl_value_broadcast_like(t->value, other), y);
    }
    return APPLY(p, t, y, broadcast_to, to, n);
}

/* ---- verbs: one axis to several and back ---- */

static bool do_split(program *p, thing *t)
{
    const char *axis = draw_name(p, t->model);
    pencl_axis into[2] = {{.size = 2}, {.size = 1}};
    pencl_array *made = NULL;
    coords c;
    if (axis == NULL || t->model->n_axes > 4) {
        return false;
    }
    int64_t size = named_size(t->model, axis);
    into[0].size = size % 2 == 0 ? 2 : 1;
    into[1].size = size / into[0].size;
    snprintf(into[0].name, sizeof into[0].name, "%s", new_name(p, t->model, 1));
    snprintf(into[1].name, sizeof into[1].name, "%s", axis); /* a part may keep the name */
    named *y = named_new(t->model->dtype, NULL, 0);
    y->exact = t->model->exact;
    named_join_axes(y, t->model, axis);
    named_add_axis(y, into[0].name, into[0].size);
    named_add_axis(y, into[1].name, into[1].size);
    named_fit(y);
    for (bool more = named_first(y, &c); more; more = named_next(y, &c)) {
        coords from = c;
        coords_set(&from, axis,
                   coords_of(&c, into[0].name) * into[1].size + coords_of(&c, into[1].name));
        named_set(y, &c, named_get(t->model, &from));
    }
    program_say(p, "x%d = split(%s, %s=%lld)\n", program_number(p, t), axis, into[0].name,
                (long long)into[0].size);
    return APPLY(p, t, y, split, axis, into, 2);
}

static named *merged(const named *x, const char *const axes[], int n, const char *into)
{
    named *y = named_new(x->dtype, NULL, 0);
    coords c;
    int64_t size = 1;
    y->exact = x->exact;
    for (int i = 0; i < x->n_axes; i++) {
        bool goes = false;
        for (int k = 0; k < n; k++) {
            goes = goes || strcmp(x->axes[i].name, axes[k]) == 0;
        }
        size *= goes ? x->axes[i].size : 1;
        if (!goes) {
            named_add_axis(y, x->axes[i].name, x->axes[i].size);
        }
    }
    named_add_axis(y, into, size);
    named_fit(y);
    for (bool more = named_first(y, &c); more; more = named_next(y, &c)) {
        coords from = c;
        int64_t rest = coords_of(&c, into);
        for (int k = n - 1; k >= 0; k--) {
            coords_set(&from, axes[k], rest % named_size(x, axes[k]));
            rest /= named_size(x, axes[k]);
        }
        named_set(y, &c, named_get(x, &from));
    }
    return y;
}

static bool do_merge(program *p, thing *t)
{
    const char *names[PENCL_MAX_AXES];
    int n = draw_names(p, t->model, names);
    const char *into = new_name(p, t->model, 0);
    pencl_array *made = NULL;
    if (n < 2) {
        return false;
    }
    n = 2 + program_below(p, n - 1);
    named *y = merged(t->model, names, n, into);
    program_say(p, "x%d = merge(%d of %s %s ..., %s)\n", program_number(p, t), n, names[0],
                names[1], into);
    if (t->array == NULL) {
        return now_value(p, t, pencl_value_merge(t->value, names, n, into), y);
    }
    pencl_status st = pencl_array_merge(&made, t->array, names, n, into);
    if (st == PENCL_E_UNSUPPORTED) { /* apart in storage: an array is never copied */
        program_say(p, "  needs a copy\n");
        return true;
    }
    return now_array(p, t, st, &made, y);
}

bool program_view_verb(program *p, thing *t)
{
    static bool (*const verbs[])(program *, thing *) = {
        do_rename, do_order, do_order_like,  do_canonicalize, do_untag, do_tag,
        do_index,  do_slice, do_insert_axis, do_broadcast_to, do_split, do_merge};
    return verbs[program_below(p, (int)PN_COUNT(verbs))](p, t);
}
