/* SPDX-License-Identifier: Apache-2.0 */
/* Structures that values must have: a small form of penzai's shapecheck.
 *
 *     {**B, embedding:8, heads:h} floating
 *
 * is one value: an axis has a size, a variable that stands for one, or * for any; **B stands for
 * all other axes, and without it there are none; then "floating", "integer" or nothing. A tuple is
 * ({...}, {...}). A variable means the same in all values that one check sees. */
#ifndef PENCL_NN_STRUCTURE_H
#define PENCL_NN_STRUCTURE_H

#include "nn/nn.h"

enum { PN_MAX_PATTERNS = 8 }; /* values of a tuple */

typedef enum pn_class { PN_CLASS_ANY, PN_CLASS_FLOATING, PN_CLASS_INTEGER } pn_class;

typedef struct pn_pattern_axis {
    char name[PENCL_AXIS_NAME_MAX];
    char variable[PENCL_AXIS_NAME_MAX]; /* "": the size is given */
    int64_t size;                       /* -1: any */
} pn_pattern_axis;

typedef struct pn_pattern {
    char rest[PENCL_AXIS_NAME_MAX]; /* what stands for the other axes; "": there are none */
    int n;
    pn_pattern_axis axes[PENCL_MAX_AXES];
    pn_class dtype_class;
} pn_pattern;

/* One pattern, or those of a tuple. False when the text cannot be read. */
typedef struct pn_structure {
    bool is_tuple;
    int n;
    pn_pattern patterns[PN_MAX_PATTERNS];
} pn_structure;
bool pn_structure_parse(pn_structure *out, const char *text);
/* Adds an axis to a pattern: of a size, or, with a variable, of the size that it stands for. */
void pn_pattern_add(pn_pattern *p, const char *axis, const char *variable, int64_t size);

/* A check of several values: start with {0}, end with pn_check_end. */
typedef struct pn_check {
    pn_text wrong; /* everything that does not fit */
    pencl_status status;
    int n_sizes;
    struct {
        char variable[PENCL_AXIS_NAME_MAX];
        int64_t size;
    } sizes[PN_MAX_PATTERNS * PENCL_MAX_AXES];
    int n_rests;
    struct {
        char variable[PENCL_AXIS_NAME_MAX];
        pn_spec axes;
    } rests[PN_MAX_PATTERNS];
} pn_check;
/* `where` is "root" or "root[1]". */
void pn_check_value(pn_check *c, const char *where, const pencl_value *x, const pn_pattern *p);
void pn_check_structure(pn_check *c, const pencl_value *x, const pn_structure *s);
/* True when everything fitted; else records what did not on the graph, after `prefix`. */
bool pn_check_end(pn_check *c, pencl_graph *graph, const char *prefix);

/* A layer's field, read; else false with the error on x's graph. */
bool pn_structure_of(pn_structure *out, const pencl_layer *self, const char *field, pencl_value *x);

#endif
