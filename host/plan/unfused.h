/* SPDX-License-Identifier: Apache-2.0 */
/* A fused task as its ops one after another, by their references. */
#ifndef PENCL_PLAN_UNFUSED_H
#define PENCL_PLAN_UNFUSED_H

#include "plan/internal.h"

/* A task and the memory of what is computed of it. */
typedef struct pn_unfused {
    pn_plan *plan;
    const pn_task *task; /* its operands resolved */
    int64_t tokens;      /* that are computed, of "seq" */
    pn_arena *arena;
} pn_unfused;

/* Float32 in C order. */
typedef struct pn_unfused_value {
    void *plain;
    int64_t n;    /* elements */
    double bound; /* how far from it one that is right may be */
} pn_unfused_value;

/* What the device has there, of those tokens. */
pencl_status pn_unfused_load(pn_ref_operand *out, const pn_unfused *u, const pn_operand *o);
/* The task's outputs, of what the device has as its inputs. */
pencl_status pn_unfused_run(pn_unfused_value out[PN_MAX_PARTS], const pn_unfused *u);

#endif
