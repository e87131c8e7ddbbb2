/* SPDX-License-Identifier: Apache-2.0 */
/* What a command works on: a context, a device, a model, a session; opened by the options that all
 * commands share. Functions return an exit status, after a message when it is not EXIT_DONE. */
#ifndef PENCL_TOOLS_WORK_H
#define PENCL_TOOLS_WORK_H

#include "input.h"
#include "pencl/pencl.h"

/* The settings of a command on a device begin with this ... */
typedef struct device_settings {
    const char *device;
    const char *type;
    const char *matmul;
    int64_t threads; /* 0: as many as the driver likes */
    bool exact;      /* the only mode there is */
    bool quiet;
    bool verbose;
} device_settings;

/* ... those of a command on a model with this. */
typedef struct model_settings {
    device_settings on;
    const char *model;
    int64_t context; /* tokens; 0: the smaller of 4096 and what the model was trained for */
} model_settings;

#define DEVICE_DEFAULTS                                                                            \
    {                                                                                              \
        .matmul = "auto"                                                                           \
    }

#define DEVICE_OPTIONS                                                                             \
    {'d',                                                                                          \
     "device",                                                                                     \
     "DEV",                                                                                        \
     OPTION_TEXT,                                                                                  \
     offsetof(device_settings, device),                                                            \
     0,                                                                                            \
     0,                                                                                            \
     NULL,                                                                                         \
     "number, id, words or type of the list of devices"},                                          \
        {'D',                                                                                      \
         "type",                                                                                   \
         "TYPE",                                                                                   \
         OPTION_CHOICE,                                                                            \
         offsetof(device_settings, type),                                                          \
         0,                                                                                        \
         0,                                                                                        \
         "cpu gpu accelerator ref all",                                                            \
         "the best device of a type"},                                                             \
        {'t',                                                                                      \
         "threads",                                                                                \
         "N",                                                                                      \
         OPTION_WHOLE,                                                                             \
         offsetof(device_settings, threads),                                                       \
         1,                                                                                        \
         4096,                                                                                     \
         NULL,                                                                                     \
         "threads of CPU devices"},                                                                \
        {0,                                                                                        \
         "matmul",                                                                                 \
         "M",                                                                                      \
         OPTION_CHOICE,                                                                            \
         offsetof(device_settings, matmul),                                                        \
         0,                                                                                        \
         0,                                                                                        \
         "auto native clblast",                                                                    \
         "who multiplies matrices"},                                                               \
        {0,                                                                                        \
         "exact",                                                                                  \
         NULL,                                                                                     \
         OPTION_FLAG,                                                                              \
         offsetof(device_settings, exact),                                                         \
         0,                                                                                        \
         0,                                                                                        \
         NULL,                                                                                     \
         "float32 arithmetic (always)"},                                                           \
        {'q',                                                                                      \
         "quiet",                                                                                  \
         NULL,                                                                                     \
         OPTION_FLAG,                                                                              \
         offsetof(device_settings, quiet),                                                         \
         0,                                                                                        \
         0,                                                                                        \
         NULL,                                                                                     \
         "only errors on standard error"},                                                         \
    {                                                                                              \
        'v', "verbose", NULL, OPTION_FLAG, offsetof(device_settings, verbose), 0, 0, NULL,         \
            "what the library does, on standard error"                                             \
    }

#define MODEL_OPTIONS                                                                              \
    {'m', "model", "MODEL", OPTION_TEXT,  offsetof(model_settings, model),                         \
     0,   0,       NULL,    "a GGUF file"},                                                        \
        {'c',                                                                                      \
         "ctx-size",                                                                               \
         "N",                                                                                      \
         OPTION_WHOLE,                                                                             \
         offsetof(model_settings, context),                                                        \
         1,                                                                                        \
         1 << 30,                                                                                  \
         NULL,                                                                                     \
         "tokens at most (default: 4096 or what the model was trained for)"},                      \
        DEVICE_OPTIONS

/* Closed by work_close in any state; all zeros at first. */
typedef struct work {
    const device_settings *on;
    pencl_ctx *ctx;
    pencl_device *device;
    pencl_model *model;
    pencl_session *session;
    int64_t context; /* tokens */
    double load_ms;  /* opening the model */
} work;

int work_context(work *w, const device_settings *on);
int work_device(work *w, const device_settings *on);
int work_model(work *w, const char *name, const model_settings *s); /* and its device */
/* The ids of a prompt, at least one; freed with pencl_tokens_free in any case. */
int work_encode(int32_t **ids, size_t *n, const work *w, const input *text, bool parse_special);
int work_session(work *w); /* after work_model */
void work_close(work *w);

/* Prints the context's error; returns EXIT_FAILED. */
int work_failed(const work *w);
/* "pencl: ..." on standard error unless -q was given. */
void work_tell(const work *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The closing line: device, speeds, memory. Times in ms; a speed without tokens is left out. */
void work_summary(
    const work *w, size_t n_prompt, double prompt_ms, size_t n_decoded, double decode_ms);

double now_ms(void); /* of a clock that never jumps */

/* spawn_posix.c: lets a child process load the drivers first, unless an earlier process survived
 * it: drivers are known to crash and to hang. */
void probe_drivers(const work *w);

/* interrupt_posix.c: the first Ctrl-C is noted and stops the session, which may be NULL; the second
 * one ends the process. */
void interrupt_catch(pencl_session *session);
void interrupt_release(void);
bool interrupted(void);

#endif
