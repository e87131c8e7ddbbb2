/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise tasks: several independent elementwise programs in one launch. Each program is a
 * segment of the index range; work-items of a group of 64 share one segment. */
#include "op/pointwise.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { GROUP = 64, NAME_ROOM = 64, ADDRESS_ROOM = 1024 };

/* An axis of an operand that is read or written at another place than the work-item's. */
typedef struct move {
    const char *axis;
    const char *to;
} move;

/* The generator of one segment: `domain` gives the axes that a work-item's index is split into. */
typedef struct segment {
    pn_text *text;
    const pn_pw *pw;
    const pn_spec *domain;
    int part;
    int first_param;                      /* its inputs are parameters p<first_param + i> */
    char axis[PENCL_MAX_AXES][NAME_ROOM]; /* "i0", ... of the domain's axes */
    char address[ADDRESS_ROOM];
} segment;

static const char *index_of(const segment *s, const char *axis, const move *moves, int n_moves)
{
    for (int i = 0; i < n_moves; i++) {
        if (strcmp(axis, moves[i].axis) == 0) {
            return moves[i].to;
        }
    }
    int at = pn_spec_find(s->domain, axis);
    return at < 0 ? "0" : s->axis[at];
}

/* Index texts for an operand's axes by name. */
static const char *address_of(segment *s, const pn_operand *o, const move *moves, int n_moves)
{
    const char *index[PENCL_MAX_AXES];
    for (int i = 0; i < o->view.spec.n_axes; i++) {
        index[i] = index_of(s, o->view.spec.axes[i].name, moves, n_moves);
    }
    pn_text address = {0};
    pn_address(&address, o, index);
    pn_copy(s->address, sizeof s->address, pn_text_get(&address));
    pn_text_free(&address);
    return s->address;
}

/* int32 stays int, everything else is a float. */
static const char *type_of(pencl_dtype dtype)
{
    return dtype == PENCL_I32 ? "int" : "float";
}

/* "type letter = value;" for an argument of a step. */
static void declare_at(segment *s, const char *letter, int arg, const move *moves, int n_moves)
{
    if (arg < 0) {
        int step = PN_PW_STEP(0) - arg;
        pn_text_add(s->text, "            const %s %s = s%d;\n",
                    type_of(s->pw->step[step].call->out.dtype), letter, step);
        return;
    }
    const pn_operand *o = &s->pw->in[arg];
    char pointer[NAME_ROOM];
    char at[ADDRESS_ROOM + NAME_ROOM];
    int p = s->first_param + arg;
    snprintf(pointer, sizeof pointer, "p%d", p);
    snprintf(at, sizeof at, "p%d_at + %s", p, address_of(s, o, moves, n_moves));
    pn_text_add(s->text, "            const %s %s = ", type_of(o->view.spec.dtype), letter);
    pn_load(s->text, o->view.spec.dtype, pointer, at);
    pn_text_add(s->text, ";\n");
}

static void declare(segment *s, const char *letter, int arg)
{
    declare_at(s, letter, arg, NULL, 0);
}

/* Rotary pairs: a2 is half an axis away; b and b2 are the cosine and sine of the pair's angle. */
static void declare_pair(segment *s, const pn_pw_step *step)
{
    const char *axis = step->call->names[0];
    const char *i = s->axis[pn_spec_find(s->domain, axis)];
    int64_t d = (int64_t)step->call->num[0];
    pn_text_add(s->text, "            const int inside = %s < %" PRId64 ";\n", i, d);
    pn_text_add(s->text, "            const int first = %s < %" PRId64 ";\n", i, d / 2);
    pn_text_add(s->text,
                "            const int low = inside ? (first ? %s : %s - %" PRId64 ") : 0;\n", i, i,
                d / 2);
    pn_text_add(s->text, "            const int high = low + %" PRId64 ";\n", d / 2);
    pn_text_add(s->text, "            const int other = inside ? (first ? high : low) : %s;\n", i);
    declare(s, "a", step->arg[0]);
    declare_at(s, "a2", step->arg[0], &(move){axis, "other"}, 1);
    declare_at(s, "b", step->arg[1], &(move){axis, "low"}, 1);
    declare_at(s, "b2", step->arg[1], &(move){axis, "high"}, 1);
}

