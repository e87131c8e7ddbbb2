/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions, running sums and products of random programs. */
#include "support/named_program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_EXACT = 1 << 14 }; /* sums of multiples of 1/64 below it are exact in float32 */

/* ---- along axes ---- */

typedef struct reduction {
    const char *name;
    pencl_value *(*verb)(pencl_value *, const char *const *, int);
    double (*of)(const double *x, int64_t n);
    bool needs_exact;
} reduction;

static double sum_of(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
    }
    return sum;
}

static double mean_of(const double *x, int64_t n)
{
    return sum_of(x, n) / (double)n;
}

static double best_of(const double *x, int64_t n, double sign, bool index)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++) {
        best = sign * x[i] > sign * x[best] ? i : best;
    }
    return index ? (double)best : x[best];
}

static double max_of(const double *x, int64_t n)
{
    return best_of(x, n, 1, false);
}

static double min_of(const double *x, int64_t n)
{
    return best_of(x, n, -1, false);
}

static double argmax_of(const double *x, int64_t n)
{
    return best_of(x, n, 1, true);
}

static double argmin_of(const double *x, int64_t n)
{
    return best_of(x, n, -1, true);
}

static double all_of(const double *x, int64_t n)
{
    bool all = true;
    for (int64_t i = 0; i < n; i++) {
        all = all && x[i] != 0;
    }
    return all;
}

static double any_of(const double *x, int64_t n)
{
    bool any = false;
    for (int64_t i = 0; i < n; i++) {
        any = any || x[i] != 0;
    }
    return any;
}

static const reduction reductions[] = {
    {"sum", pencl_value_sum, sum_of, false},
    {"mean", pencl_value_mean, mean_of, false},
    {"max", pencl_value_max, max_of, false},
    {"min", pencl_value_min, min_of, false},
    {"all", pencl_value_all, all_of, true},
    {"any", pencl_value_any, any_of, true},
    {"argmax", pencl_value_argmax, argmax_of, true},
    {"argmin", pencl_value_argmin, argmin_of, true},
};

/* Some named axes of x, in random order. */
static int draw_axes(program *p, const named *x, const char *names[PENCL_MAX_AXES])
{
    int n = 0;
    for (int i = 0; i < x->n_axes; i++) {
        if (x->axes[i].name[0] != '@' && program_chance(p, 60)) {
            int j = program_below(p, n + 1);
            names[n++] = names[j];
            names[j] = x->axes[i].name;
        }
    }
    return n;
}

/* The elements at `c` along the axes, the last of them fastest; returns how many. */
static int64_t
collect(const named *x, coords c, const char *const axes[], int n, double out[], bool *exact)
{
    int64_t count = 1;
    for (int k = 0; k < n; k++) {
        count *= named_size(x, axes[k]);
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i;
        for (int k = n - 1; k >= 0; k--) {
            coords_set(&c, axes[k], rest % named_size(x, axes[k]));
            rest /= named_size(x, axes[k]);
        }
        out[i] = named_get(x, &c);
        *exact = *exact && trunc(out[i] * 64) == out[i] * 64 && fabs(out[i]) < MOST_EXACT;
    }
    return count;
}

static named *reduce(const reduction *row, const named *x, const char *const axes[], int n)
{
    bool counts = row->of == sum_of || row->of == mean_of;
    bool truth = row->needs_exact;
    pencl_dtype dtype = truth                                         ? PENCL_I32
                        : row->of == mean_of && x->dtype == PENCL_I32 ? PENCL_F32
                                                                      : x->dtype;
    named *y = named_new(dtype, NULL, 0);
    double *row_of_x = calloc((size_t)named_count(x) + 1, sizeof *row_of_x);
    coords c;
    for (int i = 0; i < x->n_axes; i++) {
        bool goes = false;
        for (int k = 0; k < n; k++) {
            goes = goes || strcmp(x->axes[i].name, axes[k]) == 0;
        }
        if (!goes) {
            named_add_axis(y, x->axes[i].name, x->axes[i].size);
        }
    }
    named_fit(y);
    y->exact = x->exact;
    for (bool more = named_first(y, &c); more; more = named_next(y, &c)) {
        bool exact = true;
        int64_t count = collect(x, c, axes, n, row_of_x, &exact);
        double z = row->of(row_of_x, count);
        z = dtype == PENCL_I32 ? named_wrap((int64_t)z) : z;
        y->exact = y->exact && (!counts || dtype == PENCL_I32 || exact) && named_fits(y, z) &&
                   (row->of != mean_of || count == 1);
        named_set(y, &c, z);
    }
    free(row_of_x);
    return y;
}

