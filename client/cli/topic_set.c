/* topic_set.c: see topic_set.h. */
#include "client/cli/topic_set.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "client/cli/cluster_state.h"
#include "proto/errors.h"

static int choose_named(struct cli *cli, const char *name, struct cli_topic *topic);
static int choose_listed(struct cli *cli,
                         const struct cli_choice *choice,
                         struct cli_topics *topics,
                         struct leat_error **reterr);

/* ---- which topics ---- */

error_t cli_choice_parse(struct cli_choice *choice, int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'r':
        choice->regex = true;
        return 0;
    case 'i':
        choice->internal = true;
        return 0;
    case CLI_OPT_ALL:
        choice->all = true;
        return 0;
    case ARGP_KEY_ARG:
        cli_words_add(&choice->names, state, arg);
        return 0;
    case ARGP_KEY_END:
        if (choice->all && choice->names.count > 0) {
            argp_error(state, "names or --all, not both");
        }
        if (choice->names.count == 0 && !choice->all && choice->regex) {
            argp_error(state, "-r: say which names");
        }
        if (choice->names.count == 0 && !choice->all && !choice->may_be_empty) {
            argp_error(state, "say which topic, or --all");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool is_there(const struct cli_topics *topics, const char *name)
{
    for (size_t i = 0; i < topics->count; i++) {
        if (strcmp(topics->items[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

int cli_topics_open(struct cli *cli,
                    const struct cli_choice *choice,
                    struct cli_topics *ret,
                    struct leat_error **reterr)
{
    struct cli_topics topics = {0};
    int code = 0;
    if (choice->regex || choice->names.count == 0) {
        code = choose_listed(cli, choice, &topics, reterr);
    } else {
        topics.items = lt_calloc(choice->names.count, sizeof(topics.items[0]));
        code = topics.items == NULL ? LEAT_ENOMEM : 0;
        for (size_t i = 0; code == 0 && i < choice->names.count; i++) {
            if (!is_there(&topics, choice->names.words[i])) {
                code = choose_named(cli, choice->names.words[i], &topics.items[topics.count++]);
            }
        }
    }
    if (code != 0) {
        cli_topics_release(&topics);
        return code;
    }
    *ret = topics;
    return 0;
}

void cli_topics_release(struct cli_topics *topics)
{
    for (size_t i = 0; i < topics->count; i++) {
        lt_free(topics->items[i].name);
        lt_free(topics->items[i].message);
        leat_result_free(topics->items[i].rows);
    }
    lt_free(topics->items);
    *topics = (struct cli_topics){0};
}

const char *cli_topics_some(const struct cli_topics *topics)
{
    static char text[320];
    const char *first = NULL;
    size_t count = 0;
    for (size_t i = 0; i < topics->count; i++) {
        if (topics->items[i].code == 0) {
            first = first == NULL ? topics->items[i].name : first;
            count++;
        }
    }
    if (count == 1) {
        (void)snprintf(text, sizeof(text), "%s", first);
    } else if (count > 1) {
        (void)snprintf(text, sizeof(text), "%zu topics (%s, ..)", count, first);
    }
    return count == 0 ? NULL : text;
}

/* What cannot be asked is an item with a code; only short memory is an error. */
static int choose_named(struct cli *cli, const char *name, struct cli_topic *topic)
{
    struct leat_error *err = NULL;
    topic->name = lt_strdup(name);
    if (topic->name == NULL) {
        return LEAT_ENOMEM;
    }
    topic->code = leat_describe_topic(cli->client, name, cli->timeout_ms, &topic->rows, &err);
    if (topic->code == 0) {
        const struct leat_result *rows = topic->rows;
        const char *id = leat_result_str(rows, 0, "id");
        (void)snprintf(topic->id, sizeof(topic->id), "%s", id == NULL ? "" : id);
        topic->partition_count = (int32_t)leat_result_count(rows);
        topic->replica_count = cli_list_count(leat_result_str(rows, 0, "replicas"));
        topic->internal = leat_result_int(rows, 0, "internal") == 1;
    } else {
        topic->message = lt_strdup(leat_error_message(err)); /* NULL: the code says enough */
    }
    leat_error_free(err);
    return 0;
}

/* Expressions match whole names, so that 'orders' does not take orders-archive along. */
static int compile(const char *pattern, regex_t *ret, struct leat_error **reterr)
{
    char words[256];
    char *whole = lt_asprintf("^(%s)$", pattern);
    int status = whole == NULL ? REG_ESPACE : regcomp(ret, whole, REG_EXTENDED | REG_NOSUB);
    lt_free(whole);
    if (status == 0) {
        return 0;
    }
    if (status == REG_ESPACE) {
        return LEAT_ENOMEM;
    }
    (void)regerror(status, ret, words, sizeof(words));
    return lt_error_set(reterr, LEAT_EINVAL, "'%s' is no regular expression: %s", pattern, words);
}

static int take_row(const struct leat_result *rows, size_t i, struct cli_topics *topics)
{
    struct cli_topic *topic = &topics->items[topics->count];
    const char *id = leat_result_str(rows, i, "id");
    *topic = (struct cli_topic){
        .name = lt_strdup(leat_result_str(rows, i, "name")),
        .partition_count = (int32_t)leat_result_int(rows, i, "partitions"),
        .replica_count = (int32_t)leat_result_int(rows, i, "replicas"),
        .internal = leat_result_int(rows, i, "internal") == 1,
    };
    (void)snprintf(topic->id, sizeof(topic->id), "%s", id == NULL ? "" : id);
    topics->count += topic->name != NULL;
    return topic->name == NULL ? LEAT_ENOMEM : 0;
}

static int take_unmatched(const char *pattern, struct cli_topics *topics)
{
    struct cli_topic *topic = &topics->items[topics->count];
    *topic = (struct cli_topic){
        .name = lt_strdup(pattern),
        .code = LEAT_ENOENT,
        .message = lt_asprintf("no topic matches '%s'", pattern),
    };
    topics->count += topic->name != NULL;
    return topic->name == NULL ? LEAT_ENOMEM : 0;
}

/* Rows that an expression matches and that are not taken yet. `taken` has a flag per row. */
static int take_matches(const struct leat_result *rows,
                        const struct cli_choice *choice,
                        const char *pattern,
                        bool *taken,
                        struct cli_topics *topics,
                        struct leat_error **reterr)
{
    regex_t regex;
    bool any = false;
    int code = pattern == NULL ? 0 : compile(pattern, &regex, reterr);
    if (code != 0) {
        return code;
    }
    for (size_t i = 0; code == 0 && i < leat_result_count(rows); i++) {
        if ((leat_result_int(rows, i, "internal") == 1 && !choice->internal) ||
            (pattern != NULL &&
             regexec(&regex, leat_result_str(rows, i, "name"), 0, NULL, 0) != 0)) {
            continue;
        }
        any = true;
        code = taken[i] ? 0 : take_row(rows, i, topics);
        taken[i] = true;
    }
    if (pattern != NULL) {
        regfree(&regex);
    }
    return code != 0 || any || pattern == NULL ? code : take_unmatched(pattern, topics);
}

static int choose_listed(struct cli *cli,
                         const struct cli_choice *choice,
                         struct cli_topics *topics,
                         struct leat_error **reterr)
{
    struct leat_result *rows = NULL;
    int code = leat_list_topics(cli->client, cli->timeout_ms, &rows, reterr);
    size_t count = leat_result_count(rows);
    bool *taken = lt_calloc(count + 1, sizeof(*taken));
    topics->items = lt_calloc(count + choice->names.count + 1, sizeof(topics->items[0]));
    if (code == 0 && (taken == NULL || topics->items == NULL)) {
        code = LEAT_ENOMEM;
    }
    if (code == 0 && choice->names.count == 0) {
        code = take_matches(rows, choice, NULL, taken, topics, reterr);
    }
    for (size_t i = 0; code == 0 && i < choice->names.count; i++) {
        code = take_matches(rows, choice, choice->names.words[i], taken, topics, reterr);
    }
    lt_free(taken);
    leat_result_free(rows);
    return code;
}

/* ---- their partitions ---- */

void cli_numbers_parse(struct cli_numbers *numbers, const char *text, struct argp_state *state)
{
    const char *rest = text;
    do {
        char *end;
        long number = strtol(rest, &end, 10);
        if (end == rest || number < 0 || number > INT32_MAX || (*end != ',' && *end != '\0') ||
            numbers->count == sizeof(numbers->numbers) / sizeof(numbers->numbers[0])) {
            argp_error(state, "-p %s: want numbers of partitions such as 0,3", text);
        }
        bool there = false;
        for (size_t i = 0; i < numbers->count; i++) {
            there = there || numbers->numbers[i] == number;
        }
        if (!there) {
            numbers->numbers[numbers->count++] = (int32_t)number;
        }
        rest = *end == ',' ? end + 1 : NULL;
    } while (rest != NULL);
}

static void
add_parts(struct cli_parts *parts, const struct cli_topic *topic, const struct cli_numbers *only)
{
    bool named = only != NULL && only->count > 0;
    size_t count = named ? only->count : (size_t)topic->partition_count;
    for (size_t i = 0; i < count; i++) {
        int32_t number = named ? only->numbers[i] : (int32_t)i;
        bool there = number < topic->partition_count;
        parts->items[parts->count++] = (struct cli_part){
            .topic = topic,
            .partition = number,
            .start = -1,
            .end = -1,
            .at = -1,
            .code = there ? 0 : LEAT_BROKER_ERROR(PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION),
        };
    }
}

int cli_parts_open(struct cli *cli,
                   const struct cli_topics *topics,
                   const struct cli_numbers *only,
                   struct cli_parts *ret,
                   struct leat_error **reterr)
{
    struct cli_parts parts = {0};
    size_t count = 0;
    for (size_t i = 0; i < topics->count; i++) {
        count += only != NULL && only->count > 0 ? only->count
                                                 : (size_t)topics->items[i].partition_count;
    }
    parts.items = lt_calloc(count + 1, sizeof(parts.items[0]));
    if (parts.items == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < topics->count; i++) {
        if (topics->items[i].code == 0) {
            add_parts(&parts, &topics->items[i], only);
        }
    }
    int code = cli_parts_ask(cli, &parts, LEAT_OFFSET_START, reterr);
    for (size_t i = 0; i < parts.count; i++) {
        parts.items[i].start = parts.items[i].at;
    }
    if (code == 0) {
        code = cli_parts_ask(cli, &parts, LEAT_OFFSET_END, reterr);
    }
    for (size_t i = 0; i < parts.count; i++) {
        parts.items[i].end = parts.items[i].at;
    }
    if (code != 0) {
        cli_parts_release(&parts);
        return code;
    }
    *ret = parts;
    return 0;
}

void cli_parts_release(struct cli_parts *parts)
{
    lt_free(parts->items);
    *parts = (struct cli_parts){0};
}

int cli_parts_ask(struct cli *cli, struct cli_parts *parts, int64_t at, struct leat_error **reterr)
{
    struct leat_offsets *list = leat_offsets_new();
    struct leat_offsets *answer = NULL;
    int code = list == NULL ? LEAT_ENOMEM : 0;
    for (size_t i = 0; code == 0 && i < parts->count; i++) {
        const struct cli_part *part = &parts->items[i];
        code = part->code != 0 ? 0 : leat_offsets_add(list, part->topic->name, part->partition, at);
    }
    if (code == 0 && leat_offsets_count(list) > 0) {
        code = leat_list_offsets(cli->client, list, cli->timeout_ms, &answer, reterr);
    }
    size_t next = 0;
    for (size_t i = 0; code == 0 && i < parts->count; i++) {
        struct cli_part *part = &parts->items[i];
        if (part->code == 0) { /* one entry each, in order */
            (void)leat_offsets_at(answer, next++, NULL, &part->at, &part->code);
        }
        if (part->code != 0) {
            part->at = -1;
        }
    }
    leat_offsets_free(list);
    leat_offsets_free(answer);
    return code;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

int cli_parts_resolve(struct cli *cli,
                      struct cli_parts *parts,
                      const struct cli_point *point,
                      struct leat_error **reterr)
{
    int code = point->kind != CLI_POINT_TIME ? 0 : cli_parts_ask(cli, parts, point->value, reterr);
    for (size_t i = 0; code == 0 && i < parts->count; i++) {
        struct cli_part *part = &parts->items[i];
        if (part->code != 0) {
            continue;
        }
        switch (point->kind) {
        case CLI_POINT_TIME:
            part->at = part->at < 0 ? part->end : part->at;
            break;
        case CLI_POINT_END:
            part->at = clamp(part->end - point->value, part->start, part->end);
            break;
        case CLI_POINT_OFFSET:
            part->at = point->value;
            break;
        case CLI_POINT_START:
        case CLI_POINT_NONE:
            part->at = clamp(part->start + point->value, part->start, part->end);
            break;
        }
    }
    return code;
}

size_t cli_parts_next(const struct cli_parts *parts, size_t from)
{
    size_t next = from;
    while (next < parts->count && parts->items[next].topic == parts->items[from].topic) {
        next++;
    }
    return next;
}

int cli_part_outcome(const struct cli *cli,
                     struct cli_table *table,
                     const struct cli_part *part,
                     const char *done)
{
    char message[512];
    const char *name = part->topic->name;
    int number = (int)part->partition;
    if (part->code == LEAT_BROKER_ERROR(PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION)) {
        (void)snprintf(message, sizeof(message), "topic '%s' has no partition %d, only %d", name,
                       number, (int)part->topic->partition_count);
    } else if (part->code == LEAT_BROKER_ERROR(PROTO_ERROR_OFFSET_OUT_OF_RANGE)) {
        (void)snprintf(message, sizeof(message),
                       "%s-%d has no offset %lld: it goes from %lld to %lld", name, number,
                       (long long)part->at, (long long)part->start, (long long)part->end);
    } else {
        (void)snprintf(message, sizeof(message), "%s-%d: %s", name, number,
                       leat_strerror(part->code));
    }
    cli_table_text(table, part->code == 0 ? done : leat_errname(part->code));
    cli_table_text(table, part->code == 0 ? NULL : message);
    return part->code == 0 ? CLI_DONE : cli_fail_sentence(cli, part->code, message);
}
