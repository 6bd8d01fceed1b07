/* raw.c: see raw.h. One connection is a small state machine: frames go out while fewer than --inflight answers are owed,
 * answers are cut from the input as they become whole. */
#include "bench/raw.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/os.h"
#include "bench/crew.h"
#include "bench/link.h"
#include "bench/measure.h"
#include "bench/prebuilt.h"
#include "proto/api.h"
#include "proto/batch_builder.h"
#include "proto/errors.h"
#include "proto/messages.h"
#include "proto/record_batch.h"

#define EVENTS_MAX 64
#define ANSWER_ROOM 65536 /* beside the records of a fetch */

struct raw_worker;

struct raw_conn {
    struct raw_worker *worker;
    int fd;
    int32_t partition;
    int64_t next_offset; /* fetch: where to read next */
    int64_t log_start;
    struct lt_buf frame;     /* the encoded request */
    size_t frame_sent;       /* bytes of the current copy that have left; 0 = at a frame's start */
    size_t offset_at;        /* fetch: where the frame holds the fetch offset */
    int64_t *sent_ns;        /* ring of --inflight send times */
    uint64_t sent, answered; /* requests */
    struct lt_buf in;        /* answer bytes not yet consumed */
};

struct raw_worker {
    const struct bench_options *options;
    enum bench_work work;
    struct bench_measure *measure;
    struct bench_counter *counter;
    struct raw_conn *conns;
    int conn_count;
    int epoll_fd;
    int64_t batch_records; /* produce: records per request */
    int64_t batch_bytes;   /* produce: bytes of one batch */
    struct bench_histogram latency;
    int64_t requests;
};

static void *worker_run(void *arg);
static int conn_open(struct raw_worker *worker,
                     struct raw_conn *conn,
                     const struct bench_topic *topic,
                     int number,
                     struct leat_error **reterr);
static void conn_close(struct raw_conn *conn);
static int worker_open(struct raw_worker *worker,
                       const struct bench_topic *topic,
                       int first_conn,
                       struct leat_error **reterr);
static void worker_close(struct raw_worker *worker);

int bench_raw_run(const struct bench_options *options,
                  enum bench_work work,
                  const struct bench_topic *topic,
                  int server_pid,
                  struct bench_result *ret,
                  struct leat_error **reterr)
{
    int count = bench_crew_size(options->clients);
    struct bench_measure measure;
    int err = bench_measure_open(&measure, options, server_pid, count, false, reterr);
    struct raw_worker *workers = lt_calloc((size_t)count, sizeof(*workers));
    if (err == 0 && workers == NULL) {
        err = LEAT_ENOMEM;
    }
    int first_conn = 0;
    for (int i = 0; workers != NULL && i < count; i++) {
        int share = options->clients / count + (i < options->clients % count ? 1 : 0);
        workers[i] = (struct raw_worker){.options = options,
                                         .work = work,
                                         .measure = &measure,
                                         .counter = &measure.counters[i],
                                         .conn_count = share,
                                         .epoll_fd = -1};
        if (err == 0) {
            err = worker_open(&workers[i], topic, first_conn, reterr);
        }
        first_conn += share;
    }
    if (err == 0) {
        struct bench_crew crew;
        ret->reads = work == BENCH_WORK_FETCH;
        bench_crew_start(&crew, &measure, worker_run, workers, sizeof(*workers), count);
        bench_measure_warm(&measure);
        bench_measure_begin(&measure, ret);
        bench_measure_wait(&measure, options->record_count, options->total_bytes, ret);
        bench_crew_join(&crew);
        bench_measure_end(&measure, ret);
        for (int i = 0; i < count; i++) {
            bench_histogram_merge(&ret->latency, &workers[i].latency);
            ret->requests += workers[i].requests;
        }
        ret->batches = work == BENCH_WORK_PRODUCE ? ret->requests : 0;
        ret->batch_bytes = work == BENCH_WORK_PRODUCE ? ret->bytes : 0;
    }
    for (int i = 0; workers != NULL && i < count; i++) {
        worker_close(&workers[i]);
    }
    lt_free(workers);
    bench_measure_close(&measure);
    return err;
}

/* ---- set-up ---- */

