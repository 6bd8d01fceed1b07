/* record_json.h: one record as one line of JSON, and back: `consume --json | produce --json` copies a topic.
 *
 *   {"topic":"orders","partition":1,"offset":42,"timestamp":1771063923101,"timestamp_iso":"2026-02-14T10:12:03.101Z",
 *    "key":"ord-42","value":"{...}","headers":[{"name":"source","value":"web"}]}
 *
 * A key, value or header value that is not UTF-8 stands as "key_base64", "value_base64" instead; null is null. Reading takes topic,
 * partition, timestamp, key, value and headers; other members are ignored.
 * Threads: any; no state. */
#ifndef CLI_RECORD_JSON_H
#define CLI_RECORD_JSON_H

#include <stdbool.h>

#include "base/buf.h"
#include "leat/leat.h"

/* Which partition: the one that the input names for the record, if it names one. */
#define CLI_PARTITION_OF_RECORD (-2)

/* Append the object, without newline. meta_only leaves key, value and headers out and gives their sizes. */
int cli_record_json_write(const struct leat_record *rec,
                          bool meta_only,
                          bool pretty,
                          struct lt_buf *out);

/* Fill `rec` (cleared before) from one line. The topic of the line is used when `topic` is NULL; its partition when
 * `partition` is CLI_PARTITION_OF_RECORD (-1 = by key). LEAT_EINVAL: the message says what is wrong with it. */
int cli_record_json_read(const char *line,
                         size_t size,
                         const char *topic,
                         int32_t partition,
                         struct leat_record *rec,
                         struct leat_error **reterr);

#endif
