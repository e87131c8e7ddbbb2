/* SPDX-License-Identifier: Apache-2.0 */
/* Reads texts and lists of token ids. */
#include "input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FIRST_ROOM = 4096, NUMBER_ROOM = 24 };

static bool read_all(input *out, FILE *file)
{
    size_t room = FIRST_ROOM;
    *out = (input){.data = malloc(room)};
    while (out->data != NULL) {
        out->size += fread(out->data + out->size, 1, room - out->size - 1, file);
        if (out->size < room - 1) { /* the end, or an error */
            out->data[out->size] = '\0';
            return ferror(file) == 0;
        }
        room *= 2;
        char *more = realloc(out->data, room);
        if (more == NULL) {
            free(out->data);
        }
        out->data = more;
    }
    errno = ENOMEM;
    return false;
}

int input_read(input *out, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    *out = (input){0};
    bool read = file != NULL && read_all(out, file);
    if (!read) {
        say("%s cannot be read: %s", standard ? "standard input" : path, strerror(errno));
        free(out->data);
        *out = (input){0};
    }
    if (file != NULL && !standard) {
        (void)fclose(file); /* nothing was written */
    }
    return read ? EXIT_DONE : EXIT_FAILED;
}

int input_text(input *out, const char *name, const prompt_settings *s)
{
    *out = (input){0};
    if ((s->text == NULL) == (s->file == NULL)) {
        return usage_error(name, s->text == NULL ? "no text: -p TEXT or -f FILE is missing"
                                                 : "-p and -f exclude each other");
    }
    if (s->file != NULL || strcmp(s->text, "-") == 0) {
        return input_read(out, s->file != NULL ? s->file : "-");
    }
    out->size = strlen(s->text);
    out->data = malloc(out->size + 1);
    if (out->data == NULL) {
        say("out of host memory");
        return EXIT_FAILED;
    }
    memcpy(out->data, s->text, out->size + 1);
    return EXIT_DONE;
}

int input_prompt(input *out, const char *name, const prompt_settings *s)
{
    size_t offset = 0;
    int status = input_text(out, name, s);
    if (status != EXIT_DONE || pencl_utf8_valid(out->data, out->size, &offset)) {
        return status;
    }
    say("the prompt is not valid UTF-8: byte 0x%02x at offset %zu",
        (unsigned)(unsigned char)out->data[offset], offset);
    free(out->data);
    *out = (input){0};
    return EXIT_FAILED;
}

uint64_t seed_or_any(const seed *s)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return s->given ? s->value
                    : ((uint64_t)t.tv_sec * 1000000007u + (uint64_t)t.tv_nsec) % 1000000000u;
}

/* Counts the ids of a word, and writes them when `to` is not NULL; -1 when one is no id. */
static int64_t ids_of(const char *word, int32_t *to)
{
    int64_t n = 0;
    for (const char *at = word; *at != '\0';) {
        char number[NUMBER_ROOM];
        int64_t id = 0;
        size_t length = strcspn(at, ", \n");
        snprintf(number, sizeof number, "%.*s", (int)length, at);
        if (length >= sizeof number || !parse_whole(number, &id) || id < INT32_MIN ||
            id > INT32_MAX) {
            return -1;
        }
        if (to != NULL) {
            to[n] = (int32_t)id;
        }
        n++;
        at += length;
        at += *at == ',';
        at += strspn(at, " \n");
    }
    return n;
}

int input_ids(int32_t **out, size_t *n, const char *name, const char *const *items, int n_items)
{
    *out = NULL;
    *n = 0;
    for (int i = 0; i < n_items; i++) {
        int64_t more = ids_of(items[i], NULL);
        if (more < 0) {
            return usage_error(name, "\"%s\" is no list of token ids such as 1,2,3", items[i]);
        }
        *n += (size_t)more;
    }
    if (*n == 0) {
        return usage_error(name, "no token ids");
    }
    *out = malloc(*n * sizeof **out);
    if (*out == NULL) {
        say("out of host memory");
        return EXIT_FAILED;
    }
    for (int32_t i = 0, *at = *out; i < n_items; i++) {
        at += ids_of(items[i], at);
    }
    return EXIT_DONE;
}

int input_places(int64_t **out, size_t *n, const char *name, const char *text)
{
    int32_t *ids = NULL;
    *out = NULL;
    int status = input_ids(&ids, n, name, &text, 1);
    if (status == EXIT_DONE) {
        *out = calloc(*n, sizeof **out);
        for (size_t i = 0; *out != NULL && i < *n; i++) {
            (*out)[i] = ids[i];
        }
        status = *out != NULL ? EXIT_DONE : EXIT_FAILED;
    }
    free(ids);
    return status;
}
