/* topic_set.h: the topics that a command is about (names, -r, --all), and their partitions with offsets.
 *
 * However many topics there are, the offsets of all their partitions are asked for together: one request per broker for the
 * starts, one for the ends, one for a point in time.
 * Threads: the main thread. Blocks for answers, up to --timeout each. */
#ifndef CLI_TOPIC_SET_H
#define CLI_TOPIC_SET_H

#include "client/cli/command.h"
#include "client/cli/offset_expr.h"
#include "client/cli/output.h"

/* Flags. -r: names are extended regular expressions that match whole names; --all: all topics. Internal topics take part
 * only with -i, or when they are named. */
struct cli_choice {
    struct cli_words names;
    bool regex, all, internal;
    bool may_be_empty; /* set by the command: no name at all means all topics */
};

#define CLI_OPT_ALL 0x2001
#define CLI_CHOICE_OPTIONS                                                              \
    {"regex", 'r', NULL, 0, "Names are regular expressions that match whole names", 0}, \
        {"all", CLI_OPT_ALL, NULL, 0, "All topics", 0},                                 \
    {                                                                                   \
        "internal", 'i', NULL, 0, "-r and --all see internal topics too", 0             \
    }

/* The parser of these flags and of the names; ARGP_ERR_UNKNOWN for other keys. */
error_t cli_choice_parse(struct cli_choice *choice, int key, char *arg, struct argp_state *state);

struct cli_topic {
    char *name; /* owned; with -r the expression that nothing matched */
    char id[32];
    int32_t partition_count;
    int32_t replica_count; /* of partition 0 */
    bool internal;
    int code;                 /* 0, or why there is nothing to do with it */
    char *message;            /* with a code; owned, may be NULL */
    struct leat_result *rows; /* of leat_describe_topic, where that was asked; owned */
};

struct cli_topics {
    struct cli_topic *items; /* in the order of the names; with -r and --all by name */
    size_t count;
};

/* Find them. A name that is not there is an item with a code. Returns 0 or an error of the whole. */
int cli_topics_open(struct cli *cli,
                    const struct cli_choice *choice,
                    struct cli_topics *ret,
                    struct leat_error **reterr);
void cli_topics_release(struct cli_topics *topics); /* zeroes are accepted */

/* "orders", or "3 topics (orders, ..)": those without a code, for questions. NULL when there is none. Valid until the next
 * call. */
const char *cli_topics_some(const struct cli_topics *topics);

struct cli_part {
    const struct cli_topic *topic;
    int32_t partition;
    int64_t start, end; /* log start; end that consumers see */
    int64_t at;         /* cli_parts_resolve */
    int code;           /* 0, or why the offsets are not known */
};

struct cli_parts {
    struct cli_part *items; /* by topic, then by partition */
    size_t count;
};

/* Partitions that a command was given with -p; none = all. */
struct cli_numbers {
    int32_t numbers[256];
    size_t count;
};
void cli_numbers_parse(struct cli_numbers *numbers, const char *text, struct argp_state *state);

/* Partitions of the topics that have no code, with start and end. `only` may be NULL. `topics` must outlive `ret`. */
int cli_parts_open(struct cli *cli,
                   const struct cli_topics *topics,
                   const struct cli_numbers *only,
                   struct cli_parts *ret,
                   struct leat_error **reterr);
void cli_parts_release(struct cli_parts *parts);

/* Set `at` to the point's offset: kept inside [start, end] but for a plain number; a time after the last record gives the
 * end. */
int cli_parts_resolve(struct cli *cli,
                      struct cli_parts *parts,
                      const struct cli_point *point,
                      struct leat_error **reterr);

/* Set `at` to what the broker says to a special offset or a time; -1 where there is no such record. */
int cli_parts_ask(struct cli *cli, struct cli_parts *parts, int64_t at, struct leat_error **reterr);

/* STATUS and MESSAGE of a partition's row (outcome.h), and what went wrong on stderr. Returns the exit code. */
int cli_part_outcome(const struct cli *cli,
                     struct cli_table *table,
                     const struct cli_part *part,
                     const char *done);

/* The end of a topic's partitions in the list that begins at `from`. */
size_t cli_parts_next(const struct cli_parts *parts, size_t from);

#endif
