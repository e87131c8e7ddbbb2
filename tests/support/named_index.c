/* SPDX-License-Identifier: Apache-2.0 */
/* Indexing, updating, concatenating and stacking in random programs. */
#include "support/named_program.h"

#include <stdio.h>
#include <string.h>

enum { PLACE_ROOM = 16 }; /* for "@0" */

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

/* ---- an index ---- */

/* At most one index array, whose positional axes come before those of x. */
typedef struct spot {
    pencl_at at[3];
    int n;
    const thing *ids;
    char shifted[PENCL_MAX_AXES][PLACE_ROOM]; /* names of the ids' axes in the result */
} spot;

static const char *ids_axis(const spot *u, int i)
{
    return is_positional(u->ids->model->axes[i].name) ? u->shifted[i] : u->ids->model->axes[i].name;
}

static thing *pick_ids(program *p)
{
    thing *t = program_pick(p);
    return t != NULL && t->model->dtype == PENCL_I32 && t->model->n_axes <= 3 ? t : NULL;
}

static void set_ids(program *p, spot *u, const named *x, const thing *ids)
{
    (void)p;
    u->ids = ids;
    for (int i = 0; i < ids->model->n_axes; i++) {
        int place = 0;
        (void)sscanf(ids->model->axes[i].name, "@%d", &place);
        snprintf(u->shifted[i], sizeof u->shifted[i], "@%d", place + count_positional(x));
    }
}

/* Something for each of up to two named axes, and perhaps a new one. */
static bool draw_index(program *p, spot *u, const named *x)
{
    *u = (spot){.n = 0};
    int first = x->n_axes > 0 ? program_below(p, x->n_axes) : 0;
    for (int k = 0; k < x->n_axes && u->n < 2; k++) {
        const pencl_axis *axis = &x->axes[(first + k) % x->n_axes];
        int size = (int)axis->size;
        int from = program_below(p, size);
        thing *ids = u->ids == NULL && program_chance(p, 60) ? pick_ids(p) : NULL;
        if (is_positional(axis->name)) {
            continue;
        }
        if (ids != NULL) {
            set_ids(p, u, x, ids);
            u->at[u->n++] = (pencl_at)PENCL_AT_IDS(axis->name, ids->value);
        } else if (program_chance(p, 50)) {
            u->at[u->n++] = (pencl_at)PENCL_AT_INDEX(axis->name, from - program_below(p, 2) * size);
        } else {
            int step = 1 + program_below(p, 2);
            int n = 1 + program_below(p, (size - 1 - from) / step + 1);
            u->at[u->n++] = (pencl_at)PENCL_AT_STEPS(axis->name, from, n, step);
        }
    }
    if (program_chance(p, 20) && named_find(x, "new") < 0) {
        u->at[u->n++] = (pencl_at)PENCL_AT_NEW("new");
    }
    return u->n > 0;
}

static bool stands_in(const spot *u, const char *name, unsigned kinds)
{
    for (int i = 0; i < u->n; i++) {
        if (strcmp(u->at[i].axis, name) == 0 && (kinds >> u->at[i].kind & 1) != 0) {
            return true;
        }
    }
    return false;
}

enum { KEPT = 1 << PENCL_AT_KIND_RANGE | 1 << PENCL_AT_KIND_NEW, ANY = 15 };

/* Where in x the coordinates `c` of the part are: index arrays wrap, then stop at the ends (JAX's
 * reading) or leave the axis (its writing; then false). */
