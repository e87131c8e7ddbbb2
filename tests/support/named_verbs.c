/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise verbs, reductions and products of random programs. */
#include "support/named_program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_EXACT = 1 << 14 }; /* sums of multiples of 1/64 below it are exact in float32 */

static int number(const program *p, const thing *t)
{
    return (int)(t - p->things);
}

static double wrap(int64_t x)
{
    uint32_t low = (uint32_t)x;
    int32_t whole = 0;
    memcpy(&whole, &low, sizeof whole);
    return whole;
}

/* ---- elementwise ---- */

enum {
    ROUNDS = 1,      /* the result may differ in its last places */
    NEEDS_EXACT = 2, /* so that the result does not hang on them */
    TRUTH = 4,
    REAL = 8,      /* integers become float32 first */
    INTEGERS = 16, /* takes no others */
    NOT_ZERO = 32  /* b */
};

typedef struct elementwise {
    const char *name;
    pencl_value *(*one)(pencl_value *);
    pencl_value *(*two)(pencl_value *, pencl_value *);
    double (*of)(double a, double b);
    int64_t (*of_int)(int64_t a, int64_t b); /* NULL: `of` will do */
    unsigned flags;
} elementwise;

#define OF(name, type, expr)                                                                       \
    static type name(type a, type b)                                                               \
    {                                                                                              \
        (void)b;                                                                                   \
        return expr;                                                                               \
    }

OF(of_add, double, a + b)
OF(of_sub, double, a - b)
OF(of_mul, double, a *b)
OF(of_div, double, a / b)
OF(of_pow, double, pow(fabs(a), b))
OF(of_minimum, double, a < b ? a : b)
OF(of_maximum, double, a > b ? a : b)
OF(of_equal, double, a == b)
OF(of_not_equal, double, a != b)
OF(of_less, double, a < b)
OF(of_less_equal, double, a <= b)
OF(of_greater, double, a > b)
OF(of_greater_equal, double, a >= b)
OF(of_and, double, a != 0 && b != 0)
OF(of_or, double, a != 0 || b != 0)
OF(of_not, double, a == 0)
OF(of_neg, double, -a)
OF(of_abs, double, fabs(a))
OF(of_relu, double, a > 0 ? a : 0)
OF(of_exp, double, exp(a))
OF(of_log, double, log(a))
OF(of_sqrt, double, sqrt(a))
OF(of_tanh, double, tanh(a))
OF(of_silu, double, a / (1 + exp(-a)))
OF(add_int, int64_t, a + b)
OF(sub_int, int64_t, a - b)
OF(mul_int, int64_t, a *b)
OF(neg_int, int64_t, -a)
OF(abs_int, int64_t, a < 0 ? -a : a)

/* Of |a|, as pow_of_abs; a negative exponent leaves 1 / |a|^n towards zero. */
static int64_t pow_int(int64_t a, int64_t b)
{
    uint32_t result = 1;
    a = a < 0 ? -a : a;
    if (b < 0) {
        return a == 1;
    }
    for (int64_t i = 0; i < b; i++) {
        result *= (uint32_t)a;
    }
    return result;
}

/* Of a base above 0, so that floating point powers are numbers. */
static pencl_value *pow_of_abs(pencl_value *a, pencl_value *b)
{
    return pencl_value_pow(pencl_value_abs(a), b);
}

