/* Who hears of a flush: nobody who waits for one may be left behind, whoever did it. */
#include <errno.h>
#include <pthread.h>

#include "tests/support/ops_gate.h"
#include "tests/support/test_main.h"
#include "tests/unit/storage/log_fixture.h"

#define BUDGET 4000

static struct log_fixture fx;
static struct test_ops_gate gate;
static struct lt_file_faults *faults;

static void setup(void)
{
    log_fixture_init(&fx);
    ck_assert_int_eq(lt_file_faults_new(&faults), 0);
    test_ops_gate_init(&gate, lt_file_faults_ops(faults));
    fx.env.ops = &gate.ops;
    fx.env.unsynced_bytes_max = BUDGET;
    fx.value_size = BUDGET / 2;
    log_fixture_open(&fx, true, 0);
}

static void teardown(void)
{
    log_fixture_release(&fx);
    test_ops_gate_release(&gate);
    lt_file_faults_free(faults);
}

static void *flush(void *arg)
{
    (void)arg;
    log_fixture_flush(&fx);
    return NULL;
}

/* An append that is refused while a flush runs asks for another one, which finds nothing to do. What is appended afterwards
 * must ask again: nobody else would flush it. */
START_TEST(a_needless_flush_is_not_the_last)
{
    struct fixture_batch one = {.count = 1, .timestamp = FIXTURE_NOW};
    pthread_t thread;
    int64_t due;
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW);
    test_ops_gate_close(&gate);
    ck_assert_int_eq(pthread_create(&thread, NULL, flush, NULL), 0);
    test_ops_gate_wait(&gate);
    int told = atomic_load(&fx.dirty_count);
    ck_assert_int_eq(log_fixture_try_append(&fx, 1, &one), LEAT_EAGAIN);
    ck_assert_int_eq(atomic_load(&fx.dirty_count), told + 1);
    test_ops_gate_open(&gate);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(!log_partition_flush_due(fx.part, lt_clock_mono_ms(&fx.clock.clock), &due));
    ck_assert_int_eq(log_fixture_try_append(&fx, 1, &one), 0);
    ck_assert_int_eq(atomic_load(&fx.dirty_count), told + 2);
    ck_assert(log_partition_flush_due(fx.part, lt_clock_mono_ms(&fx.clock.clock), &due));
}
END_TEST

/* A checkpoint flushes too, or fails to: who waits for the disk is told, since the flusher will find nothing to do. */
START_TEST(a_checkpoint_tells_who_waits)
{
    struct lt_fault_plan broken = {
        .kind = LT_FAULT_FAIL, .errnum = EIO, .sticky = true, .only_call = "fdatasync"};
    int64_t due;
    int64_t point;
    (void)log_fixture_append(&fx, 1, FIXTURE_NOW);
    int moved = atomic_load(&fx.moved_count);
    if (_i == 1) {
        lt_file_faults_plan(faults, &broken);
    }
    ck_assert_int_eq(log_partition_checkpoint(fx.part, &point), _i == 1 ? LEAT_EIO : 0);
    ck_assert(!log_partition_flush_due(fx.part, lt_clock_mono_ms(&fx.clock.clock), &due));
    ck_assert_int_eq(atomic_load(&fx.moved_count), moved + 1);
    if (_i == 0) {
        ck_assert_int_eq(log_partition_checkpoint(fx.part, &point), 0);
        ck_assert_int_eq(atomic_load(&fx.moved_count), moved + 1); /* nothing moved */
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sync");
    TCase *tcase = tcase_create("telling");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_needless_flush_is_not_the_last);
    tcase_add_loop_test(tcase, a_checkpoint_tells_who_waits, 0, 2);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
