/* SPDX-License-Identifier: Apache-2.0 */
/* Joins the pieces of a program's source. The compiler sees one string and no include path, so the
 * command needs no kernel files beside it; #line makes its messages name the real ones. */
#include "device/source.h"

#include "base/os.h"
#include "device/embedded.h"

#include <stdio.h>
#include <string.h>

#define MAX_FILES  32        /* different files of one program */
#define FILE_LIMIT (1 << 20) /* bytes of one file */

typedef struct join {
    pencl_ctx *ctx;
    pn_text *out;
    int n;
    char names[MAX_FILES][64]; /* files that are in already: "cl/lib/types.clh" */
} join;

/* The text of "cl/X": from PENCL_CL_DIR into `room`, or the embedded one. NULL: recorded. */
static const char *load(join *j, const char *name, pn_text *room)
{
    const char *folder = pn_get_env("PENCL_CL_DIR");
    if (folder != NULL) {
        char path[512];
        snprintf(path, sizeof path, "%.400s/%s", folder, name + strlen("cl/"));
        return pn_file_read(room, j->ctx, path, FILE_LIMIT) == PENCL_OK ? pn_text_get(room) : NULL;
    }
    for (const pn_embedded *file = pn_embedded_files; file->name != NULL; file++) {
        if (strcmp(file->name, name) == 0) {
            return file->text;
        }
    }
    (void)PN_FAIL(j->ctx, PENCL_E_BUILD, "there is no kernel file %s", name);
    return NULL;
}

/* Copies "lib/X.clh" out of a line that includes it; false for any other line. */
static bool read_include(char out[64], const char *line, size_t length)
{
    static const char start[] = "#include \"";
    size_t n = sizeof start - 1;
    if (length < n || memcmp(line, start, n) != 0) {
        return false;
    }
    const char *end = memchr(line + n, '"', length - n);
    if (end == NULL || (size_t)(end - line) - n >= 60) {
        return false;
    }
    snprintf(out, 64, "cl/%.*s", (int)((size_t)(end - line) - n), line + n);
    return true;
}

static pencl_status add_file(join *j, const char *name);

/* Adds text line by line; `name` is what compiler messages call it. */
static pencl_status add_text(join *j, const char *name, const char *text)
{
    int number = 1;
    pn_text_add(j->out, "#line 1 \"%s\"\n", name);
    while (*text != '\0') {
        char included[64];
        size_t length = strcspn(text, "\n");
        number++;
        if (read_include(included, text, length)) {
            PENCL_TRY(add_file(j, included));
            pn_text_add(j->out, "#line %d \"%s\"\n", number, name);
        } else {
            pn_text_add_bytes(j->out, text, length);
            pn_text_add_bytes(j->out, "\n", 1);
        }
        text += length + (text[length] == '\n');
    }
    return PENCL_OK;
}

/* Adds a file unless it is in already. */
static pencl_status add_file(join *j, const char *name) // NOLINT(misc-no-recursion)
{
    for (int i = 0; i < j->n; i++) {
        if (strcmp(j->names[i], name) == 0) {
            return PENCL_OK;
        }
    }
    if (j->n == MAX_FILES) {
        return PN_FAIL(j->ctx, PENCL_E_BUILD, "%s: more than %d files", name, MAX_FILES);
    }
    pn_copy(j->names[j->n++], sizeof j->names[0], name);
    pn_text room = {0};
    const char *text = load(j, name, &room);
    pencl_status status = text == NULL ? pencl_error_status(j->ctx) : add_text(j, name, text);
    pn_text_free(&room);
    return status;
}

pencl_status pn_source_join(pn_text *out, pencl_ctx *ctx, const char *file, const char *prelude)
{
    join j = {.ctx = ctx, .out = out};
    char name[64];
    snprintf(name, sizeof name, "cl/%.50s.cl", file);
    if (prelude != NULL) {
        PENCL_TRY(add_text(&j, "prelude", prelude));
    }
    PENCL_TRY(add_file(&j, name));
    return out->failed ? PN_NOMEM(ctx) : PENCL_OK;
}

static pencl_status add_folder(pn_text *out, pencl_ctx *ctx, const char *folder)
{
    pn_text names = {0};
    pencl_status status = PENCL_OK;
    if (!pn_list_folder(&names, folder)) {
        return PN_FAIL(ctx, PENCL_E_IO, "%s cannot be read", folder);
    }
    for (char *name = names.data; name != NULL && *name != '\0' && status == PENCL_OK;) {
        char path[1024];
        char *end = strchr(name, '\n');
        *end = '\0';
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (strstr(name, ".cl") != NULL) {
            pn_text text = {0};
            status = pn_file_read(&text, ctx, path, FILE_LIMIT);
            pn_text_add(out, "%s\n%s", name, pn_text_get(&text));
            pn_text_free(&text);
        }
        name = end + 1;
    }
    pn_text_free(&names);
    return status;
}

pencl_status pn_source_all(pn_text *out, pencl_ctx *ctx)
{
    const char *folder = pn_get_env("PENCL_CL_DIR");
    if (folder != NULL) {
        char lib[512];
        snprintf(lib, sizeof lib, "%.500s/lib", folder);
        PENCL_TRY(add_folder(out, ctx, folder));
        return add_folder(out, ctx, lib);
    }
    for (const pn_embedded *file = pn_embedded_files; file->name != NULL; file++) {
        pn_text_add(out, "%s\n", file->name);
        pn_text_add_bytes(out, file->text, file->size);
    }
    return PENCL_OK;
}
