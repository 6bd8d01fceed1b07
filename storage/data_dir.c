/* data_dir.c: lock, identity, marker and listing of one data directory. */
#include "storage/data_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "storage/meta_properties.h"

#define LOCK_NAME ".lock"
#define MARKER_NAME ".kafka_cleanshutdown"
#define META_NAME "meta.properties"
#define META_SIZE_MAX 65536
#define PARTITION_METADATA_NAME "partition.metadata"
#define DELETE_SUFFIX "-delete"

static int make_dirs(const struct lt_file_ops *ops, const char *path, struct leat_error **reterr);
static int read_identity(struct log_data_dir *dir, int32_t node_id, struct leat_error **reterr);
static int list(struct log_data_dir *dir, bool *ret_empty, struct leat_error **reterr);

int log_data_dir_open(const struct lt_file_ops *ops,
                      const char *path,
                      int32_t node_id,
                      struct log_data_dir *ret_dir,
                      struct leat_error **reterr)
{
    struct log_data_dir dir = {.ops = ops, .path = lt_strdup(path), .lock_fd = -1};
    if (dir.path == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "%s: %s", path, lt_err_text(LEAT_ENOMEM));
    }
    bool empty = false;
    int err = make_dirs(ops, path, reterr);
    if (err == 0) {
        err = log_data_dir_lock(ops, path, &dir.lock_fd, reterr);
    }
    if (err == 0) {
        err = list(&dir, &empty, reterr);
    }
    if (err == 0) {
        err = read_identity(&dir, node_id, reterr);
    }
    if (err == LEAT_ENOENT && empty) {
        lt_error_free(reterr == NULL ? NULL : *reterr);
        if (reterr != NULL) {
            *reterr = NULL;
        }
        dir.fresh = true;
        err = 0;
    } else if (err == LEAT_ENOENT) {
        err = lt_error_set(reterr, LEAT_EMISMATCH,
                           "%s: the directory is not empty and has no " META_NAME
                           ": is it the right one, is its file system mounted?",
                           path);
    }
    if (err < 0) {
        log_data_dir_release(&dir);
        return err;
    }
    *ret_dir = dir;
    return 0;
}

void log_data_dir_release(struct log_data_dir *dir)
{
    if (dir->path == NULL) {
        return;
    }
    if (dir->lock_fd >= 0) {
        (void)dir->ops->close(dir->ops, dir->lock_fd); /* gives the lock up; nothing to save */
    }
    lt_free(dir->entries);
    lt_free(dir->path);
    *dir = (struct log_data_dir){.lock_fd = -1};
}

/* Each missing part of the path, and its parent synced, so that the directory outlives a power cut. */
static int make_dirs(const struct lt_file_ops *ops, const char *path, struct leat_error **reterr)
{
    char *part = lt_strdup(path);
    if (part == NULL || path[0] == '\0') {
        lt_free(part);
        return path[0] == '\0'
                   ? lt_error_set(reterr, LEAT_EINVAL, "an entry of log.dirs is empty")
                   : lt_error_set(reterr, LEAT_ENOMEM, "%s: %s", path, lt_err_text(LEAT_ENOMEM));
    }
    int err = 0;
    size_t size = strlen(part);
    for (size_t i = 1; err == 0 && i <= size; i++) {
        if (part[i] != '/' && part[i] != '\0') {
            continue;
        }
        char kept = part[i];
        struct stat info;
        part[i] = '\0';
        if (stat(part, &info) == 0) {
            if (!S_ISDIR(info.st_mode)) {
                err = lt_error_set(reterr, LEAT_EIO, "%s: not a directory", part);
            }
        } else {
            err = ops->mkdir(ops, part, 0755);
            err = err == LEAT_EEXISTS ? 0 : err;
            if (err < 0) {
                (void)lt_error_set_errno(reterr, err, errno,
                                         "%s: cannot make the data folder as user %u", part,
                                         (unsigned)geteuid());
            } else {
                char *slash = strrchr(part, '/');
                if (slash != NULL) {
                    *slash = '\0';
                }
                err = ops->fsync_dir(ops, slash == NULL ? "." : slash == part ? "/" : part);
                if (err < 0) {
                    (void)lt_error_set_errno(reterr, err, errno, "%s: parent directory", path);
                }
                if (slash != NULL) {
                    *slash = '/';
                }
            }
        }
        part[i] = kept;
    }
    lt_free(part);
    return err;
}

/* flock against another leatd; a lock of fcntl's kind too, since that is what a Kafka holds. */
static bool try_lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return flock(fd, LOCK_EX | LOCK_NB) == 0 && fcntl(fd, F_OFD_SETLK, &whole) == 0;
}

