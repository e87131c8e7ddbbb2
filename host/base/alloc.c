/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: the only malloc of the library. Counts its blocks and can fail on demand, so that tests
 * walk every path that runs out of memory. */
#include "base/base.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_long made;
static atomic_long live;
static atomic_long countdown; /* allocations until the one that fails; <= 0: injection is off */

/* True when this allocation is the one that a test chose to fail. */
static bool injected(void)
{
    atomic_fetch_add_explicit(&made, 1, memory_order_relaxed);
    if (atomic_load_explicit(&countdown, memory_order_relaxed) <= 0) {
        return false;
    }
    return atomic_fetch_sub(&countdown, 1) == 1;
}

static void *counted(void *block)
{
    if (block != NULL) {
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    }
    return block;
}

void *pn_alloc(size_t bytes)
{
    if (injected()) {
        return NULL;
    }
    return counted(malloc(bytes > 0 ? bytes : 1));
}

void *pn_calloc(size_t count, size_t bytes)
{
    size_t size = 0;
    if (injected() || !pn_mul(count, bytes, &size)) {
        return NULL;
    }
    return counted(calloc(size > 0 ? size : 1, 1));
}

void *pn_realloc(void *p, size_t count, size_t bytes)
{
    size_t size = 0;
    if (injected() || !pn_mul(count, bytes, &size)) {
        return NULL;
    }
    void *block = realloc(p, size > 0 ? size : 1);
    return p == NULL ? counted(block) : block;
}

void pn_free(void *p)
{
    if (p != NULL) {
        atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
        free(p);
    }
}

char *pn_strdup(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = pn_alloc(size);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

void pn_alloc_fail_at(long n)
{
    atomic_store(&countdown, n);
}

long pn_alloc_count(void)
{
    return atomic_load(&made);
}

long pn_alloc_live(void)
{
    return atomic_load(&live);
}
