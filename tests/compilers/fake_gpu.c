/* SPDX-License-Identifier: Apache-2.0 */
/* A libOpenCL with one GPU that computes nothing and writes down every program that it is asked to
 * build: what pencl would give to a real GPU's compiler, without the GPU.
 *
 *   PENCL_OPENCL=.../libfake_gpu.so FAKE_GPU=intel|amd RECORD_TO=FOLDER RECORD_AS=TEXT pencl ...
 *
 * FOLDER gets HASH.cl for each text, and lines of `index`: hash, kernel, RECORD_AS, options, by
 * tabs.
 */
#include "device/cl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT   __attribute__((visibility("default")))
#define MEBIBYTE ((cl_ulong)1 << 20)

typedef struct gpu {
    const char *word; /* of FAKE_GPU */
    const char *vendor;
    const char *version;
    const char *c_version;
    const char *extensions;
    size_t work_group;
    size_t subgroups[4];           /* 0-terminated */
    cl_name_version c_versions[2]; /* of a device of OpenCL 3.0 */
    cl_bool unified;
} gpu;

static const gpu gpus[] = {
    {.word = "intel",
     .vendor = "Intel(R) Corporation",
     .version = "OpenCL 3.0 NEO",
     .c_version = "OpenCL C 1.2",
     .extensions =
         "cl_khr_fp16 cl_khr_subgroups cl_intel_subgroups cl_intel_required_subgroup_size",
     .work_group = 256,
     .subgroups = {8, 16, 32},
     .c_versions = {{.version = CL_MAKE_VERSION(1, 2, 0), .name = "OpenCL C"},
                    {.version = CL_MAKE_VERSION(3, 0, 0), .name = "OpenCL C"}},
     .unified = CL_TRUE},
    {.word = "amd",
     .vendor = "Advanced Micro Devices, Inc.",
     .version = "OpenCL 2.1 AMD-APP",
     .c_version = "OpenCL C 2.0",
     .extensions = "cl_khr_fp16 cl_khr_subgroups",
     .work_group = 256,
     .subgroups = {64},
     .unified = CL_FALSE},
};

static const gpu *fake(void)
{
    const char *word = getenv("FAKE_GPU");
    for (size_t i = 0; word != NULL && i < PN_COUNT(gpus); i++) {
        if (strcmp(word, gpus[i].word) == 0) {
            return &gpus[i];
        }
    }
    return NULL;
}

struct _cl_program {
    char hash[17];
    char *source;
    char *options;
};
/* What nobody looks into. */
static char platform_object;
static char device_object;
static char kernel_object;

/* ---- answers ---- */

static cl_int answer(const void *from, size_t bytes, size_t room, void *to, size_t *size)
{
    if (size != NULL) {
        *size = bytes;
    }
    if (to != NULL && room < bytes) {
        return CL_INVALID_VALUE;
    }
    if (to != NULL) {
        memcpy(to, from, bytes);
    }
    return CL_SUCCESS;
}

#define TEXT(text) answer(text, strlen(text) + 1, room, to, size)
#define NUMBER(type, value)                                                                        \
    answer(&(type){(value)}, sizeof(type), room, to, size) /* as the header says for each name */

EXPORT cl_int CL_API_CALL clGetPlatformIDs(cl_uint room, cl_platform_id *to, cl_uint *n)
{
    if (fake() == NULL) {
        return CL_PLATFORM_NOT_FOUND_KHR;
    }
    if (to != NULL && room > 0) {
        to[0] = (cl_platform_id)&platform_object;
    }
    if (n != NULL) {
        *n = 1;
    }
    return CL_SUCCESS;
}

EXPORT cl_int CL_API_CALL
clGetPlatformInfo(cl_platform_id id, cl_platform_info name, size_t room, void *to, size_t *size)
{
    (void)id;
    switch (name) {
    case CL_PLATFORM_NAME:
        return TEXT("fake");
    case CL_PLATFORM_VENDOR:
        return TEXT(fake()->vendor);
    case CL_PLATFORM_VERSION:
        return TEXT(fake()->version);
    default:
        return CL_INVALID_VALUE;
    }
}

