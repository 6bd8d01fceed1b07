/* outcome.c: see outcome.h. */
#include "client/cli/outcome.h"

#include <stdio.h>
#include <string.h>

#include "proto/errors.h"

/* Where there is a better sentence than the broker's, and what to do next. %s is the topic. */
static const struct {
    int code;
    const char *sentence; /* NULL = the broker's */
    const char *hint;
} known[] = {
    {LEAT_BROKER_ERROR(PROTO_ERROR_TOPIC_ALREADY_EXISTS), "topic '%s' already exists",
     "use --if-not-exists, or 'leat topic alter %s'"},
    {LEAT_BROKER_ERROR(PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION), "there is no topic '%s'",
     "'leat topic list' shows the topics, 'leat topic create %s' makes this one"},
    {LEAT_BROKER_ERROR(PROTO_ERROR_TOPIC_AUTHORIZATION_FAILED),
     "not allowed to see or change topic '%s'", NULL},
    {LEAT_BROKER_ERROR(PROTO_ERROR_INVALID_CONFIG), NULL,
     "'leat config list --topic NAME --format wide' shows every setting with its type"},
    {LEAT_BROKER_ERROR(PROTO_ERROR_INVALID_REPLICATION_FACTOR), NULL,
     "'leat cluster brokers' shows how many brokers there are"},
    {LEAT_BROKER_ERROR(PROTO_ERROR_INVALID_PARTITIONS), NULL,
     "the number of partitions can only grow; 'leat topic list' shows what there is"},
    {LEAT_BROKER_ERROR(PROTO_ERROR_TOPIC_DELETION_DISABLED), NULL,
     "the broker has delete.topic.enable=false"},
    {LEAT_BROKER_ERROR(PROTO_ERROR_INVALID_TOPIC_EXCEPTION), NULL,
     "a topic's name has 1 to 249 of a-z A-Z 0-9 . _ and -"},
    {LEAT_BROKER_ERROR(PROTO_ERROR_KAFKA_STORAGE_ERROR), NULL,
     "the broker's disk is full or failed; its log says which"},
    {LEAT_BROKER_ERROR(PROTO_ERROR_MESSAGE_TOO_LARGE), NULL,
     "'leat config set --topic %s max.message.bytes=SIZE' allows larger ones"},
    {LEAT_BROKER_ERROR(PROTO_ERROR_OFFSET_OUT_OF_RANGE), NULL,
     "'leat topic offsets %s' shows what there is"},
};
#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

/* Without the '.' at the end: the error's name follows in brackets. */
static void drop_dot(char *text)
{
    size_t size = strlen(text);
    if (size > 0 && text[size - 1] == '.') {
        text[size - 1] = '\0';
    }
}

const char *
cli_outcome_sentence(const char *topic, int code, const char *message, char *buf, size_t size)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (known[i].code == code && known[i].sentence != NULL) {
            const char *at = strstr(known[i].sentence, "%s");
            (void)snprintf(buf, size, "%.*s%s%s", (int)(at - known[i].sentence), known[i].sentence,
                           topic, at + 2);
            return buf;
        }
    }
    if (message != NULL && *message != '\0') {
        (void)snprintf(buf, size, "%s", message);
    } else {
        (void)snprintf(buf, size, "topic '%s': %s", topic, leat_strerror(code));
    }
    drop_dot(buf);
    return buf;
}

void cli_outcome_cells(
    struct cli_table *table, const char *topic, int code, const char *message, const char *done)
{
    char buf[1024];
    cli_table_text(table, code == 0 ? done : leat_errname(code));
    cli_table_text(table,
                   code == 0 ? NULL : cli_outcome_sentence(topic, code, message, buf, sizeof(buf)));
}

int cli_outcome_tell(const struct cli *cli, const char *topic, int code, const char *message)
{
    char buf[1024];
    int status =
        cli_fail_sentence(cli, code, cli_outcome_sentence(topic, code, message, buf, sizeof(buf)));
    cli_outcome_hint(cli, topic, code);
    return status;
}

void cli_outcome_hint(const struct cli *cli, const char *topic, int code)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (known[i].code == code && known[i].hint != NULL) {
            const char *at = strstr(known[i].hint, "%s");
            size_t size = at == NULL ? strlen(known[i].hint) : (size_t)(at - known[i].hint);
            cli_hint(cli, "%.*s%s%s", (int)size, known[i].hint, at == NULL ? "" : topic,
                     at == NULL ? "" : at + 2);
        }
    }
}

int cli_outcome_worse(int status, int other)
{
    return status != CLI_DONE ? status : other;
}

int cli_outcome_end(struct cli_table *table, const struct cli *cli, size_t count, int status)
{
    bool as_text = cli->format == CLI_TEXT || cli->format == CLI_WIDE;
    if (table != NULL && as_text && count == 1 && status != CLI_DONE) {
        cli_table_free(table);
        return status;
    }
    return cli_table_end(table, cli, status);
}
