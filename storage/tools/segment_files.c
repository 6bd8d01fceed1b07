#include "storage/tools/segment_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/buf.h"

#define OFFSET_DIGITS 20

static const struct {
    const char *suffix;
    enum log_file_kind kind;
} segment_suffixes[] = {
    {".log", LOG_FILE_LOG},
    {".index", LOG_FILE_INDEX},
    {".timeindex", LOG_FILE_TIME_INDEX},
    {".txnindex", LOG_FILE_TXN_INDEX},
    {".snapshot", LOG_FILE_SNAPSHOT},
    {".producers", LOG_FILE_PRODUCERS},
};

static const struct {
    const char *name;
    enum log_file_kind kind;
} names[] = {
    {"leader-epoch-checkpoint", LOG_FILE_EPOCHS},
    {"partition.metadata", LOG_FILE_PARTITION},
    {"meta.properties", LOG_FILE_PROPERTIES},
    {"recovery-point-offset-checkpoint", LOG_FILE_OFFSET_CHECKPOINT},
    {"log-start-offset-checkpoint", LOG_FILE_OFFSET_CHECKPOINT},
    {"replication-offset-checkpoint", LOG_FILE_OFFSET_CHECKPOINT},
    {"cleaner-offset-checkpoint", LOG_FILE_OFFSET_CHECKPOINT},
};

static int
add_file(struct log_files *files, const char *path, enum log_file_kind kind, int64_t base);
static int
add_dir(struct log_files *files, const char *path, bool deeper, struct leat_error **reterr);
static int
add_entry(struct log_files *files, const char *path, bool deeper, struct leat_error **reterr);
static int compare(const void *a, const void *b);

enum log_file_kind log_file_classify(const char *path, int64_t *ret_base_offset)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    int64_t base = -1;
    enum log_file_kind kind = LOG_FILE_UNKNOWN;
    size_t digits = strspn(name, "0123456789");
    if (digits == OFFSET_DIGITS) {
        static const char *const states[] = {"", ".deleted", ".swap", ".cleaned"};
        const char *suffix = name + digits;
        for (size_t i = 0; i < sizeof(segment_suffixes) / sizeof(segment_suffixes[0]); i++) {
            size_t size = strlen(segment_suffixes[i].suffix);
            if (strncmp(suffix, segment_suffixes[i].suffix, size) != 0) {
                continue;
            }
            for (size_t j = 0; j < sizeof(states) / sizeof(states[0]); j++) {
                if (strcmp(suffix + size, states[j]) == 0) {
                    kind = segment_suffixes[i].kind;
                }
            }
        }
        errno = 0;
        base = strtoll(name, NULL, 10);
        kind = errno == 0 ? kind : LOG_FILE_UNKNOWN;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i].name) == 0) {
            kind = names[i].kind;
        }
    }
    if (ret_base_offset != NULL) {
        *ret_base_offset = base;
    }
    return kind;
}

int log_files_add(struct log_files *files, const char *path, struct leat_error **reterr)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return lt_error_set_errno(reterr, lt_err_from_errno(errno), errno, "%s", path);
    }
    if (!S_ISDIR(st.st_mode)) {
        int64_t base = 0;
        enum log_file_kind kind = log_file_classify(path, &base);
        if (kind == LOG_FILE_UNKNOWN) {
            return lt_error_set(
                reterr, LEAT_ENAME,
                "%s: not the name of a log file (20 digits and .log, .index, "
                ".timeindex, .txnindex, .snapshot or .producers; leader-epoch-checkpoint, "
                "partition.metadata, *-offset-checkpoint, meta.properties)",
                path);
        }
        return add_file(files, path, kind, base);
    }
    size_t before = files->count;
    int err = add_dir(files, path, true, reterr);
    if (err == 0 && files->count == before) {
        err = lt_error_set(reterr, LEAT_ENOENT,
                           "%s: neither a partition nor a data directory: no log files", path);
    }
    return err;
}

