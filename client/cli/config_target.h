/* config_target.h: whose settings a command is about: --topic, --broker, -r, --all.
 *
 * Threads: the main thread. Blocks for answers, up to --timeout. */
#ifndef CLI_CONFIG_TARGET_H
#define CLI_CONFIG_TARGET_H

#include "client/cli/topic_set.h"

#define CLI_BROKERS_MAX 16

struct cli_target_choice {
    struct cli_choice topics;
    const char *brokers[CLI_BROKERS_MAX]; /* ids; "" = the cluster-wide settings */
    size_t broker_count;
};

#define CLI_OPT_TOPIC 0x2101
#define CLI_OPT_BROKER 0x2102
#define CLI_OPT_GROUP 0x2103
#define CLI_TARGET_OPTIONS                                                                      \
    {"topic", CLI_OPT_TOPIC, "TOPIC", 0, "Settings of this topic; may be repeated", 0},         \
        {"broker",                                                                              \
         CLI_OPT_BROKER,                                                                        \
         "ID",                                                                                  \
         OPTION_ARG_OPTIONAL,                                                                   \
         "Settings of this broker; without ID the cluster-wide ones",                           \
         0},                                                                                    \
        {"group", CLI_OPT_GROUP, "GROUP", OPTION_HIDDEN, NULL, 0},                              \
        {"regex", 'r', NULL, 0, "--topic is a regular expression that matches whole names", 0}, \
        {"all", CLI_OPT_ALL, NULL, 0, "All topics", 0},                                         \
    {                                                                                           \
        "internal", 'i', NULL, 0, "-r and --all see internal topics too", 0                     \
    }

/* "--broker 1" as "--broker=1": an optional value has to stand in the same word, but people write it like this. Call it
 * before cli_parse. Returns the new argc. */
int cli_targets_join(int argc, char **argv);

/* The parser of these flags; ARGP_ERR_UNKNOWN for other keys and for names. */
error_t
cli_targets_parse(struct cli_target_choice *choice, int key, char *arg, struct argp_state *state);

struct cli_target {
    const char *kind; /* "topic", "broker" */
    char *name;       /* of the topic, id of the broker; owned */
    char *label;      /* "topic:orders"; owned */
    int code;         /* 0, or why there is no such topic */
    char *message;    /* with a code; owned, may be NULL */
};

struct cli_targets {
    struct cli_target *items;
    size_t count;
};

/* Find them. Returns 0 or an error of the whole. */
int cli_targets_open(struct cli *cli,
                     const struct cli_target_choice *choice,
                     struct cli_targets *ret,
                     struct leat_error **reterr);
void cli_targets_release(struct cli_targets *targets);

/* What went wrong with one of them, on stderr. Returns the exit code. And the cells STATUS and MESSAGE. */
int cli_target_tell(const struct cli *cli,
                    const struct cli_target *target,
                    int code,
                    const char *message);
void cli_target_cells(struct cli_table *table,
                      const struct cli_target *target,
                      int code,
                      const char *message,
                      const char *done);

#endif
