/* SPDX-License-Identifier: Apache-2.0 */
/* What tells two devices of a kind apart: the place on the PCI bus, and the driver's UUID.
 *
 * Sources: cl_khr_pci_bus_info, cl_khr_device_uuid; before these, cl_amd_device_attribute_query
 * (a topology of 24 bytes: a type, which is 1 for PCIe, and in its last three bytes bus, device,
 * function) and cl_nv_device_attribute_query (bus, slot, domain). */
#include "device/caps.h"

#include <stdio.h>
#include <string.h>

#define AMD_TOPOLOGY      0x4037
#define AMD_TOPOLOGY_PCIE 1
#define NV_PCI_BUS_ID     0x4008
#define NV_PCI_SLOT_ID    0x4009
#define NV_PCI_DOMAIN_ID  0x400A

typedef struct bus {
    cl_uint domain, bus, device, function;
} bus;

static bool get(const pn_cl *cl, cl_device_id id, cl_device_info what, void *to, size_t size)
{
    size_t got = 0;
    return cl->clGetDeviceInfo(id, what, size, to, &got) == CL_SUCCESS && got == size;
}

static bool ask_khronos(bus *out, const pn_cl *cl, cl_device_id id)
{
    cl_device_pci_bus_info_khr at;
    if (!get(cl, id, CL_DEVICE_PCI_BUS_INFO_KHR, &at, sizeof at)) {
        return false;
    }
    *out = (bus){at.pci_domain, at.pci_bus, at.pci_device, at.pci_function};
    return true;
}

static bool ask_amd(bus *out, const pn_cl *cl, cl_device_id id)
{
    unsigned char at[24] = {0};
    cl_uint type = 0;
    if (!get(cl, id, AMD_TOPOLOGY, at, sizeof at)) {
        return false;
    }
    memcpy(&type, at, sizeof type);
    *out = (bus){0, at[21], at[22], at[23]};
    return type == AMD_TOPOLOGY_PCIE;
}

static bool ask_nvidia(bus *out, const pn_cl *cl, cl_device_id id)
{
    cl_uint slot = 0;
    *out = (bus){0};
    if (!get(cl, id, NV_PCI_BUS_ID, &out->bus, sizeof out->bus) ||
        !get(cl, id, NV_PCI_SLOT_ID, &slot, sizeof slot)) {
        return false;
    }
    out->device = slot >> 3; /* as PCI packs them: five bits of device, three of function */
    out->function = slot & 7;
    get(cl, id, NV_PCI_DOMAIN_ID, &out->domain, sizeof out->domain);
    return true;
}

void pn_caps_identify(pencl_device_info *info, const pn_cl *cl, cl_device_id id)
{
    unsigned char uuid[CL_UUID_SIZE_KHR];
    bus at;
    if (ask_khronos(&at, cl, id) || ask_amd(&at, cl, id) || ask_nvidia(&at, cl, id)) {
        snprintf(info->pci, sizeof info->pci, "%04x:%02x:%02x.%x", at.domain & 0xffff,
                 at.bus & 0xff, at.device & 0x1f, at.function & 7);
    }
    if (get(cl, id, CL_DEVICE_UUID_KHR, uuid, sizeof uuid)) {
        for (size_t i = 0; i < sizeof uuid; i++) {
            snprintf(info->uuid + 2 * i, sizeof info->uuid - 2 * i, "%02x", uuid[i]);
        }
    }
}
