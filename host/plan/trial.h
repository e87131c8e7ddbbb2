/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a case of an op through one kernel candidate and compares with the reference. */
#ifndef PENCL_PLAN_TRIAL_H
#define PENCL_PLAN_TRIAL_H

#include "op/case.h"

/* How stored inputs are laid out. */
typedef enum pn_storage { PN_ALL_PLAIN, PN_ALL_ROWS16, PN_FIRST_ROWS16, PN_STORAGES } pn_storage;
const char *pn_storage_name(pn_storage storage);
/* False when the case has no input that this would change, and when nothing on the device reads it:
 * `ref` reads plain storage alone; kernels no plain blocks of types that rows16 takes apart. */
bool pn_case_can_be_stored(const pn_case *c, const pencl_device *device, pn_storage storage);

typedef struct pn_trial {
    bool taken;           /* the candidate takes the case; else nothing was built or run */
    const char *kernel;   /* that ran; "reference" on `ref` */
    pn_difference result; /* n_bad counts elements */
    pn_text fault;        /* what is wrong, "" when nothing is; the caller's: pn_text_free */
} pn_trial;

/* The case by the candidate `kernel`; NULL: by whichever is chosen. A kernel that differs from the
 * reference, or writes beside its output, has a fault; one that does not build or run is an error.
 */
pencl_status pn_trial_run(
    pn_trial *out, pencl_device *device, const pn_case *c, pn_storage storage, const char *kernel);
#endif
