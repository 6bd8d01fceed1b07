/* leat.h: libleat, a client for leat and for every other server that speaks the Kafka protocol.
 *
 * A producer in eleven lines (error handling left out; examples/hello.c has it):
 *
 *     struct leat_conf *conf = leat_conf_new();
 *     leat_conf_load_profile(conf, NULL, &err);        profile, LEAT_* variables, localhost:9092
 *     leat_client_new(conf, &client, &err);            one I/O thread; nothing is sent yet
 *     leat_client_connect(client, 5000, &err);         optional: says why a broker is not reached
 *     leat_producer_new(client, NULL, &producer, &err);
 *     leat_record_set_topic(rec, "orders", -1);        -1: the key chooses the partition
 *     leat_record_set_key(rec, "ord-42", 6);
 *     leat_record_set_value(rec, "{...}", 5);
 *     leat_send(producer, rec, on_delivery, arg);      copies; rec may be changed at once
 *     leat_producer_flush(producer, 10000);            waits until everything is answered
 *     leat_producer_free(producer);                    any order; nothing here can hang
 *     leat_client_unref(client);
 *
 * and the loop of a consumer that reads named partitions:
 *
 *     leat_offsets_add(parts, "orders", 0, LEAT_OFFSET_START);
 *     leat_consumer_new(client, NULL, &consumer, &err);
 *     leat_consumer_assign(consumer, parts, &err);
 *     while (leat_consumer_poll(consumer, 1000, &batch, &err) >= 0) {
 *         for (size_t i = 0; i < leat_batch_count(batch); i++)
 *             use(leat_batch_at(batch, i));            valid until leat_batch_unref
 *         leat_batch_unref(batch);                     NULL, when nothing came, is fine
 *     }
 *
 * Rules that hold everywhere:
 *
 * Errors: int functions return 0 or a positive count on success and a negative code of leat/err.h
 * on failure; a broker's own codes are LEAT_BROKER_ERROR(wire code). `reterr` may be NULL; what it
 * points to must be NULL or an error, which is freed. It is set only on failure, to an error that
 * the caller frees with leat_error_free. If a function that takes a callback returns an error, the
 * callback is never called; otherwise it is called exactly once. ret_ outputs are written only on
 * success.
 *
 * Memory: what a function returns as a new object has one matching _free or _unref, which accepts
 * NULL, never blocks, and may be called in any order and inside callbacks. A returned const pointer
 * lives as long as the object that it came from. Inputs are copied unless the comment says
 * otherwise.
 *
 * Threads: a client has exactly one I/O thread (leat_client_new) or none (leat_client_new_on_base).
 * All functions may be called from any thread, except that one conf, record, offset list, result,
 * error or consumer belongs to one thread at a time; leat_consumer_wakeup may be called from
 * anywhere, signal handlers included.
 *
 * Callbacks run on the I/O thread, with no lock of the library held, and should be short. With the
 * setting leat.dispatch=true they run inside leat_client_dispatch instead. A callback may call
 * everything that does not wait; calls that would have to wait return LEAT_EAGAIN there.
 *
 * Timeouts: timeout_ms bounds the whole call. 0 = do not wait, -1 = as long as it takes.
 *
 * fork: in the child a client cannot be used: calls return LEAT_EFORKED, _free and _unref do
 * nothing.
 *
 * Output: the library never prints; see leat_conf_set_log. For that the first client takes libevent's
 * evdns_set_log_fn, which is the process's.
 *
 * What this release does not have (its settings are refused with a sentence): consumer groups,
 * idempotent and transactional producers, TLS, SASL. Brokers: leat, Apache Kafka 2.1 and later. */
#ifndef LEAT_LEAT_H
#define LEAT_LEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <leat/err.h>

#define LEAT_VERSION_MAJOR 0
#define LEAT_VERSION_MINOR 1
#define LEAT_VERSION_PATCH 0

#ifndef LEAT_API
#define LEAT_API __attribute__((visibility("default")))
#endif
#define LEAT_CHECK __attribute__((warn_unused_result))

