/* data_dir.h: one entry of log.dirs, as a place on disk: lock, identity, clean marker, what partitions lie in it.
 *
 *   .lock                  locked while the server runs; holds the owner's pid as text
 *   meta.properties        version=1, cluster.id, node.id, directory.id (Kafka's file)
 *   .kafka_cleanshutdown   there after a clean stop
 *
 * It knows no threads and opens no partition; store.c does.
 * Threads: the one that opens or closes the store, but for log_data_dir_remove_tree and log_data_dir_topic_id (any).
 * Source: Kafka MetaPropertiesEnsemble, CleanShutdownFileHandler, LogManager.lockLogDirs. */
#ifndef LOG_DATA_DIR_H
#define LOG_DATA_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file_ops.h"
#include "proto/uuid.h"

#define LOG_TOPIC_NAME_MAX 249 /* Kafka's limit */
#define LOG_DIR_NAME_SIZE 256  /* a file name and the NUL */

/* A directory that looks like a partition's. */
struct log_dir_entry {
    char name[LOG_DIR_NAME_SIZE];       /* in the data directory */
    char topic[LOG_TOPIC_NAME_MAX + 1]; /* "" when `deleting` */
    int32_t partition;
    bool deleting; /* <name>.<uuid>-delete: a deletion had begun */
    bool claimed;  /* by log_store_add or log_store_remove_topic_id */
};

struct log_data_dir {
    const struct lt_file_ops *ops; /* borrowed */
    char *path;
    int lock_fd; /* -1: not locked */
    bool fresh;  /* there was no meta.properties and nothing else */
    bool clean;  /* the clean marker was there */
    char cluster_id[PROTO_UUID_TEXT_SIZE];
    char directory_id[PROTO_UUID_TEXT_SIZE];
    struct log_dir_entry *entries; /* sorted by name */
    size_t entry_count;
};

/* Make the directory if it is missing, lock it, read its identity and its listing. Changes nothing else: a directory
 * that is refused stays as it is. `path` is copied.
 *
 * LEAT_ELOCKED names the owner's pid; LEAT_EMISMATCH: not empty and without meta.properties, or another node's;
 * LEAT_ECORRUPT, LEAT_EUNSUPPORTED: meta.properties; LEAT_EREADONLY, LEAT_EIO, LEAT_ENOSPACE: what the system said. */
int log_data_dir_open(const struct lt_file_ops *ops,
                      const char *path,
                      int32_t node_id,
                      struct log_data_dir *ret_dir,
                      struct leat_error **reterr);

/* Only the lock of a directory that is there: nobody else may use it until the descriptor is closed. LEAT_ELOCKED names the
 * owner's pid; LEAT_EREADONLY, LEAT_EIO. */
int log_data_dir_lock(const struct lt_file_ops *ops,
                      const char *dir,
                      int *ret_fd,
                      struct leat_error **reterr);

/* Unlock and free; a directory that was never opened (path NULL) is accepted. */
void log_data_dir_release(struct log_data_dir *dir);

/* Write meta.properties of a fresh directory (or of one without a directory.id). Blocks for the disk. */
int log_data_dir_identify(struct log_data_dir *dir,
                          const char *cluster_id,
                          int32_t node_id,
                          struct leat_error **reterr);

/* Remove the clean marker for good (the directory is synced), remembering in `clean` that it was there. */
int log_data_dir_remove_marker(struct log_data_dir *dir, struct leat_error **reterr);
int log_data_dir_write_marker(struct log_data_dir *dir, struct leat_error **reterr);

/* NULL: no such directory. */
struct log_dir_entry *log_data_dir_find(struct log_data_dir *dir, const char *name);

/* The id in <data directory>/<name>/partition.metadata. LEAT_ENOENT, LEAT_ECORRUPT, LEAT_EIO. */
int log_data_dir_topic_id(const struct log_data_dir *dir,
                          const char *name,
                          struct proto_uuid *ret_id,
                          struct leat_error **reterr);

/* Remove a directory with its files (no deeper), then sync its parent. One that is gone already is fine. */
int log_data_dir_remove_tree(const struct lt_file_ops *ops,
                             const char *parent,
                             const char *path,
                             struct leat_error **reterr);

/* The path "<root>/<name>.<uuid>-delete" for a directory that is to be deleted, with a new random uuid and as much of the
 * name as a file name has room for. To be freed with lt_free. LEAT_ENOMEM, LEAT_EIO (no random bytes). */
int log_dir_delete_path(const char *root, const char *name, char **ret_path);

/* "orders-0" -> "orders", 0; ret_topic has room for LOG_TOPIC_NAME_MAX + 1 bytes. False: not the name of a partition
 * directory. */
bool log_dir_name_parse(const char *name, char *ret_topic, int32_t *ret_partition);

#endif
