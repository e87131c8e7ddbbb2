/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in model files. */
#ifndef PENCL_IO_JSON_H
#define PENCL_IO_JSON_H

#include "io/io.h"

#include <jansson.h>

/* Parses a text of the file; repeated keys are errors. Values are counted before the parser makes
 * them, so that a hostile text costs no more memory than an honest one. Errors are E_FORMAT "FILE:
 * ITEM: byte N: ...", N counted from `offset`. json_decref when done. */
pencl_status pn_json_parse(
    json_t **out, const pn_model_file *file, const char *item, pn_string text, size_t offset);

#endif
