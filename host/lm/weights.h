/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of a model file as variables: labels and axes here are penzai's; where a parameter
 * lies in the file, and in which order, is the form's business (llama.c, penzai.c). */
#ifndef PENCL_LM_WEIGHTS_H
#define PENCL_LM_WEIGHTS_H

#include "lm/lm.h"

#include <jansson.h>

/* Where the elements of a matrix lie in a tensor: an odometer over its row axes, then its column
 * axes. At each place `run` bytes lie together. */
enum { PN_GRID_AXES = PENCL_MAX_AXES + 1 };
typedef struct pn_grid {
    const pn_tensor *tensor;
    int n_row_axes;
    int n_axes;
    int64_t sizes[PN_GRID_AXES];
    size_t steps[PN_GRID_AXES]; /* bytes */
    size_t run;
} pn_grid;

typedef struct pn_weights pn_weights;
struct pn_weights {
    pencl_ctx *ctx;
    pencl_device *device;
    pn_model_file *file; /* NULL: weights that are made up */
    const pencl_model_options *options;
    pn_spec sizes;  /* of every axis that a parameter may have */
    char scope[64]; /* before the names that are asked for: "transformer/block_3/" */
    bool in_stack;  /* parameters have all blocks */
    /* Finds the parameter and says where its elements lie; the spec has the wanted axes, rows
     * first. */
    pencl_status (*place)(
        pn_grid *out, pn_weights *w, const char *label, const pn_spec *spec, int n_row_axes);
    json_t *axes; /* of the penzai form: label to names */
    bool *used;   /* of each tensor */
    size_t bytes_done;
    size_t bytes_total;
    uint64_t device_bytes;
    uint64_t n_params;
    uint64_t dtype_bytes[PENCL_DTYPE_COUNT];
};

/* Takes the sizes of the axes from a model's metadata. */
void pn_weights_set_sizes(pn_weights *w, const pencl_transformer_metadata *metadata);
/* Labels begin with "transformer/block_N/" from now on, with "transformer/" when block is -1. */
void pn_weights_enter(pn_weights *w, int64_t block);
/* Labels begin with "transformer/blocks/", and parameters have n blocks along PN_AXIS_BLOCKS, their
 * first axis of rows. */
#define PN_AXIS_BLOCKS "blocks"
void pn_weights_enter_stack(pn_weights *w, int64_t n);
/* Uploads the parameter scope + name. Rows and columns are words: "heads projection", "embedding";
 * without rows it is a vector. NULL with the error on the context. */
pencl_variable *
pn_weights_load(pn_weights *w, const char *name, const char *rows, const char *columns);
/* Uploads a parameter from where the grid says; it has the tensor's type. */
pencl_status pn_weights_upload(pencl_variable **out,
                               pn_weights *w,
                               const char *label,
                               const pn_spec *axes,
                               int n_row_axes,
                               pn_grid *grid);
/* The tensor of that name, which is used from now on; E_FORMAT when it is missing. */
pencl_status pn_weights_find(const pn_tensor **out, pn_weights *w, const char *tensor);
/* E_UNSUPPORTED when a tensor of the file was not used. */
pencl_status pn_weights_check_all_used(const pn_weights *w);
/* E_FORMAT: "FILE: tensor "T": SPEC is needed, GOT". */
pencl_status
pn_weights_refuse(const pn_weights *w, const pn_tensor *t, const pn_spec *want, const char *got);

/* A tensor that has rows and columns merged: [rows, columns], or [columns] for a vector. head > 0:
 * in each head of so many rows, rotary pairs (i, i + head / 2) lie side by side. */
pencl_status pn_grid_merged(pn_grid *out,
                            const pn_weights *w,
                            const pn_tensor *t,
                            const pn_spec *spec,
                            int n_row_axes,
                            int64_t head);

#endif