/* Index arrays: negative ones count from the end, others beyond the axis are its nearest. */
static void declare_gather(segment *s, const pn_pw_step *step)
{
    move moves[PN_MAX_IN];
    char rows[PN_MAX_IN][NAME_ROOM];
    int n = step->n_args - 1;
    for (int i = 0; i < n; i++) {
        const char *axis = step->call->names[i];
        int64_t size = pn_spec_size(&step->call->in[0], axis);
        char id[NAME_ROOM];
        snprintf(id, sizeof id, "id%d", i);
        snprintf(rows[i], sizeof rows[i], "row%d", i);
        moves[i] = (move){axis, rows[i]};
        declare(s, id, step->arg[1 + i]);
        pn_text_add(s->text,
                    "            const int %s = clamp(%s < 0 ? %s + %" PRId64 " : %s, 0, %" PRId64
                    ");\n",
                    rows[i], id, id, size, id, size > 0 ? size - 1 : 0);
    }
    declare_at(s, "a", step->arg[0], moves, n);
}

static void declare_inputs(segment *s, const pn_pw_step *step)
{
    static const char *const letters[] = {"a", "b", "c", "d", "e"};
    const pn_op_def *def = step->call->def;
    for (int a = 0; a < step->n_args; a++) {
        declare(s, letters[a], step->arg[a]);
    }
    for (int a = step->n_args; a < (int)PN_COUNT(letters) && def->in[a] != NULL; a++) {
        pn_text_add(s->text, "            const int %s = 0;\n", letters[a]); /* left out */
    }
}

/* What later steps read is rounded as storing it would. */
static const char *rounding(pencl_dtype dtype)
{
    return dtype == PENCL_F16 ? "through_half" : dtype == PENCL_BF16 ? "through_bf16" : "";
}

static void emit_step(segment *s, int index)
{
    const pn_pw_step *step = &s->pw->step[index];
    const pn_op_def *def = step->call->def;
    pencl_dtype dtype = step->call->out.dtype;
    pn_text_add(s->text, "        %s s%d;\n        {\n", type_of(dtype), index);
    for (int n = 0; n < PN_MAX_NUM && def->num[n] != NULL; n++) {
        pn_text_add(s->text, "            const %s n%d = ", type_of(dtype), n);
        pn_number(s->text, step->call->num[n], dtype);
        pn_text_add(s->text, ";\n");
    }
    if (def->flags & PN_OP_INDEX) {
        pn_text_add(s->text, "            const int at = %s;\n",
                    index_of(s, step->call->names[0], NULL, 0));
    }
    if (def->flags & PN_OP_PAIR) {
        declare_pair(s, step);
    } else if (def->flags & PN_OP_GATHER) {
        declare_gather(s, step);
    } else {
        declare_inputs(s, step);
    }
    bool integers = dtype == PENCL_I32 && def->int_expr != NULL;
    pn_text_add(s->text, "            s%d = %s(%s);\n        }\n", index, rounding(dtype),
                integers ? def->int_expr : def->expr);
}

static void store(segment *s, pencl_dtype dtype, const char *at, const char *value)
{
    switch (dtype) {
    case PENCL_F16:
        pn_text_add(s->text, "vstore_half_rte(%s, %s, out);\n", value, at);
        break;
    case PENCL_BF16:
        pn_text_add(s->text, "out[%s] = to_bf16(%s);\n", at, value);
        break;
    case PENCL_I32:
        pn_text_add(s->text, "out[%s] = convert_int_sat_rte(%s);\n", at, value);
        break;
    default:
        pn_text_add(s->text, "out[%s] = %s;\n", at, value);
        break;
    }
}

static bool writes_cache(const pn_pw *pw)
{
    return (pw->step[pw->n_steps - 1].call->def->flags & PN_OP_CACHE) != 0;
}

/* Slots of the cache that a segment writes: an argument, since caches of all lengths share a
 * program. 0: it writes no cache. */
