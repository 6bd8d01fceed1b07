#include "tests/unit/storage/log_fixture.h"

#include <check.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "proto/record_batch.h"

static struct log_fixture *fixture_of(struct log_env *env)
{
    return (struct log_fixture *)(void *)env;
}

static void on_dirty(struct log_env *env, struct log_partition *part)
{
    (void)part;
    atomic_fetch_add(&fixture_of(env)->dirty_count, 1);
}

static void on_moved(struct log_env *env, struct log_partition *part)
{
    (void)part;
    atomic_fetch_add(&fixture_of(env)->moved_count, 1);
}

static void
on_event(struct log_env *env, enum lt_diag_level level, const char *event, const char *text)
{
    (void)level;
    struct log_fixture *fx = fixture_of(env);
    atomic_fetch_add(&fx->event_count, 1);
    (void)snprintf(fx->event_text, sizeof(fx->event_text), "%s: %s", event, text);
}

void log_fixture_init(struct log_fixture *fx)
{
    memset(fx, 0, sizeof(*fx));
    test_dir_init(&fx->dir);
    lt_clock_fake_init(&fx->clock, FIXTURE_NOW);
    log_config_init(&fx->config);
    fx->config.segment_bytes = 1 << 20;
    fx->config.timestamp_after_max_ms = INT64_MAX;
    fx->env.ops = lt_file_ops_real();
    fx->env.clock = &fx->clock.clock;
    fx->env.unsynced_bytes_max = (uint64_t)64 << 20;
    fx->env.producers_max = 1000;
    fx->env.dirty = on_dirty;
    fx->env.moved = on_moved;
    fx->env.event = on_event;
    fx->value_size = 100;
    fx->open_log_start = -1;
}

void log_fixture_release(struct log_fixture *fx)
{
    log_partition_unref(fx->part);
    fx->part = NULL;
    test_dir_release(&fx->dir);
}

int log_fixture_try_open(struct log_fixture *fx, bool clean, int64_t recovery_point)
{
    ck_assert_ptr_null(fx->part);
    struct log_open_options options = {.env = &fx->env,
                                       .root = fx->dir.path,
                                       .topic = "orders",
                                       .partition = 0,
                                       .topic_id = {1, 2, 3},
                                       .clean = clean,
                                       .recovery_point = recovery_point,
                                       .log_start = fx->open_log_start,
                                       .config = &fx->config};
    ck_assert_int_eq(log_partition_new(&options, &fx->part), 0);
    int err = log_partition_make_dir(fx->part, NULL);
    return err != 0 ? err : log_partition_load(fx->part, NULL);
}

void log_fixture_open(struct log_fixture *fx, bool clean, int64_t recovery_point)
{
    int err = log_fixture_try_open(fx, clean, recovery_point);
    ck_assert_msg(err == 0, "%s: %s", lt_err_name(err), log_partition_failure(fx->part));
}

void log_fixture_close(struct log_fixture *fx, bool clean)
{
    ck_assert_int_eq(log_partition_close(fx->part, clean), 0);
    log_partition_unref(fx->part);
    fx->part = NULL;
}

static int build_batch(struct log_fixture *fx,
                       struct proto_batch_builder *builder,
                       int64_t base_offset,
                       const struct fixture_batch *what,
                       uint8_t **ret_bytes,
                       size_t *ret_size)
{
    size_t capacity = fx->value_size + 32;
    char *value = lt_malloc(capacity);
    if (value == NULL) {
        return LEAT_ENOMEM;
    }
    int err = 0;
    for (int i = 0; err == 0 && i < what->count; i++) {
        int prefix = snprintf(value, capacity, "%010" PRId64 ":", base_offset + i);
        memset(value + prefix, 'a' + (int)((base_offset + i) % 26), fx->value_size);
        struct proto_new_record record = {.timestamp = what->timestamp + i * what->timestamp_step,
                                          .key = lt_slice("key", 3),
                                          .value =
                                              lt_slice(value, (size_t)prefix + fx->value_size)};
        err = proto_batch_builder_add(builder, &record);
    }
    lt_free(value);
    struct proto_batch_options options;
    proto_batch_options_init(&options);
    options.codec = fx->codec;
    return err != 0 ? err : proto_batch_builder_finish(builder, &options, ret_bytes, ret_size);
}

int log_fixture_try_append(struct log_fixture *fx,
                           int64_t base_offset,
                           const struct fixture_batch *what)
{
    struct proto_batch_builder builder;
    proto_batch_builder_init(&builder);
    uint8_t *bytes;
    size_t size;
    int err = build_batch(fx, &builder, base_offset, what, &bytes, &size);
    struct log_append_options options = {.produce_version = 9, .from_client = true};
    struct log_append_result result;
    if (err == 0) {
        err = log_partition_append(fx->part, bytes, size, &options, &result, NULL);
    }
    if (err == 0) {
        ck_assert_int_eq(result.base_offset, base_offset);
        ck_assert_int_eq(result.last_offset, base_offset + what->count - 1);
    }
    proto_batch_builder_release(&builder);
    return err;
}