static bool do_reduce(program *p)
{
    const reduction *row = &reductions[program_below(p, (int)PN_COUNT(reductions))];
    const thing *x = program_pick(p);
    const char *axes[PENCL_MAX_AXES];
    if (x == NULL || (row->needs_exact && !x->model->exact)) {
        return false;
    }
    int n = draw_axes(p, x->model, axes);
    named *y = reduce(row, x->model, axes, n);
    if (!program_is_tame(y)) {
        return false;
    }
    program_say(p, "x%d = %s(x%d, %d of %s ...)\n", p->n_things, row->name, program_number(p, x), n,
                n > 0 ? axes[0] : "");
    return program_result(p, row->verb(x->value, axes, n), y);
}

static bool do_cumsum(program *p)
{
    const thing *x = program_pick(p);
    const char *axes[PENCL_MAX_AXES];
    coords c;
    if (x == NULL || draw_axes(p, x->model, axes) == 0) {
        return false;
    }
    named *y = named_new(x->model->dtype, x->model->axes, x->model->n_axes);
    y->exact = x->model->exact;
    for (bool more = named_first(y, &c); more; more = named_next(y, &c)) {
        double sum = 0;
        coords from = c;
        for (int64_t i = 0; i <= coords_of(&c, axes[0]); i++) {
            coords_set(&from, axes[0], i);
            sum += named_get(x->model, &from);
        }
        sum = y->dtype == PENCL_I32 ? named_wrap((int64_t)sum) : sum;
        y->exact = y->exact && (y->dtype == PENCL_I32 || trunc(sum * 64) == sum * 64) &&
                   named_fits(y, sum);
        named_set(y, &c, sum);
    }
    if (!program_is_tame(y)) {
        return false;
    }
    program_say(p, "x%d = cumsum(x%d, %s)\n", p->n_things, program_number(p, x), axes[0]);
    return program_result(p, pencl_value_cumsum(x->value, axes[0]), y);
}

/* ---- products ---- */

static named *contract(const named *a, const named *b, const char *axis)
{
    pencl_dtype dtype = named_join_types(a->dtype, b->dtype);
    named *y = named_new(dtype, NULL, 0);
    coords c;
    if (!named_join_axes(y, a, axis) || !named_join_axes(y, b, axis) ||
        named_size(a, axis) != named_size(b, axis)) {
        return NULL;
    }
    named_fit(y);
    y->exact = a->exact && b->exact;
    for (bool more = named_first(y, &c); more; more = named_next(y, &c)) {
        double sum = 0;
        uint64_t whole = 0;
        for (int64_t i = 0; i < named_size(a, axis); i++) {
            coords_set(&c, axis, i);
            double left = named_round(dtype, named_get(a, &c));
            double right = named_round(dtype, named_get(b, &c));
            sum += left * right;
            whole += dtype == PENCL_I32 ? (uint64_t)((int64_t)left * (int64_t)right) : 0;
            y->exact = y->exact && trunc(left * right * 256) == left * right * 256;
        }
        coords_remove(&c, axis);
        named_set(y, &c, dtype == PENCL_I32 ? named_wrap((int64_t)whole) : sum);
        y->exact = dtype == PENCL_I32 || (y->exact && named_fits(y, sum));
    }
    return y;
}

static bool do_contract(program *p)
{
    const thing *a = program_pick(p);
    const thing *b = program_pick(p);
    const char *axes[PENCL_MAX_AXES];
    if (a == NULL || draw_axes(p, a->model, axes) == 0 || named_find(b->model, axes[0]) < 0) {
        return false;
    }
    named *y = contract(a->model, b->model, axes[0]);
    if (y == NULL || !program_is_tame(y)) {
        return false;
    }
    program_say(p, "x%d = contract(x%d, x%d, %s)\n", p->n_things, program_number(p, a),
                program_number(p, b), axes[0]);
    return program_result(p, pencl_value_contract(a->value, b->value, axes, 1), y);
}

bool program_reduce_verb(program *p)
{
    switch (program_below(p, 4)) {
    case 0:
        return do_cumsum(p);
    case 1:
        return do_contract(p);
    default:
        return do_reduce(p);
    }
}
