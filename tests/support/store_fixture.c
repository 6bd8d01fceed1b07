/* store_fixture.c: see store_fixture.h. */
#include "tests/support/store_fixture.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "proto/batch_builder.h"

static void on_moved(struct log_partition *part, void *arg)
{
    struct test_store *ts = arg;
    (void)part;
    (void)pthread_mutex_lock(&ts->mutex);
    ts->moved++;
    (void)pthread_cond_broadcast(&ts->changed);
    (void)pthread_mutex_unlock(&ts->mutex);
}

static void on_round(void *arg)
{
    struct test_store *ts = arg;
    (void)pthread_mutex_lock(&ts->mutex);
    ts->rounds++;
    (void)pthread_cond_broadcast(&ts->changed);
    (void)pthread_mutex_unlock(&ts->mutex);
}

static void on_event(enum lt_diag_level level, const char *event, const char *text, void *arg)
{
    struct test_store *ts = arg;
    (void)level;
    (void)pthread_mutex_lock(&ts->mutex);
    (void)lt_buf_printf(&ts->events, "%s: %s\n", event,
                        text); /* short of memory: the test then misses it and fails */
    (void)pthread_mutex_unlock(&ts->mutex);
}

void test_store_init(struct test_store *ts)
{
    memset(ts, 0, sizeof(*ts));
    test_dir_init(&ts->dir);
    (void)snprintf(ts->data, sizeof(ts->data), "%s/data", ts->dir.path);
    ts->dirs[0] = ts->data;
    ck_assert_int_eq(pthread_mutex_init(&ts->mutex, NULL), 0);
    ck_assert_int_eq(pthread_cond_init(&ts->changed, NULL), 0);
    ck_assert_int_eq(lt_file_faults_new(&ts->faults), 0);
    lt_clock_fake_init(&ts->clock, lt_clock_wall_ms(lt_clock_real()));
    log_config_init(&ts->config);
    memset(ts->topic_id, 7, sizeof(ts->topic_id));
    log_store_options_init(&ts->options);
    ts->options.dirs = ts->dirs;
    ts->options.dir_count = 1;
    ts->options.ops = lt_file_faults_ops(ts->faults);
    ts->options.reserve_bytes = 0;
    ts->options.listener = (struct log_listener){on_moved, on_round, ts};
    ts->options.event = on_event;
    ts->options.event_arg = ts;
}

void test_store_release(struct test_store *ts)
{
    if (ts->store != NULL) {
        (void)test_store_down(ts, false); /* the test has failed or does not care */
    }
    lt_error_free(ts->error);
    lt_buf_release(&ts->events);
    lt_file_faults_free(ts->faults);
    (void)pthread_mutex_destroy(&ts->mutex);
    (void)pthread_cond_destroy(&ts->changed);
    test_dir_release(&ts->dir);
}

int test_store_open(struct test_store *ts)
{
    ck_assert_ptr_null(ts->store);
    return log_store_open(&ts->options, &ts->store, &ts->error);
}

int test_store_add(struct test_store *ts,
                   const char *topic,
                   int32_t partition,
                   struct log_partition **ret_part)
{
    struct log_partition_options options = {
        .topic = topic, .partition = partition, .config = &ts->config};
    memcpy(options.topic_id, ts->topic_id, sizeof(options.topic_id));
    return log_store_add(ts->store, &options, ret_part, &ts->error);
}

void test_store_up(struct test_store *ts, int partitions)
{
    ck_assert_int_le(partitions, TEST_PARTITIONS_MAX);
    ck_assert_msg(test_store_open(ts) == 0, "open: %s", lt_error_message(ts->error));
    for (int i = 0; i < partitions; i++) {
        int err = test_store_add(ts, "t", i, &ts->parts[i]);
        ck_assert_msg(err == 0, "add: %s", lt_error_message(ts->error));
        ts->part_count = i + 1;
    }
    ck_assert_msg(log_store_load(ts->store, &ts->error) == 0, "load: %s",
                  lt_error_message(ts->error));
    ck_assert_msg(log_store_start(ts->store, &ts->error) == 0, "start: %s",
                  lt_error_message(ts->error));
}

int test_store_down(struct test_store *ts, bool clean)
{
    for (int i = 0; i < ts->part_count; i++) {
        log_partition_unref(ts->parts[i]);
        ts->parts[i] = NULL;
    }
    ts->part_count = 0;
    int err = log_store_close(ts->store, clean, &ts->error);
    ts->store = NULL;
    return err;
}

