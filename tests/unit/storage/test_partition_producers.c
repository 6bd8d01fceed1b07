/* Producers of a partition inside a running store: who looks after them when nobody writes. */
#include <string.h>

#include "base/alloc.h"
#include "proto/batch_builder.h"
#include "storage/partition_private.h"
#include "tests/support/store_fixture.h"
#include "tests/support/test_main.h"

#define DAY_MS INT64_C(86400000)

static struct test_store ts;

static void setup(void)
{
    test_store_init(&ts);
    ts.options.clock = &ts.clock.clock;
}

static void teardown(void)
{
    test_store_release(&ts);
}

/* One record of a producer, at sequence 0. */
static void append_of_producer(struct log_partition *part, int64_t id)
{
    struct proto_batch_builder builder;
    struct proto_batch_options options;
    struct proto_new_record record = {.timestamp = lt_clock_wall_ms(lt_clock_real()),
                                      .value = lt_slice_text("value")};
    struct log_append_options append_options = {.produce_version = 9, .from_client = true};
    struct log_append_result result;
    uint8_t *batch;
    size_t size;
    proto_batch_builder_init(&builder);
    proto_batch_options_init(&options);
    options.producer_id = id;
    options.producer_epoch = 0;
    options.base_sequence = 0;
    ck_assert_int_eq(proto_batch_builder_add(&builder, &record), 0);
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &options, &batch, &size), 0);
    ck_assert_int_eq(log_partition_append(part, batch, size, &append_options, &result, NULL), 0);
    proto_batch_builder_release(&builder);
}

/* Nobody writes any more: producers that were silent for too long are not told of, and their memory goes. */
START_TEST(an_idle_partition_forgets_its_producers)
{
    struct log_producer_info *infos;
    size_t count;
    test_store_up(&ts, 1);
    struct log_partition *part = ts.parts[0];
    append_of_producer(part, 7);
    ck_assert(test_store_wait_durable(&ts, part, 1));
    log_store_tick(ts.store);
    ck_assert_uint_eq(part->producers.count, 1);
    lt_clock_fake_advance(&ts.clock, DAY_MS);
    if (_i == 0) {
        log_store_tick(ts.store);
    } else {
        ck_assert_int_eq(log_partition_producers(part, &infos, &count), 0);
        ck_assert_uint_eq(count, 0);
        lt_free(infos);
    }
    ck_assert_uint_eq(part->producers.count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("partition_producers");
    TCase *tcase = tcase_create("expiry");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, an_idle_partition_forgets_its_producers, 0, 2);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