static const elementwise rows[] = {
    {"add", .two = pencl_value_add, .of = of_add, .of_int = add_int},
    {"sub", .two = pencl_value_sub, .of = of_sub, .of_int = sub_int},
    {"mul", .two = pencl_value_mul, .of = of_mul, .of_int = mul_int},
    {"div", .two = pencl_value_div, .of = of_div, .flags = ROUNDS | NEEDS_EXACT | REAL | NOT_ZERO},
    {"pow", .two = pow_of_abs, .of = of_pow, .of_int = pow_int, .flags = ROUNDS | NEEDS_EXACT},
    {"minimum", .two = pencl_value_minimum, .of = of_minimum},
    {"maximum", .two = pencl_value_maximum, .of = of_maximum},
    {"equal", .two = pencl_value_equal, .of = of_equal, .flags = NEEDS_EXACT | TRUTH},
    {"not_equal", .two = pencl_value_not_equal, .of = of_not_equal, .flags = NEEDS_EXACT | TRUTH},
    {"less", .two = pencl_value_less, .of = of_less, .flags = NEEDS_EXACT | TRUTH},
    {"less_equal", .two = pencl_value_less_equal, .of = of_less_equal,
     .flags = NEEDS_EXACT | TRUTH},
    {"greater", .two = pencl_value_greater, .of = of_greater, .flags = NEEDS_EXACT | TRUTH},
    {"greater_equal", .two = pencl_value_greater_equal, .of = of_greater_equal,
     .flags = NEEDS_EXACT | TRUTH},
    {"logical_and", .two = pencl_value_logical_and, .of = of_and, .flags = INTEGERS | TRUTH},
    {"logical_or", .two = pencl_value_logical_or, .of = of_or, .flags = INTEGERS | TRUTH},
    {"logical_not", .one = pencl_value_logical_not, .of = of_not, .flags = INTEGERS | TRUTH},
    {"neg", .one = pencl_value_neg, .of = of_neg, .of_int = neg_int},
    {"abs", .one = pencl_value_abs, .of = of_abs, .of_int = abs_int},
    {"relu", .one = pencl_value_relu, .of = of_relu},
    {"exp", .one = pencl_value_exp, .of = of_exp, .flags = ROUNDS | NEEDS_EXACT | REAL},
    {"log", .one = pencl_value_log, .of = of_log, .flags = ROUNDS | NEEDS_EXACT | REAL},
    {"sqrt", .one = pencl_value_sqrt, .of = of_sqrt, .flags = ROUNDS | NEEDS_EXACT | REAL},
    {"tanh", .one = pencl_value_tanh, .of = of_tanh, .flags = ROUNDS | NEEDS_EXACT | REAL},
    {"silu", .one = pencl_value_silu, .of = of_silu, .flags = ROUNDS | NEEDS_EXACT | REAL},
};

static bool takes(const elementwise *row, const named *a, const named *b)
{
    bool integers = a->dtype == PENCL_I32 && b->dtype == PENCL_I32;
    if ((row->flags & INTEGERS && !integers) ||
        (row->flags & NEEDS_EXACT && !(a->exact && b->exact))) {
        return false;
    }
    for (int64_t i = 0; row->flags & NOT_ZERO && i < named_count(b); i++) {
        if (b->data[i] == 0) {
            return false;
        }
    }
    return row->of_int != pow_int || named_largest(b) < 9;
}

/* The number that the type would hold is the number itself. */
static bool fits(const named *y, double x)
{
    return x == named_round(y->dtype == PENCL_I32 ? PENCL_I32 : PENCL_F32, x);
}

static named *compute(const elementwise *row, const named *a, const named *b)
{
    pencl_dtype common = named_join_types(a->dtype, b->dtype);
    common = row->flags & REAL && common == PENCL_I32 ? PENCL_F32 : common;
    named *y = named_new(row->flags & TRUTH ? PENCL_I32 : common, NULL, 0);
    coords c;
    if (!named_join_axes(y, a, NULL) || !named_join_axes(y, b, NULL)) {
        return NULL;
    }
    named_fit(y);
    y->exact = a->exact && b->exact && (common == PENCL_I32 || !(row->flags & ROUNDS));
    for (bool more = named_first(y, &c); more; more = named_next(y, &c)) {
        double left = named_round(common, named_get(a, &c));
        double right = named_round(common, named_get(b, &c));
        double z = row->of(left, right);
        if (common == PENCL_I32 && row->of_int != NULL) {
            z = wrap(row->of_int((int64_t)left, (int64_t)right));
        }
        y->exact = y->exact && fits(y, z);
        named_set(y, &c, z);
    }
    return y;
}

static bool do_elementwise(program *p)
{
    const elementwise *row = &rows[program_below(p, (int)PN_COUNT(rows))];
    const thing *a = program_pick(p);
    const thing *b = row->one != NULL ? a : program_pick(p);
    if (a == NULL || !takes(row, a->model, b->model)) {
        return false;
    }
    named *y = compute(row, a->model, b->model);
    if (y == NULL || !program_is_tame(y)) {
        return false;
    }
    program_say(p, "x%d = %s(x%d, x%d)\n", p->n_things, row->name, number(p, a), number(p, b));
    return program_result(p, row->one != NULL ? row->one(a->value) : row->two(a->value, b->value),
                          y);
}

