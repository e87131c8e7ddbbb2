/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of variables: a label, a kind and metadata around a cell. */
#ifndef PENCL_NN_VARIABLE_H
#define PENCL_NN_VARIABLE_H

#include "nn/nn.h"

#include <stdatomic.h>

typedef struct pn_pair {
    char *key;
    char *text;
} pn_pair;

struct pencl_variable {
    atomic_long refs;
    pencl_ctx *ctx;
    pencl_variable_kind kind;
    pencl_variable_form form;
    char *label;
    pn_cell *cell; /* NULL: a slot */
    bool expects;  /* a slot that takes only values with these axes */
    pn_spec expected;
    int n_pairs;
    pn_pair *pairs;
};

/* A variable without content. */
pencl_status pn_variable_new_form(pencl_variable **out,
                                  pencl_ctx *ctx,
                                  pencl_variable_kind kind,
                                  pencl_variable_form form,
                                  const char *label);
/* The array's content in C order of its axes. Free it with pn_free. */
pencl_status pn_array_to_host(void **out, const pencl_array *array);
/* A store with the array's content, in the layout that kernels of the device like. */
pencl_status pn_store_of_array(pn_store **out, const pencl_array *value, int n_row_axes);
/* E_DTYPE unless the array is of a dense type. */
pencl_status pn_need_dense(const char *label, const pencl_array *value);
/* Same kind and label. */
bool pn_variable_same_slot(const pencl_variable *a, const pencl_variable *b);
/* E_SHAPE or E_DTYPE, naming the label, when the slot expects something else. */
pencl_status pn_variable_check_fits(const pencl_variable *slot, const pencl_variable *variable);
/* Another form of the variable, sharing its content. */
pencl_status
pn_variable_as(pencl_variable **out, const pencl_variable *variable, pencl_variable_form form);

#endif
