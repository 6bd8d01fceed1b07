/* help_topics.h: the texts of `leat help TOPIC` and `leat cheat`. Threads: constant. */
#ifndef CLI_HELP_TOPICS_H
#define CLI_HELP_TOPICS_H

#define CLI_SUMMARY "the command line of leat and of every broker that speaks the Kafka protocol"

struct cli_help_topic {
    const char *name;
    const char *text;
};

extern const struct cli_help_topic cli_help_topics[]; /* ends with a NULL name */

/* Commands to copy, by what one wants to do; ends with a NULL name. */
extern const struct cli_help_topic cli_cheats[];

#endif
