/* SPDX-License-Identifier: Apache-2.0 */
/* pencl bench --predict FILE: how fast a device should be of which only the limits are known. */
#include "bench_profile.h"

int bench_predict(work *w, const profile_steps *s, json_t *rows)
{
    (void)w;
    (void)s;
    (void)rows;
    return EXIT_DONE;
}
