/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise verbs and constants of random programs. */
#include "support/named_program.h"

#include <math.h>
#include <string.h>

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
            z = named_wrap(row->of_int((int64_t)left, (int64_t)right));
        }
        y->exact = y->exact && named_fits(y, z);
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
    program_say(p, "x%d = %s(x%d, x%d)\n", p->n_things, row->name, program_number(p, a),
                program_number(p, b));
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
    program_say(p, "x%d = where(x%d, x%d, x%d)\n", p->n_things, program_number(p, condition),
                program_number(p, a), program_number(p, b));
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
    program_say(p, "x%d = cast(x%d)\n", p->n_things, program_number(p, x));
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
    program_say(p, "x%d = scale(x%d, -0.5)\n", p->n_things, program_number(p, x));
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