static bool locate(const spot *u, const named *x, const coords *c, coords *in_x, bool clamp)
{
    *in_x = *c;
    coords at_ids = *c;
    for (int i = 0; u->ids != NULL && i < u->ids->model->n_axes; i++) {
        coords_set(&at_ids, u->ids->model->axes[i].name, coords_of(c, ids_axis(u, i)));
    }
    for (int i = 0; i < u->n; i++) {
        const pencl_at *at = &u->at[i];
        int64_t size = named_size(x, at->axis);
        int64_t place = at->from + at->step * coords_of(c, at->axis);
        if (at->kind == PENCL_AT_KIND_INDEX) {
            place = at->from < 0 ? at->from + size : at->from;
        } else if (at->kind == PENCL_AT_KIND_IDS) {
            place = (int64_t)named_get(u->ids->model, &at_ids);
            place += place < 0 ? size : 0;
            if (!clamp && (place < 0 || place >= size)) {
                return false;
            }
            place = place < 0 ? 0 : place >= size ? size - 1 : place;
        }
        coords_set(in_x, at->axis, place);
    }
    return true;
}

/* Axes of the part: x's and the ids', but for those that the index takes away. False: they clash.
 */
static bool part_axes(named *part, const spot *u, const named *x)
{
    for (int i = 0; i < x->n_axes; i++) {
        if (!stands_in(u, x->axes[i].name, ANY)) {
            named_add_axis(part, x->axes[i].name, x->axes[i].size);
        }
    }
    for (int i = 0; i < u->n; i++) {
        if ((KEPT >> u->at[i].kind & 1) != 0) {
            named_add_axis(part, u->at[i].axis, u->at[i].n);
        }
    }
    for (int i = 0; u->ids != NULL && i < u->ids->model->n_axes; i++) {
        const char *name = ids_axis(u, i);
        int64_t size = u->ids->model->axes[i].size;
        int at = named_find(part, name);
        if ((at >= 0 && part->axes[at].size != size) || stands_in(u, name, KEPT) ||
            part->n_axes == PENCL_MAX_AXES) {
            return false;
        }
        if (at < 0) {
            named_add_axis(part, name, size);
        }
    }
    return true;
}

static void say_index(program *p, const spot *u)
{
    static const char *const kinds[] = {"index", "range", "ids", "new"};
    for (int i = 0; i < u->n; i++) {
        program_say(p, " %s:%s %lld %lld %lld", u->at[i].axis, kinds[u->at[i].kind],
                    (long long)u->at[i].from, (long long)u->at[i].n, (long long)u->at[i].step);
    }
    if (u->ids != NULL) {
        program_say(p, " (ids x%d)", program_number(p, u->ids));
    }
}

static bool do_at(program *p)
{
    const thing *x = program_pick(p);
    spot u;
    coords c;
    if (x == NULL || !draw_index(p, &u, x->model)) {
        return false;
    }
    named *y = named_new(x->model->dtype, NULL, 0);
    if (!part_axes(y, &u, x->model)) {
        return false;
    }
    named_fit(y);
    y->exact = x->model->exact;
    for (bool more = named_first(y, &c); more; more = named_next(y, &c)) {
        coords from;
        (void)locate(&u, x->model, &c, &from, true);
        named_set(y, &c, named_get(x->model, &from));
    }
    if (!program_is_tame(y)) {
        return false;
    }
    program_say(p, "x%d = at(x%d,", p->n_things, program_number(p, x));
    say_index(p, &u);
    program_say(p, ")\n");
    bool take = u.n == 1 && u.ids != NULL;
    return program_result(p,
                          take ? pencl_value_take(x->value, u.at[0].axis, u.ids->value)
                               : pencl_value_at(x->value, u.at, u.n),
                          y);
}

/* ---- updates ---- */

/* The axes of the result: x's; those of the ids and of `by` that x lacks, but for ranges, new ones
 * and positional axes, which count updates. False: they clash. */
