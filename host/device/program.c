/* SPDX-License-Identifier: Apache-2.0 */
/* Builds programs from source or from stored binaries.
 *
 * A store's value is the lines of `launched`, a NUL, then the binary. The binary is read after the
 * launches, not after the build: PoCL compiles a kernel for a local size when it is first launched
 * at it, and only then is the result part of the binary. The lines are at the same time the
 * verdict: what is in them was built and launched once without killing the process.
 */
#include "device/program.h"

#include "device/risk.h"
#include "device/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAR 1.25 /* times of a work-group that far apart count as one */

static void hash_key(char out[33], const char *a, const char *b, const char *c)
{
    pn_text text = {0};
    pn_text_add(&text, "%s%c%s%c%s", a, '\n', b == NULL ? "" : b, '\n', c == NULL ? "" : c);
    pn_hash_hex(out, pn_text_get(&text), text.size);
    pn_text_free(&text);
}

/* Everything that is the same for all programs, then the caller's options. OpenCL C
 * 1.2 is the baseline: exact arithmetic, no fast-math option. -w: PoCL counts warnings on standard
 * error; ours are found by linting cl/ with clang. */
static void add_options(pn_text *out, const char *extra)
{
    if (extra == NULL || strstr(extra, "-cl-std=") == NULL) {
        pn_text_add(out, "-cl-std=CL1.2 ");
    }
    pn_text_add(out, "-w %s", extra == NULL ? "" : extra);
}

