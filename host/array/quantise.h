/* SPDX-License-Identifier: Apache-2.0 */
/* What a quantiser asks of a block of values before it chooses a scale. */
#ifndef PENCL_ARRAY_QUANTISE_H
#define PENCL_ARRAY_QUANTISE_H

#include <math.h>

/* The one that is farthest from zero, the first of equals, with its sign. */
static inline float pn_extreme(const float *x, int n)
{
    float most = x[0];
    for (int i = 1; i < n; i++) {
        most = fabsf(x[i]) > fabsf(most) ? x[i] : most;
    }
    return most;
}

/* Returns the least and sets the largest. */
static inline float pn_range(const float *x, int n, float *most)
{
    float least = x[0];
    *most = x[0];
    for (int i = 1; i < n; i++) {
        least = x[i] < least ? x[i] : least;
        *most = x[i] > *most ? x[i] : *most;
    }
    return least;
}

#endif