int log_data_dir_lock(const struct lt_file_ops *ops,
                      const char *dir,
                      int *ret_fd,
                      struct leat_error **reterr)
{
    char path[4096];
    int length = snprintf(path, sizeof(path), "%s/" LOCK_NAME, dir);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        return lt_error_set(reterr, LEAT_EINVAL, "%s: path too long", dir);
    }
    int fd;
    int err = ops->open(ops, path, O_RDWR | O_CREAT, 0644, &fd);
    if (err < 0) {
        return lt_error_set_errno(reterr, err, errno, "%s", path);
    }
    char pid[32] = "";
    if (!try_lock(fd)) {
        size_t size = 0;
        if (ops->pread(ops, fd, pid, sizeof(pid) - 1, 0, &size) < 0) {
            size = 0;
        }
        pid[size] = '\0';
        pid[strspn(pid, "0123456789")] = '\0';
        (void)ops->close(ops, fd); /* not ours */
        return lt_error_set(reterr, LEAT_ELOCKED,
                            "%s: in use by process %s; stop it, or use another data folder", dir,
                            pid[0] == '\0' ? "(unknown: it wrote no pid)" : pid);
    }
    length = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    err = ops->ftruncate(ops, fd, 0);
    if (err == 0) {
        err = ops->pwrite(ops, fd, pid, (size_t)length, 0);
    }
    if (err == LEAT_ENOSPACE) {
        err =
            0; /* the lock holds without its text; a full disk must not keep the server from deleting things */
    }
    if (err < 0) {
        err = lt_error_set_errno(reterr, err, errno, "%s", path);
        (void)ops->close(ops, fd); /* the first error is the one to report */
        return err;
    }
    *ret_fd = fd;
    return 0;
}

/* ---- identity ---- */

static char *path_of(const struct log_data_dir *dir, const char *name)
{
    return lt_asprintf("%s/%s", dir->path, name);
}

static int no_memory(const struct log_data_dir *dir, struct leat_error **reterr)
{
    return lt_error_set(reterr, LEAT_ENOMEM, "%s: %s", dir->path, lt_err_text(LEAT_ENOMEM));
}

static int read_identity(struct log_data_dir *dir, int32_t node_id, struct leat_error **reterr)
{
    char *path = path_of(dir, META_NAME);
    if (path == NULL) {
        return no_memory(dir, reterr);
    }
    struct log_meta_properties meta;
    struct lt_buf text;
    lt_buf_init(&text);
    int err = lt_file_read(dir->ops, path, META_SIZE_MAX, &text);
    if (err < 0) {
        err = lt_error_set_errno(reterr, err, errno, "%s", path);
    } else {
        err = log_meta_properties_parse(lt_buf_slice(&text), path, &meta, reterr);
    }
    lt_buf_release(&text);
    if (err == 0 && meta.node_id != node_id) {
        err = lt_error_set(reterr, LEAT_EMISMATCH,
                           "%s: belongs to node.id=%" PRId32 ", this server is node.id=%" PRId32,
                           path, meta.node_id, node_id);
    }
    if (err == 0) {
        memcpy(dir->cluster_id, meta.cluster_id, sizeof(dir->cluster_id));
        memcpy(dir->directory_id, meta.directory_id, sizeof(dir->directory_id));
    }
    lt_free(path);
    return err;
}

int log_data_dir_identify(struct log_data_dir *dir,
                          const char *cluster_id,
                          int32_t node_id,
                          struct leat_error **reterr)
{
    struct log_meta_properties meta = {.node_id = node_id};
    LT_ASSERT(strlen(cluster_id) == sizeof(meta.cluster_id) - 1);
    struct proto_uuid id;
    int err = proto_uuid_random(&id);
    if (err < 0) {
        return lt_error_set(reterr, err, "%s: no random bytes for its id", dir->path);
    }
    memcpy(meta.cluster_id, cluster_id, sizeof(meta.cluster_id));
    (void)proto_uuid_format(id, meta.directory_id);
    char *path = path_of(dir, META_NAME);
    struct lt_buf text;
    lt_buf_init(&text);
    err = path == NULL ? LEAT_ENOMEM : log_meta_properties_format(&meta, &text);
    if (err < 0) {
        err = no_memory(dir, reterr);
    } else {
        err = lt_file_replace(dir->ops, path, lt_buf_slice(&text));
        if (err < 0) {
            (void)lt_error_set_errno(reterr, err, errno, "%s", path);
        }
    }
    if (err == 0) {
        memcpy(dir->cluster_id, meta.cluster_id, sizeof(dir->cluster_id));
        memcpy(dir->directory_id, meta.directory_id, sizeof(dir->directory_id));
    }
    lt_buf_release(&text);
    lt_free(path);
    return err;
}

