/* SPDX-License-Identifier: Apache-2.0 */
/* How attention's kernels are launched: addresses by axis names, the candidates. */
#include "op/attention.h"
#include "op/define.h"
#include "op/group.h"
#include "op/pointwise.h"

#include <stdio.h>
#include <string.h>

enum { WIDE_ROWS = 6, MAX_WIDTH = 256 }; /* WIDE_ROWS: what 16 vector registers hold */

/* ---- sizes ---- */

typedef struct sizes {
    int64_t groups;
    int64_t heads; /* query heads of a group */
    int64_t rows;  /* tokens times heads */
    int64_t slots;
    int64_t width;
} sizes;

static sizes measure(const pn_op_call *c)
{
    pn_spec groups;
    pn_spec heads;
    pn_attention_axes(c, &groups, &heads);
    sizes s = {.groups = pn_spec_count(&groups), .heads = pn_spec_count(&heads)};
    s.rows = s.heads * pn_spec_size(&c->in[PN_ATT_Q], c->names[PN_ATT_SEQ]);
    s.slots = pn_spec_size(&c->in[PN_ATT_K], c->names[PN_ATT_KV_SEQ]);
    s.width = pn_spec_size(&c->in[PN_ATT_Q], c->names[PN_ATT_PROJECTION]);
    return s;
}

/* Query rows that a work-item of attention_wide shares keys among: as even a split as can be. */
static int64_t rows_per_item(const sizes *s)
{
    int64_t items = (s->rows + WIDE_ROWS - 1) / WIDE_ROWS;
    return items > 0 ? (s->rows + items - 1) / items : 1;
}

/* ---- what the kernels are told ---- */

/* The macros of one operand; its axes are counted by the kernel's g, t, h, slot and d. */
static void
define(pn_text *out, const pn_op_call *c, const char *name, const char *params, const pn_operand *o)
{
    pn_spec groups;
    pn_spec heads;
    pn_attention_axes(c, &groups, &heads);
    const pn_spec *spec = &o->view.spec;
    pn_index index;
    pn_index_clear(&index, spec);
    pn_index_flat(&index, spec, &groups, "g");
    pn_index_flat(&index, spec, &heads, "h");
    pn_index_axis(&index, spec, c->names[PN_ATT_SEQ], "t");
    pn_index_axis(&index, spec, c->names[PN_ATT_KV_SEQ], "slot");
    pn_index_axis(&index, spec, c->names[PN_ATT_PROJECTION], "d");
    pn_define_operand(out, name, params, o, &index);
}

static void define_all(pn_text *out, const pn_task *t)
{
    const pn_op_call *c = t->call;
    sizes s = measure(c);
    pn_attention_inputs in = pn_attention_optional(c);
    pn_address_macro(out);
    pn_text_add(out, "#define DIM %d\n#define N_HEADS %d\n#define TQ %d\n#define WINDOW %d\n",
                (int)s.width, (int)s.heads, (int)rows_per_item(&s), (int)c->num[PN_ATT_WINDOW]);
    if (c->num[PN_ATT_SOFT_CAP] > 0) {
        pn_text_add(out, "#define SOFT_CAPPED\n#define SOFT_CAP %.9ef\n", c->num[PN_ATT_SOFT_CAP]);
    }
    pn_text_add(out, "#define HAS_COUNTS %d\n", in.counts >= 0);
    pn_text_add(out, "#define HAS_SEQUENCE %d\n", in.token_sequence >= 0);
    define(out, c, "Q", "g, t, h, d", &t->in[PN_ATT_Q]);
    define(out, c, "OUT", "g, t, h, d", &t->out[0]);
    define(out, c, "V", "g, slot, d", &t->in[PN_ATT_V]);
    define(out, c, "POSITION", "g, t", &t->in[PN_ATT_POSITIONS]);
    define(out, c, "KV_POSITION", "g, slot", &t->in[PN_ATT_KV_POSITIONS]);
    if (in.token_sequence >= 0) {
        define(out, c, "SEQUENCE", "g, t", &t->in[in.token_sequence]);
        define(out, c, "KV_SEQUENCE", "g, slot", &t->in[in.kv_sequence]);
    }
}

/* How keys are read: where they are; or, packed by attention_pack, from scratch memory. */
typedef enum key_source { KEYS_IN_PLACE, KEYS_PACKED } key_source;

static void define_keys(pn_text *out, const pn_task *t, key_source from)
{
    const pn_operand *k = &t->in[PN_ATT_K];
    if (from == KEYS_IN_PLACE) {
        define(out, t->call, "K", "g, slot, d", k);
        pn_text_add(out, "#define STRIDED_K_AT(g, slot, d) 0\n"); /* attention_pack is not used */
        return;
    }
    define(out, t->call, "STRIDED_K", "g, slot, d", k);
    pn_text_add(out, "#define K_T float\n"
                     "#define K_AT(g, slot, d) \\\n"
                     "    ((((long)(g) * ((kv_seq + 15) / 16) + (slot) / 16) * DIM + (d)) * 16 + "
                     "(slot) %% 16)\n");
}

