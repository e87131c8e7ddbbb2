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
    texts loras;
    int64_t context; /* tokens; 0: the smaller of 4096 and what the model was trained for */
} model_settings;

#define DEVICE_DEFAULTS                                                                            \
    {                                                                                              \
        .matmul = "auto"                                                                           \
    }

#define ON(field) offsetof(device_settings, field)
#define DEVICE_OPTIONS                                                                             \
    OPT_TEXT('d', "device", "DEV", ON(device),                                                     \
             "number, id, words or type of the list of devices"),                                  \
        OPT_CHOICE('D', "type", "TYPE", ON(type), "cpu gpu accelerator ref all",                   \
                   "the best device of a type"),                                                   \
        OPT_WHOLE('t', "threads", "N", ON(threads), 1, 4096, "threads of CPU devices"),            \
        OPT_CHOICE(0, "matmul", "M", ON(matmul), "auto native clblast",                            \
                   "who multiplies matrices"),                                                     \
        OPT_FLAG(0, "exact", ON(exact), "float32 arithmetic (always)"),                            \
        OPT_FLAG('q', "quiet", ON(quiet), "only errors on standard error"),                        \
        OPT_FLAG('v', "verbose", ON(verbose), "what the library does, on standard error")

#define LORA_OPTION                                                                                \
    OPT_TEXTS(0, "lora", "F[:SCALE]", offsetof(model_settings, loras),                             \
              "PEFT's low-rank adapter: a folder or .safetensors file; repeats")

#define MODEL_OPTIONS                                                                              \
    OPT_TEXT('m', "model", "MODEL", offsetof(model_settings, model), "a GGUF file, or penzai's"),  \
        OPT_WHOLE('c', "ctx-size", "N", offsetof(model_settings, context), 1, 1 << 30,             \
                  "tokens at most (default: 4096 or what the model was trained for)"),             \
        LORA_OPTION, DEVICE_OPTIONS

/* Closed by work_close in any state; all zeros at first. */
typedef struct work {
    const device_settings *on;
    pencl_ctx *ctx;
    pencl_device *device;
    pencl_model *model;
    pencl_lm *edited; /* the model with the edits of the command line; NULL: none */
    pencl_session *session;
    int64_t context; /* tokens */
    double load_ms;  /* opening the model */
} work;

/* Ids of devices for commands that take several. */
typedef struct work_devices {
    size_t n;
    char (*ids)[64];
} work_devices;
/* All that -d, -D or PENCL_DEVICE name; without any of them the default alone. */
int work_find_devices(work_devices *out, const device_settings *on);
void work_free_devices(work_devices *devices);

int work_context(work *w, const device_settings *on);
int work_device(work *w, const device_settings *on);
int work_model(work *w, const char *name, const model_settings *s); /* and its device */
/* The ids of a prompt, at least one; freed with pencl_tokens_free in any case. */
int work_encode(int32_t **ids, size_t *n, const work *w, const input *text, bool parse_special);
/* The bytes of a token, "#7" without a vocabulary, as many as there is room for; returns how many.
 */
size_t work_piece(char *to, size_t room, const work *w, int32_t token);
/* The model to run: as edited, if it was. */
pencl_lm *work_lm(const work *w);
int work_session(work *w); /* after work_model */
void work_close(work *w);

/* Prints the context's error; returns EXIT_FAILED. */
int work_failed(const work *w);
/* How far something long is, 0 .. 1, over one line of a terminal; 1 wipes it out. For pencl's
 * options: `user` is the work. */
void work_loading(void *user, double done);
void work_reading(void *user, double done);
void work_sweeping(void *user, double done);
/* Non-zero once Ctrl-C was pressed. */
int work_stopped(void *unused);
/* "pencl: ..." on standard error unless -q was given. */
void work_tell(const work *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The closing line: device, speeds, memory. Times in ms; a speed without tokens is left out. */
void work_summary(
    const work *w, size_t n_prompt, double prompt_ms, size_t n_decoded, double decode_ms);

double now_ms(void); /* of a clock that never jumps */

/* spawn_posix.c: lets a child process load the drivers first, unless an earlier process survived
 * it: drivers are known to crash and to hang. */
void probe_drivers(const work *w);
/* The same for kernels: a pencl_probe_fn, whose `user` is the work. */
int probe_kernels(void *user, const char *device, const char *const *kernels, size_t n_kernels);
/* Ends this process unless it is called again within so many seconds; 0: within two minutes. */
void probe_deadline(unsigned seconds);

/* interrupt_posix.c: the first Ctrl-C is noted and stops the session, which may be NULL; the second
 * one ends the process. */
void interrupt_catch(pencl_session *session);
void interrupt_release(void);
bool interrupted(void);

#endif
