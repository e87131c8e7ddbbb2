/* SPDX-License-Identifier: Apache-2.0 */
/* Named arrays: random programs of every verb, on arrays and values of random shapes, orders,
 * strides and types, against a loop over names. */
#include "support/fixture.h"
#include "support/named_program.h"

#include <check.h>

#ifdef __SANITIZE_ADDRESS__ /* ten times as slow */
enum { ROUNDS_ON_REF = 10 };
#else
enum { ROUNDS_ON_REF = 50 };
#endif

/* Computing verbs of one graph on a device, which builds a kernel for almost every one, and graphs;
 * `ref` compiles nothing and does many short programs. */
enum { ON_DEVICE = 20, GRAPHS_ON_DEVICE = 10, GRAPHS_ON_REF = 60 };

static bool is_ref;

static void setup(void)
{
    fixture_device();
    is_ref = pn_device_caps(device)->is_ref;
}

static void view(program *p, thing *t, int most)
{
    int n = program_below(p, most + 1);
    for (int i = 0; i < n; i++) {
        (void)program_view_verb(p, t);
        if (!program_is_tame(t->model)) {
            return;
        }
    }
}

/* Arrays and views of them, in the graph. */
static void make_things(program *p)
{
    int n = 2 + program_below(p, 3);
    for (int i = 0; i < n; i++) {
        thing *t = i == 1 ? program_ids(p) : program_array(p);
        view(p, t, 3);
        program_to_value(p, t);
        view(p, t, 2);
    }
}

/* Computing verbs, each followed by views of its result. */
static void compute(program *p, int n, bool (*verb)(program *))
{
    for (int i = 0; i < n; i++) {
        for (int tries = 0; tries < 20; tries++) {
            if (verb(p)) {
                view(p, &p->things[p->n_things - 1], is_ref ? 3 : 1);
                break;
            }
        }
    }
}

/* Computes everything from thing `from` on in one evaluation. */
static void check(program *p, int from)
{
    pencl_value *values[MOST_THINGS];
    pencl_array *arrays[MOST_THINGS];
    int n = 0;
    for (int i = from; i < p->n_things; i++) {
        values[n++] = p->things[i].value;
    }
    if (pencl_eval(p->graph, values, n, arrays) != PENCL_OK) {
        program_fail(p, pencl_error_text(ctx));
    }
    for (int i = 0; i < n; i++) {
        pn_text report = {0};
        if (!named_compare(p->things[from + i].model, arrays[i], &report)) {
            program_say(p, "\nx%d: ", from + i);
            program_fail(p, pn_text_get(&report));
        }
        pn_text_free(&report);
        pencl_array_free(arrays[i]);
    }
}

START_TEST(verbs_do_what_a_loop_over_names_does)
{
    int rounds = is_ref ? ROUNDS_ON_REF : 1;
    if (_i >= (is_ref ? GRAPHS_ON_REF : GRAPHS_ON_DEVICE)) {
        return;
    }
    for (int k = 0; k < rounds; k++) {
        program p;
        program_begin(&p, device, (uint64_t)(_i * rounds + k + 1));
        make_things(&p);
        compute(&p, is_ref ? 6 : ON_DEVICE * 6 / 10, program_compute_verb);
        compute(&p, is_ref ? 4 : ON_DEVICE * 3 / 10, program_index_verb);
        compute(&p, is_ref ? 3 : ON_DEVICE * 1 / 10, program_reduce_verb);
        check(&p, 0);
        program_end(&p);
    }
}
END_TEST

Suite *suite_penzai_named_arrays(void);
Suite *suite_penzai_named_arrays(void)
{
    Suite *suite = suite_create("penzai_named_arrays");
    TCase *tests = tcase_create("programs");
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, fixture_close);
    tcase_add_loop_test(tests, verbs_do_what_a_loop_over_names_does, 0, GRAPHS_ON_REF);
    suite_add_tcase(suite, tests);
    return suite;
}