EXPORT cl_int CL_API_CALL clGetDeviceIDs(
    cl_platform_id platform, cl_device_type type, cl_uint room, cl_device_id *to, cl_uint *n)
{
    (void)platform;
    if (!(type & CL_DEVICE_TYPE_GPU)) {
        return CL_DEVICE_NOT_FOUND;
    }
    if (to != NULL && room > 0) {
        to[0] = (cl_device_id)&device_object;
    }
    if (n != NULL) {
        *n = 1;
    }
    return CL_SUCCESS;
}

static cl_int text_of(cl_device_info name, size_t room, void *to, size_t *size)
{
    switch (name) {
    case CL_DEVICE_NAME:
        return TEXT("fake");
    case CL_DEVICE_VENDOR:
        return TEXT(fake()->vendor);
    case CL_DEVICE_VERSION:
        return TEXT(fake()->version);
    case CL_DEVICE_OPENCL_C_VERSION:
        return TEXT(fake()->c_version);
    case CL_DRIVER_VERSION:
        return TEXT("1");
    case CL_DEVICE_EXTENSIONS:
        return TEXT(fake()->extensions);
    default:
        return CL_INVALID_VALUE;
    }
}

/* What is not known here is an error, which pencl takes for 0. */
EXPORT cl_int CL_API_CALL
clGetDeviceInfo(cl_device_id id, cl_device_info name, size_t room, void *to, size_t *size)
{
    (void)id;
    switch (name) {
    case CL_DEVICE_TYPE:
        return NUMBER(cl_device_type, CL_DEVICE_TYPE_GPU);
    case CL_DEVICE_AVAILABLE:
    case CL_DEVICE_COMPILER_AVAILABLE:
    case CL_DEVICE_ENDIAN_LITTLE:
    case CL_DEVICE_IMAGE_SUPPORT:
        return NUMBER(cl_bool, CL_TRUE);
    case CL_DEVICE_HOST_UNIFIED_MEMORY:
        return NUMBER(cl_bool, fake()->unified);
    case CL_DEVICE_MAX_COMPUTE_UNITS:
        return NUMBER(cl_uint, 32);
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT:
        return NUMBER(cl_uint, 1);
    case CL_DEVICE_MEM_BASE_ADDR_ALIGN:
        return NUMBER(cl_uint, 1024);
    case CL_DEVICE_GLOBAL_MEM_SIZE:
        return NUMBER(cl_ulong, 16384 * MEBIBYTE);
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
        return NUMBER(cl_ulong, 4096 * MEBIBYTE);
    case CL_DEVICE_LOCAL_MEM_SIZE:
        return NUMBER(cl_ulong, 65536);
    case CL_DEVICE_MAX_WORK_GROUP_SIZE:
        return NUMBER(size_t, fake()->work_group);
    case CL_DEVICE_PREFERRED_WORK_GROUP_SIZE_MULTIPLE:
        return NUMBER(size_t, fake()->subgroups[0]);
    case CL_DEVICE_SUB_GROUP_SIZES_INTEL:
        return answer(fake()->subgroups, sizeof fake()->subgroups, room, to, size);
    case CL_DEVICE_OPENCL_C_ALL_VERSIONS:
        return answer(fake()->c_versions, sizeof fake()->c_versions, room, to, size);
    default:
        return text_of(name, room, to, size);
    }
}

EXPORT cl_int CL_API_CALL clCreateSubDevices(cl_device_id id,
                                             const cl_device_partition_property *properties,
                                             cl_uint room,
                                             cl_device_id *to,
                                             cl_uint *n)
{
    (void)id;
    (void)properties;
    (void)room;
    (void)to;
    (void)n;
    return CL_DEVICE_PARTITION_FAILED;
}

EXPORT cl_int CL_API_CALL clReleaseDevice(cl_device_id id)
{
    (void)id;
    return CL_SUCCESS;
}

/* ---- programs ---- */

