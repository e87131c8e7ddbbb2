/* SPDX-License-Identifier: Apache-2.0 */
/* Files of penzai's form: whatever is wrong with one is one error that names it. */
#include "support/fixture.h"
#include "support/folder.h"
#include "support/penzai.h"

#include "pencl/pencl.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { GEMMA3 = 3, GPT_NEOX = 4, LLAMA = 5 }; /* of penzai_families */

#define QUERY "transformer/block_0/attention/query.weights"

static char folder[TEST_PATH];
static json_t *golden;
static penzai_file file;

static void setup(void)
{
    test_folder_make(folder);
    fixture_device();
}

static void teardown(void)
{
    fixture_close();
    test_folder_remove(folder);
    ck_assert_int_eq(pn_alloc_live(), 0);
}

static void start(int family)
{
    golden = penzai_golden(family);
    file = penzai_file_of(golden, 0);
}

/* Writes the file, opens it, and frees it. */
static pencl_status open_file(void)
{
    pencl_model *model = NULL;
    const char *path = test_path(folder, "m.safetensors");
    penzai_write(&file, path);
    penzai_file_free(&file);
    json_decref(golden);
    const pencl_status st = pencl_model_open(&model, device, path, NULL);
    pencl_model_close(model);
    return st;
}

/* It is refused, with the file's name, and `said` in the text. */
static void expect(pencl_status status, const char *said)
{
    const pencl_status st = open_file();
    const char *text = pencl_error_text(ctx);
    ck_assert_msg(st == status, "%s: %s, not %s: %s", said, pencl_status_name(st),
                  pencl_status_name(status), text);
    ck_assert_msg(strstr(text, "m.safetensors: ") != NULL && strstr(text, said) != NULL,
                  "\"%s\" is not in \"%s\"", said, text);
}

static void set(json_t *object, const char *key, const char *json)
{
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    ck_assert_msg(value != NULL, "%s", json);
    json_object_set_new(object, key, value);
}

/* ---- configs ---- */

typedef struct field_row {
    int family;
    const char *field;
    const char *value; /* JSON; NULL: left out */
    const char *said;
} field_row;

#define MISSING(family, field)                                                                     \
    {                                                                                              \
        family, field, NULL, "penzai.config: field \"" field "\" is missing"                       \
    }
#define WRONG(family, field, value, said)                                                          \
    {                                                                                              \
        family, field, value, "penzai.config: field \"" field "\": " said                          \
    }

