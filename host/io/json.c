/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in model files: measured first, then parsed. */
#include "io/json.h"

#include "io/reader.h"

enum {
    DEPTH_MAX = 3, /* an object of objects of lists */
    VALUES_MAX = 1 << 21,
};

static pencl_status
bad(const pn_model_file *file, const char *item, size_t byte, const char *problem)
{
    return PN_FAIL(file->ctx, PENCL_E_FORMAT, "%s: %s: byte %zu: %s", file->path, item, byte,
                   problem);
}

static pencl_status
check_extent(const pn_model_file *file, const char *item, pn_string text, size_t offset)
{
    size_t values = 0;
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        if (in_string) {
            in_string = c != '"';
            i += c == '\\';
            continue;
        }
        in_string = c == '"';
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        values += c == ',' || c == ':';
        if (depth > DEPTH_MAX || values > VALUES_MAX) {
            return bad(file, item, offset + i,
                       depth > DEPTH_MAX ? "nested too deeply" : "too many values");
        }
    }
    return PENCL_OK;
}

pencl_status pn_json_parse(
    json_t **out, const pn_model_file *file, const char *item, pn_string text, size_t offset)
{
    json_error_t error;
    *out = NULL;
    PENCL_TRY(check_extent(file, item, text, offset));
    *out = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (*out == NULL && error.text[0] == '\0') { /* the parser's way of saying so */
        return PN_NOMEM(file->ctx);
    }
    return *out != NULL ? PENCL_OK : bad(file, item, offset + (size_t)error.position, error.text);
}
