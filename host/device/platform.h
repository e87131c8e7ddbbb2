/* SPDX-License-Identifier: Apache-2.0 */
/* The list of platforms and devices with OpenCL's handles. */
#ifndef PENCL_DEVICE_PLATFORM_H
#define PENCL_DEVICE_PLATFORM_H

#include "base/store.h"
#include "device/cl.h"
#include "device/device.h"

typedef struct pn_handle {
    cl_platform_id platform; /* NULL for `ref` */
    cl_device_id id;
    pn_caps caps; /* PENCL_HIDE and PENCL_LIMIT applied */
} pn_handle;

typedef struct pn_listing {
    pencl_device_list *list;
    pn_handle *handles; /* beside list->devices */
} pn_listing;

/* Every device, or `ref` alone: then OpenCL is not touched. */
typedef enum pn_scope { PN_SCOPE_ALL, PN_SCOPE_REF } pn_scope;

/* `store` keeps the verdict that listing this set of drivers is safe. */
pencl_status pn_listing_new(pn_listing *out, pencl_ctx *ctx, pn_store_db *store, pn_scope scope);
void pn_listing_free(pn_listing *listing);

#endif
