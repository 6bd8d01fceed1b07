#include "storage/epoch_cache.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"

#define EPOCH_FILE "leader-epoch-checkpoint"
#define EPOCH_FILE_SIZE_MAX ((size_t)16 << 20)
#define EPOCH_PATH_MAX 4352

void log_epoch_cache_init(struct log_epoch_cache *cache)
{
    (void)pthread_mutex_init(&cache->lock, NULL); /* a default mutex cannot fail here */
    cache->entries = NULL;
    cache->count = 0;
    cache->capacity = 0;
}

void log_epoch_cache_release(struct log_epoch_cache *cache)
{
    (void)pthread_mutex_destroy(&cache->lock);
    lt_free(cache->entries);
    cache->entries = NULL;
    cache->count = 0;
    cache->capacity = 0;
}

/* With the lock held. */
static int push(struct log_epoch_cache *cache, int32_t epoch, int64_t start_offset)
{
    if (cache->count == cache->capacity) {
        size_t capacity = cache->capacity == 0 ? 4 : cache->capacity * 2;
        struct log_epoch_entry *entries =
            lt_reallocarray(cache->entries, capacity, sizeof(*entries));
        if (entries == NULL) {
            return LEAT_ENOMEM;
        }
        cache->entries = entries;
        cache->capacity = capacity;
    }
    LT_ASSERT(cache->entries != NULL && cache->count < cache->capacity);
    cache->entries[cache->count++] = (struct log_epoch_entry){start_offset, epoch};
    return 0;
}

/* One number, then the separator. */
static bool read_number(const char **text, char separator, int64_t max, int64_t *ret)
{
    if (**text < '0' || **text > '9') {
        return false;
    }
    char *end;
    errno = 0;
    long long value = strtoll(*text, &end, 10);
    if (errno != 0 || value > max || *end != separator) {
        return false;
    }
    *text = end + 1;
    *ret = value;
    return true;
}

static int parse(struct log_epoch_cache *cache, const char *text)
{
    int64_t version;
    int64_t count;
    if (!read_number(&text, '\n', 0, &version) || !read_number(&text, '\n', INT32_MAX, &count)) {
        return LT_CORRUPT();
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t epoch;
        int64_t offset;
        if (!read_number(&text, ' ', INT32_MAX, &epoch) ||
            !read_number(&text, '\n', INT64_MAX, &offset)) {
            return LT_CORRUPT();
        }
        const struct log_epoch_entry *last =
            cache->count == 0 ? NULL : &cache->entries[cache->count - 1];
        if (last != NULL && (last->epoch >= epoch || last->start_offset > offset)) {
            return LT_CORRUPT();
        }
        int err = push(cache, (int32_t)epoch, offset);
        if (err != 0) {
            return err;
        }
    }
    return *text == '\0' ? 0 : LT_CORRUPT();
}

int log_epoch_cache_load(struct log_epoch_cache *cache,
                         const struct lt_file_ops *ops,
                         const char *dir)
{
    char path[EPOCH_PATH_MAX];
    int written = snprintf(path, sizeof(path), "%s/" EPOCH_FILE, dir);
    LT_ASSERT(written > 0 && (size_t)written < sizeof(path));
    struct lt_buf buf;
    lt_buf_init(&buf);
    int err = lt_file_read(ops, path, EPOCH_FILE_SIZE_MAX, &buf);
    if (err == 0) {
        const char *text = lt_buf_text(&buf);
        (void)pthread_mutex_lock(&cache->lock);
        err = text == NULL ? LEAT_ENOMEM : parse(cache, text);
        if (err != 0) {
            cache->count = 0;
        }
        (void)pthread_mutex_unlock(&cache->lock);
    }
    lt_buf_release(&buf);
    return err;
}