/* ---- clean marker ---- */

int log_data_dir_remove_marker(struct log_data_dir *dir, struct leat_error **reterr)
{
    char *path = path_of(dir, MARKER_NAME);
    if (path == NULL) {
        return no_memory(dir, reterr);
    }
    int err = dir->ops->unlink(dir->ops, path);
    dir->clean = err == 0;
    if (err == 0) {
        err = dir->ops->fsync_dir(dir->ops, dir->path);
    } else if (err == LEAT_ENOENT) {
        err = 0;
    }
    if (err < 0) {
        (void)lt_error_set_errno(reterr, err, errno, "%s", path);
    }
    lt_free(path);
    return err;
}

int log_data_dir_write_marker(struct log_data_dir *dir, struct leat_error **reterr)
{
    char *path = path_of(dir, MARKER_NAME);
    if (path == NULL) {
        return no_memory(dir, reterr);
    }
    int err = lt_file_replace(dir->ops, path, lt_slice_text("{\"version\":0,\"brokerEpoch\":-1}"));
    if (err < 0) {
        (void)lt_error_set_errno(reterr, err, errno, "%s", path);
    }
    lt_free(path);
    return err;
}

/* ---- listing ---- */

/* Names that may stand in a directory that was never used: a lock, what a crash of the very first start left, and what
 * mkfs puts into a new file system. */
static bool counts_as_empty(const char *name)
{
    return strcmp(name, LOCK_NAME) == 0 || strcmp(name, META_NAME ".tmp") == 0 ||
           strcmp(name, "lost+found") == 0;
}

static bool is_dir(const char *root, const struct dirent *found)
{
    if (found->d_type != DT_UNKNOWN && found->d_type != DT_LNK) {
        return found->d_type == DT_DIR;
    }
    char path[4096 + LOG_DIR_NAME_SIZE];
    int length = snprintf(path, sizeof(path), "%s/%s", root, found->d_name);
    struct stat info;
    return length > 0 && (size_t)length < sizeof(path) && stat(path, &info) == 0 &&
           S_ISDIR(info.st_mode);
}

int log_dir_delete_path(const char *root, const char *name, char **ret_path)
{
    struct proto_uuid id;
    int err = proto_uuid_random(&id);
    if (err < 0) {
        return err;
    }
    char text[PROTO_UUID_TEXT_SIZE];
    int room = (int)(NAME_MAX - sizeof(text) - strlen(DELETE_SUFFIX)); /* sizeof: with the dot */
    *ret_path =
        lt_asprintf("%s/%.*s.%s" DELETE_SUFFIX, root, room, name, proto_uuid_format(id, text));
    return *ret_path == NULL ? LEAT_ENOMEM : 0;
}

bool log_dir_name_parse(const char *name, char *ret_topic, int32_t *ret_partition)
{
    const char *dash = strrchr(name, '-');
    if (dash == NULL || dash == name || (size_t)(dash - name) > LOG_TOPIC_NAME_MAX) {
        return false;
    }
    size_t digits = strspn(dash + 1, "0123456789");
    if (digits == 0 || digits > 10 || dash[1 + digits] != '\0' || (digits > 1 && dash[1] == '0')) {
        return false;
    }
    long long number = strtoll(dash + 1, NULL, 10); /* at most ten digits */
    if (number > INT32_MAX) {
        return false;
    }
    for (const char *p = name; p < dash; p++) {
        bool letter =
            (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
        if (!letter && *p != '.' && *p != '_' && *p != '-') {
            return false;
        }
    }
    memcpy(ret_topic, name, (size_t)(dash - name));
    ret_topic[dash - name] = '\0';
    *ret_partition = (int32_t)number;
    return true;
}

static bool entry_of(const char *name, struct log_dir_entry *ret)
{
    size_t size = strlen(name);
    if (size >= sizeof(ret->name)) {
        return false;
    }
    *ret = (struct log_dir_entry){.partition = -1};
    memcpy(ret->name, name, size + 1);
    size_t suffix = strlen(DELETE_SUFFIX);
    if (size > suffix && strcmp(name + size - suffix, DELETE_SUFFIX) == 0) {
        ret->deleting = true;
        return true;
    }
    return log_dir_name_parse(name, ret->topic, &ret->partition);
}

static int compare_names(const void *left, const void *right)
{
    const struct log_dir_entry *a = left;
    const struct log_dir_entry *b = right;
    return strcmp(a->name, b->name);
}

static int list(struct log_data_dir *dir, bool *ret_empty, struct leat_error **reterr)
{
    DIR *handle = opendir(dir->path);
    if (handle == NULL) {
        return lt_error_set_errno(reterr, lt_err_from_errno(errno), errno, "%s", dir->path);
    }
    bool empty = true;
    size_t capacity = 0;
    int err = 0;
    const struct dirent *found;
    while (err == 0 && (errno = 0, found = readdir(handle)) != NULL) {
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) {
            continue;
        }
        empty = empty && counts_as_empty(found->d_name);
        struct log_dir_entry entry;
        if (!is_dir(dir->path, found) || !entry_of(found->d_name, &entry)) {
            continue;
        }
        if (dir->entry_count == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            void *grown = lt_reallocarray(dir->entries, capacity, sizeof(entry));
            if (grown == NULL) {
                err = no_memory(dir, reterr);
                break;
            }
            dir->entries = grown;
        }
        dir->entries[dir->entry_count++] = entry;
    }
    if (err == 0 && errno != 0) {
        err = lt_error_set_errno(reterr, lt_err_from_errno(errno), errno, "%s: listing", dir->path);
    }
    (void)closedir(handle); /* only read */
    if (dir->entry_count > 0) {
        qsort(dir->entries, dir->entry_count, sizeof(dir->entries[0]), compare_names);
    }
    *ret_empty = empty;
    return err;
}

