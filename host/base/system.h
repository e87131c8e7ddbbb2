/* SPDX-License-Identifier: Apache-2.0 */
/* The system around a measurement, as far as it tells: its name, clocks, heat, power, other work.
 * Everything is read below pn_root(), so that tests can make systems up. */
#ifndef PENCL_BASE_SYSTEM_H
#define PENCL_BASE_SYSTEM_H

#include "base/base.h"

/* PENCL_ROOT, which goes before /dev, /etc, /proc and /sys; or "". */
const char *pn_root(void);

void pn_system_os(char *out, size_t room);       /* "Debian GNU/Linux 12 (bookworm)"; or "" */
void pn_system_kernel(char *out, size_t room);   /* "Linux 6.1.0"; or "" */
void pn_system_cpu(char *out, size_t room);      /* "AMD EPYC"; or "" */
void pn_system_governor(char *out, size_t room); /* of the first core: "performance"; or "" */

#endif
