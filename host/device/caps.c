/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a device what it can do, and applies PENCL_HIDE and PENCL_LIMIT. */
#include "device/caps.h"

#include "base/os.h"

#include <stdlib.h>
#include <string.h>

#define REF_ALIGN 64 /* bytes: a cache line, and the widest vector of any CPU */

enum {
    LEAST_SUBGROUP = 4,
    FLUSH_EVERY = 16 /* launches: few enough that the device begins early */
};

#ifndef CL_DEVICE_WARP_SIZE_NV
#define CL_DEVICE_WARP_SIZE_NV 0x4003
#endif
#ifndef CL_DEVICE_WAVEFRONT_WIDTH_AMD
#define CL_DEVICE_WAVEFRONT_WIDTH_AMD 0x4043
#endif
#ifndef CL_DEVICE_SUB_GROUP_SIZES_INTEL
#define CL_DEVICE_SUB_GROUP_SIZES_INTEL 0x4108
#endif

static uint32_t get_u32(const pn_cl *cl, cl_device_id id, cl_device_info what)
{
    cl_uint value = 0;
    return cl->clGetDeviceInfo(id, what, sizeof value, &value, NULL) == CL_SUCCESS ? value : 0;
}

static uint64_t get_u64(const pn_cl *cl, cl_device_id id, cl_device_info what)
{
    cl_ulong value = 0;
    return cl->clGetDeviceInfo(id, what, sizeof value, &value, NULL) == CL_SUCCESS ? value : 0;
}

static size_t get_size(const pn_cl *cl, cl_device_id id, cl_device_info what)
{
    size_t value = 0;
    return cl->clGetDeviceInfo(id, what, sizeof value, &value, NULL) == CL_SUCCESS ? value : 0;
}

/* A text of any length; the caller frees it. NULL when there is none. */
static char *get_text(const pn_cl *cl, cl_device_id id, cl_device_info what)
{
    size_t size = 0;
    if (cl->clGetDeviceInfo(id, what, 0, NULL, &size) != CL_SUCCESS || size == 0) {
        return NULL;
    }
    char *text = pn_calloc(size + 1, 1);
    if (text != NULL && cl->clGetDeviceInfo(id, what, size, text, NULL) != CL_SUCCESS) {
        text[0] = '\0';
    }
    return text;
}

/* Copies a text without the blanks that drivers leave around it. */
static void copy_text(char *out, size_t room, const pn_cl *cl, cl_device_id id, cl_device_info what)
{
    char *text = get_text(cl, id, what);
    pn_copy(out, room, text == NULL ? "" : text + strspn(text, " "));
    pn_free(text);
    for (size_t n = strlen(out); n > 0 && out[n - 1] == ' '; n--) {
        out[n - 1] = '\0';
    }
}

/* True when `name` is one of the extensions, as a whole word. */
static bool has_extension(const char *all, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = all; at != NULL && (at = strstr(at, name)) != NULL; at += n) {
        bool starts = at == all || at[-1] == ' ';
        if (starts && (at[n] == ' ' || at[n] == '\0')) {
            return true;
        }
    }
    return false;
}

/* "OpenCL 1.2 ..." -> 12; 0 when the text is something else. */
static int version_number(const char *text)
{
    char *end = NULL;
    if (strncmp(text, "OpenCL ", 7) != 0) {
        return 0;
    }
    long major = strtol(text + 7, &end, 10);
    long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
    return (int)(10 * major + minor);
}

static int device_version(const pn_cl *cl, cl_device_id id)
{
    char text[256] = ""; /* not on the heap: out of memory must not look like an old device */
    cl->clGetDeviceInfo(id, CL_DEVICE_VERSION, sizeof text - 1, text, NULL);
    return version_number(text);
}

/* Sizes of subgroups: Intel lists them, AMD and NVIDIA have one, and an OpenCL 3.0 device's
 * preferred multiple is its size. Without an answer the device counts as having none, and so do
 * sizes under 4, which matmul_simt_subgroup has no room for, and which gain nothing. */
