// SPDX-License-Identifier: Apache-2.0
// attention_wide: attention for devices whose work-items are vector units.
//
// Keys are in layout rows16: 16 slots of one d lie side by side. Caches are stored so; other keys are
// packed first (attention_pack). DIM is a multiple of 16, all elements are float32, and steps along
// DIM (q, v, out) and slots (positions, sequence ids) are 1. TQ: query rows a work-item.
#include "lib/stage.clh"
#include "lib/attention.clh"
#include "lib/exp.clh"
#include "lib/lanes.clh"

#ifndef TQ
#define TQ 2
#endif

enum { TILES = 4, BLOCK = 16 * TILES }; // slots that are scored before the maximum is looked at

// 16 integers; those beyond the n that are there are `rest`.
static inline int16 load_slots(__global const int *p, int n, int rest)
{
    if (n >= 16) {
        return vload16(0, p);
    }
    int x[16];
    for (int i = 0; i < 16; i++) {
        x[i] = i < n ? p[i] : rest;
    }
    return vload16(0, x);
}

// dot[j] = sum over d of q[d][j] * k[d][16 slots].
static inline void dot_products(const float *q, __global const float *k, float16 *dot)
{
    float16 acc[TQ];
#pragma unroll
    for (int j = 0; j < TQ; j++) {
        acc[j] = 0.0f;
    }
    for (int d = 0; d < DIM; d++) {
        const float16 key = vload16(d, k);
#pragma unroll
        for (int j = 0; j < TQ; j++) {
            acc[j] += q[d * TQ + j] * key;
        }
    }
#pragma unroll
    for (int j = 0; j < TQ; j++) {
        dot[j] = acc[j];
    }
}

// acc[j][DIM] += sum over n slots of p[j][slot] * v[slot][DIM], 16 columns at a time.
static inline void
add_values(const float *p, __global const float *v, int group, int slot, int n, float16 *acc)
{
    for (int c = 0; c < DIM / 16; c++) {
        float16 a[TQ];
#pragma unroll
        for (int j = 0; j < TQ; j++) {
            a[j] = acc[j * (DIM / 16) + c];
        }
        for (int i = 0; i < n; i++) {
            const float16 value = vload16(0, v + V_AT(group, slot + i, c * 16));
#pragma unroll
            for (int j = 0; j < TQ; j++) {
                a[j] += p[j * BLOCK + i] * value;
            }
        }
#pragma unroll
        for (int j = 0; j < TQ; j++) {
            acc[j * (DIM / 16) + c] = a[j];
        }
    }
}

// The queries of a work-item: rows first .. first + TQ - 1 of the group; the last row is repeated
// where there are fewer.
typedef struct query_rows {
    float entry[DIM * TQ]; // [DIM][TQ]
    int token[TQ];
    int head[TQ];
    int position[TQ];
    int sequence[TQ];
} query_rows;

// What the rows saw so far: top score, sum of exp(score - top), and values weighed by them.
typedef struct seen_rows {
    float top[TQ];
    float total[TQ];
    float16 acc[TQ * (DIM / 16)];
} seen_rows;

// Scores of 16 slots from `slot` on, LOWEST where a row does not see: s[j * TILES]. False when no
// row sees any.
static inline int score_tile(const query_rows *rows,
                             __global const float *k,
                             int16 position,
                             int16 sequence,
                             float16 *s)
{
    int16 seen[TQ];
    int16 any_seen = 0;
#pragma unroll
    for (int j = 0; j < TQ; j++) {
        seen[j] = IN_SIGHT(rows->position[j], position);
#if HAS_SEQUENCE
        seen[j] = seen[j] && sequence == rows->sequence[j];
#endif
        any_seen |= seen[j];
    }
    if (!any(any_seen)) {
        for (int j = 0; j < TQ; j++) {
            s[j * TILES] = LOWEST;
        }
        return 0;
    }
    float16 dot[TQ];
    dot_products(rows->entry, k, dot);
#pragma unroll
    for (int j = 0; j < TQ; j++) {
        s[j * TILES] = select((float16)LOWEST, CAPPED(dot[j]), seen[j]);
    }
    return 1;
}

