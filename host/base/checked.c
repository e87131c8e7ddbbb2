/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes that cannot wrap: every product and sum of numbers from a file goes through these. */
#include "base/base.h"

bool pn_mul(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > SIZE_MAX / b) {
        return false;
    }
    *out = a * b;
    return true;
}

bool pn_add(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b) {
        return false;
    }
    *out = a + b;
    return true;
}

bool pn_pad(size_t a, size_t multiple, size_t *out)
{
    if (multiple == 0) {
        return false;
    }
    const size_t over = a % multiple;
    return pn_add(a, over == 0 ? 0 : multiple - over, out);
}
