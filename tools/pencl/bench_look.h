/* SPDX-License-Identifier: Apache-2.0 */
/* pencl bench with a closer look at each test instead of a row of a table: where the time goes, how
 * long it should take, what remains after minutes. */
#ifndef PENCL_TOOLS_BENCH_LOOK_H
#define PENCL_TOOLS_BENCH_LOOK_H

#include "bench.h"

/* Every device and test by what the settings ask for: --profile, --predict or --sustain; prints
 * tables, or one JSON array. Returns an exit status. */
int bench_look(const bench_settings *s);

/* One test on an open model: printed, or an object added to `to` (NULL: printed). Exit statuses. */
typedef int bench_look_at(work *w, const bench_row *row, const bench_settings *s, json_t *to);
bench_look_at bench_profile;
bench_look_at bench_predict;
bench_look_at bench_sustain;

/* The step that stands for a test: its last chunk that is a power of two of tokens, or the token in
 * the middle of what is generated. */
pencl_profile_options bench_step(const bench_row *row);

#endif
