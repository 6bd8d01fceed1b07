/* crash_loop.c: crashes and power cuts in a loop, over one data directory that grows.
 *
 * Each round:
 *   child   opens the store with file faults that end it at some call or named crash point (LT_FAULT_CRASH: as kill -9;
 *           LT_FAULT_CUT: what was not flushed is taken back first); writers append, a reader reads below the high
 *           watermark, somebody deletes records and runs checkpoints. What is acknowledged, read or deleted goes
 *           through a pipe to the parent at once
 *   parent  reopens the store, twice, and checks
 *             - every acknowledged batch is at its offset with the same bytes
 *             - every batch that a reader saw is, too
 *             - offsets have no gap, the second recovery changes nothing
 *             - log start is not below what DeleteRecords was answered with, nor above what it was asked for
 *
 *   crash_loop --rounds N --seed S --kind crash|cut [--early-acks] [--sources DIR]
 *
 * --early-acks acknowledges at append instead of at the flush: with --kind cut the check must find the loss. Exit code 0:
 * no promise was broken; 3: one was (printed); 1: the program itself failed. --sources: one round for each crash point
 * named in DIR's .c files instead of random ones. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file_faults.h"
#include "proto/batch_builder.h"
#include "storage/store.h"

#define PARTITIONS 3
#define WRITERS 3
#define APPENDS_PER_WRITER 120
#define BROKEN_EXIT 3

enum message_kind { MSG_ACKED = 1, MSG_SEEN = 2, MSG_DELETE_ASKED = 3, MSG_DELETE_DONE = 4 };

/* Through the pipe; smaller than PIPE_BUF, so a write is whole or not there. */
struct message {
    int32_t kind;
    int32_t part;
    int64_t base_offset; /* or the offset of a deletion */
    int64_t last_offset;
    uint32_t crc; /* of the batch: covers all but base offset and leader epoch */
    uint32_t size;
};

struct run_options {
    const char *dir;
    const char *sources;
    uint64_t seed;
    int rounds;
    enum lt_fault_kind kind;
    bool early_acks;
};

static _Noreturn void die(const char *what, int err)
{
    fprintf(stderr, "crash_loop: %s: %s\n", what, lt_err_text(err));
    exit(1);
}

