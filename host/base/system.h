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

/* A file below the root, whole; false when it cannot be read. */
bool pn_system_read(pn_text *out, const char *path);
/* The number that such a file begins with; NAN when there is none. */
double pn_system_number(const char *path);

/* ---- sensors_posix.c: as they are now; NAN for what no sensor tells ---- */

typedef enum pn_power_source {
    PN_POWER_NONE,
    PN_POWER_RAPL,
    PN_POWER_HWMON,
    PN_POWER_BATTERY
} pn_power_source;

typedef struct pn_sensors {
    double clock_mhz;     /* of the GPU, or the mean of the cores */
    double temperature_c; /* of the GPU, or the hottest part of the CPU */
    pn_power_source source;
    double joules; /* used so far, from RAPL: it begins anywhere and wraps */
    double wrap;   /* joules */
    double watts;  /* at this moment, from the others */
} pn_sensors;

/* `pci` is the address of the GPU that computes; "": the CPU does. A GPU's board is known from its
 * own sensors only, a CPU's package from RAPL; a battery that is being used stands for either. */
void pn_sensors_read(pn_sensors *out, const char *pci);
/* Watts between two readings: of RAPL what was used in these seconds, else the mean of both. */
double pn_sensors_watts(const pn_sensors *from, const pn_sensors *to, double seconds);

/* CPU time of all cores since the start that neither idled nor was this process's, in seconds: of
 * other processes, of the kernel for them, and what a hypervisor took. NAN where nobody tells. */
double pn_foreign_seconds(void);

#endif
