/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs: values described by their verbs (value.h), and computed all at once.
 *
 *     pencl_graph *graph = NULL;
 *     pencl_array *y = NULL;
 *     pencl_status st = pencl_graph_new(&graph, device);
 *     pencl_value *x = pencl_graph_array(graph, tokens);
 *     pencl_value *even = pencl_value_scale(x, 2);
 *     if (!st) st = pencl_eval(graph, &even, 1, &y);
 *     if (st) fprintf(stderr, "%s\n", pencl_error_text(ctx));
 *     pencl_array_free(y);
 *     pencl_graph_free(graph);
 */
#ifndef PENCL_GRAPH_H
#define PENCL_GRAPH_H

#include "pencl/array.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pencl_graph pencl_graph;
typedef struct pencl_value pencl_value;

/* A graph for values on one device. Free it after its last value is used. */
PENCL_API PENCL_NODISCARD pencl_status pencl_graph_new(pencl_graph **out, pencl_device *device);
PENCL_API void pencl_graph_free(pencl_graph *graph);
/* Moves the graph's first error to the context: PENCL_OK when there is none. */
PENCL_API PENCL_NODISCARD pencl_status pencl_graph_finish(pencl_graph *graph);

/* An array, or a view of one, as a value; the array must stay alive while the graph lives. */
PENCL_API pencl_value *pencl_graph_array(pencl_graph *graph, const pencl_array *array);
/* Computes values; arrays[i] is yours, a copy in C order of the value's axes. The plan is kept with
 * the graph. */
PENCL_API PENCL_NODISCARD pencl_status pencl_eval(pencl_graph *graph,
                                                  pencl_value *const values[],
                                                  int n,
                                                  pencl_array **arrays);

#ifdef __cplusplus
}
#endif

#endif
