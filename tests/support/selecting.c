/* SPDX-License-Identifier: Apache-2.0 */
/* Selections in a small decoder. */
#include "support/selecting.h"

#include "support/tree.h"

#include <check.h>

pencl_layer *body;

void fixture_decoder(void)
{
    fixture_ref();
    body = tree_decoder(device, 2);
}

void fixture_decoder_free(void)
{
    pencl_layer_free(body);
    fixture_close();
}

pencl_selection *all(void)
{
    return pencl_layer_select(ctx, body);
}

pencl_selection *instances(const char *type)
{
    return pencl_selection_at_instances_of(all(), type, PENCL_OUTERMOST);
}

int count_in(pencl_layer *tree, const char *type)
{
    pencl_selection *s =
        pencl_selection_at_instances_of(pencl_layer_select(ctx, tree), type, PENCL_OUTERMOST);
    int n = pencl_selection_count(s);
    pencl_selection_free(s);
    return n;
}

pencl_selection *select_text(pencl_layer *tree, const char *selection)
{
    pencl_selection *s = pencl_select_text(ctx, tree, selection);
    pencl_layer *same = NULL;
    ok(pencl_selection_deselect(&same, s));
    pencl_layer_free(same);
    return s;
}

void expect_paths(pencl_selection *s, const char *const *paths, size_t n)
{
    pencl_layer *tree = NULL;
    ok(pencl_selection_deselect(&tree, s));
    ck_assert_int_eq(pencl_selection_count(s), (int)n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_str_eq(pencl_selection_path(s, (int)i), paths[i]);
    }
    pencl_layer_free(tree);
    pencl_selection_free(s);
}

void expect_failed(pencl_selection *s, pencl_status status, const char *words)
{
    pencl_layer *tree = NULL;
    ck_assert_int_eq(pencl_selection_count(s), 0);
    expect_error(pencl_selection_deselect(&tree, s), status, words);
    ck_assert_ptr_null(tree);
    pencl_selection_free(s);
}