static const field_row fields[] = {
    MISSING(LLAMA, "num_kv_heads"),
    MISSING(LLAMA, "query_head_multiplier"),
    MISSING(LLAMA, "embedding_dim"),
    MISSING(LLAMA, "projection_dim"),
    MISSING(LLAMA, "mlp_hidden_dim"),
    MISSING(LLAMA, "num_decoder_blocks"),
    MISSING(LLAMA, "vocab_size"),
    MISSING(LLAMA, "mlp_variant"),
    MISSING(LLAMA, "tie_embedder_and_logits"),
    MISSING(GPT_NEOX, "num_attention_heads"),
    MISSING(GPT_NEOX, "embedding_dim"),
    MISSING(GPT_NEOX, "projection_dim"),
    MISSING(GPT_NEOX, "mlp_hidden_dim"),
    MISSING(GPT_NEOX, "num_decoder_blocks"),
    MISSING(GPT_NEOX, "vocab_size"),
    MISSING(GPT_NEOX, "activation_fn"),
    MISSING(GPT_NEOX, "rope_subset_size"),
    MISSING(GPT_NEOX, "rope_wavelength"),
    MISSING(GPT_NEOX, "layernorm_epsilon"),
    {LLAMA, "num_layers", "2", "field \"num_layers\" is unknown to llamalike"},
    {LLAMA, "activation_fn", "\"silu\"", "field \"activation_fn\" is unknown to llamalike"},
    {GPT_NEOX, "parameter_dtype", "\"float32\"", "\"parameter_dtype\" is unknown to gpt_neox"},
    WRONG(LLAMA, "num_kv_heads", "0", "is 0, not a whole number from 1 to 65536"),
    WRONG(LLAMA, "num_kv_heads", "-2", "is -2, not a whole number"),
    WRONG(LLAMA, "num_kv_heads", "2.0", "is 2.0, not a whole number"),
    WRONG(LLAMA, "num_kv_heads", "\"2\"", "is \"2\", not a whole number"),
    WRONG(LLAMA, "query_head_multiplier", "null", "is null, not a whole number"),
    WRONG(LLAMA, "embedding_dim", "99999999999", "is 99999999999, not a whole number from 1 to"),
    WRONG(LLAMA, "projection_dim", "true", "is true, not a whole number from 2"),
    WRONG(LLAMA, "projection_dim", "5", "is 5, not even"),
    WRONG(LLAMA, "num_decoder_blocks", "1001", "is 1001, not a whole number from 1 to 1000"),
    WRONG(LLAMA, "vocab_size", "[13]", "is [13], not a whole number"),
    WRONG(LLAMA, "mlp_variant", "\"relu\"", "is \"relu\", not geglu_exact, geglu_approx or swiglu"),
    WRONG(LLAMA, "mlp_variant", "7", "is 7, not geglu_exact"),
    WRONG(LLAMA, "tie_embedder_and_logits", "1", "is 1, not true or false"),
    WRONG(LLAMA, "rope_wavelength", "0", "is 0, not a number above 0"),
    WRONG(LLAMA, "rope_wavelength", "null", "is null, not a number"),
    WRONG(LLAMA, "rms_norm_eps", "-1e-6", "is -"),
    WRONG(LLAMA, "use_qk_norm", "\"yes\"", "is \"yes\", not true or false"),
    WRONG(LLAMA,
          "final_logit_softcap",
          "\"null\"",
          "is \"null\", not a number of at least 0 or null"),
    WRONG(LLAMA, "attn_logits_soft_cap", "0", "is 0, not a number above 0"),
    WRONG(LLAMA, "global_scale_factor", "0.5", "is 0.5, not a number of at least 1 or null"),
    WRONG(LLAMA, "local_rope_wavelength", "false", "is false, not a number above 0 or null"),
    WRONG(LLAMA, "query_scaling_factor", "null", "is null, not a number"),
    WRONG(LLAMA, "query_scaling_factor", "\"auto\"", "is \"auto\", not a number or default"),
    WRONG(LLAMA,
          "parameter_dtype",
          "\"float64\"",
          "is \"float64\", not float32, bfloat16 or float16"),
    WRONG(LLAMA, "activation_dtype", "\"q4_0\"", "is \"q4_0\", not float32"),
    WRONG(LLAMA, "attention_type", "\"local\"", "is \"local\", not \"global\", {\"sliding\": T"),
    WRONG(LLAMA, "attention_type", "{\"sliding\": 0}", "is {\"sliding\":0}, not"),
    WRONG(LLAMA, "attention_type", "{\"sliding\": 4, \"x\": 1}", "is {\"sliding\":4,"),
    WRONG(LLAMA, "attention_type", "{\"sliding\": 2.5}", "is {\"sliding\":2.5}, not"),
    WRONG(LLAMA, "attention_type", "[]", "is [], not"),
    WRONG(LLAMA, "attention_type", "[\"global\", 4]", "is [\"global\",4], not"),
    WRONG(LLAMA, "attention_type", "[[\"global\"]]", "is [[\"global\"]], not"),
    WRONG(LLAMA,
          "attention_type",
          "[\"global\",\"global\",\"global\"]",
          "3 entries do not divide num_decoder_blocks, 2"),
    WRONG(GPT_NEOX,
          "activation_fn",
          "\"selu\"",
          "is \"selu\", not gelu_exact, gelu_approx, silu or relu"),
    WRONG(GPT_NEOX, "rope_subset_size", "3", "is 3, not an even part of projection_dim, 8"),
    WRONG(GPT_NEOX, "rope_subset_size", "10", "is 10, not an even part"),
    WRONG(GPT_NEOX, "layernorm_epsilon", "\"1e-5\"", "is \"1e-5\", not a number"),
};
enum { N_FIELDS = sizeof fields / sizeof *fields };

