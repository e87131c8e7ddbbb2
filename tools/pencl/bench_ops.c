/* SPDX-License-Identifier: Apache-2.0 */
/* Measures operations on every device that was asked for, one after another. */
#include "bench.h"

typedef struct taker {
    const work *w;
    bench_take *take;
    void *user;
} taker;

static int on_op(void *user, const pencl_bench_op *op)
{
    const taker *t = user;
    t->take(t->user, bench_op_record(t->w, op));
    return interrupted();
}

static int run_on(const bench_settings *given, const char *device, bench_take *take, void *user)
{
    bench_settings s = *given;
    work w = {0};
    taker to = {&w, take, user};
    const pencl_bench_ops_options how = {
        .op = s.op, .repetitions = (int)s.repetitions, .row = on_op, .user = &to};
    s.use.on.device = device;
    int status = work_device(&w, &s.use.on);
    if (status == EXIT_DONE && pencl_bench_ops(w.device, &how) != PENCL_OK) {
        status = work_failed(&w);
    }
    work_close(&w);
    interrupt_catch(NULL);
    return status;
}

int bench_run_ops(const bench_settings *s, bench_take *take, void *user)
{
    work_devices devices = {0};
    int status = work_find_devices(&devices, &s->use.on);
    for (size_t i = 0; i < devices.n && !interrupted(); i++) {
        const int one = run_on(s, devices.ids[i], take, user);
        status = status == EXIT_DONE ? one : status; /* the first failure is what bench says */
    }
    work_free_devices(&devices);
    return interrupted() ? EXIT_FAILED : status;
}