static bool
updated_axes(named *y, const spot *u, const named *x, const named *by, const named *part)
{
    (void)named_join_axes(y, x, NULL);
    for (int i = 0; i < part->n_axes; i++) {
        const pencl_axis *axis = &part->axes[i];
        if (named_find(y, axis->name) < 0 && !is_positional(axis->name) &&
            !stands_in(u, axis->name, KEPT)) {
            if (stands_in(u, axis->name, ANY) || y->n_axes == PENCL_MAX_AXES) {
                return false;
            }
            named_add_axis(y, axis->name, axis->size);
        }
        if (stands_in(u, axis->name, ~(unsigned)KEPT)) { /* the ids bring in what they index */
            return false;
        }
    }
    for (int i = 0; i < by->n_axes; i++) {
        const pencl_axis *axis = &by->axes[i];
        int in_part = named_find(part, axis->name);
        int there = named_find(y, axis->name);
        if (stands_in(u, axis->name, ~(unsigned)KEPT) ||
            (is_positional(axis->name) && in_part < 0) ||
            (in_part >= 0 && part->axes[in_part].size != axis->size) ||
            (in_part < 0 && there >= 0 && y->axes[there].size != axis->size)) {
            return false;
        }
        if (in_part < 0 && there < 0) {
            if (y->n_axes == PENCL_MAX_AXES) {
                return false;
            }
            named_add_axis(y, axis->name, axis->size);
        }
    }
    return true;
}

/* What an update walks: the axes of the result but for the index's, those of the part, and last the
 * positional axes that count updates, the first of them the slowest. NULL: too many. */
static named *walked_axes(const named *y, const spot *u, const named *part)
{
    pencl_axis axes[3 * PENCL_MAX_AXES];
    int n = 0;
    for (int i = 0; i < y->n_axes; i++) {
        if (!stands_in(u, y->axes[i].name, ANY)) {
            axes[n++] = y->axes[i];
        }
    }
    for (int i = 0; i < u->n; i++) {
        if ((KEPT >> u->at[i].kind & 1) != 0) {
            snprintf(axes[n].name, PENCL_AXIS_NAME_MAX, "%s", u->at[i].axis);
            axes[n++].size = u->at[i].n;
        }
    }
    for (int place = PENCL_MAX_AXES; place >= 0; place--) {
        char name[PLACE_ROOM];
        snprintf(name, sizeof name, "@%d", place);
        int i = named_find(part, name);
        if (i >= 0 && named_find(y, name) < 0) {
            axes[n++] = part->axes[i];
        }
    }
    return n > PENCL_MAX_AXES ? NULL : named_new(PENCL_F32, axes, n);
}

/* Later updates come later. */
static void update(named *y, const spot *u, const named *by, const named *walked, bool add)
{
    coords c;
    for (bool more = named_first(walked, &c); more; more = named_next(walked, &c)) {
        coords to;
        if (!locate(u, y, &c, &to, false)) {
            continue;
        }
        double old = add ? named_get(y, &to) : 0;
        double z = old + named_round(y->dtype, named_get(by, &c));
        z = y->dtype == PENCL_I32 ? named_wrap((int64_t)z) : z;
        y->exact = y->exact && named_fits(y, z);
        named_set(y, &to, z);
    }
}

static bool do_update(program *p)
{
    const thing *x = program_pick(p);
    const thing *by = program_pick(p);
    spot u;
    coords c;
    if (x == NULL || !draw_index(p, &u, x->model) ||
        (x->model->dtype == PENCL_I32 && by->model->dtype != PENCL_I32)) {
        return false;
    }
    named *part = named_new(x->model->dtype, NULL, 0);
    named *y = named_new(x->model->dtype, NULL, 0);
    if (!part_axes(part, &u, x->model) || !updated_axes(y, &u, x->model, by->model, part)) {
        return false;
    }
    named_fit(y);
    y->exact = x->model->exact && by->model->exact;
    for (bool more = named_first(y, &c); more; more = named_next(y, &c)) {
        named_set(y, &c, named_get(x->model, &c));
    }
    bool add = program_chance(p, 50);
    const named *walked = walked_axes(y, &u, part);
    if (walked == NULL) {
        return false;
    }
    update(y, &u, by->model, walked, add);
    if (!program_is_tame(y)) {
        return false;
    }
    program_say(p, "x%d = at_%s(x%d,", p->n_things, add ? "add" : "set", program_number(p, x));
    say_index(p, &u);
    program_say(p, ", x%d)\n", program_number(p, by));
    return program_result(p,
                          add ? pencl_value_at_add(x->value, u.at, u.n, by->value)
                              : pencl_value_at_set(x->value, u.at, u.n, by->value),
                          y);
}

