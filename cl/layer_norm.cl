// SPDX-License-Identifier: Apache-2.0
// layer_norm_row, layer_norm_lanes, layer_norm_subgroup, layer_norm_wide:
// (x - mean) / sqrt(variance + EPS) along rows.
#define NAME(idea) layer_norm_##idea
#define CENTRED    1
#include "lib/norm_rows.clh"
