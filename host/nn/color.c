/* SPDX-License-Identifier: Apache-2.0 */
/* Colours of nodes, as penzai draws them: constants of the types, or a hue from a text. */
#include "nn/layers.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

pencl_color pn_color(const char *border, const char *fill)
{
    pencl_color c;
    pn_copy(c.border, sizeof c.border, border);
    pn_copy(c.fill, sizeof c.fill, fill);
    return c;
}

pencl_color pn_color_of_text(const char *text)
{
    char css[64];
    double turn = (double)(XXH64(text, strlen(text), 0) % 65536) / 65536;
    snprintf(css, sizeof css, "oklch(0.785 0.103 %.10g / 1.0)", 360 * turn);
    return pn_color(css, css);
}

pencl_color pencl_layer_color(const pencl_layer *layer)
{
    const pencl_layer_type *type = pencl_layer_type_of(layer);
    if (type->color_of != NULL) {
        return type->color_of(layer);
    }
    if (type->color != NULL) {
        return pn_color(type->color, type->fill != NULL ? type->fill : type->color);
    }
    return type->apply != NULL ? pn_color_of_text(type->name)
                               : pn_color("transparent", "transparent");
}

pencl_color pencl_variable_color(const pencl_variable *variable)
{
    static const char *const colors[2][3] = {{"#93cce1", "#a0b0c9", "#93cce1"},
                                             {"#f57603", "#d4af27", "#f57603"}};
    pencl_variable_form form = pencl_variable_form_of(variable);
    const char *border = colors[pencl_variable_kind_of(variable) == PENCL_STATE][form];
    return pn_color(border, form == PENCL_SLOT ? "#cdcdcd" : border);
}