static void query_subgroups(pn_caps *caps, const pn_cl *cl, cl_device_id id, const char *extensions)
{
    size_t sizes[PN_COUNT(caps->subgroups) - 1] = {0};
    uint32_t most = get_u32(cl, id, CL_DEVICE_MAX_NUM_SUB_GROUPS);
    bool has = has_extension(extensions, "cl_khr_subgroups") ||
               has_extension(extensions, "cl_intel_subgroups") ||
               (device_version(cl, id) >= 30 && most > 0);
    if (!has) {
        return;
    }
    if (!has_extension(extensions, "cl_intel_required_subgroup_size") ||
        cl->clGetDeviceInfo(id, CL_DEVICE_SUB_GROUP_SIZES_INTEL, sizeof sizes, sizes, NULL) !=
            CL_SUCCESS) {
        sizes[0] = get_u32(cl, id, CL_DEVICE_WAVEFRONT_WIDTH_AMD);
        if (sizes[0] == 0) {
            sizes[0] = get_u32(cl, id, CL_DEVICE_WARP_SIZE_NV);
        }
        if (sizes[0] == 0) {
            sizes[0] = get_size(cl, id, CL_DEVICE_PREFERRED_WORK_GROUP_SIZE_MULTIPLE);
        }
    }
    size_t n = 0;
    for (size_t i = 0; i < PN_COUNT(sizes) && sizes[i] != 0; i++) {
        if (sizes[i] >= LEAST_SUBGROUP) {
            caps->subgroups[n++] = (uint32_t)sizes[i];
            caps->has |= PN_CAP_SUBGROUPS;
        }
    }
}

/* Oclgrind has every type at once; CPU wins, so that it is never taken for a GPU. */
static pencl_device_type query_type(const pn_cl *cl, cl_device_id id)
{
    uint64_t bits = get_u64(cl, id, CL_DEVICE_TYPE);
    if (bits & CL_DEVICE_TYPE_CPU) {
        return PENCL_DEVICE_CPU;
    }
    return bits & CL_DEVICE_TYPE_GPU ? PENCL_DEVICE_GPU : PENCL_DEVICE_ACCELERATOR;
}

static void query_extensions(pn_caps *caps, const pn_cl *cl, cl_device_id id)
{
    char *extensions = get_text(cl, id, CL_DEVICE_EXTENSIONS);
    const char *text = extensions == NULL ? "" : extensions;
    caps->has |= has_extension(text, "cl_khr_fp16") ? PN_CAP_FP16 : 0u;
    caps->has |= has_extension(text, "cl_khr_integer_dot_product") ? PN_CAP_DOT : 0u;
    query_subgroups(caps, cl, id, text);
    pn_free(extensions);
}

