/* SPDX-License-Identifier: Apache-2.0 */
/* The slow model that named arrays are compared with: a map from coordinates by name to a number.
 * It knows nothing of strides, and no function of pencl computes for it.
 *
 * Positional axes are named here too: "@0" is the last, "@1" the one before it. */
#ifndef PENCL_TESTS_SUPPORT_NAMED_H
#define PENCL_TESTS_SUPPORT_NAMED_H

#include "array/array.h"

typedef struct named {
    struct named *next; /* all that are alive, for named_free_all */
    pencl_dtype dtype;
    int n_axes;
    pencl_axis axes[PENCL_MAX_AXES];
    double *data; /* C order of axes, which no one but named_get knows */
    bool exact;   /* every number is the same on every device, to the last bit */
} named;

/* Coordinates by name; those that something lacks do not matter to it. */
typedef struct coords {
    int n;
    const char *name[2 * PENCL_MAX_AXES];
    int64_t at[2 * PENCL_MAX_AXES];
} coords;
int64_t coords_of(const coords *c, const char *name); /* 0 when absent */
void coords_set(coords *c, const char *name, int64_t at);
void coords_remove(coords *c, const char *name);

/* Zeros. What is made lives until named_free_all. */
named *named_new(pencl_dtype dtype, const pencl_axis *axes, int n_axes);
void named_free_all(void);
double named_get(const named *x, const coords *c);
/* Stores the number as the type holds it. */
void named_set(named *x, const coords *c, double value);
/* Walks all coordinates of x: for (bool more = named_first(x, &c); more; more = named_next(x, &c)).
 */
bool named_first(const named *x, coords *c);
bool named_next(const named *x, coords *c);

int named_find(const named *x, const char *name); /* index, or -1 */
int64_t named_size(const named *x, const char *name);
int64_t named_count(const named *x);
double named_largest(const named *x);                          /* absolute value */
void named_add_axis(named *x, const char *name, int64_t size); /* before named_fit */
void named_fit(named *x);                                      /* makes room for its axes */
/* The union of axes; false when sizes differ, or there are more than PENCL_MAX_AXES. */
bool named_join_axes(named *out, const named *x, const char *except);

/* The number as the type holds it: rounded, or an int32 towards zero. */
double named_round(pencl_dtype dtype, double value);
double named_wrap(int64_t value); /* to int32, the low bits */
/* A device computes it exactly: int32, or float32 for the floating point types. */
bool named_fits(const named *x, double value);
/* The type of two. */
pencl_dtype named_join_types(pencl_dtype a, pencl_dtype b);

/* Where an array's axes lie in the model: its names, positional ones as above. */
void named_axes_of(const pencl_array *array, pencl_axis axes[PENCL_MAX_AXES]);
/* Writes what differs between an array and its model; true when nothing does. */
bool named_compare(const named *want, const pencl_array *got, pn_text *report);
void named_print(pn_text *out, const named *x); /* "f16 a=2 @0=3" */

#endif
