/* SPDX-License-Identifier: Apache-2.0 */
/* pencl version: versions of the command, the library and what they are built with. */
#include "output.h"
#include "work.h"

#include <stdio.h>

typedef struct settings {
    bool json;
} settings;

static const settings defaults = {0};
static const option options[] = {
    OPT_FLAG(0, "json", offsetof(settings, json), "one JSON document"),
    OPT_END,
};

static int run(const void *given, const words *rest)
{
    const settings *s = given;
    (void)rest;
    if (s->json) {
        return print_json(json_pack("{s:s, s:s, s:s, s:s}", "pencl", PENCL_VERSION, "library",
                                    pencl_version(), "jansson", JANSSON_VERSION, "compiler",
                                    __VERSION__));
    }
    printf("pencl %s\nlibrary %s\njansson %s\ncompiler %s\n", PENCL_VERSION, pencl_version(),
           JANSSON_VERSION, __VERSION__);
    return EXIT_DONE;
}

const command cmd_version = {
    .usage = "[--json]",
    .example = "pencl version",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = run,
};
