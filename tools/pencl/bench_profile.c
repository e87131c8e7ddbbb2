/* SPDX-License-Identifier: Apache-2.0 */
/* pencl bench --profile: where the time of a step goes, by operation, by layer, by node. */
#include "bench_look.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 20, NAME = 256 };

/* Nodes that are summed up under one name. */
typedef struct group {
    char name[NAME];
    int nodes;
    int launches;
    double us;
    double bytes;
    double flops;
} group;

typedef struct groups {
    group *items;
    int n;
} groups;

typedef void name_node(char name[NAME], const pencl_profile_node *node);

static void by_op(char name[NAME], const pencl_profile_node *node)
{
    snprintf(name, NAME, "%s | %s", node->label, node->kernel);
}

/* ".sublayers[3]" of ".sublayers[3].sublayers[0].delta": a child of the model. */
static void by_layer(char name[NAME], const pencl_profile_node *node)
{
    snprintf(name, NAME, "%s", node->path[0] != '\0' ? node->path : "(none)");
    char *end = strchr(name, ']');
    if (end != NULL) {
        end[1] = '\0';
    }
}

static int longer(const void *a, const void *b)
{
    double x = ((const group *)a)->us;
    double y = ((const group *)b)->us;
    return (x < y) - (x > y);
}

/* Sorted by time. False when memory is out. */
static bool sum_up(groups *out, const pencl_profile *p, name_node *name)
{
    *out = (groups){.items = calloc((size_t)pencl_profile_count(p) + 1, sizeof(group))};
    for (int i = 0; out->items != NULL && i < pencl_profile_count(p); i++) {
        const pencl_profile_node *node = pencl_profile_at(p, i);
        char text[NAME];
        int at = 0;
        name(text, node);
        while (at < out->n && strcmp(out->items[at].name, text) != 0) {
            at++;
        }
        group *g = &out->items[at];
        out->n += at == out->n;
        memcpy(g->name, text, sizeof text);
        g->nodes++;
        g->launches += node->launches;
        g->us += node->us;
        g->bytes += node->bytes;
        g->flops += node->flops;
    }
    if (out->items != NULL) {
        qsort(out->items, (size_t)out->n, sizeof(group), longer);
    }
    return out->items != NULL;
}

/* ---- tables ---- */

static double per_us(double amount, double us)
{
    return us > 0 ? amount / us / 1e3 : 0;
}

static void print_groups(const char *head, const groups *g, double all_us)
{
    printf("\n| %s | nodes | launches | ms | share | GB/s | GFLOP/s |\n", head);
    printf("%s| ---: | ---: | ---: | ---: | ---: | ---: |\n",
           strchr(head, '|') != NULL ? "| --- | --- " : "| --- ");
    for (int i = 0; i < g->n; i++) {
        const group *row = &g->items[i];
        printf("| %s | %d | %d | %.3f | %.1f %% | %.2f | %.2f |\n", row->name, row->nodes,
               row->launches, row->us / 1e3, all_us > 0 ? 100 * row->us / all_us : 0,
               per_us(row->bytes, row->us), per_us(row->flops, row->us));
    }
}

static int print_sums(const pencl_profile *p, const char *head, name_node *name)
{
    groups g;
    if (!sum_up(&g, p, name)) {
        say("%s", pencl_status_text(PENCL_E_NOMEM));
        return EXIT_FAILED;
    }
    print_groups(head, &g, pencl_profile_sum(p).device_us);
    free(g.items);
    return EXIT_DONE;
}

static int longer_node(const void *a, const void *b)
{
    double x = (*(const pencl_profile_node *const *)a)->us;
    double y = (*(const pencl_profile_node *const *)b)->us;
    return (x < y) - (x > y);
}