/* ---- several along an axis ---- */

enum { MOST_PARTS = 5 };

static void fill_from(named *y, const named *x, const char *axis, int64_t from, bool keeps)
{
    named *walked = named_new(PENCL_F32, NULL, 0); /* y's axes, along `axis` those of x */
    coords c;
    (void)named_join_axes(walked, y, axis);
    named_add_axis(walked, axis, keeps ? named_size(x, axis) : 1);
    named_fit(walked);
    for (bool more = named_first(walked, &c); more; more = named_next(walked, &c)) {
        coords to = c;
        coords_set(&to, axis, from + coords_of(&c, axis));
        named_set(y, &to, named_get(x, &c));
    }
}

static bool do_join(program *p)
{
    const thing *parts[MOST_PARTS] = {0};
    pencl_value *values[MOST_PARTS];
    bool stack = program_chance(p, 50);
    int n = 1 + program_below(p, MOST_PARTS);
    parts[0] = program_pick(p);
    if (parts[0] == NULL || parts[0]->model->n_axes == 0) {
        return false;
    }
    const char *axis = stack ? "new" : parts[0]->model->axes[0].name;
    named *y = named_new(parts[0]->model->dtype, NULL, 0);
    int64_t total = 0;
    for (int i = 0; i < n; i++) {
        parts[i] = i == 0 ? parts[0] : program_pick(p);
        const named *m = parts[i]->model;
        if (is_positional(axis) || (named_find(m, axis) >= 0) == stack ||
            count_positional(m) != count_positional(parts[0]->model) ||
            !named_join_axes(y, m, axis)) {
            return false;
        }
        y->dtype = named_join_types(y->dtype, m->dtype);
        y->exact = y->exact && m->exact;
        values[i] = parts[i]->value;
        total += stack ? 1 : named_size(m, axis);
    }
    if (y->n_axes == PENCL_MAX_AXES) {
        return false;
    }
    named_add_axis(y, axis, total);
    named_fit(y);
    int64_t from = 0;
    for (int i = 0; i < n; i++) {
        fill_from(y, parts[i]->model, axis, from, !stack);
        from += stack ? 1 : named_size(parts[i]->model, axis);
    }
    if (!program_is_tame(y)) {
        return false;
    }
    program_say(p, "x%d = %s(%d of x%d x%d ..., %s)\n", p->n_things,
                stack ? "stack" : "concatenate", n, program_number(p, parts[0]),
                program_number(p, parts[n > 1 ? 1 : 0]), axis);
    return program_result(
        p, stack ? pencl_value_stack(values, n, axis) : pencl_value_concatenate(values, n, axis),
        y);
}

static bool do_unstack(program *p)
{
    const thing *x = program_pick(p);
    coords c;
    if (x == NULL || x->model->n_axes == 0 || is_positional(x->model->axes[0].name)) {
        return false;
    }
    const char *axis = x->model->axes[0].name;
    int at = program_below(p, (int)named_size(x->model, axis));
    named *y = named_new(x->model->dtype, NULL, 0);
    (void)named_join_axes(y, x->model, axis);
    named_fit(y);
    y->exact = x->model->exact;
    for (bool more = named_first(y, &c); more; more = named_next(y, &c)) {
        coords from = c;
        coords_set(&from, axis, at);
        named_set(y, &c, named_get(x->model, &from));
    }
    program_say(p, "x%d = unstack(x%d, %s)[%d]\n", p->n_things, program_number(p, x), axis, at);
    return program_result(p, pencl_value_item(pencl_value_unstack(x->value, axis), at), y);
}

bool program_index_verb(program *p)
{
    switch (program_below(p, 7)) {
    case 0:
        return do_unstack(p);
    case 1:
    case 2:
        return do_join(p);
    case 3:
    case 4:
        return do_at(p);
    default:
        return do_update(p);
    }
}
