/* consumer_impl.h: shared by consumer.c (calls of applications), fetcher.c (the loop's side) and batch.c (records out of fetched bytes) alone.
 *
 *   loop                                  application's thread
 *   lookup -> fetch -> chunk -> queue --> poll -> leat_batch
 *
 * A chunk is what one fetch answer brought for one partition: it holds a reference to the answer's bytes. `seq` of a partition is raised by assign
 * and seek; chunks and answers with an older one are dropped. The loop fetches ahead of the application until queued.max.messages.kbytes wait.
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
};

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
    bool in_request;  /* a fetch or lookup for it is out */
    int64_t retry_at; /* ns */
    int64_t backoff_ms;
    int64_t tell_at;           /* ns: a lasting error is told again then */
    struct lc_topic *metadata; /* what it points to: loop */
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

struct leat_consumer {
    TAILQ_ENTRY(leat_consumer) link; /* client->consumers, loop */
    struct lc_command start;
    struct lc_command stop;
    _Atomic int refs; /* handle, loop, requests in flight */
    struct leat_client *client;
    struct leat_conf *conf;
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
    struct lc_topic *
        *dropped; /* metadata of partitions that are no longer assigned; the loop lets go of it */
    size_t dropped_count;
    struct lc_chunk_list queue;
    size_t queued; /* bytes of chunks in the queue and in `current` */
    struct lc_part_error_list errors;
    bool closed;
    bool waiting;   /* poll sleeps on wait_fd */
    bool throttled; /* the loop does not fetch until less is queued */
    /* polling thread */
    struct lc_chunk *current; /* partly read; lock to replace */
    /* loop */
    size_t rotor; /* partition that comes first in the next fetch */
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
void lc_consumer_unref(struct leat_consumer *c);

/* Something for poll (or the application's loop) has come. Lock held. */
void lc_consumer_notify(struct leat_consumer *c);

/* batch.c, polling thread: take records out of a chunk until the batch is full or the chunk empty. *ret_position is the next offset. Returns 0 or
 * the error of the next batch, with what came before it taken: LEAT_ECORRUPT, LEAT_ECODEC, LEAT_ENOMEM. */
int lc_batch_fill(struct leat_batch *batch,
                  const struct leat_consumer *c,
                  struct lc_chunk *chunk,
                  int64_t *ret_position);
struct leat_batch *lc_leat_batch_new(size_t count_max);

/* fetcher.c, loop. */
int64_t lc_fetcher_turn(struct leat_consumer *c, int64_t now);

/* loop, lock held: an error of a partition that lasts. Told at most every few seconds. */
void lc_fetcher_tell(struct leat_consumer *c, struct lc_part *part, int code, const char *message);

#endif
