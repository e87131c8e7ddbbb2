/* SPDX-License-Identifier: Apache-2.0 */
/* Prints a table of options as help, and finds the nearest of several words. */
#include "options.h"

#include <stdio.h>
#include <string.h>

enum { LEFT = 28, LONGEST = 32 }; /* columns of the left half; letters that nearest compares */

static void print_default(const option *o, const void *settings)
{
    const void *at = (const char *)settings + o->at;
    switch (o->kind) {
    case OPTION_WHOLE:
        if (*(const int64_t *)at != 0) { /* 0 stands for "chosen by the command" in every table */
            printf(" (default %lld)", (long long)*(const int64_t *)at);
        }
        break;
    case OPTION_REAL:
        printf(" (default %g)", *(const double *)at);
        break;
    case OPTION_CHOICE:
        printf(": %s", o->choices);
        if (*(const char *const *)at != NULL) {
            printf(" (default %s)", *(const char *const *)at);
        }
        break;
    default:
        break;
    }
}

void options_print(const option *table, const void *settings)
{
    char left[64];
    for (const option *o = table; o->name != NULL; o++) {
        char letter[8] = "    ";
        if (o->letter != '\0') {
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        }
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->argument != NULL ? " " : "",
                 o->argument != NULL ? o->argument : "");
        printf("  %-*s %s", LEFT, left, o->help);
        print_default(o, settings);
        printf("\n");
    }
    printf("  %-*s %s\n", LEFT, "    --help", "print this");
}

/* ---- the nearest word ---- */

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edits (insert, drop, change, swap of neighbours) that make `b` from `a`; both are short. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[LONGEST + 1][LONGEST + 1];
    size_t n = strlen(a);
    size_t m = strlen(b);
    if (n > LONGEST || m > LONGEST) {
        return LONGEST;
    }
    for (size_t i = 0; i <= n; i++) {
        for (size_t j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            size_t change = a[i - 1] != b[j - 1];
            rows[i][j] = min3(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + change);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && rows[i - 2][j - 2] + 1 < rows[i][j]) {
                rows[i][j] = rows[i - 2][j - 2] + 1;
            }
        }
    }
    return rows[n][m];
}

const char *nearest(const char *word, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t size = strlen(word);
    size_t least = size / 3 + 2; /* a third of the letters may be wrong, and one more */
    for (size_t i = 0; i < n; i++) {
        if (size > 1 && strncmp(candidates[i], word, size) == 0) {
            return candidates[i]; /* shortened */
        }
        size_t edits = distance(word, candidates[i]);
        if (edits < least && edits < strlen(candidates[i])) {
            least = edits;
            best = candidates[i];
        }
    }
    return best;
}
