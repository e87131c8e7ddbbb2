/* SPDX-License-Identifier: Apache-2.0 */
/* scatter and scatter_add: updates written into x, or added to it, in place, at index arrays along
 * axes `names`.
 *
 * Axes of the ids that x has besides are walked together with x's. The others count the updates of
 * one target: a work-item does them one after another, so that the last one wins, or all add up, in
 * the same order on every device. A negative id counts from the end; one beyond the axis is left
 * out, as in JAX. */
#include "array/dtypes.h"
#include "op/define.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { X, UPDATES, IDS };
enum { GROUP = 64 };

/* Updates of one target in a launch: llvmpipe leaves a work-item's loops after 65535 turns. */
enum { MOST_TURNS = 16384 };

static bool is_indexed(const pn_op_call *c, const char *axis)
{
    for (int i = 0; i < c->n_names; i++) {
        if (strcmp(c->names[i], axis) == 0) {
            return true;
        }
    }
    return false;
}

/* x's axes that are not indexed: a work-item each. */
static pn_spec targets_of(const pn_op_call *c)
{
    pn_spec targets = {.dtype = PENCL_F32};
    for (int i = 0; i < c->in[X].n_axes; i++) {
        if (!is_indexed(c, c->in[X].axes[i].name)) {
            pn_spec_push(&targets, c->in[X].axes[i].name, c->in[X].axes[i].size);
        }
    }
    return targets;
}

/* The axes of the ids that no target has, in first-seen order. */
static pn_spec turns_of(const pn_op_call *c)
{
    pn_spec targets = targets_of(c);
    pn_spec turns = {.dtype = PENCL_F32};
    for (int i = IDS; i < c->n_in; i++) {
        for (int k = 0; k < c->in[i].n_axes; k++) {
            const pencl_axis *axis = &c->in[i].axes[k];
            if (pn_spec_find(&targets, axis->name) < 0 && pn_spec_find(&turns, axis->name) < 0) {
                pn_spec_push(&turns, axis->name, axis->size);
            }
        }
    }
    return turns;
}

static pencl_status check_indices(pencl_ctx *ctx, const pn_op_call *c)
{
    for (int i = 0; i < c->n_names; i++) {
        PENCL_TRY(pn_need_axis(ctx, c, X, c->names[i]));
        PENCL_TRY(pn_need_int(ctx, c, IDS + i));
        for (int k = 0; k < i; k++) {
            if (strcmp(c->names[k], c->names[i]) == 0) {
                return pn_spec_fail(ctx, PENCL_E_AXIS, &c->in[X], "%s: axis \"%s\" is given twice",
                                    c->def->name, c->names[i]);
            }
        }
    }
    return PENCL_OK;
}

/* The targets' axes and the turns': what the updates and the ids may have. False: too many. */
static bool all_axes(pn_spec *out, const pn_op_call *c)
{
    pn_spec turns = turns_of(c);
    *out = targets_of(c);
    if (out->n_axes + turns.n_axes > PENCL_MAX_AXES) {
        return false;
    }
    for (int i = 0; i < turns.n_axes; i++) {
        pn_spec_push(out, turns.axes[i].name, turns.axes[i].size);
    }
    return true;
}

static pencl_status infer(pencl_ctx *ctx, pn_op_call *c)
{
    pn_spec all;
    const pn_spec *specs[PN_MAX_IN];
    pn_specs inputs = pn_call_specs(c, specs);
    if (c->n_in != IDS + c->n_names || c->n_names < 1) {
        return pn_specs_fail(ctx, PENCL_E_ARITY, &inputs, "an index array an axis is needed");
    }
    PENCL_TRY(check_indices(ctx, c));
    PENCL_TRY(pn_infer_like_number(ctx, c));
    if (c->in[UPDATES].dtype != c->in[X].dtype) {
        return pn_specs_fail(ctx, PENCL_E_DTYPE, &inputs, "updates must be of x's type");
    }
    if (!all_axes(&all, c)) {
        return pn_specs_fail(ctx, PENCL_E_LIMIT, &inputs, "too many axes together");
    }
    for (int i = UPDATES; i < c->n_in; i++) {
        PENCL_TRY(pn_need_within(ctx, c, i, &all));
    }
    return PENCL_OK;
}

/* ---- reference ---- */

/* Where the ids at `index` into `all` point; false when that is beyond an axis of x. */
static bool find_target(const pn_op_call *c,
                        const pn_ref_operand *in,
                        const pn_spec *all,
                        const int64_t *index,
                        int64_t *to)
{
    for (int i = 0; i < c->n_names; i++) {
        int axis = pn_spec_find(&c->in[X], c->names[i]);
        int64_t size = c->in[X].axes[axis].size;
        int64_t id = (int64_t)pn_ref_get_by_name(&in[IDS + i], all, index);
        to[axis] = id < 0 ? id + size : id;
        if (to[axis] < 0 || to[axis] >= size) {
            return false;
        }
    }
    return true;
}