int log_epoch_cache_save(struct log_epoch_cache *cache,
                         const struct lt_file_ops *ops,
                         const char *dir)
{
    char path[EPOCH_PATH_MAX];
    int written = snprintf(path, sizeof(path), "%s/" EPOCH_FILE, dir);
    LT_ASSERT(written > 0 && (size_t)written < sizeof(path));
    struct lt_buf buf;
    lt_buf_init(&buf);
    (void)pthread_mutex_lock(&cache->lock);
    int err = lt_buf_printf(&buf, "0\n%zu\n", cache->count);
    for (size_t i = 0; err == 0 && i < cache->count; i++) {
        const struct log_epoch_entry *entry = &cache->entries[i];
        err = lt_buf_printf(&buf, "%" PRId32 " %" PRId64 "\n", entry->epoch, entry->start_offset);
    }
    (void)pthread_mutex_unlock(&cache->lock);
    if (err == 0) {
        err = lt_file_replace(ops, path, lt_buf_slice(&buf));
    }
    lt_buf_release(&buf);
    return err;
}

int log_epoch_cache_assign(struct log_epoch_cache *cache, int32_t epoch, int64_t start_offset)
{
    (void)pthread_mutex_lock(&cache->lock);
    int err = 0;
    if (cache->count == 0 || cache->entries[cache->count - 1].epoch < epoch) {
        while (cache->count > 0 && cache->entries[cache->count - 1].start_offset >= start_offset) {
            cache->count--;
        }
        err = push(cache, epoch, start_offset);
    }
    (void)pthread_mutex_unlock(&cache->lock);
    return err;
}

void log_epoch_cache_cut_end(struct log_epoch_cache *cache, int64_t end_offset)
{
    (void)pthread_mutex_lock(&cache->lock);
    while (cache->count > 0 && cache->entries[cache->count - 1].start_offset > end_offset) {
        cache->count--;
    }
    (void)pthread_mutex_unlock(&cache->lock);
}

/* The epoch of log start keeps an entry, which then begins there. */
void log_epoch_cache_cut_start(struct log_epoch_cache *cache, int64_t log_start)
{
    (void)pthread_mutex_lock(&cache->lock);
    size_t gone = 0;
    while (gone + 1 < cache->count && cache->entries[gone + 1].start_offset <= log_start) {
        gone++;
    }
    if (gone > 0) {
        memmove(cache->entries, cache->entries + gone,
                (cache->count - gone) * sizeof(*cache->entries));
        cache->count -= gone;
    }
    if (cache->count > 0 && cache->entries[0].start_offset < log_start) {
        cache->entries[0].start_offset = log_start;
    }
    (void)pthread_mutex_unlock(&cache->lock);
}

int32_t log_epoch_cache_latest(struct log_epoch_cache *cache)
{
    (void)pthread_mutex_lock(&cache->lock);
    int32_t epoch = cache->count == 0 ? -1 : cache->entries[cache->count - 1].epoch;
    (void)pthread_mutex_unlock(&cache->lock);
    return epoch;
}

int32_t log_epoch_cache_at(struct log_epoch_cache *cache, int64_t offset)
{
    int32_t epoch = -1;
    (void)pthread_mutex_lock(&cache->lock);
    for (size_t i = cache->count; i > 0; i--) {
        if (cache->entries[i - 1].start_offset <= offset) {
            epoch = cache->entries[i - 1].epoch;
            break;
        }
    }
    (void)pthread_mutex_unlock(&cache->lock);
    return epoch;
}

void log_epoch_cache_end(struct log_epoch_cache *cache,
                         int32_t epoch,
                         int64_t log_end,
                         int32_t *ret_epoch,
                         int64_t *ret_end_offset)
{
    *ret_epoch = -1;
    *ret_end_offset = -1;
    (void)pthread_mutex_lock(&cache->lock);
    const struct log_epoch_entry *entries = cache->entries;
    size_t count = cache->count;
    if (epoch >= 0 && count > 0 && epoch <= entries[count - 1].epoch) {
        size_t after = 0; /* first entry with a later epoch */
        while (after < count && entries[after].epoch <= epoch) {
            after++;
        }
        *ret_epoch = after == 0 ? epoch : entries[after - 1].epoch;
        *ret_end_offset = after == count ? log_end : entries[after].start_offset;
    }
    (void)pthread_mutex_unlock(&cache->lock);
}
