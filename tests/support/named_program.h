/* SPDX-License-Identifier: Apache-2.0 */
/* Random programs of verbs on named arrays, each verb done twice: by pencl, and by a loop over
 * names on the model (named.h). */
#ifndef PENCL_TESTS_SUPPORT_NAMED_PROGRAM_H
#define PENCL_TESTS_SUPPORT_NAMED_PROGRAM_H

#include "support/named.h"
#include "support/noise.h"

#include "pencl/value.h"

/* A named array under test: an array, or once it is in the graph a value, and its model. */
typedef struct thing {
    pencl_array *array;
    pencl_value *value;
    named *model;
} thing;

enum { MOST_THINGS = 64 };

typedef struct program {
    noise noise;
    pencl_ctx *ctx;
    pencl_device *device;
    pencl_graph *graph;
    thing things[MOST_THINGS];
    int n_things;
    pn_text text;         /* what was done, a line a verb */
    pencl_array **arrays; /* all that were made */
    int n_arrays;
} program;

void program_begin(program *p, pencl_device *device, uint64_t seed);
void program_end(program *p);

int program_number(const program *p, const thing *t); /* of a thing, as the text calls it */
int program_below(program *p, int n);
bool program_chance(program *p, int percent);
void program_say(program *p, const char *fmt, ...) PN_PRINTF(2, 3);
/* Fails the test, with the program. */
void program_fail(program *p, const char *why);

/* A new thing of random shape, type, order and strides; ids: int32 from -8 to 8. */
thing *program_array(program *p);
thing *program_ids(program *p);
/* Puts an array into the graph. */
void program_to_value(program *p, thing *t);
/* A random thing that is a value; NULL when there is none. */
thing *program_pick(program *p);
/* A new thing: what a verb gave. Fails the test when that is NULL. */
bool program_result(program *p, pencl_value *value, named *model);
/* Kept: numbers that stay small enough to be exact, and shapes that stay small. */
bool program_is_tame(const named *model);

/* One random verb. False: it did not fit, and nothing was done. */
bool program_view_verb(program *p, thing *t); /* named_views.c; changes t */
bool program_compute_verb(program *p);        /* named_verbs.c; adds a thing */
bool program_reduce_verb(program *p);         /* named_reduce.c; adds a thing */
bool program_index_verb(program *p);          /* named_index.c; adds a thing */

#endif