static int encode_produce(struct raw_worker *worker, struct raw_conn *conn)
{
    struct proto_batch_builder builder;
    proto_batch_builder_init(&builder);
    uint8_t *batch = NULL;
    size_t size = 0;
    int err = bench_prebuilt(worker->options, &builder, &batch, &size);
    if (err == 0) {
        struct proto_produce_request_partition_produce_data partition;
        struct proto_produce_request_topic_produce_data topic;
        struct proto_produce_request request;
        proto_produce_request_partition_produce_data_init(&partition);
        partition.index = conn->partition;
        partition.records = (struct proto_records){batch, size, NULL};
        proto_produce_request_topic_produce_data_init(&topic);
        topic.name = lt_slice_text(worker->options->topic);
        topic.partition_data = &partition;
        topic.partition_data_count = 1;
        proto_produce_request_init(&request);
        request.acks = (int16_t)worker->options->acks;
        request.timeout_ms = 30000;
        request.topic_data = &topic;
        request.topic_data_count = 1;
        err = bench_link_encode(PROTO_API_PRODUCE, BENCH_PRODUCE_VERSION, &request, &conn->frame);
        worker->batch_records = builder.record_count;
        worker->batch_bytes = (int64_t)size;
    }
    proto_batch_builder_release(&builder);
    return err;
}

static int encode_fetch(struct raw_worker *worker, struct raw_conn *conn)
{
    struct proto_fetch_request_partition partition;
    struct proto_fetch_request_topic topic;
    struct proto_fetch_request request;
    proto_fetch_request_partition_init(&partition);
    partition.partition = conn->partition;
    partition.fetch_offset = conn->next_offset;
    partition.partition_max_bytes = (int32_t)worker->options->fetch_size;
    proto_fetch_request_topic_init(&topic);
    topic.topic = lt_slice_text(worker->options->topic);
    topic.partitions = &partition;
    topic.partitions_count = 1;
    proto_fetch_request_init(&request);
    request.max_wait_ms = 500;
    request.min_bytes = 1;
    request.max_bytes = (int32_t)worker->options->fetch_size;
    request.topics = &topic;
    request.topics_count = 1;
    int err = bench_link_encode(PROTO_API_FETCH, BENCH_FETCH_VERSION, &request, &conn->frame);
    /* Behind the fetch offset stand log start offset, partition_max_bytes and the empty list of forgotten topics. */
    conn->offset_at = err == 0 ? conn->frame.size - 8 - 8 - 4 - 4 : 0;
    return err;
}

static int conn_open(struct raw_worker *worker,
                     struct raw_conn *conn,
                     const struct bench_topic *topic,
                     int number,
                     struct leat_error **reterr)
{
    const struct bench_options *o = worker->options;
    conn->worker = worker;
    conn->partition = number % topic->partition_count;
    const struct bench_partition *partition = &topic->partitions[conn->partition];
    conn->log_start = partition->log_start;
    conn->next_offset = partition->log_start;
    conn->sent_ns = lt_calloc((size_t)o->inflight, sizeof(int64_t));
    if (worker->work == BENCH_WORK_FETCH && partition->log_start == partition->high_watermark) {
        return lt_error_set(reterr, LEAT_ENOENT, "%s-%d is empty: nothing to fetch", o->topic,
                            conn->partition);
    }
    int err = conn->sent_ns == NULL ? LEAT_ENOMEM
                                    : bench_link_connect(partition->leader, &conn->fd, reterr);
    if (err == 0) {
        err = worker->work == BENCH_WORK_PRODUCE ? encode_produce(worker, conn)
                                                 : encode_fetch(worker, conn);
    }
    if (err == 0) {
        err = lt_buf_reserve(&conn->in,
                             (size_t)(worker->work == BENCH_WORK_FETCH ? o->fetch_size : 0) +
                                 ANSWER_ROOM);
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = conn};
    if (err == 0 && epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0) {
        err = lt_error_set_errno(reterr, LEAT_EIO, errno, "epoll");
    }
    return err;
}

static int worker_open(struct raw_worker *worker,
                       const struct bench_topic *topic,
                       int first_conn,
                       struct leat_error **reterr)
{
    worker->conns = lt_calloc((size_t)worker->conn_count, sizeof(*worker->conns));
    worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (worker->conns == NULL || worker->epoll_fd < 0 ||
        bench_histogram_init(&worker->latency) != 0) {
        return lt_error_set(reterr, LEAT_ENOMEM, "no memory or descriptors for %d connections",
                            worker->conn_count);
    }
    for (int i = 0; i < worker->conn_count; i++) {
        worker->conns[i].fd = -1;
    }
    int err = 0;
    for (int i = 0; i < worker->conn_count && err == 0; i++) {
        err = conn_open(worker, &worker->conns[i], topic, first_conn + i, reterr);
    }
    return err;
}

