/* SPDX-License-Identifier: Apache-2.0 */
/* What only chains call, and GPUs have none. */
#include "support/opencl/never.h"

NEVER(clCompileProgram)
NEVER(clLinkProgram)