/* A kernel of cl/FILE.cl. */
typedef struct form {
    const char *file;
    const char *name;
    key_source keys;
    pn_group group;
} form;

static pencl_status make_kernel(pn_emit *e, const pn_task *t, pn_kernel **out, const form *f)
{
    pencl_device *device = pn_emit_device(e);
    pn_text prelude = {0};
    pn_group_define(&prelude, f->group, device);
    define_all(&prelude, t);
    define_keys(&prelude, t, f->keys);
    pn_kernel_source source = {.file = f->file,
                               .name = f->name,
                               .prelude = pn_text_get(&prelude),
                               .options = pn_group_options(f->group, device),
                               .label = f->name,
                               .stage = strcmp(f->file, "attention_wide") == 0};
    pencl_status st = prelude.failed ? PN_NOMEM(pn_emit_ctx(e)) : pn_emit_kernel(e, out, &source);
    pn_text_free(&prelude);
    return st;
}

static size_t element(const pn_operand *o)
{
    return pn_storage_bytes(o->view.spec.dtype);
}

/* ATTENTION_PARAMS of cl/lib/attention.clh. */
static void set_args(pn_emit *e, pn_kernel *k, const pn_task *t, key_source from)
{
    pn_attention_inputs in = pn_attention_optional(t->call);
    sizes s = measure(t->call);
    const pn_operand *absent = &t->in[PN_ATT_POSITIONS];
    const pn_operand *operands[] = {
        &t->in[PN_ATT_Q],
        &t->in[PN_ATT_K],
        &t->in[PN_ATT_V],
        &t->in[PN_ATT_POSITIONS],
        &t->in[PN_ATT_KV_POSITIONS],
        in.counts >= 0 ? &t->in[in.counts] : absent,
        in.token_sequence >= 0 ? &t->in[in.token_sequence] : absent,
        in.kv_sequence >= 0 ? &t->in[in.kv_sequence] : absent,
        &t->out[0],
    };
    int index = 0;
    for (size_t i = 0; i < PN_COUNT(operands); i++) {
        if (i == PN_ATT_K && from == KEYS_PACKED) {
            pn_emit_scratch(e, k, index, t);
            pn_kernel_arg_i64(k, index + 1, 0);
        } else {
            pn_emit_operand(e, k, index, operands[i], 0, element(operands[i]));
        }
        index += 2;
    }
    pn_kernel_arg_i32(k, index, (int32_t)s.rows);
    pn_kernel_arg_i32(k, index + 1, (int32_t)s.slots);
}

/* ---- any and simt: one query row at a time ---- */

static bool fits_any(const pn_task *t, const pn_caps *caps)
{
    (void)caps;
    for (int i = 0; i < t->n_in; i++) {
        if (!pn_definable(&t->in[i])) {
            return false;
        }
    }
    return t->n_parts == 1 && t->program[0] == NULL && t->norm == NULL && pn_definable(&t->out[0]);
}

static bool fits_simt(const pn_task *t, const pn_caps *caps)
{
    size_t lanes = PN_GROUP_LANES;
    size_t local = ((size_t)measure(t->call).width + 2 * lanes) * sizeof(float);
    return fits_any(t, caps) && local <= caps->local_bytes && caps->max_work_group >= lanes;
}

static pencl_status emit_rows(pn_emit *e, const pn_task *t, const form *f)
{
    pn_kernel *k = NULL;
    sizes s = measure(t->call);
    size_t lanes = pn_group_lanes(f->group);
    PENCL_TRY(make_kernel(e, t, &k, f));
    set_args(e, k, t, KEYS_IN_PLACE);
    return pn_emit_launch(e, k, 2, (size_t[3]){(size_t)s.rows * lanes, (size_t)s.groups},
                          (size_t[3]){lanes, 1});
}

static pencl_status emit_any(pn_emit *e, const pn_task *t)
{
    return emit_rows(e, t,
                     &(form){"attention_any", "attention_any", KEYS_IN_PLACE, PN_GROUP_ALONE});
}

static pencl_status emit_simt(pn_emit *e, const pn_task *t)
{
    return emit_rows(e, t,
                     &(form){"attention_simt", "attention_simt", KEYS_IN_PLACE, PN_GROUP_TREE});
}

static pencl_status emit_subgroup(pn_emit *e, const pn_task *t)
{
    return emit_rows(
        e, t,
        &(form){"attention_simt", "attention_simt_subgroup", KEYS_IN_PLACE, PN_GROUP_SUBGROUPS});
}

/* ---- wide ---- */

static bool is_rows16(const pn_operand *o)
{
    return o->store != NULL && o->store->layout == &pn_layout_rows16;
}

static bool has_unit_step(const pn_operand *o, const char *axis)
{
    return !is_rows16(o) &&
           (pn_view_stride(&o->view, axis) == 1 || pn_spec_size(&o->view.spec, axis) == 1);
}