static void conn_close(struct raw_conn *conn)
{
    if (conn->fd >= 0) {
        (void)lt_os_close(conn->fd); /* what matters was counted */
    }
    lt_buf_release(&conn->frame);
    lt_buf_release(&conn->in);
    lt_free(conn->sent_ns);
}

static void worker_close(struct raw_worker *worker)
{
    for (int i = 0; worker->conns != NULL && i < worker->conn_count; i++) {
        conn_close(&worker->conns[i]);
    }
    if (worker->epoll_fd >= 0) {
        (void)lt_os_close(worker->epoll_fd); /* nothing is left in it */
    }
    bench_histogram_release(&worker->latency);
    lt_free(worker->conns);
}

/* ---- load ---- */

static int fail(struct raw_worker *worker, int code, const char *what)
{
    if (!atomic_load(&worker->measure->stop)) {
        bench_measure_fail(worker->measure, code, what);
    }
    return code;
}

static void count(struct raw_conn *conn, int64_t records, int64_t bytes)
{
    struct raw_worker *worker = conn->worker;
    if (!bench_measure_counts(worker->measure)) {
        return;
    }
    int64_t sent_ns = conn->sent_ns[conn->answered % (uint64_t)worker->options->inflight];
    bench_histogram_add(&worker->latency, lt_clock_mono_ns(lt_clock_real()) - sent_ns);
    worker->requests++;
    bench_count(worker->counter, records, bytes);
}

/* Send what may be sent. Returns 0 also when the socket is full: epoll says when it goes on. */
static int conn_send(struct raw_conn *conn)
{
    const struct bench_options *o = conn->worker->options;
    uint64_t owed_max = conn->worker->work == BENCH_WORK_FETCH ? 1 : (uint64_t)o->inflight;
    while (conn->frame_sent > 0 || conn->sent - conn->answered < owed_max) {
        if (conn->frame_sent == 0) {
            proto_store_u32(conn->frame.data + BENCH_CORRELATION_AT, (uint32_t)conn->sent);
            if (conn->worker->work == BENCH_WORK_FETCH) {
                proto_store_u64(conn->frame.data + conn->offset_at, (uint64_t)conn->next_offset);
            }
            conn->sent_ns[conn->sent % (uint64_t)o->inflight] = lt_clock_mono_ns(lt_clock_real());
        }
        ssize_t sent = send(conn->fd, conn->frame.data + conn->frame_sent,
                            conn->frame.size - conn->frame_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            return errno == EAGAIN || errno == EINTR
                       ? 0
                       : fail(conn->worker, LEAT_ECLOSED, strerrorname_np(errno));
        }
        conn->frame_sent += (size_t)sent;
        if (conn->frame_sent == conn->frame.size) {
            conn->frame_sent = 0;
            conn->sent++;
            if (o->acks == 0 && conn->worker->work == BENCH_WORK_PRODUCE) {
                count(conn, conn->worker->batch_records, conn->worker->batch_bytes);
                conn->answered++; /* nothing is owed for it */
            }
        }
    }
    return 0;
}

static int take_produced(struct raw_conn *conn, struct proto_reader *r, struct lt_arena *arena)
{
    struct proto_produce_response response;
    if (proto_produce_response_decode(r, BENCH_PRODUCE_VERSION, arena, &response) != 0 ||
        response.responses_count != 1 || response.responses[0].partition_responses_count != 1) {
        return fail(conn->worker, LEAT_EPROTOCOL, "malformed Produce answer");
    }
    int16_t code = response.responses[0].partition_responses[0].error_code;
    if (code != 0) {
        return fail(conn->worker, LEAT_BROKER_ERROR(code), proto_error_name(code));
    }
    count(conn, conn->worker->batch_records, conn->worker->batch_bytes);
    return 0;
}

/* Whole batches of a fetch answer: counted by their headers alone. */
static void
walk(struct proto_records records, int64_t *ret_records, int64_t *ret_bytes, int64_t *next_offset)
{
    size_t at = 0;
    struct proto_batch_header header;
    while (proto_batch_header_read(records.data + at, records.size - at, &header) == 0 &&
           proto_batch_header_total(&header) <= records.size - at &&
           proto_batch_header_total(&header) > 0) {
        *ret_records += header.record_count;
        *next_offset = proto_batch_header_last_offset(&header) + 1;
        at += proto_batch_header_total(&header);
    }
    *ret_bytes = (int64_t)at;
}

