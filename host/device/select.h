/* SPDX-License-Identifier: Apache-2.0 */
/* Which device is meant: the words of -d and PENCL_DEVICE, and the ranking without any. Plain
 * functions of the list's rows, so that tests bring made-up tables. */
#ifndef PENCL_DEVICE_SELECT_H
#define PENCL_DEVICE_SELECT_H

#include "base/base.h"

#define PN_REASON_MAX 256

typedef struct pn_choice {
    pencl_device_pick *picks;   /* best first; owned */
    size_t n;                   /* at least 1 */
    char reason[PN_REASON_MAX]; /* why the first one: "the best of 3 that match "gpu" (...)" */
} pn_choice;

/* The devices that `words` mean: NULL or "" for the default ranking, else items separated by
 * commas, each a number, an id, a PCI address, a UUID, or words that all fit, with "/cores=N"
 * behind it for a part of the device. Usable ones only. `origin` ("-d", "PENCL_DEVICE") leads the
 * E_DEVICE message, which ends with the choices. */
pencl_status pn_select(pn_choice *out,
                       pencl_ctx *ctx,
                       const pencl_device_info *devices,
                       size_t n_devices,
                       const char *words,
                       const char *origin);
void pn_choice_free(pn_choice *choice);

/* The id of what was picked: "pocl:0", "pocl:0/cores=1". */
void pn_pick_id(char *out,
                size_t room,
                const pencl_device_info *devices,
                const pencl_device_pick *pick);

/* "cpu", "gpu", "accelerator", "ref". Static text. */
const char *pn_type_name(pencl_device_type type);

#endif