void pn_caps_query(pencl_device_info *info, pn_caps *caps, const pn_cl *cl, cl_device_id id)
{
    copy_text(info->name, sizeof info->name, cl, id, CL_DEVICE_NAME);
    copy_text(info->vendor, sizeof info->vendor, cl, id, CL_DEVICE_VENDOR);
    copy_text(info->driver, sizeof info->driver, cl, id, CL_DRIVER_VERSION);
    copy_text(info->opencl, sizeof info->opencl, cl, id, CL_DEVICE_VERSION);
    copy_text(info->opencl_c, sizeof info->opencl_c, cl, id, CL_DEVICE_OPENCL_C_VERSION);
    info->type = query_type(cl, id);

    caps->has = PN_CAP_OPENCL;
    caps->has |= get_u32(cl, id, CL_DEVICE_IMAGE_SUPPORT) ? PN_CAP_IMAGES : 0u;
    query_extensions(caps, cl, id);
    caps->unified = get_u32(cl, id, CL_DEVICE_HOST_UNIFIED_MEMORY) != 0;
    caps->compute_units = get_u32(cl, id, CL_DEVICE_MAX_COMPUTE_UNITS);
    caps->memory = get_u64(cl, id, CL_DEVICE_GLOBAL_MEM_SIZE);
    caps->max_alloc = get_u64(cl, id, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
    /* PoCL tells one cache of several. */
    const uint64_t host = info->type == PENCL_DEVICE_CPU ? pn_cache_bytes() : 0;
    caps->cache = get_u64(cl, id, CL_DEVICE_GLOBAL_MEM_CACHE_SIZE);
    caps->cache = host > caps->cache ? host : caps->cache;
    caps->local_bytes = get_u64(cl, id, CL_DEVICE_LOCAL_MEM_SIZE);
    caps->max_work_group = get_size(cl, id, CL_DEVICE_MAX_WORK_GROUP_SIZE);
    caps->align = get_u32(cl, id, CL_DEVICE_MEM_BASE_ADDR_ALIGN) / 8; /* bits */
    if (caps->align < REF_ALIGN) {
        caps->align = REF_ALIGN;
    }
    /* llvmpipe is a CPU too, but says 1 here, and explicit vectors cost it dear. */
    uint32_t lanes = get_u32(cl, id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT);
    caps->wide = info->type == PENCL_DEVICE_CPU && lanes >= 4;
    caps->float_width = caps->wide ? lanes : 1;
    /* Drivers of GPUs gather launches, and have the device idle meanwhile; those of CPUs do not. */
    caps->flush_every = caps->wide ? 0 : FLUSH_EVERY;
}

void pn_caps_ref(pencl_device_info *info, pn_caps *caps)
{
    pn_copy(info->id, sizeof info->id, "ref");
    pn_copy(info->name, sizeof info->name, "C reference");
    pn_copy(info->platform, sizeof info->platform, "pencl");
    pn_copy(info->vendor, sizeof info->vendor, "pencl");
    pn_copy(info->driver, sizeof info->driver, PENCL_VERSION);
    info->type = PENCL_DEVICE_REF;
    caps->is_ref = true;
    caps->unified = true;
    caps->compute_units = 1;
    caps->memory = pn_memory_total();
    caps->max_alloc = caps->memory;
    caps->max_work_group = 1;
    caps->align = REF_ALIGN;
    caps->float_width = 1;
}

const char *pn_caps_missing(const pencl_device_info *info,
                            const pn_caps *caps,
                            const pn_cl *cl,
                            cl_device_id id)
{
    static const char unsaid[] =
        "the driver does not answer what every device has to tell (clGetDeviceInfo)";
    static const struct {
        cl_device_info what;
        const char *lacks;
    } needed[] = {{CL_DEVICE_AVAILABLE, "the driver says that it is not available"},
                  {CL_DEVICE_COMPILER_AVAILABLE, "it has no compiler"},
                  {CL_DEVICE_ENDIAN_LITTLE, "it is big-endian"}};
    const int version = device_version(cl, id);
    if (version == 0 || info->name[0] == '\0' || caps->compute_units == 0 || caps->memory == 0 ||
        caps->max_alloc == 0 || caps->max_work_group == 0) {
        return unsaid;
    }
    if (version < 12) {
        return "older than OpenCL 1.2";
    }
    for (size_t i = 0; i < PN_COUNT(needed); i++) {
        cl_bool has = CL_FALSE;
        if (cl->clGetDeviceInfo(id, needed[i].what, sizeof has, &has, NULL) != CL_SUCCESS) {
            return unsaid;
        }
        if (!has) {
            return needed[i].lacks;
        }
    }
    return "";
}

/* OpenCL 3.0 devices list the versions of the language; older ones name the highest. */
const char *pn_caps_best_std(const pn_cl *cl, cl_device_id id)
{
    cl_name_version all[16] = {0};
    size_t size = 0;
    bool two = false;
    if (device_version(cl, id) >= 30 && cl->clGetDeviceInfo(id, CL_DEVICE_OPENCL_C_ALL_VERSIONS,
                                                            sizeof all, all, &size) == CL_SUCCESS) {
        for (size_t i = 0; i < size / sizeof all[0]; i++) {
            if (all[i].version == CL_MAKE_VERSION(3, 0, 0)) {
                return "-cl-std=CL3.0";
            }
            two = two || all[i].version == CL_MAKE_VERSION(2, 0, 0);
        }
        return two ? "-cl-std=CL2.0" : "-cl-std=CL1.2";
    }
    return device_version(cl, id) >= 20 ? "-cl-std=CL2.0" : "-cl-std=CL1.2";
}
