/* SPDX-License-Identifier: Apache-2.0 */
/* Layers made from attributes, as files and users of reflection make them. */
#ifndef PENCL_TESTS_SUPPORT_ATTRIBUTES_H
#define PENCL_TESTS_SUPPORT_ATTRIBUTES_H

#include "nn/nn.h"

pencl_attribute given_text(const char *name, const char *value);
pencl_attribute given_number(const char *name, double value);
/* In the context of support/fixture.h; fails the test when it is refused. */
pencl_layer *make_layer(const char *type, const pencl_attribute *given, int n);

#endif
