/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up machines. */
#include "support/machine.h"

#include "base/os.h"
#include "support/folder.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 2 * TEST_PATH };

static void write_line(const char *folder, const char *name, const char *text)
{
    char line[512];
    char path[2 * ROOM];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(line, sizeof line, "%s\n", text);
    test_write(path, line, strlen(line));
}

static void make(char to[ROOM], const char *root, const char *below)
{
    snprintf(to, ROOM, "%s/%s", root, below);
    ck_assert(pn_make_folders(to));
}

void machine_add_gpu(const char *root, const machine_gpu *gpu)
{
    char below[128];
    char folder[ROOM];
    char link[2 * ROOM];
    char target[128];
    snprintf(below, sizeof below, "sys/bus/pci/devices/%s", gpu->pci);
    make(folder, root, below);
    write_line(folder, "class", "0x030000");
    write_line(folder, "vendor", gpu->vendor);
    write_line(folder, "device", gpu->device);
    if (gpu->driver != NULL) {
        snprintf(link, sizeof link, "%s/driver", folder);
        snprintf(target, sizeof target, "../../../bus/pci/drivers/%s", gpu->driver);
        ck_assert_int_eq(symlink(target, link), 0);
    }
}

void machine_add_node(const char *root, const char *name, unsigned mode)
{
    char folder[ROOM];
    char path[2 * ROOM];
    make(folder, root, "dev/dri");
    write_line(folder, name, "");
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert_int_eq(chmod(path, mode), 0);
}

void machine_add_icd(const char *root, const char *name, const char *library)
{
    char folder[ROOM];
    make(folder, root, "etc/OpenCL/vendors");
    write_line(folder, name, library);
}
