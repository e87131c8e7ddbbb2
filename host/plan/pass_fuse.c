/* SPDX-License-Identifier: Apache-2.0 */
/* Fusion: elementwise tasks join what they read from (an anchor's epilogue, or another elementwise
 * program), and a norm joins the one matmul that reads it. */
#include "op/matmul.h"
#include "op/pointwise.h"
#include "plan/ir.h"

/* Rows up to which a norm is cheaper computed again by every work-item than written and read. */
enum { NORM_ROWS = 1 };

/* ---- programs ---- */

/* True when input `arg` of the program is read at the same coordinates as the result is written. */
static bool read_in_place(const pn_pw *pw, int input)
{
    for (int s = 0; s < pw->n_steps; s++) {
        const pn_pw_step *step = &pw->step[s];
        unsigned flags = step->call->def->flags;
        for (int a = 0; a < step->n_args; a++) {
            bool moved = (flags & PN_OP_PAIR && a < 2) || (flags & PN_OP_GATHER && a == 0);
            if (step->arg[a] == input && moved) {
                return false;
            }
        }
    }
    return true;
}

/* The same axes in the same order, whatever the types. */
static bool same_axes(const pn_spec *a, const pn_spec *b)
{
    pn_spec other = *b;
    other.dtype = a->dtype;
    return pn_spec_equal(a, &other);
}

/* The input of the program that reads all of a temporary, in the order in which the program walks,
 * or -1. */
static int input_from(const pn_ir *ir, const pn_pw *pw, int temp)
{
    int found = -1;
    for (int i = 0; i < pw->n_in; i++) {
        if (pw->in[i].temp != temp) {
            continue;
        }
        if (found >= 0 || !pn_operand_is_whole(ir, &pw->in[i]) || !read_in_place(pw, i) ||
            !same_axes(&pw->in[i].view.spec, pn_pw_domain(pw))) {
            return -1;
        }
        found = i;
    }
    return found;
}

/* Same elements in the same order, whatever the axes are called. */
static bool same_sizes(const pn_spec *a, const pn_spec *b)
{
    if (a->n_axes != b->n_axes) {
        return false;
    }
    for (int i = 0; i < a->n_axes; i++) {
        if (a->axes[i].size != b->axes[i].size) {
            return false;
        }
    }
    return true;
}

static int renumber(int arg, const int *inputs, int value, int steps_before)
{
    if (arg >= 0) {
        return inputs[arg] == PN_PW_IN ? value : inputs[arg];
    }
    return arg <= PN_PW_STEP(0) ? arg - steps_before : arg;
}

/* Appends `tail` to `head`; its input `via` is replaced by `value`. False when there is no room. */
static bool append(pn_pw *head, const pn_pw *tail, int via, int value)
{
    if (head->n_in + tail->n_in - 1 > PN_PW_IN || head->n_steps + tail->n_steps > PN_PW_STEPS) {
        return false;
    }
    int inputs[PN_PW_IN];
    int before = head->n_steps;
    for (int i = 0; i < tail->n_in; i++) {
        if (i == via) {
            inputs[i] = PN_PW_IN;
            continue;
        }
        inputs[i] = head->n_in;
        head->in[head->n_in++] = tail->in[i];
    }
    for (int s = 0; s < tail->n_steps; s++) {
        pn_pw_step step = tail->step[s];
        for (int a = 0; a < step.n_args; a++) {
            step.arg[a] = renumber(step.arg[a], inputs, value, before);
        }
        head->step[head->n_steps++] = step;
    }
    return true;
}

/* The value that a program leaves: its last step, or the anchor's value. */
static int result_of(const pn_pw *pw, int part)
{
    return pw == NULL || pw->n_steps == 0 ? PN_PW_VALUE(part) : PN_PW_STEP(pw->n_steps - 1);
}

/* ---- elementwise into what it reads ---- */

/* All inputs of `t` but `temp` are there before task `at` runs. */
static bool ready_before(const pn_ir *ir, const pn_pw *pw, int temp, int at)
{
    for (int i = 0; i < pw->n_in; i++) {
        if (pw->in[i].temp != temp && pn_ir_writer(ir, pw->in[i].temp, NULL) >= at) {
            return false;
        }
    }
    return true;
}