static int64_t slots_of(const pn_task *t, int part)
{
    const pn_pw *pw = t->program[part];
    const char *kv = pw->step[pw->n_steps - 1].call->names[0];
    return writes_cache(pw) ? pn_spec_size(&t->out[part].view.spec, kv) : 0;
}

/* A cache write ends its program: rows end .. end + n_new - 1 of the cache, nothing else. */
static void emit_cache_write(segment *s, const pn_operand *out)
{
    const pn_pw_step *step = &s->pw->step[s->pw->n_steps - 1];
    const char *kv = step->call->names[0];
    const char *i = s->axis[pn_spec_find(s->domain, step->call->names[1])];
    declare(s, "value", step->arg[1]);
    int counts = s->first_param + step->arg[2];
    pn_text_add(s->text, "            const int end = p%d[p%d_at];\n", counts, counts);
    pn_text_add(s->text, "            const int n_new = p%d[p%d_at + 1];\n", counts, counts);
    char slot[2 * NAME_ROOM];
    snprintf(slot, sizeof slot, "end + %s", i);
    char address[ADDRESS_ROOM + NAME_ROOM];
    snprintf(address, sizeof address, "out_at + %s", address_of(s, out, &(move){kv, slot}, 1));
    pn_text_add(s->text, "            if (%s < n_new && %s < slots%d) {\n                ", i, slot,
                s->part);
    store(s, out->view.spec.dtype, address, "value");
    pn_text_add(s->text, "            }\n");
}

static void split_index(segment *s)
{
    int64_t inner = 1;
    for (int i = s->domain->n_axes - 1; i >= 0; i--) {
        snprintf(s->axis[i], sizeof s->axis[i], "i%d", i);
        int64_t size = s->domain->axes[i].size;
        if (i == 0) {
            pn_text_add(s->text, "        const int i0 = (int)(i / %" PRId64 ");\n", inner);
        } else {
            pn_text_add(s->text, "        const int i%d = (int)(i / %" PRId64 " %% %" PRId64 ");\n",
                        i, inner, size);
        }
        inner *= size > 0 ? size : 1;
    }
}

const pn_spec *pn_pw_domain(const pn_pw *pw)
{
    const pn_op_call *last = pw->step[pw->n_steps - 1].call;
    return writes_cache(pw) ? &last->in[1] : &last->out;
}

static void emit_segment(pn_text *text, const pn_task *t, int part, int first_param)
{
    const pn_pw *pw = t->program[part];
    segment s = {.text = text,
                 .pw = pw,
                 .domain = pn_pw_domain(pw),
                 .part = part,
                 .first_param = first_param};
    const bool cache = writes_cache(pw);
    pn_text_add(text, "    if (g < end%d) {\n        const long i = g - start%d;\n", part, part);
    pn_text_add(text, "        if (i >= n%d) {\n            return;\n        }\n", part);
    pn_text_add(text, "        __global %s *out = o%d;\n        const long out_at = o%d_at;\n",
                pn_storage_type(t->out[part].view.spec.dtype), part, part);
    split_index(&s);
    for (int i = 0; i < pw->n_steps - (cache ? 1 : 0); i++) {
        emit_step(&s, i);
    }
    if (cache) {
        pn_text_add(text, "        {\n");
        emit_cache_write(&s, &t->out[part]);
        pn_text_add(text, "        }\n");
    } else {
        char at[ADDRESS_ROOM + NAME_ROOM];
        char value[NAME_ROOM];
        snprintf(at, sizeof at, "out_at + %s", address_of(&s, &t->out[part], NULL, 0));
        snprintf(value, sizeof value, "s%d", pw->n_steps - 1);
        pn_text_add(text, "        ");
        store(&s, t->out[part].view.spec.dtype, at, value);
    }
    pn_text_add(text, "        return;\n    }\n");
}