static bool do_where(program *p)
{
    const thing *condition = program_pick(p);
    const thing *a = program_pick(p);
    const thing *b = program_pick(p);
    coords c;
    if (condition == NULL || condition->model->dtype != PENCL_I32) {
        return false;
    }
    pencl_dtype dtype = named_join_types(a->model->dtype, b->model->dtype);
    named *y = named_new(dtype, NULL, 0);
    if (!named_join_axes(y, condition->model, NULL) || !named_join_axes(y, a->model, NULL) ||
        !named_join_axes(y, b->model, NULL)) {
        return false;
    }
    named_fit(y);
    y->exact = a->model->exact && b->model->exact;
    for (bool more = named_first(y, &c); more; more = named_next(y, &c)) {
        const named *from = named_get(condition->model, &c) != 0 ? a->model : b->model;
        named_set(y, &c, named_get(from, &c));
    }
    if (!program_is_tame(y)) {
        return false;
    }
    program_say(p, "x%d = where(x%d, x%d, x%d)\n", p->n_things, number(p, condition), number(p, a),
                number(p, b));
    return program_result(p, pencl_value_where(condition->value, a->value, b->value), y);
}

static bool do_cast(program *p)
{
    static const pencl_dtype dtypes[] = {PENCL_F32, PENCL_F16, PENCL_BF16, PENCL_I32};
    const thing *x = program_pick(p);
    pencl_dtype dtype = dtypes[program_below(p, 4)];
    coords c;
    if (x == NULL || !x->model->exact) {
        return false;
    }
    named *y = named_new(dtype, x->model->axes, x->model->n_axes);
    for (bool more = named_first(y, &c); more; more = named_next(y, &c)) {
        named_set(y, &c, named_get(x->model, &c));
    }
    if (!program_is_tame(y)) {
        return false;
    }
    program_say(p, "x%d = cast(x%d)\n", p->n_things, number(p, x));
    return program_result(p, pencl_value_cast(x->value, dtype), y);
}

static bool do_scale(program *p)
{
    const thing *x = program_pick(p);
    coords c;
    if (x == NULL) {
        return false;
    }
    pencl_dtype dtype = x->model->dtype == PENCL_I32 ? PENCL_F32 : x->model->dtype;
    named *y = named_new(dtype, x->model->axes, x->model->n_axes);
    y->exact = x->model->exact;
    for (bool more = named_first(y, &c); more; more = named_next(y, &c)) {
        named_set(y, &c, named_round(dtype, named_get(x->model, &c)) * -0.5);
    }
    if (!program_is_tame(y)) {
        return false;
    }
    program_say(p, "x%d = scale(x%d, -0.5)\n", p->n_things, number(p, x));
    return program_result(p, pencl_value_scale(x->value, -0.5), y);
}

/* full or arange, which then pair up with what is there. */
static bool do_constant(program *p)
{
    const pencl_axis axis = {"b", 3};
    pencl_dtype dtype = program_chance(p, 50) ? PENCL_I32 : PENCL_F16;
    bool range = program_chance(p, 50);
    named *y = named_new(dtype, &axis, range || program_chance(p, 50));
    coords c;
    for (bool more = named_first(y, &c); more; more = named_next(y, &c)) {
        named_set(y, &c, range ? (double)(7 - 2 * coords_of(&c, "b")) : 3);
    }
    program_say(p, "x%d = %s\n", p->n_things, range ? "arange(b, 7, 3, -2)" : "full(3)");
    return program_result(p,
                          range ? pencl_value_arange(p->graph, dtype, "b", 7, 3, -2)
                                : pencl_value_full(p->graph, dtype, 3, &axis, y->n_axes),
                          y);
}

bool program_compute_verb(program *p)
{
    switch (program_below(p, 10)) {
    case 0:
        return do_where(p);
    case 1:
        return do_cast(p);
    case 2:
        return do_scale(p);
    case 3:
        return do_constant(p);
    default:
        return do_elementwise(p);
    }
}

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
        z = dtype == PENCL_I32 ? wrap((int64_t)z) : z;
        y->exact = y->exact && (!counts || dtype == PENCL_I32 || exact) && fits(y, z) &&
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
    program_say(p, "x%d = %s(x%d, %d of %s ...)\n", p->n_things, row->name, number(p, x), n,
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
        sum = y->dtype == PENCL_I32 ? wrap((int64_t)sum) : sum;
        y->exact =
            y->exact && (y->dtype == PENCL_I32 || trunc(sum * 64) == sum * 64) && fits(y, sum);
        named_set(y, &c, sum);
    }
    if (!program_is_tame(y)) {
        return false;
    }
    program_say(p, "x%d = cumsum(x%d, %s)\n", p->n_things, number(p, x), axes[0]);
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
        named_set(y, &c, dtype == PENCL_I32 ? wrap((int64_t)whole) : sum);
        y->exact = dtype == PENCL_I32 || (y->exact && fits(y, sum));
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
    program_say(p, "x%d = contract(x%d, x%d, %s)\n", p->n_things, number(p, a), number(p, b),
                axes[0]);
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
