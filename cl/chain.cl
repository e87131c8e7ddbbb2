/* SPDX-License-Identifier: Apache-2.0 */
/* chain: the work-groups of several launches, one launch after the other, in one launch.
 *
 * As many work-items as the device has compute units take the places of a stage in turn. The next
 * stage begins when all places of the one before are done: whoever did the last goes on at once, the
 * others look for a while and go on as well, or leave. So nobody depends on a work-item that has not
 * begun, and one that the system put to sleep at its place keeps no other processor busy until it is
 * back; and this ends however few work-items are begun at a time, and in whatever order.
 *
 * `counters`, zero before and after: two cache lines a stage, claimed and done; then who has left.
 * The host composes (host/device/chain.c)
 *   STAGES                     how many
 *   CHAIN_PARAMS               parameters: of each stage how many places it has, then its own
 *   CHAIN                      a STAGE_LOOP for each stage
 * from functions that were compiled apart. The defaults are one stage that does nothing. */
enum {
    LINE = 16,     /* counters of a cache line */
    LOOKS = 100000 /* some 50 us: longer than a place takes where chains are used, shorter than sleep */
};

#define CLAIMED(stage) (counters + (stage) * 2 * LINE)
#define DONE(stage)    (CLAIMED(stage) + LINE)

#ifndef STAGES
#define STAGES       1
#define CHAIN_PARAMS , const uint s0_n
#define CHAIN        STAGE_LOOP(0, s0_n, (void)place)
#endif

/* Atomics are relaxed by themselves; the fences order what they publish. */
#define STAGE_LOOP(stage, n, call)                                                                 \
    for (uint place; (place = atomic_inc(CLAIMED(stage))) < (n);) {                                \
        call;                                                                                      \
        mem_fence(CLK_GLOBAL_MEM_FENCE);                                                           \
        atomic_inc(DONE(stage));                                                                   \
    }                                                                                              \
    if ((stage) + 1 < STAGES && !is_done(DONE(stage), n)) {                                        \
        break;                                                                                     \
    }

static inline int is_done(volatile __global const uint *done, uint n)
{
    for (int looks = 0; *done < n; looks++) {
        if (looks == LOOKS) {
            return 0;
        }
    }
    mem_fence(CLK_GLOBAL_MEM_FENCE);
    return 1;
}

/* Work-items: one a compute unit. Work-group: 1. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void chain(volatile __global uint *counters CHAIN_PARAMS)
{
    do {
        CHAIN
    } while (0);
    volatile __global uint *left = CLAIMED(STAGES);
    if (atomic_inc(left) == get_num_groups(0) - 1) {
        for (uint stage = 0; stage < STAGES; stage++) {
            *CLAIMED(stage) = 0;
            *DONE(stage) = 0;
        }
        *left = 0;
    }
}
