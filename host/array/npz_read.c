/* SPDX-License-Identifier: Apache-2.0 */
/* .npz files read, through libzip. Sizes in an archive are claims: none is believed that its bytes
 * cannot give. */
#include "array/npy.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { MOST_EXPANDED = 1032 }; /* times: what deflate can do at best */

typedef struct reading {
    pencl_ctx *ctx;
    pencl_device *device;
    const char *path;
    zip_t *zip;
    json_t *axes; /* NULL: the archive has none */
} reading;

static pencl_status bad(const reading *r, const char *member, const char *why)
{
    return PN_FAIL(r->ctx, PENCL_E_FORMAT, "%s: member \"%.200s\": %s", r->path, member, why);
}

/* A member's bytes, and a NUL behind them; freed with pn_free. */
static pencl_status read_member(pn_span *out, const reading *r, zip_uint64_t index)
{
    zip_stat_t stat;
    const zip_uint64_t known = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    if (zip_stat_index(r->zip, index, 0, &stat) != 0 || (stat.valid & known) != known) {
        return bad(r, "?", "cannot be found");
    }
    if (stat.size >= SIZE_MAX || stat.size / MOST_EXPANDED > stat.comp_size) {
        return bad(r, stat.name, "claims more bytes than it can have");
    }
    unsigned char *bytes = pn_alloc((size_t)stat.size + 1);
    if (bytes == NULL) {
        return PN_NOMEM(r->ctx);
    }
    zip_file_t *file = zip_fopen_index(r->zip, index, 0);
    zip_int64_t got = file != NULL ? zip_fread(file, bytes, stat.size) : -1;
    bool whole = got >= 0 && (zip_uint64_t)got == stat.size; /* libzip checks the CRC at the end */
    if (file != NULL) {
        whole = zip_fread(file, &(char){0}, 1) == 0 && whole;
        zip_fclose(file);
    }
    if (!whole) {
        pn_free(bytes);
        return bad(r, stat.name, "is damaged");
    }
    bytes[stat.size] = '\0';
    *out = (pn_span){bytes, (size_t)stat.size};
    return PENCL_OK;
}

/* ---- axes ---- */

static pencl_status read_axes(reading *r)
{
    static const char name[] = "__axes__.json";
    pn_span text;
    json_error_t error;
    zip_int64_t index = zip_name_locate(r->zip, name, 0);
    if (index < 0) {
        return PENCL_OK;
    }
    PENCL_TRY(read_member(&text, r, (zip_uint64_t)index));
    r->axes = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    pn_free((void *)text.data);
    return json_is_object(r->axes) ? PENCL_OK : bad(r, name, "is not a JSON object");
}

pencl_status pn_name_axes(pencl_array **array, const json_t *names, const char *what)
{
    const char *words[PENCL_MAX_AXES];
    pencl_array *named = NULL;
    pencl_ctx *ctx = pn_device_ctx((*array)->device);
    int n = pencl_array_n_axes(*array);
    bool right = json_is_array(names) && json_array_size(names) == (size_t)n;
    for (int i = 0; right && i < n; i++) {
        words[i] = json_string_value(json_array_get(names, (size_t)i));
        right = words[i] != NULL;
    }
    if (!right) {
        return PN_FAIL(ctx, PENCL_E_FORMAT, "%s: %d names of axes are needed", what, n);
    }
    if (n == 0) {
        return PENCL_OK;
    }
    PENCL_TRY(pencl_array_tag(&named, *array, words, n));
    pencl_array_free(*array);
    *array = named;
    return PENCL_OK;
}

/* ---- arrays ---- */

/* The name without ".npy"; freed with pn_free. NULL when it is another kind of member. */
static char *name_of(const char *member)
{
    size_t n = strlen(member);
    if (n <= 4 || strcmp(member + n - 4, ".npy") != 0) {
        return NULL;
    }
    char *name = pn_strdup(member);
    if (name != NULL) {
        name[n - 4] = '\0';
    }
    return name;
}

static pencl_status read_array(pencl_array **out, const reading *r, zip_uint64_t index, char *name)
{
    pn_span bytes;
    pn_text what = {0};
    PENCL_TRY(read_member(&bytes, r, index));
    pn_text_add(&what, "%s: %.200s", r->path, name);
    pencl_status st = pn_npy_read(out, r->device, &bytes, pn_text_get(&what));
    pn_free((void *)bytes.data);
    if (st == PENCL_OK && r->axes != NULL) {
        const json_t *names = json_object_get(json_object_get(r->axes, name), "axes");
        st = pn_name_axes(out, names, pn_text_get(&what));
    }
    pn_text_free(&what);
    return st;
}

static pencl_status read_all(reading *r, pn_take_array *take, void *user)
{
    PENCL_TRY(read_axes(r));
    zip_int64_t n = zip_get_num_entries(r->zip, 0);
    for (zip_int64_t i = 0; i < n; i++) {
        const char *member = zip_get_name(r->zip, (zip_uint64_t)i, 0);
        char *name = member != NULL ? name_of(member) : NULL;
        if (name == NULL) {
            continue;
        }
        pencl_array *array = NULL;
        pencl_status st = read_array(&array, r, (zip_uint64_t)i, name);
        if (st == PENCL_OK) {
            st = take(user, name, array);
        } else {
            pencl_array_free(array);
        }
        pn_free(name);
        PENCL_TRY(st);
    }
    return PENCL_OK;
}

pencl_status pn_npz_read(pencl_device *device, const char *path, pn_take_array *take, void *user)
{
    int code = 0;
    reading r = {.ctx = pn_device_ctx(device), .device = device, .path = path};
    r.zip = zip_open(path, ZIP_RDONLY, &code);
    if (r.zip == NULL) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        pencl_status st = PN_FAIL(r.ctx, code == ZIP_ER_NOENT ? PENCL_E_IO : PENCL_E_FORMAT,
                                  "%s: %s", path, zip_error_strerror(&error));
        zip_error_fini(&error);
        return st;
    }
    pencl_status st = read_all(&r, take, user);
    json_decref(r.axes);
    zip_discard(r.zip);
    return st;
}