// Turns the scores of a block into probabilities relative to the rows' new tops.
static inline void weigh_block(float16 *prob, seen_rows *seen)
{
    for (int j = 0; j < TQ; j++) {
        float16 *p = prob + j * TILES;
        float16 high = p[0];
        for (int tile = 1; tile < TILES; tile++) {
            high = fmax(high, p[tile]);
        }
        const float top = fmax(seen->top[j], max_of_lanes(high));
        if (top > seen->top[j]) {
            const float by = exp_of_negative(seen->top[j] - top);
            seen->top[j] = top;
            seen->total[j] *= by;
            for (int c = 0; c < DIM / 16; c++) {
                seen->acc[j * (DIM / 16) + c] *= by;
            }
        }
        float16 all = 0.0f;
        for (int tile = 0; tile < TILES; tile++) {
            p[tile] = exp_of_negative(p[tile] - top);
            all += p[tile];
        }
        seen->total[j] += sum_of_lanes(all);
    }
}

// One work-item: TQ query rows (tokens times query heads, flattened) of one group, so that rows
// share each load of keys and values. Global size: (rows / TQ rounded up, groups).
STAGE_KERNEL(1)
attention_wide(STAGE_PLACE ATTENTION_PARAMS)
{
    ATTENTION_BEGIN
    const int group = PLACE(1);
    const int first = PLACE(0) * TQ;
    query_rows query;
    seen_rows seen;
    for (int j = 0; j < TQ; j++) {
        const int row = min(first + j, rows - 1);
        const int token = query.token[j] = row / N_HEADS;
        query.head[j] = row % N_HEADS;
        query.position[j] = positions[POSITION_AT(group, token)];
        query.sequence[j] = HAS_SEQUENCE ? token_sequence[SEQUENCE_AT(group, token)] : 0;
        for (int d = 0; d < DIM; d++) {
            query.entry[d * TQ + j] = q[Q_AT(group, token, query.head[j], d)];
        }
        seen.top[j] = LOWEST / 4; // above LOWEST, so that what is not seen weighs 0
        seen.total[j] = 0.0f;
        for (int c = 0; c < DIM / 16; c++) {
            seen.acc[j * (DIM / 16) + c] = 0.0f;
        }
    }
    for (int block = 0; block < kv_len; block += BLOCK) {
        float16 prob[TQ * TILES]; // [TQ][BLOCK]: scores, then probabilities
        int n = 0;                // slots up to the last tile that some row sees
        for (int tile = 0; tile < TILES; tile++) {
            const int slot = block + tile * 16;
            const int16 position =
                load_slots(kv_positions + KV_POSITION_AT(group, slot), kv_len - slot, -1);
            int16 sequence = 0;
#if HAS_SEQUENCE
            sequence = load_slots(kv_sequence + KV_SEQUENCE_AT(group, slot), kv_len - slot, 0);
#endif
            if (score_tile(&query, k + K_AT(group, slot, 0), position, sequence, prob + tile)) {
                n = min(slot + 16, kv_len) - block;
            }
        }
        if (n > 0) {
            weigh_block(prob, &seen);
            add_values((const float *)prob, v, group, block, n, seen.acc);
        }
    }
    for (int j = 0; j < TQ && first + j < rows; j++) {
        const float by = seen.total[j] > 0.0f ? 1.0f / seen.total[j] : 0.0f;
        for (int c = 0; c < DIM / 16; c++) {
            vstore16(seen.acc[j * (DIM / 16) + c] * by,
                     0,
                     out + OUT_AT(group, query.token[j], query.head[j], c * 16));
        }
    }
}

// Keys of any strides into layout rows16, for attention_wide: [group][tile][DIM][16 slots]. One
// work-item: 16 slots. Global size: (tiles, groups).
STAGE_KERNEL(1)
attention_pack(STAGE_PLACE __global const float *restrict k,
               const long k_at,
               __global float *restrict packed,
               const int kv_seq)
{
    const int tile = PLACE(0);
    const int group = PLACE(1);
    __global float *to = packed + ((long)group * ((kv_seq + 15) / 16) + tile) * (DIM * 16);
    for (int d = 0; d < DIM; d++) {
        for (int lane = 0; lane < 16; lane++) {
            const int slot = min(tile * 16 + lane, kv_seq - 1); // what is beyond is never seen
            to[d * 16 + lane] = k[k_at + STRIDED_K_AT(group, slot, d)];
        }
    }
}
