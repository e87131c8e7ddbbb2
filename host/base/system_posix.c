/* SPDX-License-Identifier: Apache-2.0 */
/* system.h on Linux: what /proc, /sys and /etc say. Elsewhere nothing is there, and nothing known.
 */
#include "base/system.h"

#include "base/os.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20, PATH_SIZE = 1024 };

const char *pn_root(void)
{
    const char *set = pn_get_env("PENCL_ROOT");
    return set != NULL ? set : "";
}

bool pn_system_read(pn_text *out, const char *path)
{
    char full[PATH_SIZE];
    pencl_ctx quiet = {0};
    snprintf(full, sizeof full, "%s%s", pn_root(), path);
    return pn_file_read(out, &quiet, full, FILE_MAX) == PENCL_OK;
}

double pn_system_number(const char *path)
{
    pn_text text = {0};
    char *end = NULL;
    double value = NAN;
    if (pn_system_read(&text, path)) {
        const char *from = pn_text_get(&text);
        value = strtod(from, &end);
        value = end != from ? value : NAN;
    }
    pn_text_free(&text);
    return value;
}

/* What follows `key` in the first line that begins with it, up to the line's end. */
static void value_of(char *out, size_t room, const char *text, const char *key)
{
    const size_t length = strlen(key);
    out[0] = '\0';
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0) {
            const char *from = line + length;
            from += strspn(from, " \t:\"");
            const size_t n = strcspn(from, "\"\n");
            pn_copy(out, n + 1 < room ? n + 1 : room, from);
            return;
        }
        if (*line == '\0') {
            return;
        }
    }
}

static void read_value(char *out, size_t room, const char *path, const char *key)
{
    pn_text text = {0};
    out[0] = '\0';
    if (pn_system_read(&text, path)) {
        value_of(out, room, pn_text_get(&text), key);
    }
    pn_text_free(&text);
}

void pn_system_os(char *out, size_t room)
{
    read_value(out, room, "/etc/os-release", "PRETTY_NAME=");
}

void pn_system_kernel(char *out, size_t room)
{
    char release[128];
    read_value(release, sizeof release, "/proc/sys/kernel/osrelease", "");
    out[0] = '\0';
    if (release[0] != '\0') {
        snprintf(out, room, "Linux %s", release);
    }
}

void pn_system_cpu(char *out, size_t room)
{
    read_value(out, room, "/proc/cpuinfo", "model name");
}

void pn_system_governor(char *out, size_t room)
{
    read_value(out, room, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "");
}