static void
scatter(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out, bool add)
{
    pn_spec all;
    int64_t index[PENCL_MAX_AXES] = {0};
    for (bool more = all_axes(&all, c) && pn_spec_count(&all) > 0; more;
         more = pn_next_index(&all, index)) {
        int64_t to[PENCL_MAX_AXES];
        pn_same_index(&all, index, &c->in[X], to);
        if (!find_target(c, in, &all, index, to)) {
            continue;
        }
        double update = pn_ref_get_by_name(&in[UPDATES], &all, index);
        double old = add ? pn_ref_get(out, to) : 0;
        if (c->out.dtype == PENCL_I32) {
            pn_ref_set_int(out, to, (int64_t)old + (int64_t)update);
        } else {
            pn_ref_set(out, to, old + update);
        }
    }
}

static void ref_set(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    scatter(c, in, out, false);
}

static void ref_add(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out)
{
    scatter(c, in, out, true);
}

/* ---- kernel ---- */

static bool fits(const pn_task *t, const pn_caps *caps)
{
    (void)caps;
    pn_spec targets = targets_of(t->call);
    bool fit = t->program[0] == NULL && pn_definable(&t->out[0]) &&
               pn_spec_count(&targets) <= INT32_MAX - GROUP;
    for (int i = UPDATES; i < t->n_in; i++) {
        fit = fit && pn_definable(&t->in[i]);
    }
    return fit;
}

/* NAME_AT(target, turn) of what is read. */
static void define_read(pn_text *prelude, const char *name, const pn_task *t, int in)
{
    pn_spec targets = targets_of(t->call);
    pn_spec turns = turns_of(t->call);
    const pn_operand *o = &t->in[in];
    pn_index index;
    pn_index_clear(&index, &o->view.spec);
    pn_index_flat(&index, &o->view.spec, &targets, "target");
    pn_index_flat(&index, &o->view.spec, &turns, "turn");
    pn_define_operand(prelude, name, "target, turn", o, &index);
}

/* X_AT(target): the places along the indexed axes are variables of the kernel. */
static void define_x(pn_text *prelude, const pn_task *t)
{
    static const char *const places[] = {"place0", "place1", "place2",
                                         "place3", "place4", "place5"};
    _Static_assert(PN_COUNT(places) == PN_MAX_IN - IDS, "a place an index array");
    pn_spec targets = targets_of(t->call);
    const pn_operand *o = &t->out[0];
    pn_index index;
    pn_index_clear(&index, &o->view.spec);
    pn_index_flat(&index, &o->view.spec, &targets, "target");
    for (int i = 0; i < t->call->n_names; i++) {
        pn_index_axis(&index, &o->view.spec, t->call->names[i], places[i]);
    }
    pn_define_operand(prelude, "X", "target", o, &index);
}

static void compose(pn_text *prelude, const pn_task *t)
{
    const pn_op_call *c = t->call;
    pn_text params = {0};
    pn_text find = {0};
    define_x(prelude, t);
    define_read(prelude, "UPDATES", t, UPDATES);
    for (int i = 0; i < c->n_names; i++) {
        char name[16];
        snprintf(name, sizeof name, "IDS%d", i);
        define_read(prelude, name, t, IDS + i);
        pn_text_add(&params, ", __global const int *ids%d, const long ids%d_at", i, i);
        pn_text_add(&find,
                    " const int place%d = place_of(IDS%d_GET(ids%d, ids%d_at + IDS%d_AT(target, "
                    "turn)), %" PRId64 "); inside &= place%d >= 0;",
                    i, i, i, i, i, pn_spec_size(&c->in[X], c->names[i]), i);
    }
    pn_text_add(prelude, "#define IDS_PARAMS %s\n#define FIND_PLACE%s\n", pn_text_get(&params),
                pn_text_get(&find));
    pn_text_add(prelude, "#define ADDS %d\n#define INTEGERS %d\n", c->def == &pn_op_scatter_add,
                c->out.dtype == PENCL_I32);
    prelude->failed = prelude->failed || params.failed || find.failed;
    pn_text_free(&params);
    pn_text_free(&find);
}

static void set_operand(pn_emit *e, pn_kernel *k, int index, const pn_operand *o)
{
    pn_emit_operand(e, k, index, o, 0, pn_dtype_of(o->view.spec.dtype)->block_bytes);
}

