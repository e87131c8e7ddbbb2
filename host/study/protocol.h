/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol of a round: what is run when, whatever the work and the clock are. */
#ifndef PENCL_STUDY_PROTOCOL_H
#define PENCL_STUDY_PROTOCOL_H

#include "base/system.h"
#include "pencl/bench.h"

#define PN_WARM_AGREE 0.02 /* two warm-up runs are the same within */

enum { PN_ROUND_SAMPLES = 500 }; /* at most; enough for any interval */

typedef struct pn_protocol {
    pencl_ctx *ctx;
    const pencl_bench_options *options;
    uint64_t (*clock)(void *work);                 /* ns */
    pencl_status (*run)(uint64_t *ns, void *work); /* one sample, at least 1 ns */
    /* The machine now, and the seconds that its cores have spent on other work. */
    void (*sense)(pn_sensors *now, double *foreign, void *work);
    void *work;
} pn_protocol;

/* Adds a round to the result, whose test is set, and sums all of them up. An error in the first run
 * adds none; later the samples so far stay. */
pencl_status pn_protocol_round(pencl_bench_result *r, const pn_protocol *p);

#endif