static int take_fetched(struct raw_conn *conn, struct proto_reader *r, struct lt_arena *arena)
{
    struct proto_fetch_response response;
    if (proto_fetch_response_decode(r, BENCH_FETCH_VERSION, arena, &response) != 0) {
        return fail(conn->worker, LEAT_EPROTOCOL, "malformed Fetch answer");
    }
    int16_t code = response.error_code;
    const struct proto_fetch_response_partition_data *data = NULL;
    if (response.responses_count == 1 && response.responses[0].partitions_count == 1) {
        data = &response.responses[0].partitions[0];
        code = code != 0 ? code : data->error_code;
    }
    if (code != 0 || data == NULL) {
        return fail(conn->worker, LEAT_BROKER_ERROR(code), proto_error_name(code));
    }
    int64_t records = 0;
    int64_t bytes = 0;
    walk(data->records, &records, &bytes, &conn->next_offset);
    count(conn, records, bytes);
    if (conn->next_offset >= data->high_watermark) {
        conn->next_offset =
            conn->log_start; /* once more from the start: the work is bounded by --total */
    }
    return 0;
}

static int take_answers(struct raw_conn *conn)
{
    size_t at = 0;
    int err = 0;
    while (err == 0 && conn->in.size - at >= 8) {
        size_t size = proto_load_u32(conn->in.data + at);
        if (size < 4 || size > (size_t)INT32_MAX) {
            return fail(conn->worker, LEAT_EPROTOCOL, "not a Kafka answer");
        }
        if (conn->in.size - at < size + 4) {
            break;
        }
        struct lt_arena arena;
        struct proto_reader r;
        lt_arena_init(&arena, 0);
        proto_reader_init(&r, lt_slice(conn->in.data + at + 8, size - 4));
        if (proto_load_u32(conn->in.data + at + 4) != (uint32_t)conn->answered) {
            err =
                fail(conn->worker, LEAT_EPROTOCOL, "answers are not in the order of the requests");
        } else if (conn->worker->work == BENCH_WORK_PRODUCE) {
            err = take_produced(conn, &r, &arena);
        } else {
            err = take_fetched(conn, &r, &arena);
        }
        lt_arena_release(&arena);
        conn->answered++;
        at += size + 4;
    }
    lt_buf_consume(&conn->in, at);
    return err;
}

static int conn_receive(struct raw_conn *conn)
{
    if (conn->in.size >= 4 && lt_buf_reserve(&conn->in, proto_load_u32(conn->in.data)) != 0) {
        return fail(conn->worker, LEAT_ENOMEM, "out of memory");
    }
    ssize_t got = recv(conn->fd, conn->in.data + conn->in.size, conn->in.capacity - conn->in.size,
                       MSG_DONTWAIT);
    if (got == 0) {
        return fail(conn->worker, LEAT_ECLOSED, "the broker closed the connection");
    }
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR
                   ? 0
                   : fail(conn->worker, LEAT_ECLOSED, strerrorname_np(errno));
    }
    conn->in.size += (size_t)got;
    return take_answers(conn);
}

static int conn_turn(struct raw_conn *conn, uint32_t events)
{
    int err = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0 ? conn_receive(conn) : 0;
    if (err == 0) {
        err = conn_send(conn);
    }
    /* Ask for writability only while a frame is half sent: otherwise answers drive the sending. */
    uint32_t wanted =
        EPOLLIN | (conn->frame_sent > 0 || conn->worker->options->acks == 0 ? EPOLLOUT : 0U);
    struct epoll_event event = {.events = wanted, .data.ptr = conn};
    if (err == 0 && wanted != events &&
        epoll_ctl(conn->worker->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event) != 0) {
        err = fail(conn->worker, LEAT_EIO, "epoll");
    }
    return err;
}

static void *worker_run(void *arg)
{
    struct raw_worker *worker = arg;
    struct epoll_event events[EVENTS_MAX];
    int err = 0;
    while (err == 0 && !bench_measure_over(worker->measure)) {
        int ready = epoll_wait(worker->epoll_fd, events, EVENTS_MAX, 100);
        for (int i = 0; i < ready && err == 0; i++) {
            err = conn_turn(events[i].data.ptr, events[i].events);
        }
    }
    bench_measure_leave(worker->measure);
    return NULL;
}