START_TEST(a_wrong_field_is_named)
{
    const field_row *r = &fields[_i];
    start(r->family);
    if (r->value != NULL) {
        set(file.config, r->field, r->value);
    } else {
        json_object_del(file.config, r->field);
    }
    expect(PENCL_E_FIELDS, r->said);
}
END_TEST

START_TEST(blocks_of_a_stack_are_alike)
{
    start(GEMMA3); /* whose attention_type is a list */
    set(file.config, "use_layer_stack", "true");
    expect(PENCL_E_FIELDS, "field \"attention_type\": a list, but use_layer_stack");
}
END_TEST

START_TEST(defaults_may_be_written_out)
{
    start(LLAMA);
    set(file.config, "attention_type", "\"global\"");
    set(file.config, "use_post_attn_norm", "false");
    set(file.config, "use_layer_stack", "false");
    set(file.config, "final_logit_softcap", "null");
    set(file.config, "attn_logits_soft_cap", "null");
    set(file.config, "global_scale_factor", "null");
    set(file.config, "local_rope_wavelength", "null");
    set(file.config, "query_scaling_factor", "\"default\"");
    set(file.config, "parameter_dtype", "\"float32\"");
    ck_assert_msg(open_file() == PENCL_OK, "%s", pencl_error_text(ctx));
}
END_TEST

/* ---- metadata ---- */

static void replace(json_t **value, json_t *by)
{
    json_decref(*value);
    *value = by;
}

START_TEST(wrong_metadata_is_named)
{
    start(LLAMA);
    replace(&file.builder, json_string("mamba"));
    expect(PENCL_E_UNSUPPORTED, "penzai.builder is \"mamba\"; known: gpt_neox, llamalike");
    start(LLAMA);
    replace(&file.builder, NULL);
    expect(PENCL_E_FORMAT, "neither key general.architecture nor penzai.builder is there");
    start(LLAMA);
    replace(&file.config, NULL);
    expect(PENCL_E_FIELDS, "key \"penzai.config\" is missing");
    start(LLAMA);
    replace(&file.config, json_string("{\"num_kv_heads\": 2,"));
    expect(PENCL_E_FORMAT, "penzai.config: byte 19: ");
    start(LLAMA);
    replace(&file.config, json_string("{\"vocab_size\": 2, \"vocab_size\": 2}"));
    expect(PENCL_E_FORMAT, "penzai.config: byte 30: duplicate object key");
    start(LLAMA);
    replace(&file.config, json_string("[[[[1]]]]"));
    expect(PENCL_E_FORMAT, "penzai.config: byte 3: nested too deeply");
    start(LLAMA);
    replace(&file.config, json_array());
    expect(PENCL_E_FIELDS, "penzai.config: the config is not an object");
    start(LLAMA);
    replace(&file.axes, NULL);
    expect(PENCL_E_FIELDS, "key \"penzai.axes\" is missing");
    start(LLAMA);
    replace(&file.axes, json_array());
    expect(PENCL_E_FORMAT, "penzai.axes: is not an object");
}
END_TEST

/* ---- axes and tensors ---- */

START_TEST(wrong_axes_are_named)
{
    static const struct {
        const char *axes; /* of a tensor [8, 2, 4, 2] */
        const char *said;
    } rows[] = {
        {"[\"embedding\", \"embedding\", \"projection\", \"query_heads\"]",
         "(embedding:8, embedding:2, projection:4, query_heads:2)"},
        {"[\"embedding\", \"heads\", \"projection\", \"query_heads\"]",
         "(embedding:8, heads:2, projection:4, query_heads:2)"},
        {"[\"embedding\", \"projection\", \"head_groups\", \"query_heads\"]",
         "(embedding:8, projection:2, head_groups:4, query_heads:2)"},
        {"[\"embedding\", \"head_groups\", \"projection\"]",
         "(embedding:8, head_groups:2, projection:4, ?:2; 3 names)"},
        {"[\"embedding\", \"head_groups\", \"projection\", 4]", "projection:4, ?:2)"},
        {"[]", "(?:8, ?:2, ?:4, ?:2; 0 names)"},
        {"\"embedding\"", "(?:8, ?:2, ?:4, ?:2; 0 names)"},
        {"{\"embedding\": 8}", "(?:8, ?:2, ?:4, ?:2; 0 names)"},
    };
    for (size_t i = 0; i < PN_COUNT(rows); i++) {
        start(LLAMA);
        set(file.axes, QUERY, rows[i].axes);
        expect(PENCL_E_FORMAT, "tensor \"" QUERY "\": float32(| head_groups:2, query_heads:2, "
                               "projection:4, embedding:8) is needed, the file has ");
        ck_assert_msg(strstr(pencl_error_text(ctx), rows[i].said) != NULL, "%s",
                      pencl_error_text(ctx));
    }
    start(LLAMA);
    json_object_del(file.axes, QUERY);
    expect(PENCL_E_FORMAT, "penzai.axes: tensor \"" QUERY "\" has none");
    start(LLAMA);
    set(file.axes, "transformer/other.weights", "[\"embedding\"]");
    expect(PENCL_E_FORMAT, "penzai.axes: \"transformer/other.weights\" is no tensor of the file");
}
END_TEST

