// SPDX-License-Identifier: Apache-2.0
// best_row, best_lanes, best_subgroup, best_wide: indices of the K best entries of rows, best first.
// An entry comes after another when it is smaller, or equal with a higher index; NaN never wins.
// SMALLEST turns the order round.
//
// Each of the K rounds reads the row again: simple, and fast enough for the K that samplers take.
#include "lib/group.clh"
#include "lib/rows.clh"

#ifndef K
#define K        1
#define SMALLEST 0
#define INTEGERS 0
#endif

#if INTEGERS
#define VALUE    int
#define LEAST    INT_MIN
#define ORDER(x) (SMALLEST ? ~(x) : (x))
#else
#define VALUE    float
#define LEAST    (-INFINITY)
#define ORDER(x) (SMALLEST ? -(x) : (x))
#endif

enum { NONE = 0x7fffffff };

typedef struct entry {
    VALUE value;
    int at; // NONE: no entry
} entry;

static inline entry no_entry(void)
{
    entry e;
    e.value = LEAST;
    e.at = NONE;
    return e;
}

// True for entries that come after the last one found; all do when there is none yet.
static inline int comes_after(VALUE value, int at, entry last)
{
    return last.at == NONE || value < last.value || (value == last.value && at > last.at);
}

static inline int is_better(VALUE value, int at, entry than)
{
    return value > than.value || (value == than.value && at < than.at);
}

// What is told of an entry: -1 when there is none.
#define INDEX(e) ((e).at == NONE ? -1 : (e).at)

#define OFFER(best, v, index, last)                                                                \
    {                                                                                              \
        const VALUE value = ORDER(v);                                                              \
        if (comes_after(value, index, last) && is_better(value, index, best)) {                    \
            best.value = value;                                                                    \
            best.at = index;                                                                       \
        }                                                                                          \
    }

static inline entry better_of(entry a, entry b)
{
    return is_better(b.value, b.at, a) ? b : a;
}

#ifdef GROUP_SUBGROUPS
static inline entry best_of_subgroup(entry e)
{
    entry best;
    best.value = sub_group_reduce_max(e.value);
    best.at = sub_group_reduce_min(e.value == best.value ? e.at : NONE);
    return best;
}
#endif
GROUP_REDUCTION(lanes_best, entry, better_of, best_of_subgroup)

// One group of LANES work-items a row, any strides.
GROUP_KERNEL(best_row, best_lanes, best_subgroup)(ROW_PARAMS)
{
    __local entry shared[LANES];
    const int row = GROUP_INDEX;
    const int lane = get_local_id(0);
    entry last = no_entry();
    for (int k = 0; k < K; k++) {
        entry best = no_entry();
        for (int i = lane; i < cols; i += LANES) {
            OFFER(best, X(row, i), i, last)
        }
        last = lanes_best(best, shared);
        if (lane == 0) {
            OUT_PUT(out, out_at + OUT_AT(row, k), INDEX(last));
        }
    }
}

#if !INTEGERS
// One work-item a row, 16 columns at a time: float32 with unit steps.
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void best_wide(ROW_PARAMS)
{
    const int row = get_global_id(0);
    __global const float *from = (__global const float *)x + x_at + X_AT(row, 0);
    const int16 ascending = (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    entry last = no_entry();
    for (int k = 0; k < K; k++) {
        float16 values = -INFINITY; // the best of each lane: a lane's indices ascend
        int16 places = NONE;
        int i = 0;
        for (; i + 16 <= cols; i += 16) {
            const float16 value = ORDER(vload16(0, from + i));
            const int16 at = ascending + i;
            int16 better = value > values || (value == values && places == NONE);
            if (last.at != NONE) {
                better = better && (value < last.value || (value == last.value && at > last.at));
            }
            values = select(values, value, better);
            places = select(places, at, better);
        }
        float value[16];
        int place[16];
        vstore16(values, 0, value);
        vstore16(places, 0, place);
        entry best = no_entry();
        for (int lane = 0; lane < 16; lane++) {
            if (is_better(value[lane], place[lane], best)) {
                best.value = value[lane];
                best.at = place[lane];
            }
        }
        for (; i < cols; i++) {
            OFFER(best, from[i], i, last)
        }
        OUT_PUT(out, out_at + OUT_AT(row, k), INDEX(best));
        last = best;
    }
}
#endif
