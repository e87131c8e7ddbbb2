/* SPDX-License-Identifier: Apache-2.0 */
/* What is known about drivers by their names: the rows of quirks.def. */
#ifndef PENCL_DEVICE_QUIRKS_H
#define PENCL_DEVICE_QUIRKS_H

#include "base/base.h"

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

/* The row that fits best, or NULL. */
const pn_quirk *pn_quirk_find(const char *platform, const char *device);

/* The short name of a platform: of its row, else its first word in lower case. */
void pn_quirk_short_name(char *out, size_t room, const char *platform);

#endif
