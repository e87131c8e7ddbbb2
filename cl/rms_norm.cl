// SPDX-License-Identifier: Apache-2.0
// rms_norm_row, rms_norm_lanes, rms_norm_subgroup, rms_norm_wide: x / sqrt(mean(x^2) + EPS) along
// rows.
#define NAME(idea) rms_norm_##idea
#define CENTRED    0
#include "lib/norm_rows.clh"