/* The compiler's messages; yours to free. NULL when memory is out. */
static char *build_log(pencl_device *d, cl_program program)
{
    size_t size = 0;
    d->cl->clGetProgramBuildInfo(program, d->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
    char *log = pn_calloc(size + 1, 1);
    if (log != NULL) {
        d->cl->clGetProgramBuildInfo(program, d->id, CL_PROGRAM_BUILD_LOG, size, log, NULL);
    }
    return log;
}

/* E_BUILD with the compiler's messages from the first error on. */
static pencl_status fail_build(pencl_device *d, cl_program program, cl_int code)
{
    char name[32];
    char *log = build_log(d, program);
    if (log == NULL) {
        return PN_NOMEM(d->ctx);
    }
    pn_log(d->ctx, PENCL_LOG_DEBUG, "device", "%s", log);
    const char *from = strstr(log, "error");
    while (from != NULL && from > log && from[-1] != '\n') {
        from--;
    }
    pencl_status status = PN_FAIL_CODE(d->ctx, PENCL_E_BUILD, code, "clBuildProgram: %s\n%s",
                                       pn_cl_error_name(code, name), from == NULL ? log : from);
    pn_free(log);
    return status;
}

/* Only compiled where it is to be linked. */
static pencl_status
build_text(cl_program *out, pencl_device *d, const char *text, const char *options, bool link)
{
    cl_int code = CL_SUCCESS;
    *out = d->cl->clCreateProgramWithSource(d->context, 1, &text, NULL, &code);
    if (code != CL_SUCCESS) {
        return pn_cl_fail(d, "clCreateProgramWithSource", code, __FILE__, __LINE__);
    }
    code = link ? d->cl->clCompileProgram(*out, 1, &d->id, options, 0, NULL, NULL, NULL, NULL)
                : d->cl->clBuildProgram(*out, 1, &d->id, options, NULL, NULL);
    return code == CL_SUCCESS ? PENCL_OK : fail_build(d, *out, code);
}

/* The text and the units, each compiled by itself. */
static pencl_status
link_texts(pn_program *p, const char *text, const char *options, const pn_kernel_source *source)
{
    pencl_device *d = p->device;
    const int n = source->n_units + 1;
    pencl_status status = PENCL_OK;
    cl_program *all = pn_calloc((size_t)n, sizeof *all);
    if (all == NULL) {
        return PN_NOMEM(d->ctx);
    }
    for (int i = 0; i < n && status == PENCL_OK; i++) {
        const char *unit = i == 0 ? text : pn_text_get(&source->units[i - 1]);
        status = build_text(&all[i], d, unit, options, true);
    }
    if (status == PENCL_OK) {
        cl_int code = CL_SUCCESS;
        p->program =
            d->cl->clLinkProgram(d->context, 1, &d->id, NULL, (cl_uint)n, all, NULL, NULL, &code);
        status = code == CL_SUCCESS   ? PENCL_OK
                 : p->program != NULL ? fail_build(d, p->program, code)
                                      : pn_cl_fail(d, "clLinkProgram", code, __FILE__, __LINE__);
    }
    for (int i = 0; i < n; i++) {
        if (all[i] != NULL) {
            d->cl->clReleaseProgram(all[i]);
        }
    }
    pn_free(all);
    return status;
}

static pencl_status
build(pn_program *p, const char *text, const char *options, const pn_kernel_source *source)
{
    pencl_device *d = p->device;
    char risk[PN_RISK_MAX];
    snprintf(risk, sizeof risk, "build %s %s", p->store_key, source->label);
    PENCL_TRY(pn_device_risk(d, risk));
    pencl_status status = source->n_units > 0 ? link_texts(p, text, options, source)
                                              : build_text(&p->program, d, text, options, false);
    pn_risk_end(d->journal, d->ctx, risk);
    pn_log(d->ctx, PENCL_LOG_DEBUG, "device", "%s: built from source", source->label);
    return status;
}

/* False when there is no binary, or the driver does not want it: then the source is built. */
static bool load_binary(pn_program *p, const char *options)
{
    pencl_device *d = p->device;
    void *value = NULL;
    size_t size = 0;
    if (!pn_store_db_get(d->store, d->programs_table, p->store_key, &value, &size)) {
        return false;
    }
    const char *lines = value;
    const unsigned char *end = memchr(value, '\0', size);
    bool ok = end != NULL;
    if (ok) {
        const unsigned char *binary = end + 1;
        size_t length = size - (size_t)(binary - (const unsigned char *)value);
        cl_int code = CL_INVALID_BINARY;
        cl_int each = CL_SUCCESS;
        p->program =
            d->cl->clCreateProgramWithBinary(d->context, 1, &d->id, &length, &binary, &each, &code);
        if (code == CL_SUCCESS && each == CL_SUCCESS) {
            code = d->cl->clBuildProgram(p->program, 1, &d->id, options, NULL, NULL);
        }
        ok = code == CL_SUCCESS && each == CL_SUCCESS;
        if (!ok && p->program != NULL) {
            d->cl->clReleaseProgram(p->program);
            p->program = NULL;
        }
    }
    if (ok) {
        pn_text_add(&p->launched, "%s", lines);
    } else {
        pn_log(d->ctx, PENCL_LOG_INFO, "device", "a stored binary was refused: building again");
    }
    pn_free(value);
    return ok;
}

static pn_program *find(pencl_device *device, const char *key)
{
    pn_program *p = device->programs;
    while (p != NULL && strcmp(p->key, key) != 0) {
        p = p->next;
    }
    return p;
}

/* For chains, which compile it again. */
static pencl_status keep_source(pn_program *p, const pn_kernel_source *source)
{
    if (!source->stage) {
        return PENCL_OK;
    }
    p->file = pn_strdup(source->file);
    p->prelude = pn_strdup(source->prelude == NULL ? "" : source->prelude);
    return p->file == NULL || p->prelude == NULL ? PN_NOMEM(p->device->ctx) : PENCL_OK;
}

static pencl_status make(pn_program *p, const pn_kernel_source *source, const char *options)
{
    pn_text text = {0};
    pencl_status status = pn_source_join(&text, p->device->ctx, source->file, source->prelude);
    if (status == PENCL_OK) {
        hash_key(p->store_key, pn_text_get(&text), options, NULL);
        if (!load_binary(p, options)) {
            status = build(p, pn_text_get(&text), options, source);
        }
    }
    pn_text_free(&text);
    return status;
}

pencl_status pn_program_get(pn_program **out, pencl_device *device, const pn_kernel_source *source)
{
    char key[33];
    pn_text options = {0};
    add_options(&options, source->options);
    hash_key(key, source->file, source->prelude, pn_text_get(&options));
    pn_program *p = find(device, key);
    pencl_status status = options.failed ? PN_NOMEM(device->ctx) : PENCL_OK;
    if (status == PENCL_OK && p != NULL) {
        p->refs++;
    } else if (status == PENCL_OK) {
        p = pn_calloc(1, sizeof *p);
        if (p == NULL) {
            status = PN_NOMEM(device->ctx);
        } else {
            p->device = device;
            p->refs = 1;
            p->next = device->programs;
            device->programs = p;
            pn_copy(p->key, sizeof p->key, key);
            status = make(p, source, pn_text_get(&options));
            status = status == PENCL_OK ? keep_source(p, source) : status;
        }
        if (status != PENCL_OK) {
            pn_program_free(p);
            p = NULL;
        }
    }
    pn_text_free(&options);
    *out = p;
    return status;
}

void pn_program_free(pn_program *program)
{
    if (program == NULL || --program->refs > 0) {
        return;
    }
    pn_program **at = &program->device->programs;
    while (*at != program) {
        at = &(*at)->next;
    }
    *at = program->next;
    pn_program_save(program);
    if (program->program != NULL) {
        program->device->cl->clReleaseProgram(program->program);
    }
    pn_text_free(&program->launched);
    pn_free(program->file);
    pn_free(program->prelude);
    pn_free(program);
}

/* Where the line of a launch starts, or NULL. */
static char *find_launch(const pn_program *program, const char *launch)
{
    const size_t n = strlen(launch);
    for (char *at = program->launched.data; at != NULL && *at != '\0';) {
        if (strncmp(at, launch, n) == 0 && at[n] == ' ') {
            return at;
        }
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    return NULL;
}

bool pn_program_was_launched(const pn_program *program, const char *launch, double *ns)
{
    const char *line = find_launch(program, launch);
    *ns = line != NULL ? strtod(line + strlen(launch), NULL) : 0;
    return line != NULL;
}

/* A time that hardly changed is not worth writing. */
static bool is_near(double a, double b)
{
    return a < NEAR * b && b < NEAR * a;
}

void pn_program_note_launch(pn_program *program, const char *launch, double ns)
{
    pn_text *lines = &program->launched;
    char *line = find_launch(program, launch);
    if (line != NULL) {
        if (is_near(strtod(line + strlen(launch), NULL), ns)) {
            return;
        }
        const size_t n = strcspn(line, "\n") + 1;
        memmove(line, line + n, strlen(line + n) + 1);
        lines->size -= n;
    }
    pn_text_add(lines, "%s %.4g\n", launch, ns);
    program->unsaved = true;
}

void pn_program_save(pn_program *program)
{
    pencl_device *d = program->device;
    size_t size = 0;
    if (!program->unsaved || program->program == NULL) {
        return;
    }
    program->unsaved = false;
    /* PoCL compiles to answer: beside a launch of the same kernel it counts users wrong, and
     * aborts. */
    if (d->cl->clFinish(d->queue) != CL_SUCCESS) {
        return;
    }
    if (d->cl->clGetProgramInfo(program->program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size,
                                NULL) != CL_SUCCESS ||
        size == 0) {
        return; /* some drivers keep their binaries to themselves */
    }
    size_t lines = program->launched.size + 1;
    unsigned char *value = pn_alloc(lines + size);
    if (value == NULL) {
        return;
    }
    memcpy(value, pn_text_get(&program->launched), lines);
    unsigned char *binary = value + lines;
    if (d->cl->clGetProgramInfo(program->program, CL_PROGRAM_BINARIES, sizeof binary, &binary,
                                NULL) == CL_SUCCESS) {
        pn_store_db_put(d->store, d->programs_table, program->store_key, value, lines + size);
    }
    pn_free(value);
}
