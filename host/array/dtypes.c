/* SPDX-License-Identifier: Apache-2.0 */
/* The table of element types. */
#include "array/dtypes.h"

#include <string.h>

static const pn_dtype *const table[] = {
#define DTYPE(ENUM, name) [PENCL_##ENUM] = &pn_dtype_##name,
#include "array/dtypes.def"
#undef DTYPE
};
_Static_assert(PN_COUNT(table) == PENCL_DTYPE_COUNT, "dtypes.def and pencl_dtype differ");

const pn_dtype *pn_dtype_of(pencl_dtype dtype)
{
    return (unsigned)dtype < PENCL_DTYPE_COUNT ? table[dtype] : NULL;
}

pencl_dtype pn_dtype_by_name(const char *name)
{
    for (size_t i = 0; i < PN_COUNT(table); i++) {
        if (strcmp(table[i]->name, name) == 0) {
            return (pencl_dtype)i;
        }
    }
    return PENCL_DTYPE_COUNT;
}

bool pn_dtype_bytes(pencl_dtype dtype, size_t n, size_t *out)
{
    const pn_dtype *d = pn_dtype_of(dtype);
    return d != NULL && n % d->block == 0 && pn_mul(n / d->block, d->block_bytes, out);
}

const char *pencl_dtype_name(pencl_dtype dtype)
{
    const pn_dtype *d = pn_dtype_of(dtype);
    return d != NULL ? d->name : "unknown";
}
