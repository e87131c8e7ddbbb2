/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a device: some of its compute units. */
#ifndef PENCL_DEVICE_PART_H
#define PENCL_DEVICE_PART_H

#include "device/internal.h"

/* So many compute units of d->id, for the caller to release. E_DEVICE when the driver does not
 * divide the device. */
pencl_status pn_part_new(cl_device_id *out, pencl_device *d, uint32_t cores);

/* E_DEVICE when the driver lets work on the open device `d`, a part of `cores` of `all` compute
 * units, run on more of them: seen by the threads that were busy, once, and kept in the store. */
pencl_status pn_part_check(pencl_device *d, uint32_t cores, uint32_t all);

#endif