#ifdef __cplusplus
extern "C" {
#endif

struct event_base;
struct leat_batch;
struct leat_client;
struct leat_conf;
struct leat_consumer;
struct leat_delivery;
struct leat_offsets;
struct leat_producer;
struct leat_record;
struct leat_result;
struct leat_stats;

/* ---- library ---- */

/* Version of the library that runs, "0.1.0"; constant. leat_version_number is major * 10000 + minor
 * * 100 + patch. */
LEAT_API const char *leat_version(void);
LEAT_API int leat_version_number(void);

/* ---- errors ---- */

/* Text and name of any code a function of this library returned or a callback was given:
 * "LEAT_ETIMEDOUT", "UNKNOWN_TOPIC_OR_PARTITION". 0 is "no error" / "NONE". Never NULL; constant.
 */
LEAT_API const char *leat_strerror(int code);
LEAT_API const char *leat_errname(int code);

/* Code and sentence of an error; NULL gives 0 and "". The text lives as long as the error. */
LEAT_API int leat_error_code(const struct leat_error *err);
LEAT_API const char *leat_error_message(const struct leat_error *err);

/* May the same call succeed later (broker down, leader moved, timed out)? */
LEAT_API bool leat_error_is_retriable(int code);

/* Is the object that returned it of no more use (forked child, closed)? Free it. */
LEAT_API bool leat_error_is_fatal(int code);

LEAT_API void leat_error_free(struct leat_error *err);

/* ---- settings ---- */

/* Settings with the names and defaults of Kafka's Java client; leat_conf_visit lists them. A value
 * stands from the strongest source that named it, whatever the order of the calls: leat_conf_set,
 * then LEAT_* variables, then leat_conf_load_file, then the profile, then the top level of the
 * profile file, then the default.
 *
 * NULL when memory is short. */
LEAT_API struct leat_conf *leat_conf_new(void);

/* An empty list of topic or broker settings, for leat_create_topic and leat_alter_configs. Its keys
 * are not checked here: the broker knows its own. Only leat_conf_set, leat_conf_get, leat_conf_copy
 * and leat_conf_free are for it. */
LEAT_API struct leat_conf *leat_conf_new_topic(void);
LEAT_API void leat_conf_free(struct leat_conf *conf);

/* NULL when memory is short or conf is NULL. */
LEAT_API struct leat_conf *leat_conf_copy(const struct leat_conf *conf);

/* Set one value. Sizes may say 64KiB, durations 10s (a plain number keeps Kafka's unit). value NULL
 * = back to the default; in a topic conf: reset this key at the broker.
 *
 * Returns 0; LEAT_ECONFIG (unknown key, with the nearest name in the message; bad value; something
 * this release does not have); LEAT_EINVAL (NULL); LEAT_ENOMEM. On error nothing has changed. */
LEAT_API int leat_conf_set(struct leat_conf *conf,
                           const char *key,
                           const char *value,
                           struct leat_error **reterr);

/* The value in effect as text, NUL-terminated, cut to `size`; size 0 only measures.
 * Returns its full length, LEAT_ENOENT (unknown key; in a topic conf: not set) or LEAT_EINVAL. */
LEAT_API int
leat_conf_get(const struct leat_conf *conf, const char *key, char *ret_buf, size_t size);

/* A properties file as used with kafka-*.sh --command-config: "key = value" or "key: value", # and
 * ! comments, backslash continuation, include = PATH, ${file:PATH} and ${env:NAME}; no sections.
 * All of it or, on error, nothing is taken.
 *
 * Returns 0, LEAT_ENOENT, LEAT_EIO, LEAT_ECONFIG (message: file:line: what), LEAT_ENOMEM. Blocks:
 * reads files. */
LEAT_API int
leat_conf_load_file(struct leat_conf *conf, const char *path, struct leat_error **reterr);

/* The profile file ($LEAT_CONFIG, else $XDG_CONFIG_HOME/leat/config, else ~/.config/leat/config):
 * its top level, section `name`, and then the LEAT_* variables (LEAT_BOOTSTRAP_SERVERS for
 * bootstrap.servers). name NULL = $LEAT_PROFILE, else the file's "current", else no section. A file
 * that is missing is fine unless a section or LEAT_CONFIG named it.
 *
 * Returns 0, LEAT_ENOENT (no such profile or file), LEAT_EIO, LEAT_ECONFIG, LEAT_ENOMEM. On error
 * nothing has changed. Blocks: reads files. */
LEAT_API int
leat_conf_load_profile(struct leat_conf *conf, const char *name, struct leat_error **reterr);

enum leat_log_level {
    LEAT_LOG_ERROR = 3,
    LEAT_LOG_WARN = 4,
    LEAT_LOG_INFO = 6,
    LEAT_LOG_DEBUG = 7, /* one line per request and answer */
};

/* Lines about connections, retries and requests, up to `level`; no record contents, no secrets, no
 * newline at the end. Called from the I/O thread (and from threads inside library calls), must not
 * call the library. cb NULL = none, the default. */
typedef void (*leat_log_cb)(int level, const char *line, void *arg);
LEAT_API void leat_conf_set_log(struct leat_conf *conf, int level, leat_log_cb cb, void *arg);

/* Every setting, in the order of the manual. type: "string", "list", "bool", "int", "size",
 * "duration" (ms), or the choices "a|b|c". default_value "" = none. All strings are
 * constant. */
typedef void (*leat_visit_cb)(
    const char *key, const char *type, const char *default_value, const char *text, void *arg);
LEAT_API void leat_conf_visit(leat_visit_cb cb, void *arg);

/* ---- client ---- */

/* Connections and metadata, shared by producers, consumers and admin calls, with one I/O thread.
 * Returns at once: nothing is resolved or connected until it is needed. `conf` is copied; NULL =
 * defaults.
 *
 * Returns 0, LEAT_ECONFIG (no usable address in bootstrap.servers), LEAT_ENOMEM, LEAT_EIO (no
 * thread, no descriptor). */
LEAT_API LEAT_CHECK int leat_client_new(const struct leat_conf *conf,
                                        struct leat_client **ret_client,
                                        struct leat_error **reterr);

/* The same on the caller's libevent base: no thread at all. Everything, callbacks included, happens
 * while the caller runs the base's loop; all calls must come from that thread. A call that waits
 * turns the loop itself; from inside a callback of the loop it returns LEAT_EAGAIN (in a callback
 * that is not this library's, libevent notes the attempt on stderr). The base must
 * outlive the client; leat_client_unref of the last reference takes all events off it. */
LEAT_API LEAT_CHECK int leat_client_new_on_base(const struct leat_conf *conf,
                                                struct event_base *base,
                                                struct leat_client **ret_client,
                                                struct leat_error **reterr);

/* Producers and consumers hold a reference of their own: the order of frees does not matter. The
 * I/O thread goes by itself after the last reference; callbacks that are still due then get
 * LEAT_ECANCELED. */
LEAT_API struct leat_client *leat_client_ref(struct leat_client *client); /* returns client */
LEAT_API void leat_client_unref(struct leat_client *client);

/* Wait until one broker has answered ApiVersions and Metadata. Never needed; tells early and
 * plainly what is wrong.
 *
 * Returns 0 or LEAT_EUNREACHABLE, with the reason for each address tried in the message,
 * LEAT_ETIMEDOUT (likewise), LEAT_EPROTOCOL, LEAT_EUNSUPPORTED (versions do not overlap),
 * LEAT_EAGAIN, LEAT_EFORKED. */
LEAT_API int
leat_client_connect(struct leat_client *client, int timeout_ms, struct leat_error **reterr);

/* With leat.dispatch=true: a descriptor that is readable when callbacks are due or a consumer has
 * records; wait for it with any loop, then call leat_client_dispatch(client, 0) and poll each
 * consumer with timeout 0. On a client without thread: readable while a consumer has records or an
 * error for leat_consumer_poll; there is nothing to dispatch, callbacks run in the loop. It stays
 * the client's: do not read or close it. Returns the descriptor, or LEAT_EUNSUPPORTED with a thread
 * and without leat.dispatch. */
LEAT_API int leat_client_event_fd(const struct leat_client *client);

/* With leat.dispatch=true: run the callbacks that are due, waiting up to timeout_ms for the first.
 * On a client without thread: turn the loop once. Returns the number of callbacks run,
 * LEAT_EUNSUPPORTED without leat.dispatch or base, LEAT_EAGAIN inside a callback. */
LEAT_API int leat_client_dispatch(struct leat_client *client, int timeout_ms);

/* Number of partitions of a topic. Returns it, or an error as leat_describe_topic; never creates
 * the topic. */
LEAT_API int
leat_client_partition_count(struct leat_client *client, const char *topic, int timeout_ms);

/* A copy of what the client has counted since it was made, for all its producers and consumers.
 * leat_stats_get: a value by name, LEAT_ENOENT if there is none of that name. leat_stats_name:
 * names by position, NULL behind the last; constant. Names are never taken away:
 *
 *   connections.open, .made, .failed
 *   requests.sent, .open (not answered yet), .failed (without an answer)
 *   bytes.sent, bytes.received, metadata.requests
 *   produce.requests, .retries (batches sent again), .failed (records),
 *   produce.batches, .records, .bytes (before compression), .bytes.sent (after it): delivered
 *   produce.memory (bytes of buffer.memory in use)
 *   fetch.requests, fetch.bytes (of the answers)
 *
 * .open and .memory go up and down, the others only grow.
 * leat_client_stats returns 0, LEAT_EINVAL, LEAT_ENOMEM, LEAT_EFORKED. Blocks: no. */
LEAT_API LEAT_CHECK int leat_client_stats(struct leat_client *client,
                                          struct leat_stats **ret_stats);
LEAT_API int64_t leat_stats_get(const struct leat_stats *stats, const char *name);
LEAT_API const char *leat_stats_name(const struct leat_stats *stats, size_t i);
LEAT_API void leat_stats_free(struct leat_stats *stats);

/* ---- records ---- */

/* A record that the caller builds; the library never changes it but in leat_send_sync. NULL when
 * memory is short. _clear makes it as new and keeps its memory. Records that come from a batch or a
 * delivery are const: they have only getters. */
LEAT_API struct leat_record *leat_record_new(void);
LEAT_API void leat_record_clear(struct leat_record *rec);
LEAT_API void leat_record_free(struct leat_record *rec);

/* A copy with memory of its own, also of a record from a batch, which then may go. NULL when memory
 * is short or rec is NULL. */
LEAT_API struct leat_record *leat_record_copy(const struct leat_record *rec);

/* Setters copy. Returns 0, LEAT_EINVAL (NULL; partition below -1; data NULL with size > 0, or a size
 * that no memory has; for the topic: empty or longer than 249 characters), LEAT_ENOMEM. partition -1 = chosen by the key, or
 * spread if there is none. */
LEAT_API int leat_record_set_topic(struct leat_record *rec, const char *topic, int32_t partition);
LEAT_API int leat_record_set_key(struct leat_record *rec, const void *key, size_t size);
LEAT_API int leat_record_set_value(struct leat_record *rec, const void *value, size_t size);

/* The value is not copied: the record points to the caller's bytes, which must stay as they are
 * until the record gets another value, is cleared or freed, and until no call uses it any more
 * (leat_send_borrowed: until release). Returns 0 or LEAT_EINVAL, as leat_record_set_value. */
LEAT_API int leat_record_borrow_value(struct leat_record *rec, const void *value, size_t size);

/* Milliseconds since 1970; -1, the default = the time of leat_send. */
LEAT_API void leat_record_set_timestamp(struct leat_record *rec, int64_t timestamp_ms);

/* Add a header; names may repeat and keep their order. value NULL with size 0 = a null value.
 * Errors as the setters. */
LEAT_API int
leat_record_add_header(struct leat_record *rec, const char *name, const void *value, size_t size);

/* Getters of any record. Pointers live as long as the record (in a batch: the batch; in a delivery:
 * the callback). NULL with size 0 = null (no key, a tombstone); an empty key or value is not NULL.
 * ret_ arguments may be NULL. Keys and values are bytes, not NUL-terminated. offset is -1 until
 * stored. */
LEAT_API const char *leat_record_topic(const struct leat_record *rec, int32_t *ret_partition);
LEAT_API const void *leat_record_key(const struct leat_record *rec, size_t *ret_size);
LEAT_API const void *leat_record_value(const struct leat_record *rec, size_t *ret_size);
LEAT_API int64_t leat_record_offset(const struct leat_record *rec);
LEAT_API int64_t leat_record_timestamp(const struct leat_record *rec);

/* Headers by position, and the last one of a name. leat_record_header_at returns the value (NULL =
 * null value, or no such position: then *ret_name is NULL). Names are NUL-terminated.
 * leat_record_header: NULL if there is none; *ret_size is 0 then. */
LEAT_API size_t leat_record_header_count(const struct leat_record *rec);
LEAT_API const void *leat_record_header_at(const struct leat_record *rec,
                                           size_t i,
                                           const char **ret_name,
                                           size_t *ret_size);
LEAT_API const void *
leat_record_header(const struct leat_record *rec, const char *name, size_t *ret_size);

/* What the log knows beside the record; -1 where it is not known (records that did not come from a
 * consumer). */
enum leat_record_info {
    LEAT_RECORD_LEADER_EPOCH = 0,
    LEAT_RECORD_PRODUCER_ID = 1,
    LEAT_RECORD_PRODUCER_EPOCH = 2,
    LEAT_RECORD_SEQUENCE = 3,       /* producer's number of this record */
    LEAT_RECORD_CODEC = 4,          /* 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd */
    LEAT_RECORD_TIMESTAMP_TYPE = 5, /* 0 set by the producer, 1 time of append */
    LEAT_RECORD_TRANSACTIONAL = 6,  /* 0 or 1 */
    LEAT_RECORD_LOG_START = 7,      /* of the partition, as of the fetch that brought the record */
    LEAT_RECORD_LAST_STABLE = 8,    /* likewise */
    LEAT_RECORD_HIGH_WATERMARK = 9, /* likewise */
    LEAT_RECORD_CONTROL = 10, /* with leat.control.records: a marker, 0 abort, 1 commit; -1 else */
};
LEAT_API int64_t leat_record_info(const struct leat_record *rec, enum leat_record_info what);

/* ---- producer ---- */

/* A producer on this client. `conf`: acks, batch.size, linger.ms, compression.type, partitioner
 * ...; NULL = the client's own conf. Connection settings in it are ignored: they are the client's.
 *
 * Order: records of one partition are stored in the order of leat_send, since only one request per
 * partition is on its way at a time. A retry after a lost answer can store a batch twice
 * (idempotence is not built yet).
 *
 * Returns 0, LEAT_EINVAL, LEAT_ECONFIG, LEAT_ENOMEM, LEAT_EFORKED. */
LEAT_API LEAT_CHECK int leat_producer_new(struct leat_client *client,
                                          const struct leat_conf *conf,
                                          struct leat_producer **ret_producer,
                                          struct leat_error **reterr);

/* The outcome of one leat_send; valid during the callback, must not be kept.
 *
 * Errors that leat_error_is_retriable names, connections that break and answers that make no sense
 * are retried with pauses of retry.backoff.ms, up to `retries` times and delivery.timeout.ms after
 * leat_send; where the leader may have moved, the metadata is asked for first. What is told is the
 * last such error, or at once one that no retry can help. A request that is out when
 * delivery.timeout.ms ends gets at most a second more.
 *
 *   _code     0, or the last error: the record was not stored; or, after LEAT_ETIMEDOUT,
 *             LEAT_EUNREACHABLE, LEAT_ECANCELED and LEAT_EUNAVAIL, perhaps it was
 *   _message  the broker's words for it, else the text of the code; "" on success
 *   _record   the record with partition, offset (-1 with acks=0 or on error) and the timestamp as
 *             stored; NULL only when memory is short */
typedef void (*leat_delivery_cb)(const struct leat_delivery *d, void *arg);
LEAT_API int leat_delivery_code(const struct leat_delivery *d);
LEAT_API const char *leat_delivery_message(const struct leat_delivery *d);
LEAT_API const struct leat_record *leat_delivery_record(const struct leat_delivery *d);

/* Queue one record. It is copied: the caller may change or free `rec` at once. cb may be NULL.
 *
 * Blocks: up to max.block.ms while buffer.memory is full or the topic is not known yet. Inside
 * callbacks and without I/O thread it does not wait: LEAT_EAGAIN, try again later.
 *
 * Returns 0 (the callback will come) or, and then it never comes: LEAT_EINVAL (NULL, no topic),
 * LEAT_E2BIG (larger than max.request.size), LEAT_ETIMEDOUT (max.block.ms passed), a broker's error
 * (no such topic or partition, not allowed), LEAT_EAGAIN, LEAT_ENOMEM, LEAT_EFORKED. */
LEAT_API int
leat_send(struct leat_producer *p, const struct leat_record *rec, leat_delivery_cb cb, void *arg);

/* As leat_send, without a copy of the value: from its bytes it goes to the socket. `release` is
 * called exactly once in every outcome, also when this call returns an error, with the value and
 * `arg`; until then the value's bytes must stay as they are (the rest of `rec` is copied, so that a
 * record whose value was set with leat_record_borrow_value may be used again at once; the value of
 * a record from a batch stays while the batch is held).
 *
 * release is called after `cb`, where callbacks run; or before this call returns, on its thread: on
 * an error, and where the value is copied all the same, since that is cheaper (below 4096 bytes) or
 * needed (compression.type other than none). Borrowed bytes count in buffer.memory. release NULL is
 * LEAT_EINVAL; other errors as leat_send. */
typedef void (*leat_release_cb)(const void *value, size_t size, void *arg);
LEAT_API int leat_send_borrowed(struct leat_producer *p,
                                const struct leat_record *rec,
                                leat_release_cb release,
                                leat_delivery_cb cb,
                                void *arg);

/* Send one record at once (no linger) and wait for the answer. On success `rec` has its partition,
 * offset and timestamp. Errors as leat_send and leat_delivery_code; LEAT_ETIMEDOUT leaves open
 * whether it is stored. */
LEAT_API int leat_send_sync(struct leat_producer *p,
                            struct leat_record *rec,
                            int timeout_ms,
                            struct leat_error **reterr);

/* Send what is queued without linger and wait until all of it is answered and all callbacks have
 * returned. Returns the number of records still not answered (0 = done), or LEAT_EAGAIN inside a
 * callback, LEAT_EFORKED. With leat.dispatch=true the callbacks run inside this call. */
LEAT_API int leat_producer_flush(struct leat_producer *p, int timeout_ms);

/* Records accepted whose callback has not returned yet (records without callback: not answered
 * yet). */
LEAT_API size_t leat_producer_pending(const struct leat_producer *p);

/* Never blocks. Records that are not on their way yet get LEAT_ECANCELED, soon after, where
 * callbacks run (on a base: before this returns); records whose request is out get its outcome, or
 * LEAT_ECANCELED when the client ends first. Flush first where that matters. */
LEAT_API void leat_producer_free(struct leat_producer *p);

/* ---- lists of offsets ---- */

/* Special offsets, where a function says that it takes them. */
enum leat_offset {
    LEAT_OFFSET_END = -1,           /* the next record to come */
    LEAT_OFFSET_START = -2,         /* the oldest record that is kept */
    LEAT_OFFSET_MAX_TIMESTAMP = -3, /* leat_list_offsets: the record with the largest timestamp */
    LEAT_OFFSET_RESET = -1000,      /* leat_consumer_assign: where auto.offset.reset says */
};

/* A list of (topic, partition, offset, code). _new: NULL when memory is short. _add: a second entry
 * of a partition replaces the first. Returns 0, LEAT_EINVAL (NULL, empty or long topic, partition <
 * 0), LEAT_ENOMEM. */
LEAT_API struct leat_offsets *leat_offsets_new(void);
LEAT_API int
leat_offsets_add(struct leat_offsets *list, const char *topic, int32_t partition, int64_t offset);
LEAT_API size_t leat_offsets_count(const struct leat_offsets *list);

/* Entry i in the order of adding: its topic (NULL if there is no such entry); ret_ arguments may be
 * NULL. */
LEAT_API const char *leat_offsets_at(const struct leat_offsets *list,
                                     size_t i,
                                     int32_t *ret_partition,
                                     int64_t *ret_offset,
                                     int *ret_code);
LEAT_API void leat_offsets_free(struct leat_offsets *list);

/* ---- consumer ---- */

/* A consumer of partitions that the caller names. `conf`: fetch.*, auto.offset.reset,
 * isolation.level ...; NULL = the client's own. Returns 0, LEAT_EINVAL, LEAT_ECONFIG, LEAT_ENOMEM,
 * LEAT_EIO (no descriptor), LEAT_EFORKED. */
LEAT_API LEAT_CHECK int leat_consumer_new(struct leat_client *client,
                                          const struct leat_conf *conf,
                                          struct leat_consumer **ret_consumer,
                                          struct leat_error **reterr);

/* Read these partitions from these offsets (LEAT_OFFSET_START, _END and _RESET too), and no others.
 *
 * What auto.offset.reset decides while reading: an offset that does not exist (any more) moves to
 * the start (earliest) or the end (latest). Where a change of leader has cut the log behind what
 * was read, reading goes on at the cut; where the topic was deleted and created again, at the start
 * of the new one. With none each of these is LEAT_ERANGE from poll.
 *
 * Also a partition that was assigned before starts at the offset that is named. parts NULL or
 * empty = none. Fetching begins in the background at once. Returns 0, LEAT_EINVAL, LEAT_ENOMEM,
 * LEAT_EFORKED; on error nothing has changed. Blocks: no. */
LEAT_API int leat_consumer_assign(struct leat_consumer *c,
                                  const struct leat_offsets *parts,
                                  struct leat_error **reterr);

/* The next records, at most max.poll.records, of one or more partitions; each partition in the
 * order of its offsets.
 *
 * Returns the number of records (> 0, *ret_batch is set, free it with leat_batch_unref), 0 (timed
 * out or woken; *ret_batch is set to NULL), or an error that belongs to one partition and names it:
 * LEAT_ERANGE (offset gone and auto.offset.reset=none; seek to go on), LEAT_ECORRUPT (seek past it
 * to go on), LEAT_ECODEC, a broker's error (unknown topic, not allowed: told again while it lasts;
 * reading goes on when it ends). Records of other partitions are not lost by an error: the next
 * poll has them. LEAT_EINVAL: NULL. LEAT_EAGAIN: would wait in a callback. */
LEAT_API LEAT_CHECK int leat_consumer_poll(struct leat_consumer *c,
                                           int timeout_ms,
                                           struct leat_batch **ret_batch,
                                           struct leat_error **reterr);

/* A batch holds its records: views into the fetched bytes, not copied. It may outlive the consumer
 * and belongs to any thread; the count of references is atomic. leat_batch_at: NULL if i is out of
 * range. NULL batch: count 0. */
LEAT_API size_t leat_batch_count(const struct leat_batch *batch);
LEAT_API const struct leat_record *leat_batch_at(const struct leat_batch *batch, size_t i);
LEAT_API struct leat_batch *leat_batch_ref(struct leat_batch *batch); /* returns batch */
LEAT_API void leat_batch_unref(struct leat_batch *batch);

/* Go on at these offsets (LEAT_OFFSET_START and _END too); all partitions must be assigned. What
 * was fetched ahead is dropped. Returns 0, LEAT_ENOENT (a partition is not assigned; nothing has
 * changed), LEAT_EINVAL, LEAT_EFORKED. Blocks: no. */
LEAT_API int leat_consumer_seek(struct leat_consumer *c,
                                const struct leat_offsets *offsets,
                                struct leat_error **reterr);

/* All assigned partitions go on at their first record with a timestamp >= timestamp_ms; at the end
 * where there is none. Returns 0 or as leat_list_offsets; on error nothing has changed. Blocks: up
 * to timeout_ms. */
LEAT_API int leat_consumer_seek_time(struct leat_consumer *c,
                                     int64_t timestamp_ms,
                                     int timeout_ms,
                                     struct leat_error **reterr);

/* Leave partitions out for a while; parts NULL = all that are assigned. A paused partition is not
 * fetched, and the broker is not asked about it; what was fetched before is kept (up to half of
 * queued.max.messages.kbytes for all that are paused) and comes after resume. Seek works meanwhile
 * and leaves it paused; leat_consumer_assign begins with nothing paused.
 *
 * leat_consumer_paused: a new list of what is paused, offset = position; free it with
 * leat_offsets_free.
 *
 * Return 0, LEAT_ENOENT (a partition is not assigned; nothing has changed), LEAT_EINVAL (NULL),
 * LEAT_ECLOSED, LEAT_ENOMEM (_paused), LEAT_EFORKED. Block: no. */
LEAT_API int leat_consumer_pause(struct leat_consumer *c, const struct leat_offsets *parts);
LEAT_API int leat_consumer_resume(struct leat_consumer *c, const struct leat_offsets *parts);
LEAT_API int leat_consumer_paused(struct leat_consumer *c, struct leat_offsets **ret_parts);

/* Offset of the next record that poll will return or look at: it passes gaps and control records
 * too, so position >= end means everything was read. Negative: LEAT_ENOENT (not assigned),
 * LEAT_EAGAIN (START, END or RESET, not looked up yet). */
LEAT_API int64_t leat_consumer_position(struct leat_consumer *c,
                                        const char *topic,
                                        int32_t partition);

/* Records between position and the end that the last fetch reported. Negative as
 * leat_consumer_position. */
LEAT_API int64_t leat_consumer_lag(struct leat_consumer *c, const char *topic, int32_t partition);

/* Make the poll that waits, or else the next one, return 0 at once. From any thread and from signal
 * handlers. */
LEAT_API void leat_consumer_wakeup(struct leat_consumer *c);

/* Stop fetching. Without groups there is nothing to wait for; the call is here so that programs
 * need not change. Returns 0, LEAT_EINVAL, LEAT_EFORKED. After it poll returns LEAT_ECLOSED. */
LEAT_API int
leat_consumer_close(struct leat_consumer *c, int timeout_ms, struct leat_error **reterr);
LEAT_API void leat_consumer_free(struct leat_consumer *c);

/* ---- admin ----
 *
 * All wait for the answer, up to timeout_ms, retry what is worth retrying, and return 0 or: the
 * broker's error with its words in the message, LEAT_ETIMEDOUT, LEAT_EUNREACHABLE,
 * LEAT_EUNSUPPORTED (this broker does not know the request), LEAT_EINVAL, LEAT_ENOMEM, LEAT_EAGAIN
 * (inside a callback), LEAT_EFORKED. */

/* Rows with named fields. leat_result_str: the field as text, NULL if there is no such row or field
 * or it is null. leat_result_int: as number, -1 likewise; booleans are 0 and 1. leat_result_field:
 * name of field i, NULL behind the last. */
LEAT_API size_t leat_result_count(const struct leat_result *rows);
LEAT_API const char *leat_result_str(const struct leat_result *rows, size_t i, const char *field);
LEAT_API int64_t leat_result_int(const struct leat_result *rows, size_t i, const char *field);
LEAT_API const char *leat_result_field(const struct leat_result *rows, size_t i);
LEAT_API void leat_result_free(struct leat_result *rows);

/* Create a topic. partition_count -1 = the broker's default. topic_conf (leat_conf_new_topic, or
 * NULL) holds topic settings, and two keys that are not sent as such: replication.factor (default:
 * the broker's) and validate.only=true (check, do not create). */
LEAT_API int leat_create_topic(struct leat_client *client,
                               const char *topic,
                               int32_t partition_count,
                               const struct leat_conf *topic_conf,
                               int timeout_ms,
                               struct leat_error **reterr);
LEAT_API int leat_delete_topic(struct leat_client *client,
                               const char *topic,
                               int timeout_ms,
                               struct leat_error **reterr);

/* Raise the number of partitions to partition_count (the new total). */
LEAT_API int leat_add_partitions(struct leat_client *client,
                                 const char *topic,
                                 int32_t partition_count,
                                 int timeout_ms,
                                 struct leat_error **reterr);

/* Rows sorted by name: name, id (22 characters, "" if the broker has none), partitions, replicas
 * (of partition 0), internal. */
LEAT_API LEAT_CHECK int leat_list_topics(struct leat_client *client,
                                         int timeout_ms,
                                         struct leat_result **ret_rows,
                                         struct leat_error **reterr);

/* A row per partition in order: topic, id, internal, partition, leader (-1 none), epoch, replicas,
 * isr, offline ("1,2"), code (a broker's error, or 0). Never creates the topic. */
LEAT_API LEAT_CHECK int leat_describe_topic(struct leat_client *client,
                                            const char *topic,
                                            int timeout_ms,
                                            struct leat_result **ret_rows,
                                            struct leat_error **reterr);

/* The same rows of all topics, sorted by topic; one that has no partitions to show has one row with partition -1 and its
 * code. */
LEAT_API LEAT_CHECK int leat_describe_topics(struct leat_client *client,
                                             int timeout_ms,
                                             struct leat_result **ret_rows,
                                             struct leat_error **reterr);

/* A row per broker: cluster (id), controller (0 or 1), id, host, port, rack. */
LEAT_API LEAT_CHECK int leat_describe_cluster(struct leat_client *client,
                                              int timeout_ms,
                                              struct leat_result **ret_rows,
                                              struct leat_error **reterr);

/* What the data directories of all brokers hold. topic NULL = everything. A row per broker, directory
 * and partition, sorted by these: broker (id), dir (path), code (0, or the directory's error),
 * topic, partition, size (bytes), lag (records behind the end), future (1: a copy that is being
 * moved here), total and usable (bytes of the directory's volume, -1 not known). A directory that
 * holds nothing has one row with topic NULL, a broker that did not answer one with dir NULL and its
 * code. The call itself fails only if no broker answered, or for an unknown topic. */
LEAT_API LEAT_CHECK int leat_describe_log_dirs(struct leat_client *client,
                                               const char *topic,
                                               int timeout_ms,
                                               struct leat_result **ret_rows,
                                               struct leat_error **reterr);

/* A row per API that the broker serves (any broker that is reached): key, name, min, max (of the
 * broker), used (version that this library would send, -1 = none). */
LEAT_API LEAT_CHECK int leat_describe_apis(struct leat_client *client,
                                           int timeout_ms,
                                           struct leat_result **ret_rows,
                                           struct leat_error **reterr);

/* Offsets by time. In `at`, the offset of an entry is a time in ms since 1970 (>= 0), or
 * LEAT_OFFSET_START, _END or _MAX_TIMESTAMP. In *ret_offsets, same order: the offset (-1: no record
 * so late), and a code of its own for each partition; the call itself fails only where no partition
 * could be asked. isolation.level of the client counts. Free with leat_offsets_free. */
LEAT_API LEAT_CHECK int leat_list_offsets(struct leat_client *client,
                                          const struct leat_offsets *at,
                                          int timeout_ms,
                                          struct leat_offsets **ret_offsets,
                                          struct leat_error **reterr);

/* Delete all records before these offsets (LEAT_OFFSET_END = all). In *ret_offsets: the new start
 * of each partition, and its code. */
LEAT_API LEAT_CHECK int leat_delete_records(struct leat_client *client,
                                            const struct leat_offsets *before,
                                            int timeout_ms,
                                            struct leat_offsets **ret_offsets,
                                            struct leat_error **reterr);

/* Settings of a resource: "topic:orders", "broker:1" or "broker:" (the cluster-wide defaults). Rows
 * sorted by name: name, value (NULL: sensitive or unset), source ("topic", "broker", "cluster",
 * "static", "default", "group", "unknown"), type ("boolean", "string", "int", "short", "long",
 * "double", "list", "class", "password", "unknown"), read_only, sensitive, is_default (0 or 1),
 * documentation, default_value (built into the broker; NULL: none, or not told). */
LEAT_API LEAT_CHECK int leat_get_configs(struct leat_client *client,
                                         const char *resource,
                                         int timeout_ms,
                                         struct leat_result **ret_rows,
                                         struct leat_error **reterr);

/* Change settings of a resource; keys that are not named stay. `changes` is a leat_conf_new_topic;
 * a key set to NULL goes back to its default; validate.only=true checks without changing. */
LEAT_API int leat_alter_configs(struct leat_client *client,
                                const char *resource,
                                const struct leat_conf *changes,
                                int timeout_ms,
                                struct leat_error **reterr);

#ifdef __cplusplus
}
#endif

#endif
