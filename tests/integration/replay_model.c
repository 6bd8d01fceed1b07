/* replay_model.c: replay is exact: one partition against a model that keeps every record in memory.
 *
 * Random steps: append (any size, codec and timestamps, also out of order), DeleteRecords, retention by size, clean and
 * unclean restarts, some of them without indexes and recovery points. After every step random questions, each answer compared with the model: reads by offset with any
 * size limit, first record at or after a time, record with the largest time, offsets, errors out of range.
 *
 *   replay_model DIR --seed S --steps N
 *
 * Exit code 0: every answer was right; 3: one was not (printed with the step). */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "proto/batch_builder.h"
#include "storage/store.h"

#define WRONG_EXIT 3
#define TIME_BASE INT64_C(1700000000000)

struct model_batch {
    int64_t base_offset;
    int64_t last_offset;
    uint32_t crc; /* covers every byte but base offset and leader epoch */
    size_t size;
};

struct model {
    struct model_batch *batches;
    size_t batch_count;
    int64_t *times; /* of the record with offset = index */
    int64_t log_end;
    int64_t log_start;
    size_t batch_capacity;
    size_t time_capacity;
};

struct run {
    const char *dir;
    uint64_t seed;
    uint64_t state; /* of the random numbers */
    int steps;
    int step;
    uint64_t questions;
    struct model model;
    struct log_config config;
    struct log_store *store;
    struct log_partition *part;
    struct proto_batch_builder builder;
};

