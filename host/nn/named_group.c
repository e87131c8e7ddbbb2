/* SPDX-License-Identifier: Apache-2.0 */
/* NamedGroup: sublayers one after another, under a name to select them by. */
#include "nn/layers.h"

#include <stdio.h>
#include <string.h>

/* penzai keys a group's hue by the SHA-256 of its name: those of the names that it gives itself. */
static const struct {
    const char *name;
    const char *color;
} known[] = {
    {"Pretrained", "oklch(0.785 0.103 161.6033935546875 / 1.0)"},
    {"Update", "oklch(0.785 0.103 272.4664306640625 / 1.0)"},
    {"gate", "oklch(0.785 0.103 164.2291259765625 / 1.0)"},
};

static pencl_color color_of(const pencl_layer *self)
{
    const char *name = pencl_layer_text(self, "name");
    pencl_color c = pn_color_of_text(name);
    for (size_t i = 0; i < PN_COUNT(known); i++) {
        if (strcmp(known[i].name, name) == 0) {
            c = pn_color(known[i].color, "");
        }
    }
    snprintf(c.fill, sizeof c.fill, "color-mix(in oklab, %s 25%%, white)", c.border);
    return c;
}

static const pencl_field fields[] = {
    {"name", PENCL_FIELD_TEXT}, {"sublayers", PENCL_FIELD_LAYERS}, {0}};

const pencl_layer_type pn_layer_NamedGroup = {
    .name = "NamedGroup",
    .doc = "the sublayers, in order",
    .fields = fields,
    .apply = pn_sequential_apply,
    .color_of = color_of,
};
