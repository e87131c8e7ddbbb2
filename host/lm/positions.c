/* SPDX-License-Identifier: Apache-2.0 */
/* Position arrays: what the masks and the rotary embedding see of a sequence. */
#include "lm/lm.h"

void pn_positions_fill(int32_t *out, int64_t start, int64_t n, int64_t room)
{
    for (int64_t i = 0; i < room; i++) {
        out[i] = i < n ? (int32_t)(start + i) : -1;
    }
}
