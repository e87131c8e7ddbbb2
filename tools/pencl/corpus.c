/* SPDX-License-Identifier: Apache-2.0 */
/* Reads texts of one length. */
#include "corpus.h"

#include "logits.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 512 };

int corpus_text(
    corpus *c, const work *w, const char *name, const prompt_settings *s, int64_t context)
{
    input text = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    int status = input_prompt(&text, name, s);
    if (status == EXIT_DONE) {
        status = work_encode(&ids, &n, w, &text, s->parse_special);
    }
    free(text.data);
    if (status == EXIT_DONE) {
        int64_t piece = context > 0 ? context : CHUNK;
        bool whole = (int64_t)n < piece;
        *c = (corpus){calloc(n, sizeof *ids), whole ? 1 : (int64_t)n / piece,
                      whole ? (int64_t)n : piece};
        if (c->ids != NULL) {
            memcpy(c->ids, ids, n * sizeof *ids);
        } else {
            say("out of host memory");
            status = EXIT_FAILED;
        }
    }
    pencl_tokens_free(ids);
    return status;
}

int corpus_file(corpus *c, const work *w, const char *path)
{
    pencl_array *array = NULL;
    int status = logits_load(&array, w, path);
    if (status == EXIT_DONE) {
        int last = pencl_array_n_axes(array) - 1;
        c->n = pencl_array_axis(array, last)->size;
        c->n_texts = c->n > 0 ? pencl_array_count(array) / c->n : 0;
        c->ids = calloc((size_t)pencl_array_count(array) + 1, sizeof *c->ids);
        if (c->ids == NULL) {
            say("out of host memory");
            status = EXIT_FAILED;
        } else if (pencl_array_download(array, c->ids, (size_t)pencl_array_count(array) * 4) !=
                   PENCL_OK) {
            status = work_failed(w);
        }
    }
    pencl_array_free(array);
    return status;
}
