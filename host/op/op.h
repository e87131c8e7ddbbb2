/* SPDX-License-Identifier: Apache-2.0 */
/* What an operation is: shape rule, C reference, kernel candidates, test cases, tolerance. One file
 * an op, one line in ops.def; tests, selftest and bench walk the table. */
#ifndef PENCL_OP_OP_H
#define PENCL_OP_OP_H

#include "array/array.h"

#define PN_MAX_IN    8
#define PN_MAX_NUM   6
#define PN_MAX_NAMES PENCL_MAX_AXES

typedef struct pn_op_def pn_op_def;
typedef struct pn_task pn_task;
typedef struct pn_emit pn_emit;

/* One use of an op: specs in, numbers and axis names, spec out (filled in by infer). */
typedef struct pn_op_call {
    const pn_op_def *def;
    int n_in;
    pn_spec in[PN_MAX_IN];
    double num[PN_MAX_NUM];
    int n_names;
    char names[PN_MAX_NAMES][PENCL_AXIS_NAME_MAX];
    pn_spec out;
} pn_op_call;

/* What a reference reads and writes: host memory of the `ref` device, over strides; or, for the
 * weights of a matmul or a lookup, a plain matrix of any dtype read row by row. */
typedef struct pn_ref_operand {
    void *data;              /* element 0 of the storage */
    pn_view view;            /* dense: logical axes and strides */
    const pn_matrix *matrix; /* not NULL: a stored variable in plain layout */
    const pn_spec *stored;   /* its axes, in storage order */
    int n_row_axes;
} pn_ref_operand;

/* Elements of dense operands (f32, f16, bf16, i32) by the index along each axis of view.spec. An
 * int32 takes a double as OpenCL's convert_int_sat does: towards zero, saturated, NaN as 0. */
double pn_ref_get(const pn_ref_operand *o, const int64_t *index);
void pn_ref_set(const pn_ref_operand *o, const int64_t *index, double value);
/* Of int32 operands, without a detour through double; what does not fit wraps around. */
void pn_ref_set_int(const pn_ref_operand *o, const int64_t *index, int64_t value);
/* Row `row` of a stored matrix, as float. */
void pn_ref_row(const pn_ref_operand *o, int64_t row, float *out);
/* Walks all indices of a spec in C order: start with zeros; false after the last. */
bool pn_next_index(const pn_spec *spec, int64_t *index);
/* The index into `to` that has the same coordinates by name as `index` into `from` (absent: 0). */
void pn_same_index(const pn_spec *from, const int64_t *index, const pn_spec *to, int64_t *out);
/* The element with those coordinates; axes that the operand lacks do not matter. */
double pn_ref_get_by_name(const pn_ref_operand *o, const pn_spec *from, const int64_t *index);
/* The reference of an elementwise op: its `value`, or `int_value`, of the inputs found by name. */
void pn_ref_map(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out);

enum {                      /* pn_op_def.flags */
       PN_OP_POINTWISE = 1, /* has `expr`: fuses as prologue, epilogue or segment */
       PN_OP_SCALAR = 2,    /* its expr works on scalars only: never in a vector epilogue */
       PN_OP_HOST = 4,      /* computed on the host, in double, from the step's inputs */
       PN_OP_IN_PLACE = 8,  /* the output is input 0's storage, changed */
       PN_OP_PAIR = 16,     /* expr also reads a2: input 0 half an axis (names[0]) away */
       PN_OP_GATHER = 32,   /* reads input 0 at index input 1 + i along names[i] */
       PN_OP_CACHE = 64,    /* writes input 1 into input 0 from slot counts[0] on; no `expr` */
       PN_OP_NORM = 128,    /* a row statistic, then pointwise: a matmul may absorb it */
       PN_OP_ROWWISE = 256, /* each element of "seq" is computed from that element alone */
       PN_OP_INDEX = 512,   /* expr also reads `at`: the place along names[0] */
       PN_OP_REDUCE = 1024, /* its rows run along all of its names, not the first alone */
};

/* A way to run an op on a device. Candidates are tried in order, those of the device's family
 * first; `fits` sees the whole fused task. */
