/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of a libOpenCL that are looked for and never called. They have no prototypes where this
 * is included, so that one macro makes them all. */
#ifndef PENCL_TESTS_OPENCL_NEVER_H
#define PENCL_TESTS_OPENCL_NEVER_H

#include <stdlib.h>

#define NEVER(name)                                                                                \
    __attribute__((visibility("default"))) void name(void);                                        \
    void name(void)                                                                                \
    {                                                                                              \
        abort();                                                                                   \
    }

#endif
