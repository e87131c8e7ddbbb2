/* SPDX-License-Identifier: Apache-2.0 */
/* Prints sizes, quoted text and JSON. */
#include "output.h"

#include "command.h"
#include "pencl/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool colours(void)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && (no == NULL || *no == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

int terminal_width(void)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20;
    return known ? size.ws_col : 100;
}

void print_field(const char *text, size_t size, int columns)
{
    int column = 0;
    for (size_t i = 0; i < size && column < columns - 1; column++) {
        size_t n = character_size(text + i, size - i);
        if ((unsigned char)text[i] < 0x20 || n == 0) {
            putchar('.');
        } else {
            fwrite(text + i, 1, n, stdout);
        }
        i += n > 0 ? n : 1;
    }
    printf("%*s", columns - column, "");
}

const char *bytes_text(char *to, size_t room, uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes / 1024;
    int unit = 0;
    while (value >= 1024 && unit < 3) {
        value /= 1024;
        unit++;
    }
    snprintf(to, room, "%.2f %s", value, units[unit]);
    return to;
}

const char *type_text(pencl_device_type type)
{
    static const char *const names[] = {"cpu", "gpu", "accelerator", "ref"};
    return names[type];
}

double per_second(size_t n, double ms)
{
    return ms > 0 ? (double)n * 1e3 / ms : 0;
}

json_t *json_text(const char *text)
{
    json_t *as_is = json_string(text);
    if (as_is != NULL) {
        return as_is;
    }
    size_t size = strlen(text);
    char *copy = malloc(size + 1);
    if (copy == NULL) {
        return NULL;
    }
    for (size_t i = 0; i <= size; i++) {
        copy[i] = text[i];
        if ((unsigned char)copy[i] >= 0x80) {
            copy[i] = '?';
        }
    }
    json_t *ascii = json_string(copy);
    free(copy);
    return ascii;
}

json_t *json_ids(const int32_t *ids, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, json_integer(ids[i]));
    }
    return list;
}

json_t *json_timing(size_t n, double ms)
{
    return json_pack("{s:f, s:I, s:f}", "ms", ms, "tokens", (json_int_t)n, "t/s",
                     per_second(n, ms));
}

int print_json(json_t *document)
{
    if (document == NULL) {
        say("out of host memory");
        return EXIT_FAILED;
    }
    json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    putchar('\n');
    json_decref(document);
    return EXIT_DONE;
}

size_t character_size(const char *text, size_t size)
{
    for (size_t n = 1; n <= 4 && n <= size; n++) {
        if (pencl_utf8_valid(text, n, NULL)) {
            return n;
        }
    }
    return 0;
}

void print_quoted(const char *text, size_t size)
{
    putchar('"');
    for (size_t i = 0; i < size;) {
        unsigned char c = (unsigned char)text[i];
        size_t n = character_size(text + i, size - i);
        if (c == '\n') {
            fputs("\\n", stdout);
        } else if (c == '"' || c == '\\') {
            printf("\\%c", c);
        } else if (c < 0x20 || c == 0x7f || n == 0) {
            printf("\\x%02x", c);
        } else {
            fwrite(text + i, 1, n, stdout);
        }
        i += n > 0 ? n : 1;
    }
    putchar('"');
}

static bool write_all(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return false;
    }
    bool whole = fwrite(data, 1, size, file) == size;
    int error = errno;
    if (fclose(file) != 0) {
        return false;
    }
    errno = error;
    return whole;
}

int write_file(const char *path, const void *data, size_t size)
{
    char *part = malloc(strlen(path) + 6);
    if (part == NULL) {
        say("out of host memory");
        return EXIT_FAILED;
    }
    sprintf(part, "%s.part", path);
    bool done = write_all(part, data, size) && rename(part, path) == 0;
    if (!done) {
        say("%s: %s", path, strerror(errno));
        remove(part);
    }
    free(part);
    return done ? EXIT_DONE : EXIT_FAILED;
}