struct log_dir_entry *log_data_dir_find(struct log_data_dir *dir, const char *name)
{
    struct log_dir_entry key;
    size_t size = strlen(name);
    if (size >= sizeof(key.name) || dir->entry_count == 0) {
        return NULL;
    }
    memcpy(key.name, name, size + 1);
    return bsearch(&key, dir->entries, dir->entry_count, sizeof(key), compare_names);
}

int log_data_dir_topic_id(const struct log_data_dir *dir,
                          const char *name,
                          struct proto_uuid *ret_id,
                          struct leat_error **reterr)
{
    char *path = lt_asprintf("%s/%s/" PARTITION_METADATA_NAME, dir->path, name);
    if (path == NULL) {
        return no_memory(dir, reterr);
    }
    struct lt_buf text;
    lt_buf_init(&text);
    int err = lt_file_read(dir->ops, path, 4096, &text);
    if (err < 0) {
        err = lt_error_set_errno(reterr, err, errno, "%s", path);
    } else {
        err = log_partition_metadata_parse(lt_buf_slice(&text), path, ret_id, reterr);
    }
    lt_buf_release(&text);
    lt_free(path);
    return err;
}

/* ---- removal ---- */

static int remove_file(const struct lt_file_ops *ops,
                       const char *dir,
                       const char *name,
                       struct leat_error **reterr)
{
    char *path = lt_asprintf("%s/%s", dir, name);
    if (path == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "%s: %s", dir, lt_err_text(LEAT_ENOMEM));
    }
    int err = ops->unlink(ops, path);
    err = err == LEAT_ENOENT ? 0 : err;
    if (err < 0) {
        (void)lt_error_set_errno(reterr, err, errno, "%s", path);
    }
    lt_free(path);
    return err;
}

static int remove_files(const struct lt_file_ops *ops, const char *path, struct leat_error **reterr)
{
    DIR *handle = opendir(path);
    if (handle == NULL) {
        return errno == ENOENT
                   ? LEAT_ENOENT
                   : lt_error_set_errno(reterr, lt_err_from_errno(errno), errno, "%s", path);
    }
    int err = 0;
    const struct dirent *found;
    while (err == 0 && (found = readdir(handle)) != NULL) {
        if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0 &&
            strcmp(found->d_name, PARTITION_METADATA_NAME) != 0) {
            err = remove_file(ops, path, found->d_name, reterr);
        }
    }
    (void)closedir(handle); /* only read */
    if (err == 0) {
        /* Last, since it tells the next start what the directory is, should this be cut short. */
        err = remove_file(ops, path, PARTITION_METADATA_NAME, reterr);
    }
    return err;
}

int log_data_dir_remove_tree(const struct lt_file_ops *ops,
                             const char *parent,
                             const char *path,
                             struct leat_error **reterr)
{
    int err = remove_files(ops, path, reterr);
    if (err == 0) {
        ops->crash_point(ops, "delete_files_gone");
        err = ops->rmdir(ops, path);
        if (err < 0 && err != LEAT_ENOENT) {
            return lt_error_set_errno(reterr, err, errno, "%s", path);
        }
    }
    if (err < 0 && err != LEAT_ENOENT) {
        return err;
    }
    err = ops->fsync_dir(ops, parent);
    return err < 0 ? lt_error_set_errno(reterr, err, errno, "%s", parent) : 0;
}