static uint64_t next_random(uint64_t *state)
{
    /* splitmix64 */
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int below(uint64_t *state, int limit)
{
    return (int)(next_random(state) % (uint64_t)limit);
}

/* ---- opening, the same in child and parent ---- */

struct opened {
    struct log_store *store;
    struct log_partition *parts[PARTITIONS];
};

struct child {
    const struct run_options *options;
    struct opened opened;
    struct log_config config;
    uint64_t seed; /* of the round */
    int out;
    pthread_mutex_t mutex;
    pthread_cond_t moved; /* a high watermark moved, or a partition failed */
    atomic_bool done;
};

static void on_moved(struct log_partition *part, void *arg)
{
    struct child *child = arg;
    (void)part;
    if (child != NULL) {
        (void)pthread_mutex_lock(&child->mutex);
        (void)pthread_cond_broadcast(&child->moved);
        (void)pthread_mutex_unlock(&child->mutex);
    }
}

static void on_round(void *arg)
{
    (void)arg;
}

static void on_event(enum lt_diag_level level, const char *event, const char *text, void *arg)
{
    (void)arg;
    if (level >= LT_ERROR && getenv("LEAT_VERBOSE") != NULL) {
        fprintf(stderr, "crash_loop: %s: %s\n", event, text);
    }
}

static void make_config(struct log_config *config, bool memory)
{
    log_config_init(config);
    config->segment_bytes = 16384;
    config->index_interval_bytes = 512;
    config->retention_ms = -1;
    config->file_delete_delay_ms = 0;
    config->durability = memory ? LOG_DURABILITY_MEMORY : LOG_DURABILITY_DISK;
}

static int open_all(const char *dir,
                    const struct lt_file_ops *ops,
                    const struct log_config *config,
                    struct child *child,
                    struct opened *ret,
                    struct leat_error **reterr)
{
    struct log_store_options options;
    log_store_options_init(&options);
    const char *const dirs[] = {dir};
    options.dirs = dirs;
    options.dir_count = 1;
    options.ops = ops;
    options.reserve_bytes = 0;
    options.listener = (struct log_listener){on_moved, on_round, child};
    options.event = on_event;
    memset(ret, 0, sizeof(*ret));
    int err = log_store_open(&options, &ret->store, reterr);
    for (int i = 0; err == 0 && i < PARTITIONS; i++) {
        struct log_partition_options part = {.topic = "t", .partition = i, .config = config};
        memset(part.topic_id, 7, sizeof(part.topic_id));
        err = log_store_add(ret->store, &part, &ret->parts[i], reterr);
    }
    err = err < 0 ? err : log_store_load(ret->store, reterr);
    for (int i = 0; err == 0 && i < PARTITIONS; i++) {
        if (log_partition_needs_epoch(ret->parts[i]) &&
            log_partition_failure(ret->parts[i]) == NULL) {
            struct log_offsets offsets;
            err = log_partition_offsets(ret->parts[i], &offsets);
            err = err < 0 ? err
                          : log_partition_set_leader_epoch(ret->parts[i], offsets.leader_epoch + 1);
        }
    }
    return err < 0 ? err : log_store_start(ret->store, reterr);
}

static int close_all(struct opened *opened, bool clean)
{
    for (int i = 0; i < PARTITIONS; i++) {
        log_partition_unref(opened->parts[i]);
    }
    return log_store_close(opened->store, clean, NULL);
}

/* ---- child ---- */

static void tell(const struct child *child, const struct message *message)
{
    if (write(child->out, message, sizeof(*message)) != (ssize_t)sizeof(*message)) {
        _exit(1);
    }
}

static void wait_durable(struct child *child, struct log_partition *part, int64_t offset)
{
    (void)pthread_mutex_lock(&child->mutex);
    for (;;) {
        struct log_offsets offsets;
        if (log_partition_offsets(part, &offsets) < 0 || log_partition_failure(part) != NULL ||
            offsets.high_watermark > offset) {
            break;
        }
        (void)pthread_cond_wait(&child->moved, &child->mutex);
    }
    (void)pthread_mutex_unlock(&child->mutex);
}

/* A batch whose bytes depend on nothing but `id`. */
static void
build_batch(struct proto_batch_builder *builder, uint64_t id, uint8_t **ret_batch, size_t *ret_size)
{
    static const char filler[1024] = {'x'};
    uint64_t state = id;
    int count = 1 + below(&state, 8);
    proto_batch_builder_reset(builder);
    for (int i = 0; i < count; i++) {
        char value[1200];
        int head = snprintf(value, sizeof(value), "%016" PRIx64 ".%d.", id, i);
        size_t more = (size_t)below(&state, 300);
        memcpy(value + head, filler, more);
        struct proto_new_record record = {.timestamp = 1700000000000 + i,
                                          .key = lt_slice(value, 8),
                                          .value = lt_slice(value, (size_t)head + more)};
        int err = proto_batch_builder_add(builder, &record);
        if (err < 0) {
            die("building a batch", err);
        }
    }
    struct proto_batch_options options;
    proto_batch_options_init(&options);
    int err = proto_batch_builder_finish(builder, &options, ret_batch, ret_size);
    if (err < 0) {
        die("finishing a batch", err);
    }
}

struct writer {
    struct child *child;
    int number;
};

static void *write_batches(void *arg)
{
    const struct writer *writer = arg;
    struct child *child = writer->child;
    uint64_t state = child->seed * 1000 + (uint64_t)writer->number;
    struct proto_batch_builder builder;
    proto_batch_builder_init(&builder);
    for (int i = 0; i < APPENDS_PER_WRITER; i++) {
        int part = below(&state, PARTITIONS);
        uint8_t *batch;
        size_t size;
        build_batch(&builder, next_random(&state), &batch, &size);
        struct log_append_options options = {.produce_version = 9, .from_client = true};
        struct log_append_result result;
        int err =
            log_partition_append(child->opened.parts[part], batch, size, &options, &result, NULL);
        if (err < 0) {
            break;
        }
        struct proto_batch_header header;
        (void)proto_batch_header_read(batch, size, &header); /* ours, whole */
        bool at_append =
            child->options->early_acks || child->config.durability == LOG_DURABILITY_MEMORY;
        if (!at_append) {
            wait_durable(child, child->opened.parts[part], result.last_offset);
            struct log_offsets offsets;
            if (log_partition_offsets(child->opened.parts[part], &offsets) < 0 ||
                offsets.high_watermark <= result.last_offset) {
                break;
            }
        }
        tell(child, &(struct message){MSG_ACKED, part, result.base_offset, result.last_offset,
                                      header.crc, (uint32_t)size});
    }
    proto_batch_builder_release(&builder);
    return NULL;
}

/* Tell every batch of what a reader got. Returns false if one of them is not sound. */
static bool tell_extent(const struct child *child, int part, const struct log_extent *extent)
{
    size_t at = 0;
    while (at < extent->size) {
        struct proto_batch_header header;
        size_t size;
        if (proto_batch_size_read(extent->data + at, extent->size - at, &size) < 0 ||
            size > extent->size - at || proto_batch_read(extent->data + at, size, &header) < 0) {
            return false;
        }
        tell(child, &(struct message){MSG_SEEN, part, header.base_offset,
                                      proto_batch_header_last_offset(&header), header.crc,
                                      (uint32_t)size});
        at += size;
    }
    return true;
}

/* Reads to the end again and again, runs checkpoints, deletes records. */
static void *read_and_disturb(void *arg)
{
    struct child *child = arg;
    uint64_t state = child->seed * 77;
    int64_t next[PARTITIONS] = {0};
    while (!atomic_load(&child->done)) {
        int i = below(&state, PARTITIONS);
        struct log_partition *part = child->opened.parts[i];
        struct log_read_options options = {.offset = next[i],
                                           .size_max = 65536,
                                           .first_batch_always = true,
                                           .isolation = LOG_READ_COMMITTED};
        struct log_extent extent;
        struct log_offsets offsets;
        int err = log_partition_read(part, &options, &extent, &offsets);
        if (err == LEAT_ERANGE) {
            next[i] = offsets.log_start;
        } else if (err < 0) {
            break;
        } else if (extent.size > 0) {
            bool sound = tell_extent(child, i, &extent);
            next[i] = extent.next_offset;
            log_extent_release(&extent);
            if (!sound) {
                _exit(1);
            }
        }
        int dice = below(&state, 40);
        if (dice == 0) {
            log_store_tick(child->opened.store);
        } else if (dice == 1 && log_partition_offsets(part, &offsets) == 0) {
            int64_t span = offsets.high_watermark - offsets.log_start;
            int64_t offset = offsets.log_start + span / 4;
            int64_t log_start;
            tell(child,
                 &(struct message){.kind = MSG_DELETE_ASKED, .part = i, .base_offset = offset});
            if (log_partition_delete_records(part, offset, &log_start) == 0) {
                tell(child, &(struct message){
                                .kind = MSG_DELETE_DONE, .part = i, .base_offset = log_start});
            }
        }
    }
    return NULL;
}

static _Noreturn void run_child(const struct run_options *options,
                                uint64_t seed,
                                const struct lt_fault_plan *plan,
                                int out)
{
    struct child child = {.options = options, .seed = seed, .out = out};
    bool memory = options->kind == LT_FAULT_CRASH && seed % 4 == 0;
    make_config(&child.config, memory);
    struct lt_file_faults *faults;
    if (lt_file_faults_new(&faults) < 0 || pthread_mutex_init(&child.mutex, NULL) != 0 ||
        pthread_cond_init(&child.moved, NULL) != 0) {
        _exit(1);
    }
    lt_file_faults_plan(faults, plan);
    struct leat_error *error = NULL;
    int err = open_all(options->dir, lt_file_faults_ops(faults), &child.config, &child,
                       &child.opened, &error);
    if (err < 0) {
        fprintf(stderr, "crash_loop: child: %s\n", lt_error_message(error));
        _exit(1);
    }
    pthread_t threads[WRITERS + 1];
    struct writer writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){&child, i};
        if (pthread_create(&threads[i], NULL, write_batches, &writers[i]) != 0) {
            _exit(1);
        }
    }
    if (pthread_create(&threads[WRITERS], NULL, read_and_disturb, &child) != 0) {
        _exit(1);
    }
    for (int i = 0; i < WRITERS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    atomic_store(&child.done, true);
    (void)pthread_join(threads[WRITERS], NULL);
    err = close_all(&child.opened, seed % 3 != 0);
    _exit(err == 0 ? 0 : 1);
}