static uint64_t next_random(uint64_t *state)
{
    /* splitmix64 */
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int64_t below(struct run *run, int64_t limit)
{
    return (int64_t)(next_random(&run->state) % (uint64_t)limit);
}

static _Noreturn void wrong(const struct run *run, const char *what, int64_t got, int64_t want)
{
    printf("WRONG at step %d of seed %" PRIu64 ": %s: got %" PRId64 ", the model says %" PRId64
           "\n",
           run->step, run->seed, what, got, want);
    exit(WRONG_EXIT);
}

static void same(const struct run *run, const char *what, int64_t got, int64_t want)
{
    if (got != want) {
        wrong(run, what, got, want);
    }
}

static void ok(const struct run *run, const char *what, int err, const struct leat_error *error)
{
    if (err < 0) {
        printf("%s: %s\n", what, error == NULL ? lt_err_text(err) : lt_error_message(error));
        wrong(run, what, err, 0);
    }
}

static void *grown(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return items;
    }
    *capacity = *capacity == 0 ? 1024 : *capacity * 2;
    void *fresh = lt_reallocarray(items, *capacity, size);
    if (fresh == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return fresh;
}

/* ---- the store ---- */

static void no_moved(struct log_partition *part, void *arg)
{
    (void)part;
    (void)arg;
}

static void no_round(void *arg)
{
    (void)arg;
}

static void start(struct run *run)
{
    struct leat_error *error = NULL;
    struct log_store_options options;
    log_store_options_init(&options);
    const char *const dirs[] = {run->dir};
    options.dirs = dirs;
    options.dir_count = 1;
    options.reserve_bytes = 0;
    options.listener = (struct log_listener){no_moved, no_round, NULL};
    ok(run, "open", log_store_open(&options, &run->store, &error), error);
    struct log_partition_options part = {.topic = "t", .partition = 0, .config = &run->config};
    memset(part.topic_id, 7, sizeof(part.topic_id));
    ok(run, "add", log_store_add(run->store, &part, &run->part, &error), error);
    ok(run, "load", log_store_load(run->store, &error), error);
    if (log_partition_needs_epoch(run->part)) {
        struct log_offsets offsets;
        ok(run, "offsets", log_partition_offsets(run->part, &offsets), NULL);
        ok(run, "epoch", log_partition_set_leader_epoch(run->part, offsets.leader_epoch + 1), NULL);
    }
    ok(run, "start", log_store_start(run->store, &error), error);
}

static void stop(struct run *run, bool clean)
{
    log_partition_unref(run->part);
    struct leat_error *error = NULL;
    ok(run, "close", log_store_close(run->store, clean, &error), error);
}

/* ---- steps ---- */

/* Mostly growing, sometimes far back, sometimes equal. */
static int64_t random_time(struct run *run)
{
    int64_t now = TIME_BASE + run->model.log_end * 10;
    switch (below(run, 6)) {
    case 0:
        return now - below(run, 100000);
    case 1:
        return TIME_BASE + below(run, 20) * 1000;
    case 2:
        return now + below(run, 5000);
    default:
        return now;
    }
}

static void add_record(struct run *run, int64_t time)
{
    static uint8_t value[4096];
    size_t size =
        (size_t)(below(run, 20) == 0 ? below(run, (int64_t)sizeof(value)) : below(run, 200));
    for (size_t i = 0; i < size; i += 16) {
        value[i] = (uint8_t)below(run, 256);
    }
    struct proto_new_record record = {.timestamp = time};
    if (below(run, 5) != 0) {
        record.value = lt_slice(value, size);
    }
    if (below(run, 2) == 0) {
        record.key = lt_slice(value, size / 4);
    }
    struct model *model = &run->model;
    ok(run, "record", proto_batch_builder_add(&run->builder, &record), NULL);
    model->times =
        grown(model->times, (size_t)model->log_end, &model->time_capacity, sizeof(int64_t));
    model->times[model->log_end++] = time;
}

static void append(struct run *run)
{
    static const int codecs[] = {PROTO_CODEC_NONE, PROTO_CODEC_NONE, PROTO_CODEC_GZIP,
                                 PROTO_CODEC_LZ4, PROTO_CODEC_ZSTD};
    struct model *model = &run->model;
    int64_t base_offset = model->log_end;
    int count = 1 + (int)below(run, 12);
    proto_batch_builder_reset(&run->builder);
    for (int i = 0; i < count; i++) {
        add_record(run, random_time(run));
    }
    struct proto_batch_options batch_options;
    proto_batch_options_init(&batch_options);
    batch_options.codec = codecs[below(run, 5)];
    uint8_t *batch;
    size_t size;
    ok(run, "finish", proto_batch_builder_finish(&run->builder, &batch_options, &batch, &size),
       NULL);
    struct log_append_options options = {.produce_version = 9, .from_client = true};
    struct log_append_result result;
    ok(run, "append", log_partition_append(run->part, batch, size, &options, &result, NULL), NULL);
    same(run, "base offset", result.base_offset, base_offset);
    same(run, "last offset", result.last_offset, model->log_end - 1);
    same(run, "log start in the answer", result.log_start_offset, model->log_start);
    struct proto_batch_header header;
    (void)proto_batch_header_read(batch, size, &header); /* ours, whole */
    model->batches = grown(model->batches, model->batch_count, &model->batch_capacity,
                           sizeof(model->batches[0]));
    model->batches[model->batch_count++] =
        (struct model_batch){base_offset, result.last_offset, header.crc, size};
}

static void delete_records(struct run *run)
{
    struct model *model = &run->model;
    log_store_tick(run->store); /* everything is durable: high watermark = log end */
    int64_t offset =
        below(run, 8) == 0
            ? -1
            : model->log_start + below(run, (model->log_end - model->log_start) / 4 + 2);
    int64_t log_start;
    int err = log_partition_delete_records(run->part, offset, &log_start);
    if (offset > model->log_end) {
        same(run, "DeleteRecords above the high watermark", err, LEAT_ERANGE);
        return;
    }
    ok(run, "DeleteRecords", err, NULL);
    int64_t wanted = offset == -1 ? model->log_end : offset;
    model->log_start = wanted > model->log_start ? wanted : model->log_start;
    same(run, "log start after DeleteRecords", log_start, model->log_start);
}

/* Retention removes whole segments; where they begin is the log's own business. The rest must be enough. */
static void retain(struct run *run)
{
    struct log_config config = run->config;
    config.retention_bytes = 20000 + below(run, 100000);
    ok(run, "config", log_partition_set_config(run->part, &config), NULL);
    log_store_tick(run->store);
    ok(run, "config", log_partition_set_config(run->part, &run->config), NULL);
    struct log_offsets offsets;
    ok(run, "offsets", log_partition_offsets(run->part, &offsets), NULL);
    struct model *model = &run->model;
    if (offsets.log_start == model->log_start) {
        return;
    }
    int64_t left = 0;
    bool at_batch = offsets.log_start == model->log_end;
    for (size_t i = 0; i < model->batch_count; i++) {
        at_batch = at_batch || model->batches[i].base_offset == offsets.log_start;
        left += model->batches[i].base_offset >= offsets.log_start ? (int64_t)model->batches[i].size
                                                                   : 0;
    }
    same(run, "retention cuts between batches", at_batch, true);
    same(run, "retention raises log start", offsets.log_start > model->log_start, true);
    same(run, "retention keeps retention.bytes", left >= config.retention_bytes, true);
    model->log_start = offsets.log_start;
}

/* Indexes and recovery points are hints: what is lost is made again from the log. (The log start is not among them.) */
static void remove_hints(const struct run *run)
{
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/recovery-point-offset-checkpoint", run->dir);
    (void)unlink(path); /* may be missing */
    (void)snprintf(path, sizeof(path), "%s/t-0", run->dir);
    DIR *handle = opendir(path);
    if (handle == NULL) {
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(handle)) != NULL) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot != NULL && (strcmp(dot, ".index") == 0 || strcmp(dot, ".timeindex") == 0)) {
            (void)unlinkat(dirfd(handle), entry->d_name, 0); /* it is there */
        }
    }
    (void)closedir(handle); /* only read */
}

