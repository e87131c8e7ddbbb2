/* SPDX-License-Identifier: Apache-2.0 */
/* How measurements are printed: Markdown tables and JSON objects with llama-bench's names. */
#ifndef PENCL_TOOLS_BENCH_H
#define PENCL_TOOLS_BENCH_H

#include "output.h"
#include "work.h"

/* On standard output. */
void bench_model_head(void);
void bench_model_row(const work *w, const pencl_bench_result *r);
void bench_op_head(void);
void bench_op_row(const work *w, const pencl_bench_op *op);

json_t *bench_model_json(const work *w, const pencl_bench_result *r);
json_t *bench_op_json(const work *w, const pencl_bench_op *op);

#endif