/* What attention_wide wants of everything but the keys. */
static bool fits_vectors(const pn_task *t, const pn_caps *caps)
{
    const pn_op_call *c = t->call;
    const char *kv_seq = c->names[PN_ATT_KV_SEQ];
    const char *projection = c->names[PN_ATT_PROJECTION];
    pn_attention_inputs in = pn_attention_optional(c);
    int64_t width = measure(c).width;
    return fits_any(t, caps) && width % 16 == 0 && width <= MAX_WIDTH &&
           t->in[PN_ATT_Q].view.spec.dtype == PENCL_F32 &&
           t->in[PN_ATT_K].view.spec.dtype == PENCL_F32 &&
           t->in[PN_ATT_V].view.spec.dtype == PENCL_F32 && t->out[0].view.spec.dtype == PENCL_F32 &&
           has_unit_step(&t->in[PN_ATT_V], projection) && has_unit_step(&t->out[0], projection) &&
           has_unit_step(&t->in[PN_ATT_KV_POSITIONS], kv_seq) &&
           (in.kv_sequence < 0 || has_unit_step(&t->in[in.kv_sequence], kv_seq));
}

/* Slots are the storage's innermost row axis, and every group's first slot begins a tile. */
static bool fits_wide(const pn_task *t, const pn_caps *caps)
{
    const pn_operand *k = &t->in[PN_ATT_K];
    if (!is_rows16(k) || !fits_vectors(t, caps)) {
        return false;
    }
    int64_t cols = k->store->matrix.cols;
    for (int i = 0; i < k->view.spec.n_axes; i++) {
        int64_t step = k->view.strides[i];
        bool is_slots = strcmp(k->view.spec.axes[i].name, t->call->names[PN_ATT_KV_SEQ]) == 0;
        if (is_slots ? step != cols : step >= cols && step % (16 * cols) != 0) {
            return false;
        }
    }
    return pn_view_stride(&k->view, t->call->names[PN_ATT_PROJECTION]) == 1 &&
           k->view.offset / cols % 16 == 0;
}

static pencl_status launch_wide(pn_emit *e, const pn_task *t, key_source from)
{
    pn_kernel *k = NULL;
    sizes s = measure(t->call);
    int64_t per_item = rows_per_item(&s);
    form f = {"attention_wide", "attention_wide", from, PN_GROUP_ALONE};
    PENCL_TRY(make_kernel(e, t, &k, &f));
    set_args(e, k, t, from);
    size_t items = (size_t)((s.rows + per_item - 1) / per_item);
    return pn_emit_launch(e, k, 2, (size_t[3]){items, (size_t)s.groups}, (size_t[3]){1, 1});
}

static pencl_status emit_wide(pn_emit *e, const pn_task *t)
{
    return launch_wide(e, t, KEYS_IN_PLACE);
}

/* ---- wide, keys packed first ---- */

static bool fits_packed(const pn_task *t, const pn_caps *caps)
{
    return !is_rows16(&t->in[PN_ATT_K]) && fits_vectors(t, caps);
}

static size_t packed_bytes(const pn_task *t, const pn_caps *caps)
{
    (void)caps;
    sizes s = measure(t->call);
    return (size_t)(s.groups * ((s.slots + 15) / 16) * 16 * s.width) * sizeof(float);
}

static pencl_status emit_packed(pn_emit *e, const pn_task *t)
{
    pn_kernel *pack = NULL;
    sizes s = measure(t->call);
    const pn_operand *keys = &t->in[PN_ATT_K];
    form f = {"attention_wide", "attention_pack", KEYS_PACKED, PN_GROUP_ALONE};
    PENCL_TRY(make_kernel(e, t, &pack, &f));
    pn_emit_operand(e, pack, 0, keys, 0, element(keys));
    pn_emit_scratch(e, pack, 2, t);
    pn_kernel_arg_i32(pack, 3, (int32_t)s.slots);
    size_t tiles = (size_t)(s.slots + 15) / 16;
    PENCL_TRY(pn_emit_launch(e, pack, 2, (size_t[3]){tiles, (size_t)s.groups}, (size_t[3]){1, 1}));
    return launch_wide(e, t, KEYS_PACKED);
}

const pn_candidate pn_attention_kernels[] = {
    {.name = "attention_wide", .family = PN_WIDE, .fits = fits_wide, .emit = emit_wide},
    {.name = "attention_packed",
     .family = PN_WIDE,
     .fits = fits_packed,
     .scratch = packed_bytes,
     .emit = emit_packed},
    {.name = "attention_simt_subgroup",
     .family = PN_SIMT,
     .needs = PN_CAP_SUBGROUPS,
     .fits = fits_simt,
     .emit = emit_subgroup},
    {.name = "attention_simt", .family = PN_SIMT, .fits = fits_simt, .emit = emit_simt},
    {.name = "attention_any", .family = PN_ANY, .fits = fits_any, .emit = emit_any},
    {0},
};
