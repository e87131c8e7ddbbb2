/* SPDX-License-Identifier: Apache-2.0 */
/* pencl convert: a model of any form as penzai has it, in a .safetensors file. */
#include "work.h"

#include <string.h>

typedef struct settings {
    device_settings on; /* for its messages: the model is opened on ref */
} settings;

static const settings defaults = {.on = {.device = "ref", .matmul = "auto"}};
static const option options[] = {
    OPT_FLAG('q', "quiet", ON(quiet), "only errors on standard error"),
    OPT_FLAG('v', "verbose", ON(verbose), "what the library does, on standard error"),
    OPT_END,
};

static int check(const words *rest)
{
    if (rest->n < 2) {
        return usage_error("convert", rest->n == 0 ? "no model: MODEL and OUT are missing"
                                                   : "no file to write: OUT is missing");
    }
    const char *end = strrchr(rest->items[1], '.');
    if (end == NULL || strcmp(end, ".safetensors") != 0) {
        return usage_error("convert", "%s does not end with .safetensors", rest->items[1]);
    }
    return EXIT_DONE;
}

static int run(const void *given, const words *rest)
{
    const settings *s = given;
    work w = {0};
    int status = check(rest);
    if (status != EXIT_DONE) {
        return status;
    }
    const model_settings use = {.on = s->on, .model = rest->items[0]};
    status = work_model(&w, "convert", &use);
    if (status == EXIT_DONE && pencl_model_save(w.model, rest->items[1]) != PENCL_OK) {
        status = work_failed(&w);
    }
    work_close(&w);
    return status;
}

const command cmd_convert = {
    .usage = "MODEL OUT.safetensors",
    .example = "pencl convert model.gguf model.safetensors",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .max_words = 2,
    .run = run,
};
