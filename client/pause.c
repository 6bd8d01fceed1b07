/* pause.c: partitions that poll leaves out for a while, and what was fetched of them before. */
#include "client/consumer_impl.h"

#include "base/alloc.h"

/* ---- chunks that wait for resume ---- */

/* All that was fetched of a paused partition goes; after resume it is fetched again from where poll is. Lock held. */
static void drop_fetched(struct leat_consumer *c, struct lc_part *part)
{
    lc_part_renew(part);
    lc_consumer_drop_stale(c);
    if (part->state == LC_PART_FETCH || part->state == LC_PART_CHECK) {
        part->state = LC_PART_FETCH;
        part->fetch_offset = part->position;
        part->fetched_epoch = -1;
    }
}

/* A chunk that stays for long must not hold the bytes of others: it gets a copy of its own. Without memory for that it stays as it is. */
static void own_bytes(struct lc_chunk *chunk)
{
    struct lc_bytes *own;
    const uint8_t *from = chunk->rest.data;

    if (chunk->frame->buf.size <= chunk->rest.size + chunk->rest.size / 4) {
        return;
    }
    own = lc_bytes_new(chunk->rest.size);
    if (own == NULL || lt_buf_append(&own->buf, from, chunk->rest.size) < 0) {
        lc_bytes_unref(own);
        return;
    }
    if (chunk->open && !chunk->skip_batch && chunk->unpacked == NULL) {
        chunk->iter.next = own->buf.data + (chunk->iter.next - from);
        chunk->iter.end = own->buf.data + (chunk->iter.end - from);
    }
    chunk->rest.data = own->buf.data;
    lc_bytes_unref(chunk->frame);
    chunk->frame = own;
}

void lc_consumer_park(struct leat_consumer *c, struct lc_chunk *chunk)
{
    struct lc_part *part = chunk->part;

    /* What has no room; and what comes behind something that had none. */
    if (c->parked_size + chunk->size > c->queue_size_max / 2 || chunk->seq != part->seq) {
        if (chunk->seq == part->seq) {
            drop_fetched(c, part);
        }
        c->queued -= chunk->size;
        lc_chunk_free(chunk);
        return;
    }
    own_bytes(chunk);
    c->parked_size += chunk->size;
    STAILQ_INSERT_TAIL(&c->parked, chunk, link);
}

/* Chunks of paused partitions leave the queue. Lock held. */
static void park_paused(struct leat_consumer *c)
{
    struct lc_chunk_list chunks = STAILQ_HEAD_INITIALIZER(chunks);
    struct lc_chunk *chunk;

    STAILQ_CONCAT(&chunks, &c->queue);
    if (c->current != NULL && c->current->part->paused) {
        STAILQ_INSERT_HEAD(&chunks, c->current, link);
        c->current = NULL;
    }
    while ((chunk = STAILQ_FIRST(&chunks)) != NULL) {
        STAILQ_REMOVE_HEAD(&chunks, link);
        if (chunk->part->paused) {
            lc_consumer_park(c, chunk);
        } else {
            STAILQ_INSERT_TAIL(&c->queue, chunk, link);
        }
    }
}

/* Chunks of partitions that go on come before what was fetched later. Lock held. */
static void unpark_resumed(struct leat_consumer *c)
{
    struct lc_chunk_list chunks = STAILQ_HEAD_INITIALIZER(chunks);
    struct lc_chunk_list resumed = STAILQ_HEAD_INITIALIZER(resumed);
    struct lc_chunk *chunk;

    STAILQ_CONCAT(&chunks, &c->parked);
    while ((chunk = STAILQ_FIRST(&chunks)) != NULL) {
        STAILQ_REMOVE_HEAD(&chunks, link);
        if (chunk->part->paused) {
            STAILQ_INSERT_TAIL(&c->parked, chunk, link);
        } else {
            c->parked_size -= chunk->size;
            STAILQ_INSERT_TAIL(&resumed, chunk, link);
        }
    }
    STAILQ_CONCAT(&resumed, &c->queue);
    STAILQ_CONCAT(&c->queue, &resumed);
    if (!STAILQ_EMPTY(&c->queue)) {
        lc_consumer_notify(c);
    }
}

/* ---- calls of applications ---- */

/* Lock held. */
static int set_paused(struct leat_consumer *c, const struct leat_offsets *parts, bool paused)
{
    for (size_t i = 0; parts != NULL && i < parts->count; i++) {
        if (lc_consumer_part(c, parts->entries[i].topic, parts->entries[i].partition) == NULL) {
            return LEAT_ENOENT;
        }
    }
    for (size_t i = 0; parts != NULL && i < parts->count; i++) {
        lc_consumer_part(c, parts->entries[i].topic, parts->entries[i].partition)->paused = paused;
    }
    for (size_t i = 0; parts == NULL && i < c->part_count; i++) {
        c->parts[i]->paused = paused;
    }
    if (paused) {
        park_paused(c);
    } else {
        unpark_resumed(c);
    }
    return 0;
}

static int change(struct leat_consumer *c, const struct leat_offsets *parts, bool paused)
{
    int err = lc_consumer_usable(c, NULL);

    if (err < 0) {
        return err;
    }
    (void)pthread_mutex_lock(&c->lock);
    err = c->closed ? LEAT_ECLOSED : set_paused(c, parts, paused);
    (void)pthread_mutex_unlock(&c->lock);
    if (err == 0) {
        lc_client_wake(c->client); /* there may be something to fetch, or room for it */
    }
    return err;
}

int leat_consumer_pause(struct leat_consumer *c, const struct leat_offsets *parts)
{
    return change(c, parts, true);
}

int leat_consumer_resume(struct leat_consumer *c, const struct leat_offsets *parts)
{
    return change(c, parts, false);
}

int leat_consumer_paused(struct leat_consumer *c, struct leat_offsets **ret_parts)
{
    struct leat_offsets *list;
    int err = lc_consumer_usable(c, NULL);

    if (err < 0 || ret_parts == NULL) {
        return err < 0 ? err : LEAT_EINVAL;
    }
    list = leat_offsets_new();
    err = list == NULL ? LEAT_ENOMEM : 0;
    (void)pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->part_count && err == 0; i++) {
        const struct lc_part *part = c->parts[i];

        if (part->paused) {
            err = leat_offsets_add(list, part->topic, part->partition, part->position);
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (err < 0) {
        leat_offsets_free(list);
        return err;
    }
    *ret_parts = list;
    return 0;
}
