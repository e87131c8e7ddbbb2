/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernel candidates a device is trusted with. Before a plan uses a candidate for the first
 * time, it is run on a small case of its op that resembles the task, and compared; the verdict
 * stays with the device. */
#ifndef PENCL_PLAN_TRUST_H
#define PENCL_PLAN_TRUST_H

#include "device/device.h"
#include "op/task.h"

/* What is tried before candidate `c` may run task `t`, as one word:
 * "matmul/matmul_wide/f32,q4_1/rows16/8", the last number a bound on the task's tokens. */
void pn_trust_name(char out[PN_VERDICT_MAX], const pn_task *t, const pn_candidate *c);

/* Tries out those of `names`, one a line, that have no verdict yet, and logs what may not be used.
 * An error is not about a kernel: memory is out, or the device no longer works. */
pencl_status pn_trust_try(pencl_device *device, pn_text *names);

/* The candidate failed in a plan of its own, as the context's error says, which is cleared: it is
 * not used again. An error when it is the device that fails. */
pencl_status pn_trust_drop(pencl_device *device, const pn_task *t);

#endif