START_TEST(wrong_tensors_are_named)
{
    start(LLAMA);
    json_object_del(file.params, QUERY);
    json_object_del(file.axes, QUERY);
    expect(PENCL_E_FORMAT, "tensor \"" QUERY "\" is missing");
    start(LLAMA);
    set(file.params, "transformer/block_2/extra.weights", "{\"embedding\": 8}");
    set(file.axes, "transformer/block_2/extra.weights", "[\"embedding\"]");
    expect(PENCL_E_UNSUPPORTED, "tensor \"transformer/block_2/extra.weights\" has no place");
    start(LLAMA);
    set(file.params, QUERY,
        "{\"embedding\": 8, \"head_groups\": 2, \"projection\": 4, \"query_heads\": 3}");
    expect(PENCL_E_FORMAT, "the file has (embedding:8, head_groups:2, projection:4, "
                           "query_heads:3)");
    start(LLAMA);
    file.dtype = PENCL_I32;
    expect(PENCL_E_FORMAT, "\": a parameter must be floating");
}
END_TEST

/* ---- memory ---- */

/* Opens and saves with one allocation failing; OK once there are none left to fail. */
static pencl_status open_and_save(const char *from, const char *to, long fail_at)
{
    pencl_model *model = NULL;
    pn_alloc_fail_at(fail_at);
    pencl_status st = pencl_model_open(&model, device, from, NULL);
    if (st == PENCL_OK) {
        st = pencl_model_save(model, to);
    }
    pn_alloc_fail_at(0);
    pencl_model_close(model);
    return st;
}

START_TEST(running_out_of_memory_is_reported)
{
    const char *from = test_path(folder, "m.safetensors");
    const char *to = test_path(folder, "copy.safetensors");
    start(GPT_NEOX);
    penzai_write(&file, from);
    penzai_file_free(&file);
    json_decref(golden);
    const long before = pn_alloc_count();
    ck_assert_int_eq(open_and_save(from, to, 0), PENCL_OK);
    const long made = pn_alloc_count() - before;
    const long live = pn_alloc_live();
    long n = 1;
    for (;; n++) {
        const pencl_status st = open_and_save(from, to, n);
        ck_assert_int_eq(pn_alloc_live(), live);
        if (st == PENCL_OK) {
            break;
        }
        ck_assert_msg(st == PENCL_E_NOMEM, "allocation %ld: %s", n, pencl_error_text(ctx));
    }
    ck_assert_int_eq(n, made + 1);
}
END_TEST

Suite *suite_penzai_files(void);
Suite *suite_penzai_files(void)
{
    Suite *suite = suite_create("penzai_files");
    TCase *tc = tcase_create("files");
    tcase_set_timeout(tc, 120); /* a model is opened 1500 times */
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, a_wrong_field_is_named, 0, N_FIELDS);
    tcase_add_test(tc, blocks_of_a_stack_are_alike);
    tcase_add_test(tc, defaults_may_be_written_out);
    tcase_add_test(tc, wrong_metadata_is_named);
    tcase_add_test(tc, wrong_axes_are_named);
    tcase_add_test(tc, wrong_tensors_are_named);
    tcase_add_test(tc, running_out_of_memory_is_reported);
    suite_add_tcase(suite, tc);
    return suite;
}
