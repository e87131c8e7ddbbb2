/* SPDX-License-Identifier: Apache-2.0 */
/* All of pencl's public API. */
#ifndef PENCL_PENCL_H
#define PENCL_PENCL_H

#include "pencl/array.h"
#include "pencl/axes.h"
#include "pencl/base.h"
#include "pencl/bench.h"
#include "pencl/context.h"
#include "pencl/generate.h"
#include "pencl/graph.h"
#include "pencl/history.h"
#include "pencl/layer.h"
#include "pencl/lm.h"
#include "pencl/machine.h"
#include "pencl/model.h"
#include "pencl/profile.h"
#include "pencl/select.h"
#include "pencl/study.h"
#include "pencl/sustain.h"
#include "pencl/text.h"
#include "pencl/value.h"
#include "pencl/variable.h"

#endif
