/* SPDX-License-Identifier: Apache-2.0 */
/* .npz files, through libzip. */
#include "array/npy.h"
#include "base/os.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

/* What an archive is made of; it must stay until the archive is closed. */
typedef struct members {
    size_t n;
    void **blocks; /* whole .npy files, then __axes__.json; of our own allocator but the last */
    char *axes;
} members;

static json_t *describe(const pn_named_array *a)
{
    json_t *names = json_array();
    const pn_spec *spec = &a->array->view.spec;
    for (int i = 0; i < spec->n_axes; i++) {
        if (json_array_append_new(names, json_string(spec->axes[i].name)) != 0) {
            json_decref(names);
            return NULL;
        }
    }
    return json_pack("{s:o, s:s, s:s}", "axes", names, "label", a->name, "dtype",
                     pencl_dtype_name(spec->dtype));
}

static char *axes_text(const pn_named_array *arrays, size_t n)
{
    json_t *all = json_object();
    bool done = true;
    for (size_t i = 0; i < n && done; i++) {
        done = json_object_set_new(all, arrays[i].name, describe(&arrays[i])) == 0;
    }
    char *text = done ? json_dumps(all, JSON_INDENT(1)) : NULL;
    json_decref(all);
    return text;
}

static pencl_status zip_fail(pencl_ctx *ctx, const char *path, const char *what, zip_error_t *error)
{
    return PN_FAIL(ctx, PENCL_E_IO, "%s: %s: %s", path, what, zip_error_strerror(error));
}

/* Stored, not compressed: weights do not shrink, and readers can map them. */
static pencl_status
add(pencl_ctx *ctx, zip_t *zip, const char *path, const char *name, const pn_span *data)
{
    zip_source_t *source = zip_source_buffer(zip, data->data, data->size, 0);
    if (source == NULL) {
        return zip_fail(ctx, path, name, zip_get_error(zip));
    }
    zip_int64_t index = zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
        zip_source_free(source);
        return zip_fail(ctx, path, name, zip_get_error(zip));
    }
    if (zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) != 0) {
        return zip_fail(ctx, path, name, zip_get_error(zip));
    }
    return PENCL_OK;
}

/* One array's file in one block, which m keeps. */
static pencl_status
add_array(pencl_ctx *ctx, zip_t *zip, const char *path, const pn_named_array *a, members *m)
{
    pn_npy_file file;
    pn_text name = {0};
    PENCL_TRY(pn_npy_make(&file, a->array));
    size_t size = file.header.size + file.bytes;
    unsigned char *block = pn_alloc(size);
    pn_text_add(&name, "%s.npy", a->name);
    pencl_status st = block == NULL || name.failed ? PN_NOMEM(ctx) : PENCL_OK;
    if (st == PENCL_OK) {
        memcpy(block, file.header.data, file.header.size);
        memcpy(block + file.header.size, file.data, file.bytes);
        m->blocks[m->n++] = block;
        st = add(ctx, zip, path, name.data, &(pn_span){block, size});
    } else {
        pn_free(block);
    }
    pn_text_free(&name);
    pn_npy_file_free(&file);
    return st;
}

static pencl_status add_all(pencl_ctx *ctx,
                            zip_t *zip,
                            const char *path,
                            const pn_named_array *arrays,
                            size_t n,
                            members *m)
{
    for (size_t i = 0; i < n; i++) {
        PENCL_TRY(add_array(ctx, zip, path, &arrays[i], m));
    }
    m->axes = axes_text(arrays, n);
    if (m->axes == NULL) {
        return PN_NOMEM(ctx);
    }
    return add(ctx, zip, path, "__axes__.json", &(pn_span){m->axes, strlen(m->axes)});
}

pencl_status pn_npz_write(pencl_ctx *ctx, const char *path, const pn_named_array *arrays, size_t n)
{
    int code = 0;
    members m = {.blocks = pn_calloc(n + 1, sizeof(void *))};
    if (m.blocks == NULL) {
        return PN_NOMEM(ctx);
    }
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    pencl_status st = PENCL_OK;
    if (zip == NULL) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        st = zip_fail(ctx, path, "cannot be written", &error);
        zip_error_fini(&error);
    } else {
        st = add_all(ctx, zip, path, arrays, n, &m);
        if (st == PENCL_OK && zip_close(zip) != 0) {
            st = zip_fail(ctx, path, "cannot be written", zip_get_error(zip));
        }
        if (st != PENCL_OK) {
            zip_discard(zip);
        }
    }
    for (size_t i = 0; i < m.n; i++) {
        pn_free(m.blocks[i]);
    }
    pn_free(m.blocks);
    free(m.axes);
    return st;
}
