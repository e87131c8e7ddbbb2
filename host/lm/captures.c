/* SPDX-License-Identifier: Apache-2.0 */
/* What captured nodes gave in a call: arrays by name. */
#include "lm/lm.h"

#include <string.h>

struct pencl_captures {
    pencl_ctx *ctx;
    int n;
    int room;
    pencl_capture *items;
};

pencl_status pencl_captures_new(pencl_captures **out, pencl_device *device)
{
    pencl_captures *c = pn_calloc(1, sizeof *c);
    if (c == NULL) {
        return PN_NOMEM(pn_device_ctx(device));
    }
    c->ctx = pn_device_ctx(device);
    *out = c;
    return PENCL_OK;
}

pencl_status pencl_captures_add(pencl_captures *c, const char *name, pencl_array *array)
{
    char *copy = pn_strdup(name);
    pencl_capture *items = c->items;
    if (c->n == c->room) {
        items = pn_realloc(c->items, (size_t)c->room * 2 + 8, sizeof *items);
    }
    if (copy == NULL || items == NULL) {
        pn_free(copy);
        pencl_array_free(array);
        return PN_NOMEM(c->ctx);
    }
    c->room = c->n == c->room ? c->room * 2 + 8 : c->room;
    c->items = items;
    c->items[c->n++] = (pencl_capture){copy, array};
    return PENCL_OK;
}

void pn_captures_set(pencl_captures *c, int i, pencl_array *array)
{
    pencl_array_free(c->items[i].array);
    c->items[i].array = array;
}

void pencl_captures_free(pencl_captures *c)
{
    if (c == NULL) {
        return;
    }
    for (int i = 0; i < c->n; i++) {
        pn_free((char *)c->items[i].name);
        pencl_array_free(c->items[i].array);
    }
    pn_free(c->items);
    pn_free(c);
}

int pencl_captures_count(const pencl_captures *c)
{
    return c == NULL ? 0 : c->n;
}

const pencl_capture *pencl_captures_at(const pencl_captures *c, int i)
{
    return c != NULL && i >= 0 && i < c->n ? &c->items[i] : NULL;
}

pencl_array *pencl_captures_find(const pencl_captures *c, const char *name)
{
    for (int i = 0; i < pencl_captures_count(c); i++) {
        if (strcmp(c->items[i].name, name) == 0) {
            return c->items[i].array;
        }
    }
    return NULL;
}
