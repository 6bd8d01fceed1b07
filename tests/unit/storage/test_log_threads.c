/* One writer, readers, a flusher, checkpoints, retention and trimming at the same time; meant for the thread sanitizer. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "tests/support/test_main.h"
#include "tests/unit/storage/log_fixture.h"

#define BATCHES 1500

static struct log_fixture fx;
static _Atomic bool done;
static _Atomic int failures;
static _Atomic int64_t records_read;

static void setup(void)
{
    log_fixture_init(&fx);
    fx.config.segment_bytes = 32768;
    fx.config.index_interval_bytes = 512;
    fx.config.file_delete_delay_ms = 0;
    fx.config.retention_bytes = 200000;
    fx.env.unsynced_bytes_max = 100000;
    log_fixture_open(&fx, true, 0);
}

static void teardown(void)
{
    log_fixture_release(&fx);
}

static void complain(const char *what, int err)
{
    if (atomic_fetch_add(&failures, 1) == 0) {
        fprintf(stderr, "%s: %s\n", what, lt_err_name(err));
    }
}

static void *write_batches(void *arg)
{
    (void)arg;
    int64_t offset = 0;
    for (int i = 0; i < BATCHES; i++) {
        struct fixture_batch what = {1 + i % 5, FIXTURE_NOW + i, 1};
        int err = log_fixture_try_append(&fx, offset, &what);
        if (err == LEAT_EAGAIN) {
            uint64_t bytes;
            err = log_partition_flush(fx.part, &bytes);
            i--;
        } else if (err == 0) {
            offset += what.count;
        }
        if (err != 0) {
            complain("append", err);
            break;
        }
    }
    atomic_store(&done, true);
    return NULL;
}

static void *maintain(void *arg)
{
    (void)arg;
    uint64_t bytes;
    int64_t point;
    while (!atomic_load(&done)) {
        int err = log_partition_flush(fx.part, &bytes);
        err = err == 0 ? log_partition_checkpoint(fx.part, &point) : err;
        if (err == 0 && log_partition_retention_plan(fx.part, true)) {
            err = log_partition_retention_apply(fx.part);
        }
        if (err != 0) {
            complain("maintain", err);
        }
        (void)log_partition_reap(fx.part, false);
        (void)log_partition_trim(fx.part, 0);
    }
    return NULL;
}

/* Every record below the high watermark: right contents, right offsets, none missing but what retention took. */
static void *read_all(void *arg)
{
    size_t size_max = *(size_t *)arg;
    int64_t offset = 0;
    bool last = false;
    while (!last) {
        last = atomic_load(&done);
        struct log_read_options options = {offset, size_max, true, LOG_READ_UNCOMMITTED};
        struct log_extent extent;
        struct log_offsets offsets;
        int err = log_partition_read(fx.part, &options, &extent, &offsets);
        if (err == LEAT_ERANGE && offset < offsets.log_start) {
            offset = offsets.log_start;
            continue;
        }
        if (err != 0) {
            complain("read", err);
            return NULL;
        }
        if (offsets.log_start > offsets.last_stable ||
            offsets.last_stable > offsets.high_watermark ||
            offsets.high_watermark > offsets.log_end ||
            extent.next_offset > offsets.high_watermark) {
            complain("order of offsets", 0);
        }
        if (extent.size > 0) {
            log_fixture_check_extent(&extent);
            atomic_fetch_add(&records_read, extent.next_offset - offset);
            offset = extent.next_offset;
        }
        log_extent_release(&extent);
    }
    return NULL;
}

static void *look_up(void *arg)
{
    (void)arg;
    for (int64_t i = 0; !atomic_load(&done); i++) {
        struct log_time_hit hit;
        int err =
            log_partition_find_time(fx.part, FIXTURE_NOW + i % BATCHES, LOG_READ_UNCOMMITTED, &hit);
        if (err != 0 || (hit.offset >= 0 && hit.timestamp_ms < FIXTURE_NOW + i % BATCHES)) {
            complain("find time", err);
        }
        err = log_partition_find_max_time(fx.part, LOG_READ_UNCOMMITTED, &hit);
        if (err != 0) {
            complain("find max time", err);
        }
        int32_t epoch;
        int64_t end;
        log_partition_epoch_end(fx.part, 0, &epoch, &end);
        (void)log_partition_readable(fx.part, i, LOG_READ_UNCOMMITTED);
        (void)log_partition_size(fx.part);
        int64_t due;
        (void)log_partition_flush_due(fx.part, 0, &due);
    }
    return NULL;
}

START_TEST(readers_and_writer_agree)
{
    size_t sizes[] = {1, 20000};
    pthread_t threads[5];
    ck_assert_int_eq(pthread_create(&threads[0], NULL, write_batches, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, maintain, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[2], NULL, read_all, &sizes[0]), 0);
    ck_assert_int_eq(pthread_create(&threads[3], NULL, read_all, &sizes[1]), 0);
    ck_assert_int_eq(pthread_create(&threads[4], NULL, look_up, NULL), 0);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    ck_assert_int_eq(failures, 0);
    ck_assert_int_gt(records_read, 0);
    log_fixture_flush(&fx);
    struct log_offsets offsets = log_fixture_offsets(&fx);
    ck_assert_int_eq(offsets.high_watermark, BATCHES * 3);
    log_fixture_check(&fx, offsets.log_start, offsets.log_end, 10000);
}
END_TEST

/* Append one batch and flush it, again and again: never more than one batch of each thread waits for the disk. */
static void *append_and_flush(void *arg)
{
    struct proto_batch_builder *builder = arg;
    for (int i = 0; i < 3000; i++) {
        struct proto_batch_options how;
        proto_batch_options_init(&how);
        uint8_t *bytes;
        size_t size;
        struct log_append_options options = {9, true};
        struct log_append_result result;
        int err = proto_batch_builder_finish(builder, &how, &bytes, &size);
        err = err == 0 ? log_partition_append(fx.part, bytes, size, &options, &result, NULL) : err;
        if (err != 0) {
            complain("append beside others", err);
            return NULL;
        }
        uint64_t flushed;
        err = log_partition_flush(fx.part, &flushed);
        if (err != 0) {
            complain("flush", err);
        }
    }
    return NULL;
}

static int no_fdatasync(const struct lt_file_ops *ops, int fd)
{
    (void)ops;
    (void)fd;
    return 0;
}

/* Nobody is told to wait while there is room: whoever was overtaken by others' appends and flushes least of all, since no
 * later flush would wake him. */
START_TEST(nobody_waits_without_need)
{
    struct lt_file_ops ops = *lt_file_ops_real();
    ops.fdatasync = no_fdatasync; /* only the order of the steps matters here */
    fx.env.ops = &ops;
    fx.env.unsynced_bytes_max = 1000;
    struct proto_batch_builder builders[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        struct proto_new_record record = {.timestamp = FIXTURE_NOW, .value = lt_slice("x", 1)};
        proto_batch_builder_init(&builders[i]);
        ck_assert_int_eq(proto_batch_builder_add(&builders[i], &record), 0);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, append_and_flush, &builders[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        proto_batch_builder_release(&builders[i]);
    }
    ck_assert_int_eq(failures, 0);
    ck_assert_int_eq(log_fixture_offsets(&fx).log_end, 12000);
    log_partition_unref(fx.part);
    fx.part = NULL;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log_threads");
    TCase *tc = tcase_create("threads");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, readers_and_writer_agree);
    tcase_add_test(tc, nobody_waits_without_need);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
