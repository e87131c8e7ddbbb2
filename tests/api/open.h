/* SPDX-License-Identifier: Apache-2.0 */
/* The example of an opened model. */
#ifndef PENCL_TESTS_API_OPEN_H
#define PENCL_TESTS_API_OPEN_H

#include "pencl/pencl.h"

pencl_status open_up(pencl_model *model, pencl_ctx *ctx);

#endif