bool test_store_wait_durable(struct test_store *ts, struct log_partition *part, int64_t offset)
{
    bool durable = false;
    (void)pthread_mutex_lock(&ts->mutex);
    for (;;) {
        struct log_offsets offsets;
        durable = log_partition_offsets(part, &offsets) == 0 && offsets.high_watermark >= offset;
        if (durable || log_partition_failure(part) != NULL) {
            break;
        }
        (void)pthread_cond_wait(&ts->changed, &ts->mutex);
    }
    (void)pthread_mutex_unlock(&ts->mutex);
    return durable;
}

bool test_store_told(struct test_store *ts, const char *text)
{
    (void)pthread_mutex_lock(&ts->mutex);
    const char *all = lt_buf_text(&ts->events);
    bool told = all != NULL && strstr(all, text) != NULL;
    (void)pthread_mutex_unlock(&ts->mutex);
    return told;
}

void test_store_plan(struct test_store *ts, struct lt_fault_plan plan)
{
    lt_file_faults_plan(ts->faults, &plan);
}

int test_append(struct log_partition *part, const char *value, int count, int64_t *ret_base_offset)
{
    struct proto_batch_builder builder;
    proto_batch_builder_init(&builder);
    for (int i = 0; i < count; i++) {
        char text[256];
        int size = snprintf(text, sizeof(text), "%s%d", value, i);
        ck_assert(size > 0 && (size_t)size < sizeof(text));
        struct proto_new_record record = {.timestamp = lt_clock_wall_ms(lt_clock_real()),
                                          .value = lt_slice_text(text)};
        ck_assert_int_eq(proto_batch_builder_add(&builder, &record), 0);
    }
    struct proto_batch_options batch_options;
    proto_batch_options_init(&batch_options);
    uint8_t *batch;
    size_t size;
    ck_assert_int_eq(proto_batch_builder_finish(&builder, &batch_options, &batch, &size), 0);
    struct log_append_options options = {.produce_version = 9, .from_client = true};
    struct log_append_result result;
    int err = log_partition_append(part, batch, size, &options, &result, NULL);
    proto_batch_builder_release(&builder);
    if (err == 0 && ret_base_offset != NULL) {
        *ret_base_offset = result.base_offset;
    }
    return err;
}

/* The records of one run of batches. Returns the offset behind the last one. */
static int64_t read_run(const struct log_extent *extent, int64_t expected, struct lt_buf *buf)
{
    struct lt_buf scratch;
    lt_buf_init(&scratch);
    size_t at = 0;
    while (at < extent->size) {
        size_t size;
        ck_assert_int_eq(proto_batch_size_read(extent->data + at, extent->size - at, &size), 0);
        ck_assert_uint_le(size, extent->size - at);
        struct proto_batch_header header;
        ck_assert_int_eq(proto_batch_read(extent->data + at, size, &header), 0);
        struct proto_record_iter iter;
        struct proto_record record;
        ck_assert_int_eq(
            proto_batch_records_open(lt_slice(extent->data + at, size), 0, &scratch, &iter), 0);
        while (proto_record_next(&iter, &record) == 1) {
            if (record.offset < expected) {
                continue; /* the batch begins below log start */
            }
            ck_assert_int_eq(record.offset, expected);
            expected++;
            ck_assert_int_eq(lt_buf_append(buf, record.value.data, record.value.size), 0);
            ck_assert_int_eq(lt_buf_append_text(buf, " "), 0);
        }
        at += size;
    }
    lt_buf_release(&scratch);
    return expected;
}

int test_read_all(struct log_partition *part, enum log_isolation isolation, struct lt_buf *buf)
{
    struct log_offsets offsets;
    int err = log_partition_offsets(part, &offsets);
    if (err < 0) {
        return err;
    }
    int64_t next = offsets.log_start;
    for (;;) {
        struct log_read_options options = {.offset = next,
                                           .size_max = 1 << 20,
                                           .first_batch_always = true,
                                           .isolation = isolation};
        struct log_extent extent;
        err = log_partition_read(part, &options, &extent, &offsets);
        if (err < 0 || extent.size == 0) {
            break;
        }
        next = read_run(&extent, next, buf);
        ck_assert_int_eq(next, extent.next_offset);
        log_extent_release(&extent);
    }
    return err;
}

void test_assert_values(struct log_partition *part,
                        enum log_isolation isolation,
                        const char *values)
{
    struct lt_buf buf;
    lt_buf_init(&buf);
    int err = test_read_all(part, isolation, &buf);
    ck_assert_msg(err == 0, "read: %s", lt_err_text(err));
    ck_assert_str_eq(lt_buf_text(&buf), values);
    lt_buf_release(&buf);
}