/* The columns of an anchor's output as its kernel sees them. */
static int64_t columns_of(const pn_task *anchor, int part)
{
    if (anchor->call->def == &pn_op_matmul) {
        const pn_store *weights = anchor->in[1 + part].store;
        return weights != NULL ? weights->matrix.rows : 0;
    }
    return pn_spec_size(&anchor->out[part].view.spec, anchor->call->names[0]);
}

/* Epilogues compute in float32 and write all of a temporary. */
static bool takes_epilogue(const pn_ir *ir, const pn_task *anchor, const pn_task *t)
{
    const pn_op_def *def = anchor->call->def;
    return ((def == &pn_op_matmul && !ir->bare_matmuls) ||
            (def->flags & PN_OP_NORM && !ir->bare_norms)) &&
           anchor->call->out.dtype == PENCL_F32 && !anchor->joint && t->out[0].temp >= 0 &&
           pn_operand_is_whole(ir, &t->out[0]);
}

/* Puts elementwise task `t` behind part `part` of anchor `a`. */
static bool into_epilogue(pn_ir *ir, pn_task *a, int part, const pn_task *t, int via)
{
    int64_t cols = columns_of(a, part);
    pn_pw *pw = pn_ir_new_program(ir);
    if (cols == 0 || pw == NULL) {
        return false;
    }
    if (a->program[part] != NULL) {
        *pw = *a->program[part];
    }
    if (!append(pw, t->program[0], via, result_of(a->program[part], part)) ||
        !pn_pw_fits_rows(pw, &t->out[0].view.spec, cols) ||
        !same_sizes(&a->out[part].view.spec, &t->out[0].view.spec)) {
        return false;
    }
    a->program[part] = pw;
    a->out[part] = t->out[0];
    return true;
}

/* Puts elementwise task `t` behind elementwise task `head`, in t's place. */
static bool into_program(pn_ir *ir, const pn_task *head, pn_task *t, int via)
{
    pn_pw *pw = pn_ir_new_program(ir);
    if (pw == NULL) {
        return false;
    }
    *pw = *head->program[0];
    if (!append(pw, t->program[0], via, PN_PW_STEP(pw->n_steps - 1))) {
        return false;
    }
    t->program[0] = pw;
    return true;
}

/* The same number wherever it is read. */
static bool is_constant(const pn_task *head)
{
    return head->program[0]->n_in == 0 && !(head->call->def->flags & PN_OP_INDEX);
}

/* An elementwise task behind one that it reads at the places where it writes; a constant may be
 * read by others too, and goes with the last. */
static bool fuse_program(pn_ir *ir, int at, pn_task *t, int input)
{
    pn_task *head = ir->tasks[at];
    int temp = t->program[0]->in[input].temp;
    /* Index names of the head must mean the same in the tail's domain. */
    bool in_place = ir->uses[temp] == 1 && input_from(ir, t->program[0], temp) == input &&
                    same_axes(pn_pw_domain(head->program[0]), pn_pw_domain(t->program[0]));
    if (ir->bare_pointwise || head->n_parts != 1 || !(in_place || is_constant(head)) ||
        !read_in_place(t->program[0], input) || !into_program(ir, head, t, input)) {
        return false;
    }
    if (--ir->uses[temp] == 0) {
        pn_ir_remove(ir, at);
    }
    return true;
}

/* One elementwise task behind a task that it reads: fused, or not. */
static bool fuse_one(pn_ir *ir, int index)
{
    pn_task *t = ir->tasks[index];
    for (int i = 0; i < t->program[0]->n_in; i++) {
        int temp = t->program[0]->in[i].temp;
        int part = 0;
        int at = pn_ir_producer(ir, temp, &part);
        if (at < 0) {
            continue;
        }
        pn_task *a = ir->tasks[at];
        if (pn_task_is_pointwise(a)) {
            if (fuse_program(ir, at, t, i)) {
                return true;
            }
        } else if (ir->uses[temp] == 1 && input_from(ir, t->program[0], temp) == i &&
                   takes_epilogue(ir, a, t) && ready_before(ir, t->program[0], temp, at) &&
                   into_epilogue(ir, a, part, t, i)) {
            pn_ir_remove(ir, index);
            return true;
        }
    }
    return false;
}

/* ---- two parts into one: gate and value ---- */