static void restart(struct run *run)
{
    bool clean = below(run, 2) == 0;
    log_store_tick(run->store);
    stop(run, clean);
    if (below(run, 3) == 0) {
        remove_hints(run);
    }
    run->config.index_interval_bytes = 100 + below(run, 4000);
    start(run);
}

/* ---- questions ---- */

static size_t batch_of(const struct model *model, int64_t offset)
{
    size_t low = 0;
    size_t high = model->batch_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (model->batches[middle].last_offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Each batch of the run against the model's; returns how many there are. */
static size_t compare_run(const struct run *run, const struct log_extent *extent, size_t first)
{
    const struct model *model = &run->model;
    size_t count = 0;
    for (size_t at = 0; at < extent->size;) {
        struct proto_batch_header header;
        size_t size;
        ok(run, "batch size", proto_batch_size_read(extent->data + at, extent->size - at, &size),
           NULL);
        same(run, "whole batches", size <= extent->size - at, true);
        ok(run, "batch", proto_batch_read(extent->data + at, size, &header), NULL);
        same(run, "batch beyond the end", first + count < model->batch_count, true);
        const struct model_batch *want = &model->batches[first + count];
        same(run, "base offset read", header.base_offset, want->base_offset);
        same(run, "last offset read", proto_batch_header_last_offset(&header), want->last_offset);
        same(run, "CRC read", header.crc, want->crc);
        same(run, "size read", (int64_t)size, (int64_t)want->size);
        at += size;
        count++;
    }
    return count;
}

static void ask_read(struct run *run)
{
    const struct model *model = &run->model;
    int64_t span = model->log_end - model->log_start;
    int64_t offset = model->log_start - 2 + below(run, span + 5);
    struct log_read_options options = {.offset = offset,
                                       .size_max =
                                           (size_t)below(run, below(run, 2) == 0 ? 1000 : 100000),
                                       .first_batch_always = below(run, 2) == 0,
                                       .isolation = LOG_READ_LOG_END};
    struct log_extent extent;
    struct log_offsets offsets;
    int err = log_partition_read(run->part, &options, &extent, &offsets);
    if (offset < model->log_start || offset > model->log_end) {
        same(run, "read out of range", err, LEAT_ERANGE);
        return;
    }
    ok(run, "read", err, NULL);
    same(run, "log start read", offsets.log_start, model->log_start);
    same(run, "log end read", offsets.log_end, model->log_end);
    size_t first = batch_of(model, offset);
    bool fits = first < model->batch_count &&
                (options.first_batch_always || model->batches[first].size <= options.size_max);
    same(run, "something is read", extent.size > 0, fits);
    if (fits) {
        size_t count = compare_run(run, &extent, first);
        same(run, "size limit", count == 1 || extent.size <= options.size_max, true);
        same(run, "next offset", extent.next_offset,
             model->batches[first + count - 1].last_offset + 1);
        log_extent_release(&extent);
    }
}

static void ask_time(struct run *run)
{
    const struct model *model = &run->model;
    int64_t time = below(run, 4) == 0 ? TIME_BASE + below(run, 20) * 1000
                                      : TIME_BASE + below(run, model->log_end * 11 + 10000);
    int64_t want = -1;
    for (int64_t i = model->log_start; i < model->log_end && want < 0; i++) {
        want = model->times[i] >= time ? i : -1;
    }
    struct log_time_hit hit;
    ok(run, "find time", log_partition_find_time(run->part, time, LOG_READ_LOG_END, &hit), NULL);
    same(run, "offset at a time", hit.offset, want);
    if (want >= 0) {
        same(run, "time found", hit.timestamp_ms, model->times[want]);
    }
}

static void ask_max_time(struct run *run)
{
    const struct model *model = &run->model;
    int64_t want = -1;
    for (int64_t i = model->log_start; i < model->log_end; i++) {
        want = want < 0 || model->times[i] > model->times[want] ? i : want;
    }
    struct log_time_hit hit;
    ok(run, "find max time", log_partition_find_max_time(run->part, LOG_READ_LOG_END, &hit), NULL);
    same(run, "offset of the largest time", hit.offset, want);
}

static void ask(struct run *run)
{
    struct log_offsets offsets;
    ok(run, "offsets", log_partition_offsets(run->part, &offsets), NULL);
    same(run, "log start", offsets.log_start, run->model.log_start);
    same(run, "log end", offsets.log_end, run->model.log_end);
    for (int i = 0; i < 6; i++) {
        run->questions++;
        switch (below(run, 5)) {
        case 0:
            ask_max_time(run);
            break;
        case 1:
            ask_time(run);
            break;
        default:
            ask_read(run);
            break;
        }
    }
}

static void take_step(struct run *run)
{
    int64_t dice = below(run, 100);
    if (dice < 86 || run->model.log_end == 0) {
        append(run);
    } else if (dice < 91) {
        delete_records(run);
    } else if (dice < 95) {
        retain(run);
    } else {
        restart(run);
    }
}

int main(int argc, char **argv)
{
    struct run run = {.seed = 1, .steps = 1000};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            run.seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--steps") == 0 && i + 1 < argc) {
            run.steps = (int)strtol(argv[++i], NULL, 10);
        } else {
            run.dir = argv[i];
        }
    }
    if (run.dir == NULL) {
        fprintf(stderr, "usage: replay_model DIR [--seed S] [--steps N]\n");
        return 1;
    }
    run.state = run.seed;
    log_config_init(&run.config);
    run.config.segment_bytes = 16384;
    run.config.index_interval_bytes = 1000;
    run.config.retention_ms = -1;
    run.config.file_delete_delay_ms = 0;
    start(&run);
    for (run.step = 0; run.step < run.steps; run.step++) {
        take_step(&run);
        ask(&run);
    }
    stop(&run, true);
    printf("seed %" PRIu64 ": %d steps, %" PRId64 " records, %" PRIu64
           " questions, all answers right\n",
           run.seed, run.steps, run.model.log_end, run.questions);
    proto_batch_builder_release(&run.builder);
    lt_free(run.model.batches);
    lt_free(run.model.times);
    return 0;
}
