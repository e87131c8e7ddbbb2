/* SPDX-License-Identifier: Apache-2.0 */
/* Opens what a command works on, and says which device was taken and why. */
#include "work.h"

#include "output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- messages ---- */

void work_tell(const work *w, const char *fmt, ...)
{
    va_list args;
    if (w->on->quiet) {
        return;
    }
    va_start(args, fmt);
    fputs("pencl: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

int work_failed(const work *w)
{
    const char *text = pencl_error_text(w->ctx);
    say("%s", text[0] != '\0' ? text : pencl_status_text(pencl_error_status(w->ctx)));
    return EXIT_FAILED;
}

static void on_log(void *user, pencl_log_level level, const char *category, const char *text)
{
    const work *w = user;
    bool asked = w->on->verbose || getenv("PENCL_LOG") != NULL;
    if (asked || (level == PENCL_LOG_WARN && !w->on->quiet)) {
        fprintf(stderr, "pencl: %s: %s\n", category, text);
    }
}

static void show_progress(const work *w, const char *what, double done)
{
    if (w->on->quiet || !isatty(STDERR_FILENO)) {
        return;
    }
    if (done < 1) {
        fprintf(stderr, "\r%s %3.0f %%", what, done * 100);
    } else {
        fprintf(stderr, "\r%*s\r", (int)strlen(what) + 6, "");
    }
    fflush(stderr);
}

void work_loading(void *user, double done)
{
    show_progress(user, "loading", done);
}

void work_reading(void *user, double done)
{
    show_progress(user, "reading", done);
}

int work_stopped(void *unused)
{
    (void)unused;
    return interrupted();
}

void work_sweeping(void *user, double done)
{
    show_progress(user, "sweeping", done);
}

double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- opening ---- */

int work_context(work *w, const device_settings *on)
{
    w->on = on;
    w->ctx = pencl_ctx_new();
    if (w->ctx == NULL) {
        say("%s", pencl_status_text(PENCL_E_NOMEM));
        return EXIT_FAILED;
    }
    pencl_ctx_set_log(w->ctx, on_log, w);
    return EXIT_DONE;
}

int work_device(work *w, const device_settings *on)
{
    int status = work_context(w, on);
    if (status != EXIT_DONE) {
        return status;
    }
    if (pencl_set_threads(w->ctx, (int)on->threads) != PENCL_OK) {
        return work_failed(w);
    }
    const char *asked = on->device != NULL ? on->device : on->type;
    const char *meant = asked != NULL ? asked : getenv("PENCL_DEVICE");
    if (meant == NULL || strcmp(meant, "ref") != 0) {
        probe_drivers(w);
    }
    if (pencl_device_open(&w->device, w->ctx, asked) != PENCL_OK) {
        bool missing = pencl_error_status(w->ctx) == PENCL_E_DEVICE;
        work_failed(w);
        return missing ? EXIT_NO_DEVICE : EXIT_FAILED;
    }
    pencl_ctx_set_probe(w->ctx, probe_kernels, w);
    const pencl_device_info *info = pencl_device_describe(w->device);
    work_tell(w, "device %s (%s): %s", info->id, info->name, pencl_device_reason(w->device));
    return EXIT_DONE;
}

/* What the words name, as ids. */
static int match(work_devices *out, const work *w, const char *asked)
{
    pencl_device_list *list = NULL;
    pencl_device_pick *picks = NULL;
    size_t n = 0;
    pencl_status st = pencl_device_list_new(&list, w->ctx);
    if (st == PENCL_OK) {
        st = pencl_device_match(&picks, &n, w->ctx, list, asked);
    }
    if (st == PENCL_OK) {
        bool named = asked != NULL || getenv("PENCL_DEVICE") != NULL;
        n = named ? n : 1;
        out->ids = calloc(n, sizeof *out->ids);
        for (; out->ids != NULL && out->n < n; out->n++) {
            const pencl_device_pick *pick = &picks[out->n];
            const char *id = list->devices[pick->row].id;
            size_t size = (size_t)snprintf(out->ids[out->n], sizeof out->ids[0], "%.40s", id);
            if (pick->cores > 0) {
                snprintf(out->ids[out->n] + size, sizeof out->ids[0] - size, "/cores=%u",
                         pick->cores);
            }
        }
    }
    pencl_device_picks_free(picks);
    pencl_device_list_free(list);
    if (st == PENCL_OK && out->ids == NULL) {
        say("%s", pencl_status_text(PENCL_E_NOMEM));
        return EXIT_FAILED;
    }
    if (st != PENCL_OK) {
        work_failed(w);
    }
    return st == PENCL_OK ? EXIT_DONE : st == PENCL_E_DEVICE ? EXIT_NO_DEVICE : EXIT_FAILED;
}

int work_find_devices(work_devices *out, const device_settings *on)
{
    work w = {0};
    int status = work_context(&w, on);
    if (status == EXIT_DONE && pencl_set_threads(w.ctx, (int)on->threads) != PENCL_OK) {
        status = work_failed(&w);
    }
    if (status == EXIT_DONE) {
        probe_drivers(&w);
        status = match(out, &w, on->device != NULL ? on->device : on->type);
    }
    work_close(&w);
    return status;
}

void work_free_devices(work_devices *devices)
{
    free(devices->ids);
    *devices = (work_devices){0};
}

static int open_model(work *w, const model_settings *s)
{
    char *paths[OPTION_TEXTS_MAX] = {0};
    pencl_lora loras[OPTION_TEXTS_MAX];
    int n = 0;
    for (; n < (int)s->loras.n && (paths[n] = strdup(s->loras.items[n])) != NULL; n++) {
        loras[n] = (pencl_lora){.path = paths[n], .scale = 1};
        cut_scale(paths[n], &loras[n].scale);
    }
    const pencl_model_options options = {
        .progress = work_loading, .user = w, .loras = loras, .n_loras = n, .context = s->context};
    int status = EXIT_DONE;
    double start = now_ms();
    if (n < (int)s->loras.n) {
        say("%s", pencl_status_text(PENCL_E_NOMEM));
        status = EXIT_FAILED;
    } else if (pencl_model_open(&w->model, w->device, s->model, &options) != PENCL_OK) {
        status = work_failed(w);
    }
    w->load_ms = now_ms() - start;
    for (int i = 0; i < n; i++) {
        free(paths[i]);
    }
    return status;
}

int work_model(work *w, const char *name, const model_settings *s)
{
    if (s->model == NULL) {
        return usage_error(name, "no model: -m MODEL is missing");
    }
    int status = work_device(w, &s->on);
    if (status == EXIT_DONE) {
        status = open_model(w, s);
    }
    if (status != EXIT_DONE) {
        return status;
    }
    const int64_t trained = pencl_model_describe(w->model)->trained_context;
    w->context = pencl_model_context(w->model);
    if (trained > 0 && w->context > trained) {
        work_tell(w, "warning: the model was trained for %lld tokens", (long long)trained);
    }
    return EXIT_DONE;
}

int work_encode(int32_t **ids, size_t *n, const work *w, const input *text, bool parse_special)
{
    unsigned flags = PENCL_ENCODE_ADD_SPECIAL |
                     (parse_special ? PENCL_ENCODE_PARSE_SPECIAL : PENCL_ENCODE_PLAIN);
    const pencl_tokenizer *tokenizer = pencl_model_tokenizer(w->model);
    if (tokenizer == NULL) {
        say("%s has no vocabulary: it takes token ids only (pencl logits --tokens)",
            pencl_model_describe(w->model)->path);
        return EXIT_FAILED;
    }
    if (pencl_tokenizer_encode(ids, n, tokenizer, text->data, text->size, flags) != PENCL_OK) {
        return work_failed(w);
    }
    if (*n == 0) {
        say("the prompt has no tokens");
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

size_t work_piece(char *to, size_t room, const work *w, int32_t token)
{
    const pencl_tokenizer *tokenizer = pencl_model_tokenizer(w->model);
    size_t size = tokenizer != NULL ? pencl_tokenizer_token_bytes(tokenizer, token, to, room)
                                    : (size_t)snprintf(to, room, "#%d", (int)token);
    return size < room ? size : room;
}

pencl_lm *work_lm(const work *w)
{
    return w->edited != NULL ? w->edited : pencl_model_lm(w->model);
}

int work_session(work *w)
{
    const pencl_session_options options = {.context = w->context, .matmul = w->on->matmul};
    if (pencl_session_new(&w->session, work_lm(w), &options) != PENCL_OK) {
        return work_failed(w);
    }
    interrupt_catch(w->session);
    return EXIT_DONE;
}

void work_close(work *w)
{
    interrupt_release();
    pencl_session_free(w->session);
    pencl_lm_free(w->edited);
    pencl_model_close(w->model);
    pencl_device_close(w->device);
    pencl_ctx_free(w->ctx);
    *w = (work){0};
}

void work_summary(
    const work *w, size_t n_prompt, double prompt_ms, size_t n_decoded, double decode_ms)
{
    char speeds[128] = "";
    char memory[32];
    size_t size = 0;
    if (n_prompt > 0) {
        size = (size_t)snprintf(speeds, sizeof speeds, ", prompt %.2f t/s",
                                per_second(n_prompt, prompt_ms));
    }
    if (n_decoded > 0) {
        snprintf(speeds + size, sizeof speeds - size, ", decode %.2f t/s",
                 per_second(n_decoded, decode_ms));
    }
    work_tell(w, "%s%s, memory %s", pencl_device_describe(w->device)->id, speeds,
              bytes_text(memory, sizeof memory, pencl_device_peak_bytes(w->device)));
}