/* An elementwise task over both parts of one matmul makes them one output. */
static bool join_parts(pn_ir *ir, int index)
{
    pn_task *t = ir->tasks[index];
    pn_pw *tail = t->program[0];
    int via[2] = {-1, -1};
    int at = -1;
    for (int i = 0; i < tail->n_in && i < 2; i++) {
        int part = 0;
        int temp = tail->in[i].temp;
        int writer = temp < 0 || ir->uses[temp] != 1 ? -1 : pn_ir_producer(ir, temp, &part);
        if (writer < 0 || part > 1 || (at >= 0 && writer != at) ||
            input_from(ir, tail, temp) != i) {
            return false;
        }
        at = writer;
        via[part] = i;
    }
    pn_task *a = at < 0 ? NULL : ir->tasks[at];
    if (a == NULL || tail->n_in != 2 || via[0] < 0 || via[1] < 0 || a->n_parts != 2 || a->joint ||
        a->call->def != &pn_op_matmul || columns_of(a, 0) != columns_of(a, 1)) {
        return false;
    }
    /* Both parts' programs one after the other, then the tail over their results. */
    pn_pw *pw = pn_ir_new_program(ir);
    int results[2];
    for (int p = 0; pw != NULL && p < 2; p++) {
        const pn_pw *own = a->program[p];
        results[p] = PN_PW_VALUE(p);
        if (own != NULL && own->n_steps > 0) {
            if (!append(pw, own, -1, 0)) {
                return false;
            }
            results[p] = PN_PW_STEP(pw->n_steps - 1);
        }
    }
    if (pw == NULL || pw->n_steps + tail->n_steps > PN_PW_STEPS) {
        return false;
    }
    int before = pw->n_steps;
    for (int s = 0; s < tail->n_steps; s++) {
        pn_pw_step step = tail->step[s];
        for (int k = 0; k < step.n_args; k++) {
            step.arg[k] = step.arg[k] >= 0 ? results[step.arg[k] == via[1]]
                                           : renumber(step.arg[k], NULL, 0, before);
        }
        pw->step[pw->n_steps++] = step;
    }
    if (!pn_pw_fits_rows(pw, &t->out[0].view.spec, columns_of(a, 0))) {
        return false;
    }
    a->program[0] = pw;
    a->program[1] = NULL;
    a->out[0] = t->out[0];
    a->joint = true;
    pn_ir_remove(ir, index);
    return true;
}

/* ---- a norm into its matmul ---- */

static bool absorb_norm(pn_ir *ir, int index)
{
    pn_task *m = ir->tasks[index];
    pn_mm mm;
    if (m->call->def != &pn_op_matmul || !pn_mm_read(&mm, m) || m->norm != NULL ||
        m->call->n_names != 1 || !pn_operand_is_whole(ir, &m->in[0]) ||
        ir->uses[m->in[0].temp] != 1) {
        return false;
    }
    int at = pn_ir_producer(ir, m->in[0].temp, NULL);
    pn_task *n = at < 0 ? NULL : ir->tasks[at];
    if (n == NULL || !(n->call->def->flags & PN_OP_NORM) || !pn_operand_is_whole(ir, &n->in[0])) {
        return false;
    }
    int64_t cols = pn_spec_size(&n->in[0].view.spec, n->call->names[0]);
    if (cols != mm.cols || pn_spec_count(&n->in[0].view.spec) / cols > NORM_ROWS) {
        return false;
    }
    m->in[0] = n->in[0];
    m->norm = n->call;
    m->norm_program = n->program[0];
    pn_ir_remove(ir, at);
    return true;
}

pencl_status pn_pass_fuse(pn_ir *ir)
{
    PENCL_TRY(pn_ir_count_uses(ir));
    for (int i = 0; i < ir->n_tasks; i++) {
        pn_task *t = ir->tasks[i];
        if (pn_task_is_pointwise(t) && t->n_parts == 1 && (join_parts(ir, i) || fuse_one(ir, i))) {
            i = i > 1 ? i - 2 : -1; /* what was fused may take more */
        }
    }
    for (int i = 0; i < ir->n_tasks && !ir->bare_matmuls; i++) {
        if (absorb_norm(ir, i)) {
            i--;
        }
    }
    return PENCL_OK;
}
