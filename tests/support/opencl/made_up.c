/* SPDX-License-Identifier: Apache-2.0 */
/* A libOpenCL of made-up platforms and devices for PENCL_OPENCL; nothing can be opened. The
 * environment variable MADE_UP names the machine: "twins", "old", "mesa", "rusticl",
 * "intel", "single". */
#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

struct _cl_platform_id {
    void *dispatch; /* as every platform of an installable driver begins; none here */
    const char *machine;
    const char *name;
};

struct _cl_device_id {
    int platform;
    const char *name;
    const char *vendor;
    const char *version;
    cl_device_type type;
    cl_uint bus; /* 0: the driver does not tell */
};

static struct _cl_platform_id platforms[] = {
    {NULL, "twins", "AMD Accelerated Parallel Processing"},
    {NULL, "twins", "AMD Accelerated Parallel Processing"}, /* installed twice */
    {NULL, "old", "Old CL"},
    {NULL, "mesa", "Clover"},
    {NULL, "mesa", "rusticl"},
    {NULL, "rusticl", "rusticl"},
    {NULL, "intel", "Intel(R) OpenCL Graphics"},
    {NULL, "rusticl", "Intel(R) OpenCL Graphics"},
    {NULL, "single", "AMD Accelerated Parallel Processing"},
};
enum { N_PLATFORMS = sizeof platforms / sizeof platforms[0] };

#define AMD "Advanced Micro Devices, Inc."
static struct _cl_device_id devices[] = {
    {0, "gfx1030", AMD, "OpenCL 2.0 AMD-APP", CL_DEVICE_TYPE_GPU, 0x03},
    {0, "gfx1030", AMD, "OpenCL 2.0 AMD-APP", CL_DEVICE_TYPE_GPU, 0x83},
    {1, "gfx1030", AMD, "OpenCL 2.0 AMD-APP", CL_DEVICE_TYPE_GPU, 0},
    {2, "Old Card", "Old Inc.", "OpenCL 1.1 old", CL_DEVICE_TYPE_GPU, 0},
    {3, "AMD Radeon (radeonsi)", "AMD", "OpenCL 1.1 Mesa", CL_DEVICE_TYPE_GPU, 0},
    {4, "AMD Radeon (radeonsi)", "AMD", "OpenCL 3.0", CL_DEVICE_TYPE_GPU, 0},
    {6, "Intel(R) Iris(R) Xe", "Intel(R) Corporation", "OpenCL 3.0 NEO", CL_DEVICE_TYPE_GPU, 0},
    {7, "Intel(R) Iris(R) Xe", "Intel(R) Corporation", "OpenCL 3.0 NEO", CL_DEVICE_TYPE_GPU, 0},
    {8, "gfx1030", AMD, "OpenCL 2.0 AMD-APP", CL_DEVICE_TYPE_GPU, 0x03},
};
enum { N_DEVICES = sizeof devices / sizeof devices[0] };

static cl_int give(const void *from, size_t size, size_t room, void *to, size_t *got)
{
    if (got != NULL) {
        *got = size;
    }
    if (to != NULL) {
        if (room < size) {
            return CL_INVALID_VALUE;
        }
        memcpy(to, from, size);
    }
    return CL_SUCCESS;
}

static cl_int give_text(const char *text, size_t room, void *to, size_t *got)
{
    return give(text, strlen(text) + 1, room, to, got);
}

EXPORT cl_int clGetPlatformIDs(cl_uint room, cl_platform_id *out, cl_uint *n)
{
    const char *machine = getenv("MADE_UP");
    cl_uint found = 0;
    for (int i = 0; i < N_PLATFORMS && machine != NULL; i++) {
        if (strcmp(platforms[i].machine, machine) == 0 && found < room) {
            out[found++] = &platforms[i];
        }
    }
    *n = found;
    return found > 0 ? CL_SUCCESS : CL_PLATFORM_NOT_FOUND_KHR;
}

EXPORT cl_int
clGetPlatformInfo(cl_platform_id id, cl_platform_info what, size_t room, void *to, size_t *got)
{
    return give_text(what == CL_PLATFORM_NAME ? id->name : "", room, to, got);
}

EXPORT cl_int
clGetDeviceIDs(cl_platform_id id, cl_device_type type, cl_uint room, cl_device_id *out, cl_uint *n)
{
    cl_uint found = 0;
    (void)type;
    for (int i = 0; i < N_DEVICES; i++) {
        if (&platforms[devices[i].platform] == id && found < room) {
            out[found++] = &devices[i];
        }
    }
    *n = found;
    return found > 0 ? CL_SUCCESS : CL_DEVICE_NOT_FOUND;
}

static cl_int give_bus(cl_device_id id, size_t room, void *to, size_t *got)
{
    const cl_device_pci_bus_info_khr at = {.pci_bus = id->bus};
    return id->bus == 0 ? CL_INVALID_VALUE : give(&at, sizeof at, room, to, got);
}

static cl_int give_uuid(cl_device_id id, size_t room, void *to, size_t *got)
{
    unsigned char uuid[CL_UUID_SIZE_KHR] = {0xab};
    uuid[15] = (unsigned char)id->bus;
    return id->bus == 0 ? CL_INVALID_VALUE : give(uuid, sizeof uuid, room, to, got);
}

EXPORT cl_int
clGetDeviceInfo(cl_device_id id, cl_device_info what, size_t room, void *to, size_t *got)
{
    const cl_ulong memory = 8ull << 30;
    const size_t group = 256;
    const cl_uint units = 40;
    const cl_bool yes = CL_TRUE;
    switch (what) {
    case CL_DEVICE_NAME:
        return give_text(id->name, room, to, got);
    case CL_DEVICE_VENDOR:
        return give_text(id->vendor, room, to, got);
    case CL_DEVICE_VERSION:
        return give_text(id->version, room, to, got);
    case CL_DEVICE_OPENCL_C_VERSION:
        return give_text("OpenCL C 1.2", room, to, got);
    case CL_DRIVER_VERSION:
        return give_text("1.0", room, to, got);
    case CL_DEVICE_EXTENSIONS:
        return give_text("cl_khr_fp16", room, to, got);
    case CL_DEVICE_TYPE:
        return give(&id->type, sizeof id->type, room, to, got);
    case CL_DEVICE_GLOBAL_MEM_SIZE:
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
        return give(&memory, sizeof memory, room, to, got);
    case CL_DEVICE_MAX_WORK_GROUP_SIZE:
        return give(&group, sizeof group, room, to, got);
    case CL_DEVICE_MAX_COMPUTE_UNITS:
        return give(&units, sizeof units, room, to, got);
    case CL_DEVICE_AVAILABLE:
    case CL_DEVICE_COMPILER_AVAILABLE:
    case CL_DEVICE_ENDIAN_LITTLE:
        return give(&yes, sizeof yes, room, to, got);
    case CL_DEVICE_PCI_BUS_INFO_KHR:
        return give_bus(id, room, to, got);
    case CL_DEVICE_UUID_KHR:
        return give_uuid(id, room, to, got);
    default:
        return CL_INVALID_VALUE;
    }
}

/* What pencl calls first on a device; the rest is in made_up_rest.c. */
EXPORT cl_context
clCreateContext(const cl_context_properties *properties,
                cl_uint n,
                const cl_device_id *ids,
                void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *),
                void *user,
                cl_int *code)
{
    (void)properties;
    (void)n;
    (void)ids;
    (void)notify;
    (void)user;
    *code = CL_DEVICE_NOT_AVAILABLE;
    return NULL;
}
