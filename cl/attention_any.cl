// SPDX-License-Identifier: Apache-2.0
// attention_any: attention in its plainest form, for every width, stride and element type.
#include "lib/attention.clh"
#include "lib/exp.clh"

// One work-item: one query row. Keys are visited once; sums are rescaled when the maximum grows.
// Global size: (rows, groups), rows = tokens times query heads.
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void attention_any(ATTENTION_PARAMS)
{
    ATTENTION_BEGIN
    const int group = get_global_id(1);
    const int token = get_global_id(0) / N_HEADS;
    const int head = get_global_id(0) % N_HEADS;
    float acc[DIM];
    for (int d = 0; d < DIM; d++) {
        acc[d] = 0.0f;
    }
    float top = LOWEST;
    float total = 0.0f;
    for (int slot = 0; slot < kv_len; slot++) {
        if (!SEES(group, token, slot)) {
            continue;
        }
        float s = 0.0f;
        for (int d = 0; d < DIM; d++) {
            s += Q_GET(q, Q_AT(group, token, head, d)) * K_GET(k, K_AT(group, slot, d));
        }
        s = CAPPED(s);
        if (s > top) {
            const float by = exp_of_negative(top - s);
            top = s;
            total *= by;
            for (int d = 0; d < DIM; d++) {
                acc[d] *= by;
            }
        }
        const float p = exp_of_negative(s - top);
        total += p;
        for (int d = 0; d < DIM; d++) {
            acc[d] += p * V_GET(v, V_AT(group, slot, d));
        }
    }
    const float by = total > 0.0f ? 1.0f / total : 0.0f; // a row that sees no key gives zeros
    for (int d = 0; d < DIM; d++) {
        OUT_PUT(out, OUT_AT(group, token, head, d), acc[d] * by);
    }
}
