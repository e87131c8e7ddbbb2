/* SPDX-License-Identifier: Apache-2.0 */
/* What a command reads: texts from options, files or standard input, and lists of token ids.
 * Functions return an exit status, after a message when it is not EXIT_DONE. */
#ifndef PENCL_TOOLS_INPUT_H
#define PENCL_TOOLS_INPUT_H

#include "command.h"
#include "pencl/text.h"

/* The part of a command's settings that says where its text comes from. */
typedef struct prompt_settings {
    const char *text; /* "-": standard input */
    const char *file; /* the same */
    bool parse_special;
} prompt_settings;

/* `at`: the offset of prompt_settings in the settings. */
#define PROMPT_OPTIONS(at)                                                                         \
    OPT_TEXT('p', "prompt", "TEXT", (at) + offsetof(prompt_settings, text),                        \
             "the text; - reads standard input"),                                                  \
        OPT_TEXT('f', "prompt-file", "F", (at) + offsetof(prompt_settings, file),                  \
                 "a file with the text; - reads standard input"),                                  \
        OPT_FLAG(0, "parse-special", (at) + offsetof(prompt_settings, parse_special),              \
                 "text such as <|im_start|> becomes its token")

/* A text of any bytes; freed with free(). A NUL follows it. */
typedef struct input {
    char *data;
    size_t size;
} input;

/* A whole file, byte for byte; "-" is standard input. */
int input_read(input *out, const char *path);
/* The text of -p or -f; a usage error when both or neither is given. Any bytes. */
int input_text(input *out, const char *name, const prompt_settings *s);
/* The same, and refuses what is not UTF-8. */
int input_prompt(input *out, const char *name, const prompt_settings *s);

/* The seed that was given, or any that is small enough to type. */
uint64_t seed_or_any(const seed *s);

/* Ids of all the words "1,2,3" or "1 2 3"; freed with free(). */
int input_ids(int32_t **out, size_t *n, const char *name, const char *const *items, int n_items);
/* Positions "0,3,-1"; freed with free(). */
int input_places(int64_t **out, size_t *n, const char *name, const char *text);

#endif