/* Turns first .. first + n - 1 of every target. */
static pencl_status
emit_turns(pn_emit *e, const pn_task *t, const char *prelude, int64_t first, int64_t n)
{
    char label[128];
    pn_kernel *k = NULL;
    pn_spec targets = targets_of(t->call);
    size_t count = (size_t)pn_spec_count(&targets);
    pn_task_label(t, label, sizeof label);
    PENCL_TRY(pn_emit_kernel(e, &k,
                             &(pn_kernel_source){.file = "scatter",
                                                 .name = "scatter",
                                                 .prelude = prelude,
                                                 .label = label,
                                                 .once = true}));
    set_operand(e, k, 0, &t->out[0]);
    set_operand(e, k, 2, &t->in[UPDATES]);
    pn_kernel_arg_i32(k, 4, (int32_t)count);
    pn_kernel_arg_i32(k, 5, (int32_t)first);
    pn_kernel_arg_i32(k, 6, (int32_t)n);
    for (int i = IDS; i < t->n_in; i++) {
        set_operand(e, k, 7 + 2 * (i - IDS), &t->in[i]);
    }
    return pn_emit_launch(e, k, 1, (size_t[3]){(count + GROUP - 1) / GROUP * GROUP},
                          (size_t[3]){GROUP});
}

static pencl_status emit(pn_emit *e, const pn_task *t)
{
    pn_text prelude = {0};
    pn_spec turns = turns_of(t->call);
    int64_t count = pn_spec_count(&turns);
    compose(&prelude, t);
    pencl_status st = prelude.failed ? PN_NOMEM(pn_emit_ctx(e)) : PENCL_OK;
    for (int64_t first = 0; st == PENCL_OK && first < count; first += MOST_TURNS) {
        int64_t n = count - first < MOST_TURNS ? count - first : MOST_TURNS;
        st = emit_turns(e, t, pn_text_get(&prelude), first, n);
    }
    pn_text_free(&prelude);
    return st;
}

static const pn_candidate kernels[] = {{.name = "scatter", .fits = fits, .emit = emit}, {0}};

/* ---- the ops ---- */

static const pn_op_case cases[] = {
    {.name = "rows",
     .in = {"seq=9 embedding=33", "update=4 embedding=33", "i32:update=4"},
     .rows = {1},
     .names = "seq",
     .fill = {NULL, NULL, "ids:9"}},
    {.name = "twice and beyond",
     .in = {"embedding=33 seq=5", "update=40", "i32:update=40"},
     .rows = {1},
     .names = "seq",
     .fill = {NULL, NULL, "signs"}},
    {.name = "one of each sequence",
     .in = {"batch=3 seq=5", "batch=3", "i32:batch=3"},
     .rows = {1},
     .names = "seq",
     .fill = {NULL, NULL, "ids:5"}},
    {.name = "two axes",
     .in = {"batch=2 heads=4 seq=5", "seq=5 update=3", "i32:update=3", "i32:batch=2 update=3"},
     .rows = {1},
     .names = "heads batch",
     .fill = {NULL, NULL, "ids:4", "ids:2"}},
    {.name = "many updates",
     .in = {"seq=7", "update=20000", "i32:update=20000"},
     .rows = {1},
     .names = "seq",
     .fill = {"zero", "ties", "ids:7"}},
    {.name = "integers",
     .in = {"i32:seq=7 heads=3", "i32:update=20", "i32:update=20"},
     .rows = {1},
     .names = "seq",
     .fill = {"bits", "bits", "ids:7"}},
    {.name = "half",
     .in = {"f16:seq=16 heads=3", "f16:update=20", "i32:update=20"},
     .rows = {1},
     .names = "seq",
     .fill = {"ties", "ties", "ids:16"}},
    {.name = "bf16",
     .in = {"bf16:seq=16 heads=3", "bf16:update=20", "i32:update=20"},
     .rows = {1},
     .names = "seq",
     .fill = {"ties", "ties", "ids:16"}},
    {0},
};

#define SCATTER(op, text, reference)                                                               \
    .name = op, .doc = text,                                                                       \
    .in = {"x", "updates", "ids", "ids 2", "ids 3", "ids 4", "ids 5", "ids 6"},                    \
    .flags = PN_OP_IN_PLACE, .infer = infer, .ref = reference, .kernels = kernels, .cases = cases

const pn_op_def pn_op_scatter = {
    SCATTER("scatter", "x with updates written at index arrays, in place", ref_set),
};

const pn_op_def pn_op_scatter_add = {
    SCATTER("scatter_add", "x with updates added at index arrays, in place", ref_add),
    .tol = {.absolute = 1e-5, .relative = 1e-6},
};
