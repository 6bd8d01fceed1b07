/* consumer_impl.h: shared by consumer.c and pause.c (calls of applications), fetcher.c, fetch_session.c and offset_lookup.c (the loop's side) and
 * batch.c (records out of fetched bytes) alone.
 *
 *   loop                                  application's thread
 *   lookup -> fetch -> chunk -> queue --> poll -> leat_batch
 *                           \-> parked    while the partition is paused
 *
 * A chunk is what one fetch answer brought for one partition: it holds a reference to the answer's bytes. `seq` of a partition is raised by assign,
 * seek and everything else that moves it; chunks and answers with an older one are dropped.
 *
 * Memory: chunks that wait count in `queued`. A fetch goes out while less than half of queued.max.messages.kbytes waits, and asks for at
 * most the other half, shared between the leaders: so the setting is a bound, but for one batch per leader that is larger than its share. Chunks of paused partitions
 * have up to half of it; what does not fit is dropped and fetched again after resume.
 *
 * Threads: consumer->lock guards everything that is not marked otherwise. Chunks that are taken out of the queue belong to the polling thread. */
#ifndef LC_CONSUMER_IMPL_H
#define LC_CONSUMER_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "client/bytes.h"
#include "client/client.h"
#include "client/consumer.h"
#include "client/metadata.h"
#include "client/offsets.h"
#include "client/record.h"

enum lc_part_state {
    LC_PART_LOOKUP = 0,  /* the offset to read from is to be looked up: `lookup` */
    LC_PART_FETCH = 1,   /* fetch_offset is known */
    LC_PART_STOPPED = 2, /* an error was told that only seek ends */
    LC_PART_CHECK = 3,   /* the leader epoch has risen: is the log still the one that was read? */
};

struct lc_session;

struct lc_part {
    _Atomic int refs; /* assignment, each chunk, each request that names it */
    char *topic;
    int32_t partition;
    uint64_t seq;
    enum lc_part_state state;
    int64_t lookup;       /* LEAT_OFFSET_START or _END, while LOOKUP */
    int64_t fetch_offset; /* next to fetch */
    int64_t position;     /* next for the application; < 0 = not known yet */
    int64_t high_watermark;
    int64_t last_stable;
    int64_t log_start;
    size_t chunk_count;         /* chunks of this seq that are not read up */
    int32_t fetched_epoch;      /* leader epoch of the batch before fetch_offset; -1 = not known */
    int32_t leader_epoch;       /* newest that fetch_offset was checked against; -1 = none */
    struct proto_uuid topic_id; /* whose offsets these are; zero = not known */
    bool paused;
    bool in_request;  /* a lookup or check for it is out */
    int64_t retry_at; /* ns */
    int64_t backoff_ms;
    int told_code;             /* last error that was told and still lasts; 0 = none */
    int64_t tell_at;           /* ns: it is told again then */
    struct lc_topic *metadata; /* what it points to: loop */
    /* loop */
    struct lc_session *session; /* that it is a member of; NULL = none */
    size_t slot;                /* its place there */
};

/* A lasting error of one partition, to be told by poll. */
struct lc_part_error {
    STAILQ_ENTRY(lc_part_error) link;
    struct lc_part *part;
    uint64_t seq;
    int code;
    char *message;
};

struct lc_aborted {
    int64_t producer_id;
    int64_t first_offset;
};

struct lc_chunk {
    STAILQ_ENTRY(lc_chunk) link;
    struct lc_part *part;
    uint64_t seq;
    struct lc_bytes *frame;
    struct lt_slice rest; /* batches not yet opened */
    int64_t from;         /* records below are not wanted */
    int64_t high_watermark;
    int64_t last_stable;
    int64_t log_start;
    struct lc_aborted *aborted; /* ascending first_offset; read_committed only */
    size_t aborted_count;
    size_t aborted_next;    /* first that does not count yet */
    int64_t *bad_producers; /* whose transaction at this place was aborted */
    size_t bad_count;
    size_t size; /* bytes counted against the limit */
    /* the batch that is open */
    bool open;
    bool skip_batch; /* aborted, or control */
    struct proto_record_iter iter;
    struct lc_bytes *unpacked; /* decompressed records, NULL = in frame */
    struct lc_batch_info
        *info; /* of the open batch, in the leat_batch that is being filled; NULL = to be made */
    struct proto_batch_header header;
};

STAILQ_HEAD(lc_chunk_list, lc_chunk);
STAILQ_HEAD(lc_part_error_list, lc_part_error);
LIST_HEAD(lc_session_list, lc_session);

struct leat_consumer {
    TAILQ_ENTRY(leat_consumer) link; /* client->consumers, loop */
    struct lc_command start;
    struct lc_command stop;
    _Atomic int refs; /* handle, loop, requests in flight */
    struct leat_client *client;
    struct leat_conf *conf;
    struct lc_pool *pool;  /* the client's */
    int wait_fd;           /* eventfd: there is something for poll */
    _Atomic bool woken;    /* leat_consumer_wakeup */
    size_t queue_size_max; /* bytes */
    size_t poll_max;
    bool check_crcs;
    bool control_records; /* hand out markers of transactions */
    bool committed;       /* isolation.level=read_committed */

