/* SPDX-License-Identifier: Apache-2.0 */
/* How pencl diff shows where two devices part. */
#ifndef PENCL_TOOLS_DIFF_H
#define PENCL_TOOLS_DIFF_H

#include "output.h"
#include "prompted.h"

typedef struct diff_sides {
    pencl_diff_side *first; /* NULL before the first device has run */
    char first_id[64];
    char *tokens; /* "1,2,3" */
    json_t *rows; /* NULL: lines are printed */
    int n_apart;  /* devices that part from the first one */
} diff_sides;

/* `p` is the second side, the model of which is open. */
void diff_print(const pencl_diff *diff, const prompted *p, const char *first_id, double tolerance);
json_t *
diff_json(const pencl_diff *diff, const prompted *p, const char *first_id, double tolerance);

#endif