static int print_longest(const pencl_profile *p)
{
    const int n = pencl_profile_count(p);
    const double all = pencl_profile_sum(p).device_us;
    const pencl_profile_node **nodes = calloc((size_t)n + 1, sizeof(*nodes));
    if (nodes == NULL) {
        say("%s", pencl_status_text(PENCL_E_NOMEM));
        return EXIT_FAILED;
    }
    for (int i = 0; i < n; i++) {
        nodes[i] = pencl_profile_at(p, i);
    }
    qsort(nodes, (size_t)n, sizeof *nodes, longer_node);
    printf("\n| node | kernel | layer | us | share | idle before, us | GB/s | GFLOP/s |\n"
           "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |\n");
    for (int i = 0; i < n && i < LONGEST; i++) {
        const pencl_profile_node *node = nodes[i];
        printf("| %s | %s | %s | %.1f | %.1f %% | %.1f | %.2f | %.2f |\n", node->label,
               node->kernel, node->path, node->us, all > 0 ? 100 * node->us / all : 0,
               node->before_us, per_us(node->bytes, node->us), per_us(node->flops, node->us));
    }
    free(nodes);
    return EXIT_DONE;
}

static int print_profile(const work *w, const pencl_profile *p, const pencl_profile_options *o)
{
    const pencl_profile_total t = pencl_profile_sum(p);
    const double other = t.step_us - t.device_us - t.between_us;
    printf("\n%s, %" PRId64 " tokens after %" PRId64 ": %.3f ms a step; %d launches take %.3f ms, ",
           pencl_device_describe(w->device)->id, o->n_tokens, o->depth, t.step_us / 1e3, t.launches,
           t.device_us / 1e3);
    if (t.by_clock) {
        printf("each waited for: the driver tells no times of its own\n");
    } else {
        printf("%.3f ms idle between them, %.3f ms the host's before and after\n",
               t.between_us / 1e3, (other > 0 ? other : 0) / 1e3);
    }
    int status = print_sums(p, "op | kernel", by_op);
    status = status == EXIT_DONE ? print_sums(p, "layer", by_layer) : status;
    return status == EXIT_DONE ? print_longest(p) : status;
}

/* ---- JSON ---- */

static json_t *profile_json(const work *w, const pencl_profile *p, const pencl_profile_options *o)
{
    const pencl_profile_total t = pencl_profile_sum(p);
    json_t *nodes = json_array();
    for (int i = 0; i < pencl_profile_count(p); i++) {
        const pencl_profile_node *n = pencl_profile_at(p, i);
        json_array_append_new(
            nodes, json_pack("{s:s, s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:f}", "label", n->label,
                             "kernel", n->kernel, "path", n->path, "launches", n->launches, "us",
                             n->us, "share", t.device_us > 0 ? n->us / t.device_us : 0, "before_us",
                             n->before_us, "bytes", n->bytes, "flops", n->flops));
    }
    return json_pack("{s:s, s:I, s:I, s:f, s:f, s:f, s:s, s:i, s:f, s:f, s:o}", "device_id",
                     pencl_device_describe(w->device)->id, "n_tokens", (json_int_t)o->n_tokens,
                     "depth", (json_int_t)o->depth, "step_us", t.step_us, "device_us", t.device_us,
                     "between_us", t.between_us, "clock", t.by_clock ? "host" : "device",
                     "launches", t.launches, "bytes", t.bytes, "flops", t.flops, "nodes", nodes);
}

int bench_profile(work *w, const bench_row *row, const bench_settings *s, json_t *to)
{
    pencl_profile_options o = bench_step(row);
    pencl_profile *p = NULL;
    o.repetitions = s->repetitions > o.repetitions ? (int)s->repetitions : o.repetitions;
    if (pencl_profile_new(&p, work_lm(w), &o) != PENCL_OK) {
        return work_failed(w);
    }
    int status = EXIT_DONE;
    if (to != NULL) {
        json_array_append_new(to, profile_json(w, p, &o));
    } else {
        status = print_profile(w, p, &o);
    }
    pencl_profile_free(p);
    return status;
}
