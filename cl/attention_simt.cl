// SPDX-License-Identifier: Apache-2.0
// attention_simt, attention_simt_subgroup: attention for GPUs, a group of 64 work-items for each
// query row.
#include "lib/attention.clh"
#include "lib/exp.clh"
#include "lib/group.clh"

enum { PER_LANE = (DIM + LANES - 1) / LANES }; // entries of the result that a lane sums up

// Lanes are slots while scores are taken (rows16 keys: neighbours read neighbours), then entries of
// the head while values are summed. Global size: (rows * LANES, groups).
GROUP_KERNEL(attention_simt, attention_simt, attention_simt_subgroup)(ATTENTION_PARAMS)
{
    ATTENTION_BEGIN
    __local float query[DIM];
    __local float prob[LANES];
    __local float shared[LANES];
    const int lane = get_local_id(0);
    const int group = get_global_id(1);
    const int token = GROUP_INDEX / N_HEADS;
    const int head = GROUP_INDEX % N_HEADS;
    for (int d = lane; d < DIM; d += LANES) {
        query[d] = Q_GET(q, Q_AT(group, token, head, d));
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    float acc[PER_LANE];
    for (int i = 0; i < PER_LANE; i++) {
        acc[i] = 0.0f;
    }
    float top = LOWEST / 4; // above LOWEST, so that what is not seen weighs 0
    float total = 0.0f;
    for (int block = 0; block < kv_len; block += LANES) {
        const int slot = block + lane;
        float s = LOWEST;
        if (slot < kv_len && SEES(group, token, slot)) {
            s = 0.0f;
            for (int d = 0; d < DIM; d++) {
                s += query[d] * K_GET(k, K_AT(group, slot, d));
            }
            s = CAPPED(s);
        }
        const float now = fmax(top, lanes_max(s, shared));
        if (now == LOWEST / 4) {
            continue; // nothing seen yet, by any lane
        }
        const float by = exp_of_negative(top - now);
        const float p = exp_of_negative(s - now);
        prob[lane] = p;
        total = total * by + lanes_sum(p, shared);
        top = now;
        barrier(CLK_LOCAL_MEM_FENCE); // prob is written
        const int n = min((int)LANES, kv_len - block);
        for (int i = 0; i < PER_LANE; i++) {
            const int d = i * LANES + lane;
            float sum = acc[i] * by;
            for (int j = 0; d < DIM && j < n; j++) {
                sum += prob[j] * V_GET(v, V_AT(group, block + j, d));
            }
            acc[i] = sum;
        }
        barrier(CLK_LOCAL_MEM_FENCE); // prob is read until here
    }
    const float by = total > 0.0f ? 1.0f / total : 0.0f; // a row that sees no key gives zeros
    for (int i = 0; i < PER_LANE && i * LANES + lane < DIM; i++) {
        OUT_PUT(out, OUT_AT(group, token, head, i * LANES + lane), acc[i] * by);
    }
}
