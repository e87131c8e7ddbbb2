/* SPDX-License-Identifier: Apache-2.0 */
/* What is known about drivers by their names: the rows of quirks.def. */
#ifndef PENCL_DEVICE_QUIRKS_H
#define PENCL_DEVICE_QUIRKS_H

#include "device/device.h"

typedef struct pn_quirk {
    const char *name;     /* the platform's short name */
    const char *platform; /* words of the platform's name */
    const char *device;   /* words of the device's name, "" for any */
    const char *threads;  /* environment variable of the number of worker threads, or "" */
    int software;
    const char *reason;
} pn_quirk;

extern const pn_quirk pn_quirks[];
extern const size_t pn_n_quirks;

/* A fault of a driver: a FAULT of quirks.def. */
typedef struct pn_driver_fault {
    const char *platform;
    const char *device;
    const char *mark;
    const char *fixed;
    unsigned hides; /* PN_CAP_ bits */
    const char *fault;
    const char *source;
} pn_driver_fault;

extern const pn_driver_fault pn_driver_faults[];
extern const size_t pn_n_driver_faults;

/* True when the device, as its row of the list has it, is one of those that have the fault. */
bool pn_driver_fault_fits(const pn_driver_fault *fault, const pencl_device_info *info);
/* The capabilities that its faults make useless. */
unsigned pn_driver_faults_hide(const pencl_device_info *info);

/* The row that fits best, or NULL. */
const pn_quirk *pn_quirk_find(const char *platform, const char *device);

/* The short name of a platform: of its row, else its first word in lower case. */
void pn_quirk_short_name(char *out, size_t room, const char *platform);

#endif
