/* SPDX-License-Identifier: Apache-2.0 */
/* Shows where two devices part, as text and as JSON. */
#include "diff.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* What is summed up of all values and tokens. */
typedef struct totals {
    int n_apart;     /* values that part */
    int worst;       /* the value with the largest share */
    size_t n_tokens; /* positions after which the likeliest token differs */
    size_t first_token;
} totals;

static totals sum_up(const pencl_diff *diff, const prompted *p)
{
    totals t = {.first_token = p->n};
    for (int i = 0; i < pencl_diff_count(diff); i++) {
        const pencl_diff_node *node = pencl_diff_at(diff, i);
        t.n_apart += node->parts;
        t.worst = node->share > pencl_diff_at(diff, t.worst)->share ? i : t.worst;
    }
    for (size_t at = p->n; at-- > 0;) {
        int32_t a = 0;
        int32_t b = 0;
        if (pencl_diff_token(diff, at, &a, &b)) {
            t.n_tokens++;
            t.first_token = at;
        }
    }
    return t;
}

/* ---- text ---- */

static void print_node(const pencl_diff_node *node)
{
    printf("%s", node->name);
    printf(node->type[0] != '\0' ? " (%s)" : "%s", node->type);
    for (int i = 0; i < node->n_axes; i++) {
        printf("%s%s:%" PRId64, i == 0 ? " at {" : ", ", node->axes[i].name, node->index[i]);
    }
    printf("%s", node->n_axes > 0 ? "}" : "");
}

static void print_token(const work *w, int32_t token)
{
    char piece[256];
    size_t size = work_piece(piece, sizeof piece, w, token);
    print_quoted(piece, size);
}

static void print_tokens(const pencl_diff *diff, const prompted *p, const totals *t, const char *a)
{
    int32_t ours = 0;
    int32_t theirs = 0;
    if (t->n_tokens == 0) {
        printf("the likeliest next tokens are the same after all %zu\n", p->n);
        return;
    }
    pencl_diff_token(diff, t->first_token, &ours, &theirs);
    printf("the likeliest next token differs after %zu of %zu tokens, first after token %zu: ",
           t->n_tokens, p->n, t->first_token);
    print_token(p->w, ours);
    printf(" by %s, ", a);
    print_token(p->w, theirs);
    printf(" by %s\n", pencl_device_describe(p->w->device)->id);
}

void diff_print(const pencl_diff *diff, const prompted *p, const char *first_id, double tolerance)
{
    const char *id = pencl_device_describe(p->w->device)->id;
    const totals t = sum_up(diff, p);
    const int first = pencl_diff_first(diff);
    const pencl_diff_node *node = pencl_diff_at(diff, first >= 0 ? first : t.worst);
    printf("%s and %s: %d of %d values part by more than %g of a token's largest\n", first_id, id,
           t.n_apart, pencl_diff_count(diff), tolerance);
    printf(first >= 0 ? "first apart: " : "most apart: ");
    print_node(node);
    printf(": %.6g by %s, %.6g by %s, apart by %.3g, %.3g of the largest\n", node->a, first_id,
           node->b, id, node->apart, node->share);
    print_tokens(diff, p, &t, first_id);
}

/* ---- JSON ---- */

/* JSON has neither infinity nor NaN. */
static json_t *number_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *node_json(const pencl_diff_node *node)
{
    json_t *index = json_object();
    for (int i = 0; i < node->n_axes; i++) {
        json_object_set_new(index, node->axes[i].name, json_integer((json_int_t)node->index[i]));
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "name", node->name, "type",
                     node->type, "at", index, "a", number_json(node->a), "b", number_json(node->b),
                     "apart", number_json(node->apart), "share", number_json(node->share), "parts",
                     node->parts);
}

static json_t *tokens_json(const pencl_diff *diff, const prompted *p)
{
    json_t *list = json_array();
    for (size_t at = 0; at < p->n; at++) {
        int32_t a = 0;
        int32_t b = 0;
        if (pencl_diff_token(diff, at, &a, &b)) {
            json_array_append_new(list, json_pack("{s:I, s:i, s:i}", "after", (json_int_t)at, "a",
                                                  (int)a, "b", (int)b));
        }
    }
    return list;
}

json_t *diff_json(const pencl_diff *diff, const prompted *p, const char *first_id, double tolerance)
{
    const int first = pencl_diff_first(diff);
    json_t *nodes = json_array();
    for (int i = 0; i < pencl_diff_count(diff); i++) {
        json_array_append_new(nodes, node_json(pencl_diff_at(diff, i)));
    }
    return json_pack("{s:s, s:s, s:f, s:o, s:I, s:o, s:o}", "a", first_id, "b",
                     pencl_device_describe(p->w->device)->id, "tolerance", tolerance, "first",
                     first >= 0 ? node_json(pencl_diff_at(diff, first)) : json_null(), "n_tokens",
                     (json_int_t)p->n, "tokens_differ", tokens_json(diff, p), "nodes", nodes);
}