/* The whole source: parameters o0, o0_at, n0, start0, end0, slots0, ... then p0, p0_at, ... */
static void compose(pn_text *source, const pn_task *t)
{
    pn_address_macro(source);
    pn_text_add(source, "#include \"lib/elementwise.clh\"\n#include \"lib/stage.clh\"\n");
    pn_text_add(source, "STAGE_KERNEL(%d)\npointwise(STAGE_PLACE ", GROUP);
    for (int i = 0; i < t->n_parts; i++) {
        pn_text_add(source,
                    "%s__global %s *o%d, const long o%d_at, const long n%d, const long start%d, "
                    "const long end%d, const long slots%d",
                    i ? ", " : "", pn_storage_type(t->out[i].view.spec.dtype), i, i, i, i, i, i);
    }
    int param = 0;
    for (int i = 0; i < t->n_parts; i++) {
        for (int j = 0; j < t->program[i]->n_in; j++, param++) {
            pn_text_add(source, ", __global const %s *p%d, const long p%d_at",
                        pn_storage_type(t->program[i]->in[j].view.spec.dtype), param, param);
        }
    }
    pn_text_add(source, ")\n{\n    const long g = PLACE(0);\n");
    param = 0;
    for (int i = 0; i < t->n_parts; i++) {
        emit_segment(source, t, i, param);
        param += t->program[i]->n_in;
    }
    pn_text_add(source, "}\n");
}

static void set_args(pn_emit *e, pn_kernel *k, const pn_task *t, size_t *total)
{
    int index = 0;
    int64_t start = 0;
    for (int i = 0; i < t->n_parts; i++) {
        int64_t n = pn_spec_count(pn_pw_domain(t->program[i]));
        int64_t end = start + (n + GROUP - 1) / GROUP * GROUP;
        pn_emit_operand(e, k, index, &t->out[i], 0, pn_storage_bytes(t->out[i].view.spec.dtype));
        pn_kernel_arg_i64(k, index + 2, n);
        pn_kernel_arg_i64(k, index + 3, start);
        pn_kernel_arg_i64(k, index + 4, end);
        pn_kernel_arg_i64(k, index + 5, slots_of(t, i));
        index += 6;
        start = end;
    }
    for (int i = 0; i < t->n_parts; i++) {
        for (int j = 0; j < t->program[i]->n_in; j++) {
            const pn_operand *o = &t->program[i]->in[j];
            pn_emit_operand(e, k, index, o, 0, pn_storage_bytes(o->view.spec.dtype));
            index += 2;
        }
    }
    *total = (size_t)start;
}

static pencl_status emit(pn_emit *e, const pn_task *t)
{
    pn_text source = {0};
    compose(&source, t);
    pencl_status st = PENCL_OK;
    pn_kernel *k = NULL;
    char label[128];
    pn_task_label(t, label, sizeof label);
    if (source.failed) {
        st = PN_NOMEM(pn_emit_ctx(e));
    } else {
        st = pn_emit_kernel(e, &k,
                            &(pn_kernel_source){.file = "pointwise",
                                                .name = "pointwise",
                                                .prelude = pn_text_get(&source),
                                                .label = label,
                                                .stage = true});
    }
    pn_text_free(&source);
    PENCL_TRY(st);
    size_t total = 0;
    set_args(e, k, t, &total);
    return pn_emit_launch(e, k, 1, (size_t[3]){total}, (size_t[3]){GROUP});
}

/* Dense operands in one part; quantised ones belong to matmul and lookup. */
static bool readable(const pn_operand *o)
{
    return !pn_dtype_of(o->view.spec.dtype)->quantised &&
           (o->store == NULL || o->store->n_parts == 1);
}

/* Places along an axis are int in the kernel. */
static bool countable(const pn_spec *domain)
{
    for (int i = 0; i < domain->n_axes; i++) {
        if (domain->axes[i].size > INT32_MAX) {
            return false;
        }
    }
    return true;
}

static bool fits(const pn_task *t, const pn_caps *caps)
{
    (void)caps;
    for (int i = 0; i < t->n_parts; i++) {
        if (!readable(&t->out[i]) || !countable(pn_pw_domain(t->program[i]))) {
            return false;
        }
        for (int j = 0; j < t->program[i]->n_in; j++) {
            if (!readable(&t->program[i]->in[j])) {
                return false;
            }
        }
    }
    return true;
}

const pn_candidate pn_pointwise_candidates[] = {
    {.name = "pointwise", .family = PN_ANY, .fits = fits, .emit = emit}, {0}};
