/* SPDX-License-Identifier: Apache-2.0 */
/* How values are printed: sizes, quoted text, JSON. */
#ifndef PENCL_TOOLS_OUTPUT_H
#define PENCL_TOOLS_OUTPUT_H

#include "pencl/context.h"

#include <jansson.h>
#include <stdbool.h>

/* Standard output is a terminal that may be coloured: NO_COLOR is unset or empty. */
bool colours(void);

/* Columns of the terminal; 100 where there is none. */
int terminal_width(void);
/* Text in so many columns, with a space behind: one column a character, control characters as dots.
 */
void print_field(const char *text, size_t size, int columns);

/* "92.93 MiB", in `to`. */
const char *bytes_text(char *to, size_t room, uint64_t bytes);
/* "cpu", "gpu", "accelerator", "ref" */
const char *type_text(pencl_device_type type);
/* n in `ms` milliseconds; 0 when there was no time. */
double per_second(size_t n, double ms);

/* Text as a JSON string; what is not UTF-8 becomes '?'. */
json_t *json_text(const char *text);
json_t *json_ids(const int32_t *ids, size_t n);
/* {"ms", "tokens", "t/s"} */
json_t *json_timing(size_t n, double ms);
/* Prints a document on standard output and frees it; returns an exit status. */
int print_json(json_t *document);
/* Writes a file, at once or not at all; an exit status, after a message. */
int write_file(const char *path, const void *data, size_t size);
/* Bytes of the UTF-8 character that text begins with; 0 when it is none. */
size_t character_size(const char *text, size_t size);
/* Prints text in double quotes on one line, control characters and bytes that are not UTF-8
 * escaped. */
void print_quoted(const char *text, size_t size);

#endif
