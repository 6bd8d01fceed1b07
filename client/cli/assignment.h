/* assignment.h: which partitions a reading command reads, from where and up to where.
 *
 * Topics are named or, with `regex`, all those whose name matches. While a command follows, cli_assignment_refresh takes in
 * what came into being meanwhile, from its first record on.
 * Threads: the main thread. Blocks for answers, up to --timeout each. */
#ifndef CLI_ASSIGNMENT_H
#define CLI_ASSIGNMENT_H

#include <regex.h>

#include "client/cli/command.h"
#include "client/cli/offset_expr.h"

/* One partition with its stretch of offsets. */
struct cli_stretch {
    const char *topic; /* owned by the assignment's list of topics */
    int32_t partition;
    int64_t from, to; /* to: INT64_MAX = none */
};

struct cli_assignment {
    struct cli *cli;
    const struct cli_words *words; /* topics, or patterns */
    bool regex;
    const char *partitions; /* "0,3"; NULL = all */
    struct cli_range range;
    bool to_end;       /* stop at the end as it is now */
    regex_t *patterns; /* one per word, with regex */
    size_t pattern_count;
    char **topics; /* found so far */
    size_t topic_count;
    struct cli_stretch *stretches;
    size_t count;
    size_t done;        /* stretches that were read to their end, counted from the first */
    size_t nearest;     /* where the last record belonged */
    int64_t refresh_ns; /* when the next look for new partitions is due */
};

/* "0,3" or "0-3,7"? */
bool cli_partitions_check(const char *list);

/* Compile the patterns. LEAT_EINVAL: the message says which is none. */
int cli_assignment_patterns(struct cli_assignment *a, struct leat_error **reterr);

/* Find the topics and their stretches; needs a connected client. *ret_subject is set to the topic that failed. */
int cli_assignment_open(struct cli_assignment *a,
                        const char **ret_subject,
                        struct leat_error **reterr);
void cli_assignment_release(struct cli_assignment *a);

/* Let the consumer begin. */
int cli_assignment_apply(struct cli_assignment *a,
                         struct leat_consumer *consumer,
                         struct leat_error **reterr);

/* Now and then, while following: partitions and matching topics that are new. A broker that does not answer is no error. */
int cli_assignment_refresh(struct cli_assignment *a,
                           struct leat_consumer *consumer,
                           struct leat_error **reterr);

/* Does this record belong to what is to be read? */
bool cli_assignment_has(struct cli_assignment *a,
                        const char *topic,
                        int32_t partition,
                        int64_t offset);

/* Was every stretch read to its end? Never, where one has none. */
bool cli_assignment_done(struct cli_assignment *a, struct leat_consumer *consumer);

#endif