/* FNV-1a. */
static uint64_t hash(uint64_t from, const char *text)
{
    for (; *text != '\0'; text++) {
        from = (from ^ (unsigned char)*text) * 0x100000001b3u;
    }
    return from;
}

static FILE *open_record(const char *name, const char *mode)
{
    char path[1024];
    const char *folder = getenv("RECORD_TO");
    snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : ".", name);
    return fopen(path, mode);
}

EXPORT cl_program CL_API_CALL clCreateProgramWithSource(
    cl_context context, cl_uint n, const char **texts, const size_t *lengths, cl_int *code)
{
    (void)context;
    (void)lengths; /* pencl gives one text that ends with a NUL */
    cl_program p = n == 1 ? calloc(1, sizeof *p) : NULL;
    if (p != NULL) {
        p->source = strdup(texts[0]);
    }
    *code = p != NULL && p->source != NULL ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
    return p;
}

EXPORT cl_program CL_API_CALL clCreateProgramWithBinary(cl_context context,
                                                        cl_uint n,
                                                        const cl_device_id *devices,
                                                        const size_t *lengths,
                                                        const unsigned char **binaries,
                                                        cl_int *each,
                                                        cl_int *code)
{
    (void)context;
    (void)n;
    (void)devices;
    (void)lengths;
    (void)binaries;
    *each = CL_INVALID_BINARY;
    *code = CL_INVALID_BINARY;
    return NULL;
}

EXPORT cl_int CL_API_CALL clBuildProgram(cl_program p,
                                         cl_uint n,
                                         const cl_device_id *devices,
                                         const char *options,
                                         void(CL_CALLBACK *notify)(cl_program, void *),
                                         void *user)
{
    char name[32];
    (void)n;
    (void)devices;
    (void)notify;
    (void)user;
    p->options = strdup(options);
    snprintf(p->hash, sizeof p->hash, "%016" PRIx64,
             hash(hash(0xcbf29ce484222325u, options), p->source));
    snprintf(name, sizeof name, "%s.cl", p->hash);
    FILE *file = open_record(name, "w");
    if (file == NULL) {
        return CL_BUILD_PROGRAM_FAILURE;
    }
    fputs(p->source, file);
    return fclose(file) == 0 ? CL_SUCCESS : CL_BUILD_PROGRAM_FAILURE;
}

EXPORT cl_int CL_API_CALL clGetProgramBuildInfo(cl_program p,
                                                cl_device_id device,
                                                cl_program_build_info name,
                                                size_t room,
                                                void *to,
                                                size_t *size)
{
    (void)p;
    (void)device;
    return name == CL_PROGRAM_BUILD_LOG ? TEXT("error: RECORD_TO cannot be written")
                                        : CL_INVALID_VALUE;
}

/* No binaries. */
EXPORT cl_int CL_API_CALL
clGetProgramInfo(cl_program p, cl_program_info name, size_t room, void *to, size_t *size)
{
    (void)p;
    (void)name;
    (void)room;
    (void)to;
    (void)size;
    return CL_INVALID_VALUE;
}

EXPORT cl_int CL_API_CALL clReleaseProgram(cl_program p)
{
    free(p->source);
    free(p->options);
    free(p);
    return CL_SUCCESS;
}

EXPORT cl_kernel CL_API_CALL clCreateKernel(cl_program p, const char *name, cl_int *code)
{
    const char *as = getenv("RECORD_AS");
    FILE *file = open_record("index", "a");
    *code = file != NULL ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
    if (file == NULL) {
        return NULL;
    }
    fprintf(file, "%s\t%s\t%s\t%s\n", p->hash, name, as != NULL ? as : "", p->options);
    fclose(file);
    return (cl_kernel)&kernel_object;
}

EXPORT cl_int CL_API_CALL clReleaseKernel(cl_kernel kernel)
{
    (void)kernel;
    return CL_SUCCESS;
}

EXPORT cl_int CL_API_CALL clSetKernelArg(cl_kernel kernel, cl_uint i, size_t n, const void *value)
{
    (void)kernel;
    (void)i;
    (void)n;
    (void)value;
    return CL_SUCCESS;
}
