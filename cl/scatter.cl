// SPDX-License-Identifier: Apache-2.0
// scatter: updates written into x, or added to it (ADDS), at index arrays. One work-item a target
// does its updates one after another. The host gives the addresses, the index arrays as parameters
// (IDS_PARAMS), and FIND_PLACE, which reads them for a target and a turn.
#include "lib/bf16.clh"

#ifndef X_T
#define X_T                      float
#define X_AT(target)             ((long)place0 * 64 + (target))
#define X_GET(p, at)             ((p)[at])
#define X_PUT(p, at, value)      (p)[at] = (value)
#define UPDATES_T                float
#define UPDATES_AT(target, turn) ((long)(turn))
#define UPDATES_GET(p, at)       ((p)[at])
#define IDS_PARAMS               , __global const int *ids0, const long ids0_at
#define FIND_PLACE const int place0 = place_of(ids0[ids0_at + turn], 64); inside &= place0 >= 0;
#define ADDS                     1
#define INTEGERS                 0
#endif

#if !ADDS
#define COMBINED(old, update) (update)
#elif INTEGERS
#define COMBINED(old, update) as_int(as_uint(old) + as_uint(update))
#else
#define COMBINED(old, update) ((old) + (update))
#endif

// A negative id counts from the end; -1: beyond the axis.
static inline int place_of(int id, int size)
{
    const int place = id < 0 ? id + size : id;
    return place < size ? place : -1;
}

__kernel __attribute__((reqd_work_group_size(64, 1, 1)))
void scatter(__global X_T *x,
             const long x_at,
             __global const UPDATES_T *updates,
             const long updates_at,
             const int targets,
             const int first,
             const int turns IDS_PARAMS)
{
    const int target = get_global_id(0);
    if (target >= targets) {
        return;
    }
    for (int turn = first; turn < first + turns; turn++) {
        int inside = 1;
        FIND_PLACE
        if (inside) {
            const long at = x_at + X_AT(target);
            X_PUT(x, at, COMBINED(X_GET(x, at), UPDATES_GET(updates, updates_at + UPDATES_AT(target, turn))));
        }
    }
}