    pthread_mutex_t lock;
    struct lc_part **parts;
    size_t part_count;
    struct leat_offsets
        *assigned; /* the list that parts were made from, in the same order: finds them */
    struct lc_topic *
        *dropped; /* metadata of partitions that are no longer assigned; the loop lets go of it */
    size_t dropped_count;
    struct lc_chunk_list queue;
    struct lc_chunk_list parked; /* of paused partitions */
    size_t queued;               /* bytes of chunks in the queue, in `current` and parked */
    size_t parked_size;          /* bytes of those parked */
    unsigned assignments;        /* counts leat_consumer_assign: sessions begin anew */
    struct lc_part_error_list errors;
    bool closed;
    bool waiting;   /* poll sleeps on wait_fd */
    bool throttled; /* the loop does not fetch until less is queued */
    /* polling thread */
    struct lc_chunk *current; /* partly read; lock to replace */
    size_t unpacked_size;     /* of the last compressed batch: the next may be as large */
    /* loop */
    struct lc_session_list sessions; /* one per leader that was fetched from */
    size_t session_count;
};

/* leat_batch: records and what they point into. */
struct leat_batch {
    _Atomic int refs;
    struct lt_arena arena; /* topics, infos, headers */
    struct leat_record *records;
    size_t count;
    size_t capacity;
    size_t count_max;
    struct lc_bytes **held; /* frames and unpacked bytes */
    size_t held_count;
    size_t held_capacity;
};

void lc_part_unref(struct lc_part *part);
void lc_chunk_free(struct lc_chunk *chunk);

/* What was fetched and asked for this partition counts no more: drop it with lc_consumer_drop_stale. Lock held. */
void lc_part_renew(struct lc_part *part);

/* Free chunks that count no more. Not `current`, which poll may be decoding: poll drops it. Lock held. */
void lc_consumer_drop_stale(struct leat_consumer *c);

/* The assigned partition, NULL = none. Lock held. */
struct lc_part *
lc_consumer_part(const struct leat_consumer *c, const char *topic, int32_t partition);

/* 0, or why the consumer cannot be used: NULL, or inherited through a fork. */
int lc_consumer_usable(const struct leat_consumer *c, struct leat_error **reterr);

/* Bytes that may wait besides what is parked. Lock held. */
static inline size_t lc_consumer_room(const struct leat_consumer *c)
{
    return c->queue_size_max > c->parked_size ? c->queue_size_max - c->parked_size : 0;
}

/* Is so much waiting that nothing is to be fetched? Lock held. */
static inline bool lc_consumer_full(const struct leat_consumer *c)
{
    return c->queued - c->parked_size >= (lc_consumer_room(c) + 1) / 2;
}

/* A chunk of a paused partition: kept, or dropped together with all others of the partition, which then is fetched again from where poll is. The
 * chunk is the callee's in any case. Lock held. */
void lc_consumer_park(struct leat_consumer *c, struct lc_chunk *chunk);
void lc_consumer_unref(struct leat_consumer *c);

/* Something for poll (or the application's loop) has come. Lock held. */
void lc_consumer_notify(struct leat_consumer *c);

/* batch.c, polling thread: take records out of a chunk until the batch is full or the chunk empty. *ret_position is the next offset. Returns 0 or
 * the error of the next batch, with what came before it taken: LEAT_ECORRUPT, LEAT_ECODEC, LEAT_ENOMEM. */
int lc_batch_fill(struct leat_batch *batch,
                  struct leat_consumer *c,
                  struct lc_chunk *chunk,
                  int64_t *ret_position);
struct leat_batch *lc_leat_batch_new(size_t count_max);

/* fetcher.c, loop. */
int64_t lc_fetcher_turn(struct leat_consumer *c, int64_t now);

/* loop, lock held: a request for the partition failed with this code: look up, tell, refresh the metadata, pause, as it needs. */
void lc_fetcher_take_error(struct leat_consumer *c, struct lc_part *part, int err);

/* loop, lock held: an answer without error: the next pause is short, the next error is news. */
void lc_fetcher_succeeded(struct leat_consumer *c, struct lc_part *part);

/* loop, lock held: try again after a pause. */
void lc_fetcher_pause(struct leat_consumer *c, struct lc_part *part);

/* loop, lock held: the log behind fetch_offset is not the one that was read: it was cut at `end` (-1: nothing of it is left). `what` says how, if nobody may
 * decide for the application. */
void lc_fetcher_truncated(struct leat_consumer *c,
                          struct lc_part *part,
                          int64_t end,
                          const char *what);

/* loop, lock held: an error of a partition that lasts. The same one is told at most every few seconds. */
void lc_fetcher_tell(struct leat_consumer *c, struct lc_part *part, int code, const char *message);

#endif
