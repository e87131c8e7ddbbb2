/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the folder of .icd files, to say which driver is installed and yet gives no platform. */
#include "device/icd.h"

#include "base/os.h"
#include "base/system.h"
#include "device/loader.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_FOLDER "/etc/OpenCL/vendors"
#define ICD_SIZE_MAX   4096 /* bytes; a line with a path */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text);
    size_t m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* OCL_ICD_VENDORS is a folder, or one .icd file; OPENCL_VENDOR_PATH is an older name for a folder.
 * PENCL_ROOT goes before the usual place (pencl/machine.h). */
static const char *folder(char room[PN_PATH_MAX])
{
    const char *set = pn_get_env("OCL_ICD_VENDORS");
    if (set == NULL) {
        set = pn_get_env("OPENCL_VENDOR_PATH");
    }
    if (set == NULL) {
        snprintf(room, PN_PATH_MAX, "%s%s", pn_root(), DEFAULT_FOLDER);
        return room;
    }
    return set;
}

/* The first line of the file, without blanks at its end. */
static void read_library(pn_icd *icd)
{
    pencl_ctx quiet = {0};
    pn_text text = {0};
    if (pn_file_read(&text, &quiet, icd->file, ICD_SIZE_MAX) == PENCL_OK) {
        const char *line = pn_text_get(&text);
        size_t n = strcspn(line, "\r\n");
        while (n > 0 && line[n - 1] == ' ') {
            n--;
        }
        pn_copy(icd->library, n + 1 < sizeof icd->library ? n + 1 : sizeof icd->library, line);
    }
    pn_text_free(&text);
}

pn_icd *pn_icd_list(size_t *n)
{
    char room[PN_PATH_MAX];
    const char *from = folder(room);
    pn_text names = {0};
    pn_icd *rows = NULL;
    *n = 0;
    if (ends_with(from, ".icd")) {
        rows = pn_calloc(1, sizeof *rows);
        if (rows != NULL) {
            pn_copy(rows[0].file, sizeof rows[0].file, from);
            read_library(&rows[0]);
            *n = 1;
        }
        return rows;
    }
    if (!pn_list_folder(&names, from)) {
        return NULL;
    }
    char name[PN_PATH_MAX / 2];
    for (const char *at = pn_text_get(&names); *at != '\0';) {
        size_t length = strcspn(at, "\n");
        pn_copy(name, length + 1 < sizeof name ? length + 1 : sizeof name, at);
        at += length + (at[length] == '\n');
        if (!ends_with(name, ".icd")) {
            continue;
        }
        pn_icd *more = pn_realloc(rows, *n + 1, sizeof *rows);
        if (more == NULL) {
            break;
        }
        rows = more;
        pn_icd *icd = &rows[(*n)++];
        *icd = (pn_icd){0};
        snprintf(icd->file, sizeof icd->file, "%.255s/%s", from, name);
        read_library(icd);
    }
    pn_text_free(&names);
    return rows;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* A libOpenCL that is itself a driver, as on phones, has platforms with anything inside. */
static bool is_installable(cl_platform_id platform)
{
    size_t size = 0;
    return pn_opencl()->clGetPlatformInfo(platform, CL_PLATFORM_ICD_SUFFIX_KHR, 0, NULL, &size) ==
           CL_SUCCESS;
}

/* Platforms of an installable driver start with a pointer to their table of functions
 * (cl_khr_icd); the library that holds the first one is the driver. */
bool pn_icd_yields(const pn_icd *icd, const cl_platform_id *platforms, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char path[PN_PATH_MAX];
        void **dispatch = NULL;
        if (!is_installable(platforms[i])) {
            continue;
        }
        memcpy(&dispatch, platforms[i], sizeof(void *));
        if (dispatch != NULL && pn_library_path(path, sizeof path, dispatch[0]) &&
            strcmp(base_name(path), base_name(icd->library)) == 0) {
            return true;
        }
    }
    return false;
}
