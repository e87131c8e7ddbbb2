/* SPDX-License-Identifier: Apache-2.0 */
/* Opens libOpenCL at run time, so that pencl starts, and says what is missing, on a machine without
 * it.
 *
 * The library and its drivers belong to the process, so this is the library's one piece of global
 * state. It is never closed: drivers keep threads that would run unmapped code.
 */
#include "device/loader.h"

#include "base/os.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#if defined(__LP64__)
#define ANDROID(root, name) root "/lib64/" name
#else
#define ANDROID(root, name) root "/lib/" name
#endif

static const char *const names[] = {
#if defined(__APPLE__)
    "/System/Library/Frameworks/OpenCL.framework/OpenCL",
#elif defined(__ANDROID__)
    /* Apps find only the vendor's libraries that it made public: the others need their full path.
     * Mali's OpenCL may be inside its OpenGL library. */
    "libOpenCL.so",
    ANDROID("/vendor", "libOpenCL.so"),
    ANDROID("/system/vendor", "libOpenCL.so"),
    ANDROID("/system", "libOpenCL.so"),
    "libOpenCL-pixel.so",
    ANDROID("/vendor", "libOpenCL-pixel.so"),
    ANDROID("/vendor", "egl/libGLES_mali.so"),
    ANDROID("/system/vendor", "egl/libGLES_mali.so"),
    "libPVROCL.so",
    ANDROID("/vendor", "libPVROCL.so"),
#elif defined(_WIN32)
    "OpenCL.dll",
#else
    "libOpenCL.so.1",
    "libOpenCL.so",
    "/usr/lib/x86_64-linux-gnu/libOpenCL.so.1",
    "/usr/lib/aarch64-linux-gnu/libOpenCL.so.1",
    "/usr/lib64/libOpenCL.so.1",
    "/usr/local/lib/libOpenCL.so.1",
    "/opt/rocm/lib/libOpenCL.so.1",
    "/opt/intel/oneapi/compiler/latest/lib/libOpenCL.so.1",
#endif
};

static struct {
    atomic_int state; /* 0: not asked for, 1: somebody is opening it, 2: done */
    bool found;
    pn_cl table;
    char path[512];
    char tried[1024];
} process;

/* A name, and what is wrong with it, other than that there is no such library. */
static void say_tried(const char *name, const char *what, const char *detail)
{
    size_t used = strlen(process.tried);
    bool plain = *what == '\0';
    snprintf(process.tried + used, sizeof process.tried - used, "%s%s%s%s%s%s",
             used == 0 ? "" : ", ", name, plain ? "" : " (", what, detail, plain ? "" : ")");
}

/* Fills one slot of the table; POSIX wants the detour over a pointer to an object. */
static bool find(void *library, const char *name, void *slot, size_t size)
{
    void *symbol = pn_library_symbol(library, name);
    memcpy(slot, &symbol, size);
    return symbol != NULL;
}

static bool open_one(const char *name)
{
    void *library = pn_library_open(name);
    if (library == NULL) {
        say_tried(name, pn_file_exists(name) ? "cannot be loaded" : "", "");
        return false;
    }
#define PN_CL_FIND(function)                                                                       \
    if (!find(library, #function, &process.table.function, sizeof process.table.function)) {       \
        say_tried(name, "older than OpenCL 1.2: it has no ", #function);                           \
        return false;                                                                              \
    }
    PN_CL_FUNCTIONS(PN_CL_FIND)
#undef PN_CL_FIND
    void *symbol = pn_library_symbol(library, "clGetPlatformIDs");
    if (!pn_library_path(process.path, sizeof process.path, symbol)) {
        pn_copy(process.path, sizeof process.path, name);
    }
    return true;
}

/* PENCL_OPENCL stands alone: a wrong name there shall not end in another library. */
static bool open_any(void)
{
    const char *wanted = pn_get_env("PENCL_OPENCL");
    if (wanted != NULL) {
        return open_one(wanted);
    }
    for (size_t i = 0; i < PN_COUNT(names); i++) {
        if (open_one(names[i])) {
            return true;
        }
    }
    return false;
}

const pn_cl *pn_opencl(void)
{
    int expected = 0;
    if (atomic_compare_exchange_strong(&process.state, &expected, 1)) {
        process.found = open_any();
        atomic_store(&process.state, 2);
    }
    while (atomic_load(&process.state) != 2) {
        /* another thread is opening it: a matter of milliseconds */
    }
    return process.found ? &process.table : NULL;
}

const char *pn_opencl_path(void)
{
    return process.path;
}

const char *pn_opencl_tried(void)
{
    return process.tried;
}

bool pn_opencl_asked(void)
{
    return atomic_load(&process.state) != 0;
}
