/* SPDX-License-Identifier: Apache-2.0 */
/* What AddressSanitizer needs beside OpenCL drivers. It refuses libraries loaded with
 * RTLD_DEEPBIND, and libOpenCL loads drivers so: this dlopen takes the place of libc's and masks
 * the flag. Drivers leak a little (PoCL does not): those are not our leaks. */
#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

#ifdef WITH_ASAN
#define _GNU_SOURCE /* RTLD_NEXT, RTLD_DEEPBIND */
#include <dlfcn.h>

void *dlopen(const char *file, int mode)
{
    void *(*next)(const char *, int) = 0;
    *(void **)&next = dlsym(RTLD_NEXT, "dlopen");
    return next(file, mode & ~RTLD_DEEPBIND);
}

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libintelocl\nleak:libRusticlOpenCL\nleak:libMesaOpenCL\nleak:liboclgrind\n";
}
#else
typedef int asan_dlopen_is_empty; /* a file may not be */
#endif
