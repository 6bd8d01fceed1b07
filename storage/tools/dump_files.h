/* dump_files.h: prints indexes, producers, checkpoints and property files. Used by dump.c only.
 *
 * Threads: one at a time. Blocks and errors: as log_dump_file. */
#ifndef LOG_TOOLS_DUMP_FILES_H
#define LOG_TOOLS_DUMP_FILES_H

#include "storage/tools/dump.h"
#include "storage/tools/file_view.h"

/* Entries of an offset, time or transaction index. */
int log_dump_index(const struct log_file *file,
                   const struct log_dump_options *options,
                   struct log_view *view,
                   struct log_out *out,
                   struct leat_error **reterr);

/* Kafka's producer state. */
int log_dump_snapshot(const struct log_file *file,
                      struct log_view *view,
                      struct log_out *out,
                      struct leat_error **reterr);

/* leat's own. */
int log_dump_producers(const struct log_file *file,
                       struct log_view *view,
                       struct log_out *out,
                       struct leat_error **reterr);

/* Checkpoints, partition.metadata, meta.properties. */
int log_dump_text(const struct log_file *file,
                  struct log_view *view,
                  struct log_out *out,
                  struct leat_error **reterr);

#endif
