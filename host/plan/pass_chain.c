/* SPDX-License-Identifier: Apache-2.0 */
/* Launches that follow each other become one where a launch costs as much as a small kernel. Only
 * the launches are known to follow: chains.c makes them of the recording. */
#include "plan/ir.h"

pencl_status pn_pass_chain(pn_ir *ir)
{
    ir->chained = pn_device_chains(ir->device);
    return PENCL_OK;
}