typedef enum pn_family { PN_ANY, PN_WIDE, PN_SIMT } pn_family;
typedef struct pn_candidate {
    const char *name;
    pn_family family;
    unsigned needs; /* PN_CAP_ bits */
    bool (*fits)(const pn_task *t, const pn_caps *caps);
    bool (*gains)(const pn_task *t, const pn_caps *caps);     /* else taken by name only; or NULL */
    size_t (*scratch)(const pn_task *t, const pn_caps *caps); /* bytes of device memory; or NULL */
    pencl_status (*emit)(pn_emit *e, const pn_task *t);
    bool forced_only; /* taken only when asked for by name */
} pn_candidate;

/* Inputs as text ("seq=7 embedding=33", "q4_1:neurons=32 embedding=64"); `rows` > 0 makes an input
 * a stored variable with so many row axes. Values are seeded noise unless `fill` says otherwise. */
typedef struct pn_op_case {
    const char *name;
    const char *in[PN_MAX_IN];
    int rows[PN_MAX_IN];
    double num[PN_MAX_NUM];
    const char *names;           /* "kv_seq" or "a b" */
    const char *fill[PN_MAX_IN]; /* NULL: noise; see op/case.h */
} pn_op_case;

typedef struct pn_tolerance {
    double absolute;
    double relative; /* of the largest magnitude in the reference */
} pn_tolerance;

struct pn_op_def {
    const char *name;
    const char *doc;
    const char *in[PN_MAX_IN]; /* names of the inputs; "sequence?" may be left out */
    const char *num[PN_MAX_NUM];
    unsigned flags;
    /* OpenCL C over F: a, b, c, d, e (inputs; int for integer inputs, 0 for absent ones), n0, n1
     * (numbers; int where the result is); PN_OP_PAIR adds a2, b2, `first` and `inside`. */
    const char *expr;
    const char *int_expr; /* where the result is int32 and `expr` will not do; or NULL */
    /* The same for pn_ref_map; without `int_value`, what `value` gives is converted. */
    double (*value)(const double *x, const double *num);
    int64_t (*int_value)(const int64_t *x, const double *num);
    pencl_status (*infer)(pencl_ctx *ctx, pn_op_call *c);
    void (*ref)(const pn_op_call *c, const pn_ref_operand *in, const pn_ref_operand *out);
    const pn_candidate *kernels; /* ends with a row without a name; NULL for pointwise ops */
    double (*flops)(const pn_op_call *c);
    const pn_op_case *cases; /* ends with a row without a name */
    pn_tolerance tol;
};

/* The table, in order of ops.def; the last is NULL. */
extern const pn_op_def *const pn_ops[];
const pn_op_def *pn_op_by_name(const char *name);
#define OP(name) extern const pn_op_def pn_op_##name;
#include "op/ops.def"
#undef OP

/* ---- for shape rules ---- */
pencl_status pn_need_axis(pencl_ctx *ctx, const pn_op_call *c, int in, const char *axis);
pencl_status pn_need_float(pencl_ctx *ctx, const pn_op_call *c, int in);
pencl_status pn_need_int(pencl_ctx *ctx, const pn_op_call *c, int in);
pencl_status pn_need_no_axis(pencl_ctx *ctx, const pn_op_call *c, int in, const char *axis);
pencl_status pn_need_size(pencl_ctx *ctx, const pn_op_call *c, int in, const char *axis, int64_t n);
/* Every axis of the input is one of `all`, with the same size. */
pencl_status pn_need_within(pencl_ctx *ctx, const pn_op_call *c, int in, const pn_spec *all);
/* The product fits; names that `infer` adds are distinct from those that are there. */
pencl_status pn_need_valid_out(pencl_ctx *ctx, const pn_op_call *c);
/* The inputs from `first` on have a common element type, as JAX promotes: the same, or float32 of
 * two floating point types. Integers beside floating point numbers are E_DTYPE: verbs cast them. */
pencl_status pn_need_common(pencl_ctx *ctx, const pn_op_call *c, int first, pencl_dtype *out);
/* The type in which JAX computes with both; blocks count as float32. */
pencl_dtype pn_promote(pencl_dtype a, pencl_dtype b);
/* The union of the inputs' axes, in their common type; for elementwise ops. */
pencl_status pn_infer_union(pencl_ctx *ctx, pn_op_call *c);
/* What input 0 is: floating point numbers; or integers as well. */
pencl_status pn_infer_like_first(pencl_ctx *ctx, pn_op_call *c);
pencl_status pn_infer_like_number(pencl_ctx *ctx, pn_op_call *c);
/* The arguments of a call for messages; `specs` has room for them. */
pn_specs pn_call_specs(const pn_op_call *c, const pn_spec *specs[PN_MAX_IN]);

#endif
