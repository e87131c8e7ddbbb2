/* SPDX-License-Identifier: Apache-2.0 */
/* From options to edits of a model. */
#include "edits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_EDITS = 1024 };

/* Edits and what they refer to. */
typedef struct edit_list {
    pencl_edit items[MOST_EDITS];
    int n;
    char *texts[2 * OPTION_TEXTS_MAX]; /* cut into selections and paths */
    pencl_array *values[2 * OPTION_TEXTS_MAX];
    size_t n_files;
} edit_list;

/* "S=F.npy:0.5" cut into its parts; a selection may have = and a path : in it. */
static bool split(char *text, char **path, double *scale)
{
    *path = strrchr(text, '=');
    if (*path == NULL || *path == text || (*path)[1] == '\0') {
        return false;
    }
    *(*path)++ = '\0';
    if (scale != NULL) {
        cut_scale(*path, scale);
    }
    return **path != '\0';
}

static int read_file(edit_list *list, const work *w, const char *name, const char *given, bool add)
{
    char *path = NULL;
    double scale = 1;
    size_t i = list->n_files++;
    list->texts[i] = strdup(given);
    if (list->texts[i] == NULL) {
        say("out of host memory");
        return EXIT_FAILED;
    }
    if (!split(list->texts[i], &path, add ? &scale : NULL)) {
        return usage_error(name, "--%s takes %s, not \"%s\"", add ? "add" : "replace",
                           add ? "S=F.npy or S=F.npy:SCALE" : "S=F.npy", given);
    }
    if (pencl_array_load(&list->values[i], w->device, path) != PENCL_OK) {
        return work_failed(w);
    }
    list->items[list->n++] = (pencl_edit){.kind = add ? PENCL_EDIT_ADD : PENCL_EDIT_REPLACE,
                                          .select = list->texts[i],
                                          .value = list->values[i],
                                          .scale = scale};
    return EXIT_DONE;
}

/* All heads of a block, or one. */
static bool add_heads(edit_list *list, const work *w, int block, int head, bool all)
{
    const pencl_transformer_metadata *m = pencl_lm_metadata(pencl_model_lm(w->model));
    int64_t n = 1;
    for (int i = 0; all && i < m->n_common; i++) {
        n *= m->common_head_axes[i].size;
    }
    for (int i = 0; all && i < m->n_query_only; i++) {
        n *= m->query_only_head_axes[i].size;
    }
    for (int64_t i = 0; i < n && list->n < MOST_EDITS; i++) {
        list->items[list->n++] =
            (pencl_edit){.kind = PENCL_EDIT_KNOCK_OUT, .block = block, .head = all ? (int)i : head};
    }
    return list->n < MOST_EDITS;
}

static int read_heads(edit_list *list, const work *w, const char *name, const char *text)
{
    const char *at = text;
    while (*at != '\0') {
        char *end = NULL;
        long block = strtol(at, &end, 10);
        bool sound = end > at && *end == ':' && block >= 0 && block < 100000;
        at = sound ? end + 1 : at;
        bool all = sound && *at == '*';
        long head = sound && !all ? strtol(at, &end, 10) : 0;
        sound = sound && (all || (end > at && head >= 0 && head < 100000));
        at = all ? at + 1 : end;
        sound = sound && (*at == '\0' || (*at == ',' && at[1] != '\0'));
        if (!sound) {
            return usage_error(name, "--knockout takes BLOCK:HEAD,.. such as 3:0,5:*, not \"%s\"",
                               text);
        }
        if (!add_heads(list, w, (int)block, (int)head, all)) {
            return usage_error(name, "--knockout: more than %d heads", MOST_EDITS - 1);
        }
        at += *at == ',';
    }
    return EXIT_DONE;
}

static int read_all(edit_list *list, const work *w, const char *name, const edit_settings *s)
{
    int status = EXIT_DONE;
    for (size_t i = 0; i < s->replace.n && status == EXIT_DONE; i++) {
        status = read_file(list, w, name, s->replace.items[i], false);
    }
    for (size_t i = 0; i < s->add.n && status == EXIT_DONE; i++) {
        status = read_file(list, w, name, s->add.items[i], true);
    }
    if (status == EXIT_DONE && s->knock_out != NULL) {
        status = read_heads(list, w, name, s->knock_out);
    }
    return status;
}

int work_edit(work *w, const char *name, const edit_settings *s)
{
    edit_list *list = calloc(1, sizeof *list);
    if (list == NULL) {
        say("out of host memory");
        return EXIT_FAILED;
    }
    int status = read_all(list, w, name, s);
    if (status == EXIT_DONE && list->n > 0 &&
        pencl_lm_edit(&w->edited, pencl_model_lm(w->model), list->items, list->n) != PENCL_OK) {
        status = work_failed(w);
    }
    for (size_t i = 0; i < list->n_files; i++) {
        pencl_array_free(list->values[i]);
        free(list->texts[i]);
    }
    free(list);
    return status;
}
