/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed parts of the page of a model. */
#ifndef PENCL_TOOLS_INSPECT_ASSETS_H
#define PENCL_TOOLS_INSPECT_ASSETS_H

extern const char inspect_style[];
extern const char inspect_bar[];
extern const char inspect_script[];

#endif
