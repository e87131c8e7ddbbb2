/* SPDX-License-Identifier: Apache-2.0 */
/* The set of drivers that is installed: whether an earlier process loaded all of it and survived.
 */
#ifndef PENCL_DEVICE_DRIVERS_H
#define PENCL_DEVICE_DRIVERS_H

#include "base/store.h"

typedef struct pn_drivers {
    char key[33];  /* of the .icd files, their libraries with sizes and times, the environment */
    char risk[64]; /* what the journal calls listing this set */
} pn_drivers;

/* Reads files only: no library is opened. */
void pn_drivers_read(pn_drivers *out);
bool pn_drivers_known(const pn_drivers *drivers, pn_store_db *store);
void pn_drivers_prove(const pn_drivers *drivers, pn_store_db *store);

/* cache.db in the cache folder; a store in memory without a home. NULL when memory is out. */
pn_store_db *pn_cache_open(pencl_ctx *ctx);

#endif