/* ---- parent: what was promised, and what is there ---- */

struct batch_seen {
    int64_t base_offset;
    int64_t last_offset;
    uint32_t crc;
    uint32_t size;
};

struct batch_list {
    struct batch_seen *items;
    size_t count;
    size_t capacity;
};

struct model {
    struct batch_list promised[PARTITIONS];
    int64_t delete_asked[PARTITIONS]; /* largest */
    int64_t delete_done[PARTITIONS];
    uint64_t acked; /* in all */
    uint64_t seen;
};

static void list_add(struct batch_list *list, const struct batch_seen *batch)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 256 : list->capacity * 2;
        void *grown = lt_reallocarray(list->items, capacity, sizeof(list->items[0]));
        if (grown == NULL) {
            die("model", LEAT_ENOMEM);
        }
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = *batch;
}

static const struct batch_seen *list_find(const struct batch_list *list, int64_t base_offset)
{
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->items[middle].base_offset == base_offset) {
            return &list->items[middle];
        }
        if (list->items[middle].base_offset < base_offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static void take_message(struct model *model, const struct message *message)
{
    int64_t offset = message->base_offset;
    if (message->kind == MSG_DELETE_ASKED) {
        model->delete_asked[message->part] = offset > model->delete_asked[message->part]
                                                 ? offset
                                                 : model->delete_asked[message->part];
    } else if (message->kind == MSG_DELETE_DONE) {
        model->delete_done[message->part] =
            offset > model->delete_done[message->part] ? offset : model->delete_done[message->part];
    } else {
        model->acked += message->kind == MSG_ACKED;
        model->seen += message->kind == MSG_SEEN;
        struct batch_seen batch = {offset, message->last_offset, message->crc, message->size};
        list_add(&model->promised[message->part], &batch);
    }
}

static int broken(int part, const char *what, int64_t offset)
{
    printf("BROKEN: t-%d: %s at offset %" PRId64 "\n", part, what, offset);
    return BROKEN_EXIT;
}

/* All batches of a partition, in order; checks that each is sound and that offsets have no gap. */
static int read_batches(struct log_partition *part, int number, struct batch_list *ret)
{
    struct log_offsets offsets;
    if (log_partition_failure(part) != NULL) {
        printf("t-%d is offline: %s\n", number, log_partition_failure(part));
        return broken(number, "partition offline", -1);
    }
    int err = log_partition_offsets(part, &offsets);
    if (err < 0) {
        return broken(number, "partition cannot be loaded", err);
    }
    int64_t next = offsets.log_start;
    while (next < offsets.log_end) {
        struct log_read_options options = {.offset = next,
                                           .size_max = 1 << 20,
                                           .first_batch_always = true,
                                           .isolation = LOG_READ_UNCOMMITTED};
        struct log_extent extent;
        err = log_partition_read(part, &options, &extent, &offsets);
        if (err < 0 || extent.size == 0) {
            return broken(number, "cannot be read", next);
        }
        for (size_t at = 0; at < extent.size;) {
            struct proto_batch_header header;
            size_t size;
            if (proto_batch_size_read(extent.data + at, extent.size - at, &size) < 0 ||
                size > extent.size - at || proto_batch_read(extent.data + at, size, &header) < 0) {
                return broken(number, "unsound batch", next);
            }
            bool first = next == offsets.log_start && ret->count == 0;
            if (header.base_offset != next && !(first && header.base_offset < next)) {
                return broken(number, "gap in the offsets", next);
            }
            next = proto_batch_header_last_offset(&header) + 1;
            list_add(ret, &(struct batch_seen){header.base_offset, next - 1, header.crc,
                                               (uint32_t)size});
            at += size;
        }
        log_extent_release(&extent);
    }
    return next == offsets.log_end ? 0 : broken(number, "batches pass the log end", next);
}

static int check_promises(const struct model *model,
                          struct log_partition *part,
                          int number,
                          const struct batch_list *found)
{
    struct log_offsets offsets;
    if (log_partition_offsets(part, &offsets) < 0) {
        return broken(number, "partition cannot be loaded", -1);
    }
    if (offsets.log_start < model->delete_done[number]) {
        return broken(number, "deleted records are back", offsets.log_start);
    }
    if (offsets.log_start > model->delete_asked[number]) {
        return broken(number, "more was deleted than asked for", offsets.log_start);
    }
    const struct batch_list *promised = &model->promised[number];
    for (size_t i = 0; i < promised->count; i++) {
        const struct batch_seen *want = &promised->items[i];
        if (want->last_offset < offsets.log_start) {
            continue;
        }
        const struct batch_seen *got = list_find(found, want->base_offset);
        if (got == NULL) {
            return broken(number, "a promised batch is missing", want->base_offset);
        }
        if (got->crc != want->crc || got->size != want->size ||
            got->last_offset != want->last_offset) {
            return broken(number, "a promised batch has changed", want->base_offset);
        }
    }
    return 0;
}

static bool lists_equal(const struct batch_list *a, const struct batch_list *b)
{
    for (size_t i = 0; a->count == b->count && i < a->count; i++) {
        if (a->items[i].base_offset != b->items[i].base_offset ||
            a->items[i].crc != b->items[i].crc || a->items[i].size != b->items[i].size) {
            return false;
        }
    }
    return a->count == b->count;
}

/* Reopen twice and check. What is there afterwards is what readers have seen: the promise of the next round. */
static int check_store(const struct run_options *options, struct model *model)
{
    struct log_config config;
    make_config(&config, false);
    int result = 0;
    for (int pass = 0; result == 0 && pass < 2; pass++) {
        struct opened opened;
        struct leat_error *error = NULL;
        if (open_all(options->dir, lt_file_ops_real(), &config, NULL, &opened, &error) < 0) {
            printf("BROKEN: the store does not open: %s\n", lt_error_message(error));
            return BROKEN_EXIT;
        }
        for (int i = 0; result == 0 && i < PARTITIONS; i++) {
            struct batch_list found = {NULL, 0, 0};
            result = read_batches(opened.parts[i], i, &found);
            result = result != 0 ? result : check_promises(model, opened.parts[i], i, &found);
            if (result == 0 && pass == 1 && !lists_equal(&found, &model->promised[i])) {
                result = broken(i, "a second recovery changed the log", -1);
            }
            lt_free(model->promised[i].items);
            model->promised[i] = found;
        }
        if (close_all(&opened, pass == 1 && next_random(&(uint64_t){options->seed}) % 2 == 0) < 0) {
            result = result != 0 ? result : broken(-1, "the store does not close", -1);
        }
    }
    return result;
}

/* One round. *ret_fired: the child was ended by its fault. */
static int run_round(const struct run_options *options,
                     uint64_t seed,
                     const struct lt_fault_plan *plan,
                     struct model *model,
                     bool *ret_fired)
{
    int pipe_fds[2];
    if (pipe(pipe_fds) < 0) {
        die("pipe", lt_err_from_errno(errno));
    }
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        die("fork", lt_err_from_errno(errno));
    }
    if (pid == 0) {
        (void)close(pipe_fds[0]);
        run_child(options, seed, plan, pipe_fds[1]);
    }
    (void)close(pipe_fds[1]);
    struct message message;
    while (read(pipe_fds[0], &message, sizeof(message)) == (ssize_t)sizeof(message)) {
        take_message(model, &message);
    }
    (void)close(pipe_fds[0]);
    int status;
    if (waitpid(pid, &status, 0) != pid) {
        die("waitpid", lt_err_from_errno(errno));
    }
    *ret_fired = WIFEXITED(status) && WEXITSTATUS(status) == LT_FAULT_EXIT;
    if (!*ret_fired && !(WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
        printf("BROKEN: the child ended with status %d\n", status);
        return BROKEN_EXIT;
    }
    return check_store(options, model);
}

static void model_release(struct model *model)
{
    for (int i = 0; i < PARTITIONS; i++) {
        lt_free(model->promised[i].items);
    }
}

static int run_random(const struct run_options *options)
{
    struct model model;
    memset(&model, 0, sizeof(model));
    uint64_t state = options->seed;
    int fired_count = 0;
    int result = 0;
    for (int round = 0; result == 0 && round < options->rounds; round++) {
        uint64_t seed = next_random(&state);
        struct lt_fault_plan plan = {.kind = options->kind,
                                     .at = below(&state, round % 4 == 0 ? 60 : 900)};
        bool fired = false;
        result = run_round(options, seed, &plan, &model, &fired);
        fired_count += fired;
    }
    printf("%d rounds, %d of them cut short, %" PRIu64 " batches acknowledged, %" PRIu64
           " read: %s\n",
           options->rounds, fired_count, model.acked, model.seen,
           result == 0 ? "all promises kept" : "a promise was broken");
    if (result == 0 && (fired_count == 0 || model.acked == 0)) {
        printf("not valid: nothing was cut short, or nothing was acknowledged\n");
        result = 1;
    }
    model_release(&model);
    return result;
}

/* ---- named crash points ---- */

/* The next name in text behind a call of crash_point; NULL: no more. */
static const char *next_point(const char *text, char *ret_name, size_t size)
{
    const char *call = strstr(text, "crash_point(");
    if (call == NULL) {
        return NULL;
    }
    const char *end = strchr(call, ';');
    const char *quote = strchr(call, '"');
    ret_name[0] = '\0';
    if (end != NULL && quote != NULL && quote < end) {
        size_t length = strcspn(quote + 1, "\"");
        if (length < size) {
            memcpy(ret_name, quote + 1, length);
            ret_name[length] = '\0';
        }
    }
    return call + 1;
}

static int run_points_of(const struct run_options *options,
                         const char *path,
                         struct model *model,
                         int *ret_fired)
{
    struct lt_buf text;
    lt_buf_init(&text);
    if (lt_os_read_file(path, 1 << 20, &text) < 0 || lt_buf_text(&text) == NULL) {
        die(path, LEAT_EIO);
    }
    char name[128];
    int result = 0;
    const char *at = lt_buf_text(&text);
    while (result == 0 && (at = next_point(at, name, sizeof(name))) != NULL) {
        if (name[0] == '\0') {
            continue;
        }
        bool fired = false;
        struct lt_fault_plan plan = {.kind = options->kind, .at = 0, .crash_point = name};
        result = run_round(options, options->seed, &plan, model, &fired);
        printf("%-32s %s\n", name, result != 0 ? "BROKEN" : fired ? "survived" : "not passed here");
        *ret_fired += fired;
    }
    lt_buf_release(&text);
    return result;
}

static int run_points(const struct run_options *options)
{
    struct model model;
    memset(&model, 0, sizeof(model));
    DIR *handle = opendir(options->sources);
    if (handle == NULL) {
        die(options->sources, lt_err_from_errno(errno));
    }
    int result = 0;
    int fired = 0;
    const struct dirent *entry;
    while (result == 0 && (entry = readdir(handle)) != NULL) {
        size_t size = strlen(entry->d_name);
        char path[4096];
        int length = snprintf(path, sizeof(path), "%s/%s", options->sources, entry->d_name);
        if (size > 2 && strcmp(entry->d_name + size - 2, ".c") == 0 && length > 0 &&
            (size_t)length < sizeof(path)) {
            result = run_points_of(options, path, &model, &fired);
        }
    }
    (void)closedir(handle);
    model_release(&model);
    if (result == 0 && fired == 0) {
        printf("not valid: no crash point was passed\n");
        result = 1;
    }
    return result;
}

static int usage(void)
{
    fprintf(stderr, "usage: crash_loop DIR --kind crash|cut [--rounds N] [--seed S] [--early-acks] "
                    "[--sources DIR]\n");
    return 1;
}

int main(int argc, char **argv)
{
    struct run_options options = {.rounds = 40, .seed = 1, .kind = LT_FAULT_CRASH};
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--rounds") == 0 && more) {
            options.rounds = (int)strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0 && more) {
            options.seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--kind") == 0 && more) {
            options.kind = strcmp(argv[++i], "cut") == 0 ? LT_FAULT_CUT : LT_FAULT_CRASH;
        } else if (strcmp(argv[i], "--sources") == 0 && more) {
            options.sources = argv[++i];
        } else if (strcmp(argv[i], "--early-acks") == 0) {
            options.early_acks = true;
        } else if (argv[i][0] != '-') {
            options.dir = argv[i];
        } else {
            return usage();
        }
    }
    if (options.dir == NULL || options.rounds < 1) {
        return usage();
    }
    printf("seed %" PRIu64 ", %s\n", options.seed,
           options.kind == LT_FAULT_CUT ? "power cuts" : "crashes");
    return options.sources != NULL ? run_points(&options) : run_random(&options);
}
