/* SPDX-License-Identifier: Apache-2.0 */
/* Layers from attributes. */
#include "support/attributes.h"

#include "support/fixture.h"

pencl_attribute given_text(const char *name, const char *value)
{
    return (pencl_attribute){.name = name, .kind = PENCL_FIELD_TEXT, .text = value};
}

pencl_attribute given_number(const char *name, double value)
{
    return (pencl_attribute){.name = name, .kind = PENCL_FIELD_NUMBER, .number = value};
}

pencl_layer *make_layer(const char *type, const pencl_attribute *given, int n)
{
    pencl_layer *layer = NULL;
    ok(pencl_layer_from_attributes(&layer, ctx, pencl_layer_type_named(type), given, n));
    return layer;
}
