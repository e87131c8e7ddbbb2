/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of pencl_select_text: a text being read, and what is said when it selects nothing. */
#ifndef PENCL_NN_SELECT_TEXT_H
#define PENCL_NN_SELECT_TEXT_H

#include "nn/selection.h"

typedef struct pn_reader {
    pencl_selection *s;      /* what the steps so far select */
    pencl_selection *before; /* what the steps before this one select; for advice */
    const char *name;        /* the alias that the text stands for, or NULL */
    const char *text;
    const char *at;
} pn_reader;

/* Records an error at a column of the text; the first stays. */
void pn_reader_fail(pn_reader *r, pencl_status status, const char *at, const char *fmt, ...)
    PN_PRINTF(4, 5);
/* The error that a verb left on the selection, at a column. */
void pn_reader_fail_as(pn_reader *r, const char *at);
bool pn_reader_failed(const pn_reader *r);

/* ---- filters (select_filter.c) ---- */
/* Reads "{key=value}" and keeps the nodes that fit. */
void pn_read_filter(pn_reader *r);
/* A word of letters, digits, _ and |; false, with an error, when there is none. */
bool pn_read_word(pn_reader *r, char *out, size_t room, const char *what);

/* ---- advice (select_advice.c) ---- */
/* No node inside of r->before is of the type. */
void pn_fail_no_type(pn_reader *r, const char *at, const char *type);
/* The field is not one of r->before's nodes'; the selection's error says so. */
void pn_fail_no_field(pn_reader *r, const char *at, const char *field);
/* No node of r->before has the value, whose key `value` reads. */
typedef bool pn_read_value(pn_text *out, const pencl_place *place, void *user);
void pn_fail_no_value(pn_reader *r,
                      const char *at,
                      const char *key,
                      const char *wanted,
                      pn_read_value *read,
                      void *user);

#endif