void log_files_release(struct log_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        lt_free(files->items[i].path);
    }
    lt_free(files->items);
    *files = (struct log_files){0};
}

char *log_file_beside(const char *path, const char *suffix)
{
    size_t dir = log_file_dir_size(path);
    const char *name = path + dir + (path[dir] == '/' ? 1 : 0);
    size_t stem = (size_t)(name - path) + strcspn(name, ".");
    return lt_asprintf("%.*s%s", (int)stem, path, suffix);
}

size_t log_file_dir_size(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) : 0;
}

static int
add_file(struct log_files *files, const char *path, enum log_file_kind kind, int64_t base)
{
    if (files->count == files->capacity) {
        size_t capacity = files->capacity == 0 ? 16 : files->capacity * 2;
        struct log_file *items = lt_reallocarray(files->items, capacity, sizeof(*items));
        if (items == NULL) {
            return LEAT_ENOMEM;
        }
        files->items = items;
        files->capacity = capacity;
    }
    char *copy = lt_strdup(path);
    if (copy == NULL) {
        return LEAT_ENOMEM;
    }
    files->items[files->count++] = (struct log_file){copy, base, kind};
    return 0;
}

/* The files of a directory, sorted, then those of the directories in it (`deeper`: one level). */
static int
add_dir(struct log_files *files, const char *path, bool deeper, struct leat_error **reterr)
{
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return lt_error_set_errno(reterr, lt_err_from_errno(errno), errno, "%s", path);
    }
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    size_t before = files->count;
    int err = 0;
    for (;;) {
        errno = 0;
        /* Its own stream, so that no other thread can be in it. */
        struct dirent *entry = readdir(dir); /* NOLINT(concurrency-mt-unsafe) */
        if (entry == NULL) {
            err = errno == 0 ? 0 : lt_error_set_errno(reterr, LEAT_EIO, errno, "%s", path);
            break;
        }
        if (entry->d_name[0] == '.') {
            continue;
        }
        char *full = lt_asprintf("%.*s/%s", (int)size, path, entry->d_name);
        if (full == NULL) {
            err = LEAT_ENOMEM;
            break;
        }
        err = add_entry(files, full, deeper, reterr);
        lt_free(full);
        if (err != 0) {
            break;
        }
    }
    (void)closedir(dir); /* only read */
    if (err == 0 && files->count > before) {
        qsort(files->items + before, files->count - before, sizeof(*files->items), compare);
    }
    return err;
}

static int
add_entry(struct log_files *files, const char *path, bool deeper, struct leat_error **reterr)
{
    int64_t base = 0;
    enum log_file_kind kind = log_file_classify(path, &base);
    if (kind != LOG_FILE_UNKNOWN) {
        /* What waits for deletion or is not finished does not belong to the log. */
        size_t size = strlen(path);
        char last = path[size - 1];
        bool settled = base < 0 || last == 'g' || last == 'x' || last == 't';
        return settled ? add_file(files, path, kind, base) : 0;
    }
    struct stat st;
    if (!deeper || stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return 0; /* not ours, or gone meanwhile */
    }
    return add_dir(files, path, false, reterr);
}

/* By directory, then by what the file is, segments in order of their offsets. */
static int compare(const void *a, const void *b)
{
    const struct log_file *left = a;
    const struct log_file *right = b;
    size_t left_dir = log_file_dir_size(left->path);
    size_t right_dir = log_file_dir_size(right->path);
    size_t common = left_dir < right_dir ? left_dir : right_dir;
    int order = strncmp(left->path, right->path, common);
    if (order != 0) {
        return order;
    }
    if (left_dir != right_dir) {
        return left_dir < right_dir ? -1 : 1;
    }
    if (left->base_offset != right->base_offset) {
        return left->base_offset < right->base_offset ? -1 : 1;
    }
    return (int)left->kind - (int)right->kind;
}
