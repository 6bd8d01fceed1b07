/* leat-segment's eyes on what the storage engine writes; its commands and damaged files: integration/test_segment_tool.py. */
#include "storage/tools/verify.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "storage/tools/dump.h"
#include "tests/support/test_main.h"
#include "tests/unit/storage/log_fixture.h"

static struct log_fixture fx;
static struct log_files files;
static char *text; /* what was printed; freed with free */

/* The real calls, but for a pread that fails once. */
static struct lt_file_ops ops;
static int64_t reads_left; /* -1: all pass */

static int failing_pread(const struct lt_file_ops *self,
                         int fd,
                         void *buf,
                         size_t size,
                         uint64_t position,
                         size_t *ret_size)
{
    (void)self;
    if (reads_left == 0) {
        reads_left = -1;
        return LEAT_EIO;
    }
    if (reads_left > 0) {
        reads_left--;
    }
    const struct lt_file_ops *real = lt_file_ops_real();
    return real->pread(real, fd, buf, size, position, ret_size);
}

static void setup(void)
{
    log_fixture_init(&fx);
    fx.config.segment_bytes = 20000;
    fx.config.index_interval_bytes = 1000;
    ops = *lt_file_ops_real();
    ops.pread = failing_pread;
    reads_left = -1;
}

static void teardown(void)
{
    lt_alloc_fail_never();
    log_files_release(&files);
    free(text);
    text = NULL;
    log_fixture_release(&fx);
}

static int verify(uint64_t *ret_problems, struct leat_error **reterr)
{
    struct log_verify_options options = {.ops = &ops, .deep = true};
    struct log_out out = {0};
    size_t size = 0;
    free(text);
    text = NULL;
    out.file = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out.file);
    int err = log_verify(&files, &options, &out, ret_problems, reterr);
    ck_assert_int_eq(fclose(out.file), 0);
    return err;
}

static void assert_sound(void)
{
    log_files_release(&files);
    ck_assert_int_eq(log_files_add(&files, fx.dir.path, NULL), 0);
    uint64_t problems = 0;
    ck_assert_int_eq(verify(&problems, NULL), 0);
    ck_assert_msg(problems == 0, "%s", text);
    ck_assert_ptr_nonnull(strstr(text, ": ok\n"));
}

static void fill(void)
{
    for (int i = 0; i < 60; i++) {
        /* Times that go back now and then, as producers send them. */
        (void)log_fixture_append(&fx, 1 + i % 7, FIXTURE_NOW + (i % 5) * 1000 - i);
    }
}

/* Several segments in every codec: sound while they are open, with reserved space behind them, and after a clean stop. */
START_TEST(what_the_engine_writes_is_sound)
{
    if (!proto_codec_available(_i)) {
        return;
    }
    fx.codec = _i;
    fx.config.segment_bytes = _i == PROTO_CODEC_NONE ? 20000 : 3000;
    log_fixture_open(&fx, true, 0);
    fill();
    log_fixture_flush(&fx);
    assert_sound();
    log_fixture_close(&fx, true);
    assert_sound();
    ck_assert_ptr_null(strstr(text, "note"));
    ck_assert_ptr_nonnull(strstr(text, "offsets: 0-"));
    ck_assert_ptr_null(strstr(text, "segments: 1 "));
}
END_TEST

/* The same with LogAppendTime. */
START_TEST(log_append_time_is_sound)
{
    fx.config.timestamp_type = LOG_APPEND_TIME;
    log_fixture_open(&fx, true, 0);
    for (int i = 0; i < 50; i++) {
        lt_clock_fake_advance(&fx.clock, i % 3 * 10);
        (void)log_fixture_append(&fx, 5, FIXTURE_NOW);
    }
    log_fixture_close(&fx, true);
    assert_sound();
}
END_TEST

/* What recovery leaves after a crash is sound too. */
START_TEST(a_recovered_log_is_sound)
{
    log_fixture_open(&fx, true, 0);
    fill();
    log_fixture_close(&fx, false);
    log_fixture_open(&fx, false, 0);
    (void)log_fixture_append(&fx, 3, FIXTURE_NOW);
    log_fixture_close(&fx, true);
    assert_sound();
}
END_TEST

/* Every record that was appended is printed. */
START_TEST(dump_prints_every_record)
{
    log_fixture_open(&fx, true, 0);
    fill();
    int64_t log_end = log_fixture_offsets(&fx).log_end;
    log_fixture_close(&fx, true);
    ck_assert_int_eq(log_files_add(&files, fx.dir.path, NULL), 0);
    struct log_dump_options options = {.ops = &ops, .offset_end = INT64_MAX, .records = true};
    struct log_out out = {0};
    size_t size = 0;
    out.file = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out.file);
    for (size_t i = 0; i < files.count; i++) {
        ck_assert_int_eq(log_dump_file(&files.items[i], &options, &out, NULL), 0);
    }
    ck_assert_int_eq(fclose(out.file), 0);
    int64_t count = 0;
    for (const char *at = text; (at = strstr(at, "| offset: ")) != NULL; at++) {
        ck_assert_int_eq(strtoll(at + 10, NULL, 10), count);
        count++;
    }
    ck_assert_int_eq(count, log_end);
}
END_TEST

/* A read that fails is told: the answer is never "ok". */
START_TEST(failed_reads_are_reported)
{
    log_fixture_open(&fx, true, 0);
    fill();
    log_fixture_close(&fx, true);
    ck_assert_int_eq(log_files_add(&files, fx.dir.path, NULL), 0);
    for (int64_t allowed = 0;; allowed++) {
        ck_assert_int_lt(allowed, 1000);
        reads_left = allowed;
        struct leat_error *error = NULL;
        uint64_t problems = 0;
        int err = verify(&problems, &error);
        bool failed = reads_left == -1;
        reads_left = -1;
        if (!failed) {
            ck_assert_int_eq(err, 0);
            break;
        }
        ck_assert(err == LEAT_EIO || problems > 0);
        ck_assert(err == 0 || error != NULL);
        lt_error_free(error);
    }
}
END_TEST

/* Whichever allocation fails, the answer is not "ok", and nothing leaks. */
START_TEST(failed_allocations_are_reported)
{
    fx.codec = PROTO_CODEC_GZIP;
    fx.config.segment_bytes = 3000;
    log_fixture_open(&fx, true, 0);
    fill();
    log_fixture_close(&fx, true);
    for (int64_t allowed = 0;; allowed++) {
        ck_assert_int_lt(allowed, 2000);
        log_files_release(&files);
        proto_compress_thread_release();
        lt_alloc_fail_after(allowed);
        uint64_t problems = 0;
        int err = log_files_add(&files, fx.dir.path, NULL);
        if (err == 0) {
            err = verify(&problems, NULL);
        }
        bool failed = lt_alloc_failed();
        lt_alloc_fail_never();
        if (!failed) {
            ck_assert_int_eq(err, 0);
            ck_assert_uint_eq(problems, 0);
            break;
        }
        ck_assert(err == LEAT_ENOMEM || problems > 0);
    }
    proto_compress_thread_release();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verify");
    TCase *tc = tcase_create("verify");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, what_the_engine_writes_is_sound, 0, PROTO_CODEC_COUNT);
    tcase_add_test(tc, log_append_time_is_sound);
    tcase_add_test(tc, a_recovered_log_is_sound);
    tcase_add_test(tc, dump_prints_every_record);
    tcase_add_test(tc, failed_reads_are_reported);
    tcase_add_test(tc, failed_allocations_are_reported);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
