/* SPDX-License-Identifier: Apache-2.0 */
/* How long a step takes on a device of which only the limits are known. */
#include "pencl/profile.h"

#include <math.h>

double pencl_profile_forecast(const pencl_profile *profile, const pencl_limits *limits)
{
    double us = 0;
    for (int i = 0; i < pencl_profile_count(profile); i++) {
        const pencl_profile_node *node = pencl_profile_at(profile, i);
        double moving = node->bytes / (limits->read_gbs * 1e3);
        double computing = node->flops / (limits->fma_gflops * 1e3);
        us += fmax(moving, computing) + node->launches * limits->launch_us;
    }
    return us;
}