int64_t log_fixture_append(struct log_fixture *fx, int count, int64_t timestamp)
{
    int64_t base_offset = log_fixture_offsets(fx).log_end;
    struct fixture_batch what = {count, timestamp, 1};
    int err = log_fixture_try_append(fx, base_offset, &what);
    ck_assert_msg(err == 0, "append at %" PRId64 ": %s", base_offset, lt_err_name(err));
    return base_offset;
}

void log_fixture_append_many(struct log_fixture *fx, int batches, int count)
{
    for (int i = 0; i < batches; i++) {
        (void)log_fixture_append(fx, count, FIXTURE_NOW + i);
    }
}

void log_fixture_flush(struct log_fixture *fx)
{
    uint64_t bytes;
    ck_assert_int_eq(log_partition_flush(fx->part, &bytes), 0);
}

struct log_offsets log_fixture_offsets(struct log_fixture *fx)
{
    struct log_offsets offsets;
    int err = log_partition_offsets(fx->part, &offsets);
    ck_assert_msg(err == 0, "%s", lt_err_name(err));
    ck_assert_int_le(offsets.log_start, offsets.last_stable);
    ck_assert_int_le(offsets.last_stable, offsets.high_watermark);
    ck_assert_int_le(offsets.high_watermark, offsets.log_end);
    return offsets;
}

static void check_record(const struct proto_record *record)
{
    char prefix[32];
    int size = snprintf(prefix, sizeof(prefix), "%010" PRId64 ":", record->offset);
    ck_assert_uint_ge(record->value.size, (size_t)size);
    ck_assert_int_eq(memcmp(record->value.data, prefix, (size_t)size), 0);
    /* One assertion for all of them: each one is a write to check's pipe. */
    size_t i = (size_t)size;
    while (i < record->value.size && record->value.data[i] == 'a' + (int)(record->offset % 26)) {
        i++;
    }
    ck_assert_uint_eq(i, record->value.size);
}

void log_fixture_check_extent(const struct log_extent *extent)
{
    struct lt_buf scratch;
    lt_buf_init(&scratch);
    size_t at = 0;
    int64_t expected = extent->base_offset;
    while (at < extent->size) {
        struct proto_batch_header header;
        ck_assert_int_eq(proto_batch_read(extent->data + at, extent->size - at, &header), 0);
        ck_assert_int_eq(header.base_offset, expected);
        size_t size = proto_batch_header_total(&header);
        struct proto_record_iter iter;
        struct proto_record record;
        ck_assert_int_eq(
            proto_batch_records_open(lt_slice(extent->data + at, size), 0, &scratch, &iter), 0);
        int more;
        while ((more = proto_record_next(&iter, &record)) == 1) {
            ck_assert_int_eq(record.offset, expected);
            check_record(&record);
            expected++;
        }
        ck_assert_int_eq(more, 0);
        at += size;
    }
    ck_assert_int_eq(expected, extent->next_offset);
    lt_buf_release(&scratch);
}

void log_fixture_check(struct log_fixture *fx, int64_t from, int64_t to, size_t size_max)
{
    int64_t offset = from;
    while (offset < to) {
        struct log_read_options options = {offset, size_max, true, LOG_READ_LOG_END};
        struct log_extent extent;
        struct log_offsets offsets;
        int err = log_partition_read(fx->part, &options, &extent, &offsets);
        ck_assert_msg(err == 0, "read at %" PRId64 ": %s", offset, lt_err_name(err));
        ck_assert_msg(extent.size > 0, "nothing at %" PRId64 " of %" PRId64, offset, to);
        if (!log_extent_resident(&extent)) {
            ck_assert_int_eq(log_extent_load(&extent), 0);
        }
        ck_assert_int_le(extent.base_offset, offset);
        ck_assert_int_gt(extent.next_offset, offset);
        log_fixture_check_extent(&extent);
        offset = extent.next_offset;
        log_extent_release(&extent);
    }
}

const char *log_fixture_file(struct log_fixture *fx, int64_t base_offset, const char *suffix)
{
    char name[128];
    (void)snprintf(name, sizeof(name), "orders-0/%020" PRId64 "%s", base_offset, suffix);
    return test_dir_path(&fx->dir, name);
}

void log_fixture_flip(const char *path, uint64_t position)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    uint8_t byte;
    ck_assert_int_eq(pread(fd, &byte, 1, (off_t)position), 1);
    byte ^= 0x40;
    ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)position), 1);
    ck_assert_int_eq(close(fd), 0);
}
