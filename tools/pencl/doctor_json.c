/* SPDX-License-Identifier: Apache-2.0 */
/* Shows a machine as JSON, and for a bug report without what belongs to a person. */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const doctor_variables[] = {
    "PENCL_OPENCL",       "PENCL_DEVICE",         "PENCL_HIDE",       "PENCL_LIMIT",
    "PENCL_CACHE",        "PENCL_ROOT",           "OCL_ICD_VENDORS",  "OCL_ICD_FILENAMES",
    "OPENCL_LAYERS",      "RUSTICL_ENABLE",       "RUSTICL_FEATURES", "POCL_DEVICES",
    "POCL_CACHE_DIR",     "LD_LIBRARY_PATH",      "LD_PRELOAD",       "ROCR_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL", "CUDA_VISIBLE_DEVICES", "NEOReadDebugKeys", NULL,
};

json_t *doctor_findings_json(const pencl_machine *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->n_findings; i++) {
        const pencl_finding *f = &m->findings[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:b, s:o, s:o}", "code", f->code, "fault", f->fault,
                                        "what", json_text(f->what), "mend", json_text(f->mend)));
    }
    return list;
}

static json_t *gpus_json(const pencl_machine *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->n_gpus; i++) {
        const pencl_gpu *g = &m->gpus[i];
        json_array_append_new(
            list, json_pack("{s:o, s:i, s:i, s:o, s:o, s:b}", "pci", json_text(g->pci), "vendor",
                            (int)g->vendor, "device", (int)g->device, "maker", json_text(g->maker),
                            "driver", json_text(g->driver), "offered", g->offered));
    }
    return list;
}

static json_t *nodes_json(const pencl_machine *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->n_nodes; i++) {
        const pencl_render_node *n = &m->nodes[i];
        json_array_append_new(list, json_pack("{s:o, s:o, s:b}", "path", json_text(n->path),
                                              "group", json_text(n->group), "allowed", n->allowed));
    }
    return list;
}

static json_t *icds_json(const pencl_machine *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->n_icds; i++) {
        const pencl_icd_file *icd = &m->icds[i];
        json_array_append_new(list,
                              json_pack("{s:o, s:o, s:b}", "file", json_text(icd->file), "library",
                                        json_text(icd->library), "silent", icd->silent));
    }
    return list;
}

static json_t *platforms_json(const pencl_device_list *list)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < list->n_platforms; i++) {
        const pencl_platform_info *p = &list->platforms[i];
        json_array_append_new(rows,
                              json_pack("{s:o, s:i, s:o}", "name", json_text(p->name), "devices",
                                        p->n_devices, "error", json_text(p->error)));
    }
    return rows;
}

/* No UUIDs: those are serial numbers. */
static json_t *devices_list_json(const pencl_device_list *list)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < list->n_devices; i++) {
        const pencl_device_info *d = &list->devices[i];
        json_array_append_new(
            rows,
            json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:I, s:I, s:b, s:o}", "id",
                      json_text(d->id), "name", json_text(d->name), "platform",
                      json_text(d->platform), "type", type_text(d->type), "driver",
                      json_text(d->driver), "opencl", json_text(d->opencl), "opencl_c",
                      json_text(d->opencl_c), "memory", (json_int_t)d->memory, "max_alloc",
                      (json_int_t)d->max_alloc, "usable", d->usable, "why", json_text(d->why)));
    }
    return rows;
}

static json_t *environment_json(void)
{
    json_t *variables = json_object();
    for (int i = 0; doctor_variables[i] != NULL; i++) {
        const char *value = getenv(doctor_variables[i]);
        if (value != NULL) {
            json_object_set_new(variables, doctor_variables[i], json_text(value));
        }
    }
    return variables;
}

json_t *doctor_json(const visit *v)
{
    const pencl_machine *m = v->machine;
    json_t *store = json_pack("{s:o, s:I, s:I}", "path", json_text(m->cache), "bytes",
                              (json_int_t)m->cache_bytes, "left", (json_int_t)m->n_left);
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "pencl", pencl_version(),
                     "findings", doctor_findings_json(m), "gpus", gpus_json(m), "nodes",
                     nodes_json(m), "loader", json_text(m->loader), "icds", icds_json(m),
                     "platforms", platforms_json(v->list), "devices", devices_list_json(v->list),
                     "environment", environment_json(), "store", store);
}

/* ---- the report ---- */

/* A copy of `text`, freed by this, with each `from` replaced. */
static char *replace(char *text, const char *from, const char *to)
{
    size_t n = 0;
    if (text == NULL || from == NULL || strlen(from) < 2) {
        return text;
    }
    for (const char *at = text; (at = strstr(at, from)) != NULL; at += strlen(from)) {
        n++;
    }
    char *copy = malloc(strlen(text) + n * strlen(to) + 1);
    char *end = copy;
    for (const char *at = text; copy != NULL && *at != '\0';) {
        bool here = strncmp(at, from, strlen(from)) == 0;
        size_t size = here ? strlen(to) : 1;
        memcpy(end, here ? to : at, size);
        end += size;
        at += here ? strlen(from) : 1;
    }
    if (copy != NULL) {
        *end = '\0';
    }
    free(text);
    return copy;
}

/* The name as a part of a path, behind a home that is not ours. */
static char *without_name(char *text, const char *name)
{
    char part[256];
    if (name == NULL || *name == '\0' || strlen(name) > 200) {
        return text;
    }
    snprintf(part, sizeof part, "/%s/", name);
    text = replace(text, part, "/user/");
    snprintf(part, sizeof part, "/%s\"", name);
    return replace(text, part, "/user\"");
}

/* Everybody's home: "/home/ada" becomes "/home/user". */
static char *without_homes(char *text)
{
    static const char home[] = "/home/";
    for (char *at = text; at != NULL && (at = strstr(at, home)) != NULL;) {
        char name[256];
        at += strlen(home);
        size_t n = strcspn(at, "/\":; ");
        bool done = n == 4 && strncmp(at, "user", n) == 0;
        if (n == 0 || n >= sizeof name - 1 || done) {
            continue;
        }
        memcpy(name, at, n);
        name[n] = '\0';
        char part[sizeof name + sizeof home];
        snprintf(part, sizeof part, "%s%s", home, name);
        at = text = replace(text, part, "/home/user");
    }
    return text;
}

char *doctor_report(const visit *v)
{
    json_t *document = doctor_json(v);
    char *text = document == NULL ? NULL : json_dumps(document, JSON_INDENT(2));
    json_decref(document);
    text = replace(text, getenv("HOME"), "~");
    text = without_name(text, getenv("USER"));
    return without_homes(without_name(text, getenv("LOGNAME")));
}
