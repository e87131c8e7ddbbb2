/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of a recording: launches that follow each other become one, on devices that have chains.
 */
#include "op/emit.h"

#include <string.h>

enum { LEAST = 3 }; /* launches of a chain: a build for less is not worth it */

/* The launches from number `first` on, as far as a chain can reach. */
static int stages_from(pn_stage stages[PN_CHAIN_MOST], const pn_emit *e, size_t first)
{
    int n = 0;
    for (; n < PN_CHAIN_MOST && first + (size_t)n < e->n_launches; n++) {
        const pn_launch *l = &e->launches[first + (size_t)n];
        stages[n] = (pn_stage){.kernel = l->kernel, .dims = l->dims};
        memcpy(stages[n].global, l->global, sizeof l->global);
        memcpy(stages[n].local, l->local, sizeof l->local);
    }
    return n;
}

pencl_status pn_emit_chain(pn_emit *e)
{
    for (size_t i = 0; i < e->n_launches;) {
        pn_stage stages[PN_CHAIN_MOST];
        const int near = stages_from(stages, e, i);
        const int n = pn_chain_length(e->device, stages, near);
        if (n >= LEAST) {
            PENCL_TRY(pn_chain_new(&e->launches[i].chain, e->device, stages, n));
            e->launches[i].chained = n;
        }
        i += n >= LEAST ? (size_t)n : 1;
    }
    return PENCL_OK;
}

void pn_emit_unchain(pn_emit *e)
{
    for (size_t i = 0; i < e->n_kernels; i++) {
        pn_chain_leave(e->kernels[i]);
    }
    for (size_t i = 0; i < e->n_launches; i++) {
        pn_kernel_free(e->launches[i].chain);
        e->launches[i].chain = NULL;
    }
}
