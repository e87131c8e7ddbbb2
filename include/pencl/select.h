/* SPDX-License-Identifier: Apache-2.0 */
/* Selections: parts of a layer tree, and changed copies of it.
 *
 *     pencl_selection *s = pencl_select(ctx, root);
 *     s = pencl_selection_at_instances_of(s, "TransformerFeedForward");
 *     s = pencl_selection_nth(s, 3);
 *     pencl_layer *changed = NULL;
 *     pencl_status st = pencl_selection_set(&changed, s, zero);
 *     pencl_selection_free(s);
 *
 * Narrowing verbs take over their argument and return it; the first error stays on the selection
 * (NULL in gives NULL out) until a reading or changing verb returns it. The tree is never changed.
 */
#ifndef PENCL_SELECT_H
#define PENCL_SELECT_H

#include "pencl/layer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pencl_selection pencl_selection;

/* The whole tree, selected. NULL when out of memory. */
PENCL_API pencl_selection *pencl_select(pencl_ctx *ctx, pencl_layer *root);
PENCL_API void pencl_selection_free(pencl_selection *selection);

/* Outermost nodes of the type inside each selected node; the node itself counts. */
PENCL_API pencl_selection *pencl_selection_at_instances_of(pencl_selection *s, const char *type);
/* The i-th selected node, from 0; negative from the end. Out of range is an error. */
PENCL_API pencl_selection *pencl_selection_nth(pencl_selection *s, int i);
/* The child of each selected node in a field; index for lists (negative from the end), else 0. */
PENCL_API pencl_selection *pencl_selection_at(pencl_selection *s, const char *field, int index);

PENCL_API int pencl_selection_count(const pencl_selection *s);
/* The only selected node, borrowed from the tree; E_ARITY with the number when not exactly one. */
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_get(pencl_layer **out,
                                                           const pencl_selection *s);
/* Path of the i-th selected node: ".body.sublayers[2]". Borrowed. */
PENCL_API const char *pencl_selection_path(const pencl_selection *s, int i);

/* The tree with each selected node replaced. */
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_set(pencl_layer **out,
                                                           const pencl_selection *s,
                                                           pencl_layer *replacement);
/* The tree with `layer` after each selected node, whose parent must hold it in a list. */
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_insert_after(pencl_layer **out,
                                                                    const pencl_selection *s,
                                                                    pencl_layer *layer);
/* The tree with a Capture around the only selected node: each call leaves that node's output under
 * `name` for pencl_session_captured. */
PENCL_API PENCL_NODISCARD pencl_status pencl_selection_capture(pencl_layer **out,
                                                               const pencl_selection *s,
                                                               const char *name);

#ifdef __cplusplus
}
#endif

#endif
