/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of measurements as JSON objects: read from files, those of pencl bench and of llama-bench.
 */
#ifndef PENCL_TOOLS_BENCH_READ_H
#define PENCL_TOOLS_BENCH_READ_H

#include <jansson.h>
#include <stdbool.h>

/* Adds the rows of a file to an array: an array of objects, one object, or one a line. False after
 * a message. */
bool rows_read(json_t *to, const char *path);
/* The same of files that each option names. */
json_t *rows_read_all(const char *const *paths, size_t n);

/* What a path of names leads to ("device.id"), borrowed; NULL when there is nothing. */
const json_t *row_at(const json_t *row, const char *path);
/* A text that is there and not empty; else `otherwise`. */
const char *row_text(const json_t *row, const char *path, const char *otherwise);
double row_number(const json_t *row, const char *path); /* NAN when it is none */
double row_number_or(const json_t *row, const char *path, double otherwise);
bool row_flag(const json_t *row, const char *name); /* is it among its flags? */

/* Made by pencl, with what that has over llama-bench's rows. */
bool row_is_ours(const json_t *row);
/* Tokens a second, or runs of an operation: the median of its samples; 0 when there is none. */
double row_rate(const json_t *row);
/* Its samples as an array of numbers, borrowed; NULL when there are none. */
const json_t *row_samples(const json_t *row);

/* Each writes a short text and returns it. */
const char *row_type(char *to, size_t room, const json_t *row);  /* "Q4_1": weights of the file */
const char *row_model(char *to, size_t room, const json_t *row); /* "llama 134.5M Q4_1" */
const char *row_test(char *to, size_t room, const json_t *row);  /* "pp512 @ d4096 x 8" */
const char *row_device(const json_t *row);                       /* "pocl:0", "AMD EPYC" */
const char *row_place(char *to, size_t room, const json_t *row); /* platform, driver */
/* The reasons for which it is unstable, joined; "" when it is stable. */
const char *row_unstable(char *to, size_t room, const json_t *row);
/* What a reader must know before believing a row; "" for nothing. */
const char *row_remarks(char *to, size_t room, const json_t *row);

/* The same model and test, by whichever program. */
bool row_same_work(const json_t *a, const json_t *b);
/* Devices that failed their self-test have no rank. */
bool row_is_ranked(const json_t *row);

#endif
