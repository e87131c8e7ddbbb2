/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise programs inside an anchor's kernel: each step becomes a pair of functions, for one
 * value and for 16, and the program a macro over them. */
#include "op/pointwise.h"

#include <inttypes.h>
#include <string.h>

/* Row and column strides of an input over a task's rows and columns; false when it has none. */
static bool
row_strides(const pn_operand *o, const pn_spec *out, int64_t cols, int64_t *row, int64_t *col)
{
    int64_t count = 1; /* elements of the out axes inside of axis i */
    int64_t want_row = -1;
    int64_t want_col = -1;
    for (int i = out->n_axes - 1; i >= 0; i--) {
        int64_t stride = pn_view_stride(&o->view, out->axes[i].name);
        int64_t size = out->axes[i].size;
        bool is_col = count < cols;
        if (is_col && count * size > cols) {
            return false; /* `cols` ends inside of an axis: no columns of this output */
        }
        int64_t *want = is_col ? &want_col : &want_row;
        int64_t step = is_col ? count : count / cols;
        if (size > 1) {
            if (*want == -1) {
                *want = step == 1 ? stride : stride / step;
            }
            if (stride != *want * step) {
                return false;
            }
        }
        count *= size;
    }
    *row = want_row < 0 ? 0 : want_row;
    *col = want_col < 0 ? 0 : want_col;
    return *col == 0 || *col == 1;
}

static bool all_axes_in(const pn_spec *part, const pn_spec *whole)
{
    for (int i = 0; i < part->n_axes; i++) {
        if (pn_spec_find(whole, part->axes[i].name) < 0) {
            return false;
        }
    }
    return true;
}

bool pn_pw_fits_rows(const pn_pw *pw, const pn_spec *out, int64_t cols)
{
    for (int i = 0; i < pw->n_in; i++) {
        const pn_operand *o = &pw->in[i];
        int64_t row;
        int64_t col;
        if (o->view.spec.dtype != PENCL_F32 || !all_axes_in(&o->view.spec, out) ||
            (o->store != NULL &&
             (o->store->layout != &pn_layout_plain || o->store->n_parts != 1)) ||
            !row_strides(o, out, cols, &row, &col)) {
            return false;
        }
    }
    for (int i = 0; i < pw->n_steps; i++) {
        const pn_op_def *def = pw->step[i].call->def;
        if (def->flags & (PN_OP_SCALAR | PN_OP_PAIR | PN_OP_GATHER | PN_OP_CACHE | PN_OP_INDEX) ||
            pw->step[i].call->out.dtype != PENCL_F32) {
            return false;
        }
    }
    return true;
}

/* One overload of a step's function. */
static void
step_function(pn_text *out, const char *name, int index, const pn_pw_step *step, const char *type)
{
    static const char letters[] = "abc";
    pn_text_add(out, "static inline %s __attribute__((overloadable)) pn_%s_%d(", type, name, index);
    for (int a = 0; a < step->n_args; a++) {
        pn_text_add(out, "%s%s %c", a ? ", " : "", type, letters[a]);
    }
    pn_text_add(out, ")\n{\n");
    for (int n = 0; n < PN_MAX_NUM && step->call->def->num[n] != NULL; n++) {
        pn_text_add(out, "    const float n%d = ", n);
        pn_number(out, step->call->num[n], PENCL_F32);
        pn_text_add(out, ";\n");
    }
    pn_text_add(out, "    return %s;\n}\n", step->call->def->expr);
}

typedef struct strides {
    int64_t row;
    int64_t col;
} strides;

/* A step without arguments is a number, which overloads cannot tell apart. */
static bool is_constant(const pn_pw_step *step)
{
    return step->n_args == 0;
}

/* The expression for an argument: a value, an input's load, or a call of an earlier step. */
static void argument(
    pn_text *out, const char *name, const pn_pw *pw, int arg, const strides *steps, int first_param)
{
    if (arg >= 0) {
        int p = first_param + arg;
        if (steps[arg].col == 0) {
            pn_text_add(out, "((F)(p%d[p%d_at + (ROW) * %" PRId64 "]))", p, p, steps[arg].row);
        } else {
            pn_text_add(out, "LOADF(p%d, p%d_at + (ROW) * %" PRId64 " + (COL))", p, p,
                        steps[arg].row);
        }
        return;
    }
    if (arg >
        PN_PW_STEP(0)) { /* joint parts have V0 and V1, any other part has its value in both */
        pn_text_add(out, arg == PN_PW_VALUE(1) ? "(V1)" : "(V0)");
        return;
    }
    int s = PN_PW_STEP(0) - arg;
    if (is_constant(&pw->step[s])) {
        pn_text_add(out, "((F)(");
        pn_number(out, pw->step[s].call->num[0], PENCL_F32);
        pn_text_add(out, "))");
        return;
    }
    pn_text_add(out, "pn_%s_%d(", name, s);
    for (int a = 0; a < pw->step[s].n_args; a++) {
        pn_text_add(out, a ? ", " : "");
        argument(out, name, pw, pw->step[s].arg[a], steps, first_param);
    }
    pn_text_add(out, ")");
}

int pn_pw_macro(pn_text *out,
                pn_text *params,
                const char *name,
                const pn_pw *pw,
                const pn_spec *spec,
                int64_t cols,
                int first_param)
{
    int n_in = pw == NULL ? 0 : pw->n_in;
    int n_steps = pw == NULL ? 0 : pw->n_steps;
    strides steps[PN_PW_IN] = {{0}};
    for (int i = 0; i < n_in; i++) {
        row_strides(&pw->in[i], spec, cols, &steps[i].row, &steps[i].col);
        pn_text_add(params, ", __global const float *restrict p%d, const long p%d_at",
                    first_param + i, first_param + i);
    }
    for (int i = 0; i < n_steps; i++) {
        if (!is_constant(&pw->step[i])) {
            step_function(out, name, i, &pw->step[i], "float");
            step_function(out, name, i, &pw->step[i], "float16");
        }
    }
    pn_text_add(out, "#define %s(V0, V1, ROW, COL) (", name);
    argument(out, name, pw, n_steps > 0 ? PN_PW_STEP(n_steps - 1) : PN_PW_VALUE(0), steps,
             first_param);
    pn_text_add(out, ")\n");
    return n_in;
}

int pn_pw_args(pn_emit *e, pn_kernel *k, int index, const pn_pw *pw)
{
    int n = pw == NULL ? 0 : pw->n_in;
    for (int i = 0; i < n; i++) {
        pn_emit_operand(e, k, index, &pw->in[i], 0, sizeof(float));
        index += 2;
    }
    return index;
}
