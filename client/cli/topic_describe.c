/* topic_describe.c: leat topic describe: partitions with their offsets, and settings. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/outcome.h"
#include "client/cli/resource.h"
#include "client/cli/topic_set.h"

struct describe_input {
    struct cli_choice choice;
    bool summary, partitions, configs, overrides;
};

enum { OPT_OVERRIDES = 1 };

/* One topic with everything that is shown of it. */
struct facts {
    const struct cli_topic *topic;
    const struct cli_part *parts;
    size_t part_count;
    const struct leat_result *rows; /* of leat_describe_topic */
    struct leat_result *asked;      /* rows, when they are not the topic's; owned */
    struct leat_result *configs;    /* owned; NULL = not asked for */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct describe_input *input = state->input;
    switch (key) {
    case 's':
        input->summary = true;
        return 0;
    case 'p':
        input->partitions = true;
        return 0;
    case 'c':
        input->configs = true;
        return 0;
    case 'a':
        input->summary = input->partitions = input->configs = true;
        return 0;
    case OPT_OVERRIDES:
        input->overrides = true;
        return 0;
    default:
        return cli_choice_parse(&input->choice, key, arg, state);
    }
}

/* What is shown when no flag says it: JSON has all, CSV one kind of rows. */
static void choose_sections(const struct cli *cli, struct describe_input *input)
{
    input->configs = input->configs || input->overrides;
    if (!input->summary && !input->partitions && !input->configs) {
        input->summary = cli->format != CLI_CSV;
        input->partitions = true;
        input->configs = cli->format == CLI_JSON;
    }
}

/* ---- JSON ---- */

static json_t *text_or_null(const char *text)
{
    return text == NULL ? json_null() : json_string(text);
}

/* "1,2" as [1,2]. */
static json_t *numbers_json(const char *list)
{
    json_t *numbers = json_array();
    for (char *end; list != NULL && *list != '\0'; list = *end == ',' ? end + 1 : end) {
        long number = strtol(list, &end, 10);
        if (end == list || json_array_append_new(numbers, json_integer(number)) != 0) {
            break; /* no number: the library does not make such lists */
        }
    }
    return numbers;
}

static const struct cli_part *part_of(const struct facts *facts, int64_t number)
{
    return number >= 0 && (size_t)number < facts->part_count ? &facts->parts[number] : NULL;
}

static json_t *partitions_json(const struct facts *facts)
{
    json_t *partitions = json_array();
    for (size_t i = 0; i < leat_result_count(facts->rows); i++) {
        int64_t number = leat_result_int(facts->rows, i, "partition");
        const struct cli_part *part = part_of(facts, number);
        int code = (int)leat_result_int(facts->rows, i, "code");
        code = code == 0 && part != NULL ? part->code : code;
        json_t *partition =
            json_pack("{s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:s}", "partition", (json_int_t)number,
                      "leader", (json_int_t)leat_result_int(facts->rows, i, "leader"), "epoch",
                      (json_int_t)leat_result_int(facts->rows, i, "epoch"), "replicas",
                      numbers_json(leat_result_str(facts->rows, i, "replicas")), "isr",
                      numbers_json(leat_result_str(facts->rows, i, "isr")), "offline",
                      numbers_json(leat_result_str(facts->rows, i, "offline")), "log_start_offset",
                      part == NULL || part->code != 0 ? json_null() : json_integer(part->start),
                      "high_watermark",
                      part == NULL || part->code != 0 ? json_null() : json_integer(part->end),
                      "status", code == 0 ? "OK" : leat_errname(code));
        (void)json_array_append_new(
            partitions, partition); /* jansson refuses NULL itself; a row less is seen */
    }
    return partitions;
}

static bool is_shown(const struct describe_input *input, const struct leat_result *rows, size_t i)
{
    const char *source = leat_result_str(rows, i, "source");
    return !input->overrides || (source != NULL && strcmp(source, "topic") == 0);
}

static json_t *configs_json(const struct describe_input *input, const struct leat_result *rows)
{
    json_t *configs = json_array();
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        if (is_shown(input, rows, i)) {
            json_t *config = json_pack("{s:s,s:o,s:o}", "key", leat_result_str(rows, i, "name"),
                                       "value", text_or_null(leat_result_str(rows, i, "value")),
                                       "source", text_or_null(leat_result_str(rows, i, "source")));
            (void)json_array_append_new(configs, config); /* as above */
        }
    }
    return configs;
}

static int64_t count_records(const struct facts *facts)
{
    int64_t total = 0;
    for (size_t i = 0; i < facts->part_count; i++) {
        const struct cli_part *part = &facts->parts[i];
        total = total < 0 || part->code != 0 ? -1 : total + part->end - part->start;
    }
    return total;
}

static json_t *topic_json(const struct describe_input *input,
                          const struct facts *facts,
                          int code,
                          const char *message)
{
    char buf[1024];
    const struct cli_topic *topic = facts->topic;
    json_t *json = json_pack("{s:s}", "name", topic->name);
    int failed = 0;
    if (code == 0 && input->summary) {
        int64_t records = count_records(facts);
        json_t *summary = json_pack(
            "{s:o,s:b,s:i,s:i,s:o}", "id", text_or_null(topic->id[0] == '\0' ? NULL : topic->id),
            "internal", topic->internal, "partition_count", topic->partition_count, "replicas",
            topic->replica_count, "records", records < 0 ? json_null() : json_integer(records));
        failed |= json_object_update(json, summary);
        json_decref(summary);
    }
    if (code == 0 && input->partitions) {
        failed |= json_object_set_new(json, "partitions", partitions_json(facts));
    }
    if (code == 0 && input->configs) {
        failed |= json_object_set_new(json, "configs", configs_json(input, facts->configs));
    }
    failed |=
        json_object_set_new(json, "status", json_string(code == 0 ? "OK" : leat_errname(code)));
    failed |= json_object_set_new(json, "message",
                                  code == 0 ? json_null()
                                            : json_string(cli_outcome_sentence(
                                                  topic->name, code, message, buf, sizeof(buf))));
    if (failed != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

/* ---- tables ---- */

static void add_partitions(struct cli_table *table, const struct facts *facts, bool with_topic)
{
    for (size_t i = 0; table != NULL && i < leat_result_count(facts->rows); i++) {
        int64_t number = leat_result_int(facts->rows, i, "partition");
        const struct cli_part *part = part_of(facts, number);
        int code = (int)leat_result_int(facts->rows, i, "code");
        const char *offline = leat_result_str(facts->rows, i, "offline");
        code = code == 0 && part != NULL ? part->code : code;
        cli_table_row(table);
        if (with_topic) {
            cli_table_text(table, facts->topic->name);
        }
        cli_table_number(table, number);
        cli_table_number(table, leat_result_int(facts->rows, i, "leader"));
        cli_table_number(table, leat_result_int(facts->rows, i, "epoch"));
        cli_table_text(table, leat_result_str(facts->rows, i, "replicas"));
        cli_table_text(table, leat_result_str(facts->rows, i, "isr"));
        cli_table_count(table, part != NULL && part->code == 0 ? part->start : -1);
        cli_table_count(table, part != NULL && part->code == 0 ? part->end : -1);
        cli_table_text(table, offline == NULL || *offline == '\0' ? NULL : offline);
        cli_table_text(table, code == 0 ? "OK" : leat_errname(code));
    }
}

static void add_configs(struct cli_table *table,
                        const struct describe_input *input,
                        const struct facts *facts,
                        bool with_topic)
{
    for (size_t i = 0; table != NULL && i < leat_result_count(facts->configs); i++) {
        if (is_shown(input, facts->configs, i)) {
            cli_table_row(table);
            if (with_topic) {
                cli_table_text(table, facts->topic->name);
            }
            cli_table_text(table, leat_result_str(facts->configs, i, "name"));
            cli_table_text(table, leat_result_str(facts->configs, i, "value"));
            cli_table_text(table, leat_result_str(facts->configs, i, "source"));
        }
    }
}

static void add_summary(struct cli_table *table, const struct facts *facts)
{
    cli_table_row(table);
    cli_table_text(table, facts->topic->name);
    cli_table_text(table, facts->topic->id[0] == '\0' ? NULL : facts->topic->id);
    cli_table_bool(table, facts->topic->internal);
    cli_table_number(table, facts->topic->partition_count);
    cli_table_number(table, facts->topic->replica_count);
    cli_table_count(table, count_records(facts));
}

/* The columns of one kind of rows; `with_topic`: the first names the topic. */
static struct cli_table *
new_table(const struct cli *cli, const struct describe_input *input, bool with_topic)
{
    static const char *const partitions[] = {
        "TOPIC", ">PARTITION",        ">LEADER",         ">EPOCH",   "REPLICAS",
        "ISR",   ">LOG-START-OFFSET", ">HIGH-WATERMARK", "?OFFLINE", "?STATUS",
        NULL};
    static const char *const configs[] = {"TOPIC", "KEY", "VALUE", "SOURCE", NULL};
    static const char *const summary[] = {"NAME",      "ID",       "INTERNAL", ">PARTITIONS",
                                          ">REPLICAS", ">RECORDS", NULL};
    if (input->partitions) {
        return cli_table_new(cli, "partitions", with_topic ? partitions : partitions + 1);
    }
    return input->configs ? cli_table_new(cli, "configs", with_topic ? configs : configs + 1)
                          : cli_table_new(cli, "topics", summary);
}

static int
print_text(const struct cli *cli, const struct describe_input *input, const struct facts *facts)
{
    const struct cli_topic *topic = facts->topic;
    int status = CLI_DONE;
    if (input->summary) {
        int64_t records = count_records(facts);
        printf("NAME        %s\nID          %s\nINTERNAL    %s\nPARTITIONS  %d\nREPLICAS    %d\n",
               topic->name, topic->id[0] == '\0' ? "-" : topic->id,
               topic->internal ? "true" : "false", (int)topic->partition_count,
               (int)topic->replica_count);
        printf(records < 0 ? "RECORDS     -\n" : "RECORDS     %lld\n", (long long)records);
    } else if (input->choice.names.count != 1 || input->choice.regex) {
        printf("NAME        %s\n\n", topic->name);
    }
    if (input->partitions) {
        struct describe_input only = {.partitions = true};
        printf("%s", input->summary ? "\n" : "");
        struct cli_table *table = new_table(cli, &only, false);
        add_partitions(table, facts, false);
        status = cli_table_end(table, cli, status);
    }
    if (input->configs) {
        struct describe_input only = {.configs = true};
        printf("%s", input->summary || input->partitions ? "\n" : "");
        struct cli_table *table = new_table(cli, &only, false);
        add_configs(table, input, facts, false);
        status = cli_table_end(table, cli, status);
    }
    return status;
}

/* ---- all of them ---- */

struct output {
    json_t *json;            /* --format json */
    struct cli_table *table; /* csv */
    bool begun;              /* text: a topic stands above */
};

static bool has_overrides(const struct leat_result *configs)
{
    struct describe_input only = {.overrides = true};
    for (size_t i = 0; i < leat_result_count(configs); i++) {
        if (is_shown(&only, configs, i)) {
            return true;
        }
    }
    return false;
}

static int ask(struct cli *cli,
               const struct describe_input *input,
               struct facts *facts,
               struct leat_error **reterr)
{
    int code = facts->topic->code;
    facts->rows = facts->topic->rows;
    if (code == 0 && facts->rows == NULL && input->partitions) {
        code = leat_describe_topic(cli->client, facts->topic->name, cli->timeout_ms, &facts->asked,
                                   reterr);
        facts->rows = facts->asked;
    }
    if (code == 0 && input->configs) {
        code = cli_resource_get(cli, "topic", facts->topic->name, &facts->configs, reterr);
    }
    return code;
}

static int describe_one(struct cli *cli,
                        const struct describe_input *input,
                        struct facts *facts,
                        struct output *out)
{
    struct leat_error *err = NULL;
    int code = ask(cli, input, facts, &err);
    const char *message = facts->topic->code == 0 ? leat_error_message(err) : facts->topic->message;
    bool shown = code != 0 || !input->overrides || has_overrides(facts->configs);
    int status = CLI_DONE;
    if (out->json != NULL && shown) {
        json_t *topic = topic_json(input, facts, code, message);
        status = json_array_append_new(out->json, topic) == 0 ? CLI_DONE : CLI_FAILED;
    } else if (code == 0 && shown && cli->format == CLI_CSV && out->table != NULL) {
        if (input->partitions) {
            add_partitions(out->table, facts, true);
        } else if (input->configs) {
            add_configs(out->table, input, facts, true);
        } else {
            add_summary(out->table, facts);
        }
    } else if (code == 0 && shown) {
        printf("%s", out->begun ? "\n" : "");
        out->begun = true;
        status = print_text(cli, input, facts);
    }
    if (code != 0) {
        status = cli_outcome_tell(cli, facts->topic->name, code, message);
    }
    leat_error_free(err);
    return status;
}

static int describe_all(struct cli *cli,
                        const struct describe_input *input,
                        const struct cli_topics *topics,
                        const struct cli_parts *parts)
{
    int status = CLI_DONE;
    size_t at = 0;
    struct output out = {.json = cli->format == CLI_JSON ? json_array() : NULL,
                         .table = cli->format == CLI_CSV ? new_table(cli, input, true) : NULL};
    for (size_t i = 0; i < topics->count; i++) {
        struct facts facts = {.topic = &topics->items[i], .parts = &parts->items[at]};
        if (at < parts->count && parts->items[at].topic == facts.topic) {
            facts.part_count = cli_parts_next(parts, at) - at;
            at += facts.part_count;
        }
        status = cli_outcome_worse(status, describe_one(cli, input, &facts, &out));
        leat_result_free(facts.asked);
        leat_result_free(facts.configs);
    }
    if (cli->format == CLI_CSV) {
        return cli_table_end(out.table, cli, status);
    }
    if (cli->format == CLI_JSON) {
        json_t *root =
            json_pack("{s:s,s:i,s:o}", "_command", cli->command, "_version", 1, "topics", out.json);
        status = json_dumpf(root, stdout, JSON_COMPACT) == 0 ? status : CLI_FAILED;
        printf("\n");
        json_decref(root);
    }
    return status;
}

static const struct argp_option options[] = {
    {"summary", 's', NULL, 0, "Name, id, number of partitions and records", 0},
    {"partitions", 'p', NULL, 0, "Leader, replicas and offsets of each partition", 0},
    {"configs", 'c', NULL, 0, "Settings with their sources", 0},
    {"print-all", 'a', NULL, 0, "All of it", 0},
    {"with-overrides", OPT_OVERRIDES, NULL, 0,
     "Only topics that have settings of their own, and only these settings", 0},
    CLI_CHOICE_OPTIONS,
    {NULL, 0, NULL, 0, NULL, 0},
};

static int run(struct cli *cli, int argc, char **argv)
{
    static struct describe_input input;
    cli_parse(cli, argc, argv, &input);
    choose_sections(cli, &input);
    if (cli->format == CLI_CSV && input.summary + input.partitions + input.configs > 1) {
        fprintf(stderr,
                "leat: topic describe: --format csv holds one kind of rows: -s, -p or -c\n");
        return CLI_USAGE;
    }
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    struct cli_topics topics = {0};
    struct cli_parts parts = {0};
    int code = cli_topics_open(cli, &input.choice, &topics, &err);
    if (code == 0) {
        code = cli_parts_open(cli, &topics, NULL, &parts, &err);
    }
    status = code == 0 ? describe_all(cli, &input, &topics, &parts)
                       : cli_fail(cli, code, err, "topic describe");
    cli_parts_release(&parts);
    cli_topics_release(&topics);
    return status;
}

const struct cli_command cli_topic_describe = {
    .name = "topic describe",
    .summary = "partitions, offsets and settings of topics",
    .args = "TOPIC..",
    .doc = "Describe topics: summary and partitions, in JSON all.",
    .examples = "leat topic describe orders\n"
                "leat topic describe --all --with-overrides\n",
    .options = options,
    .parse = parse,
    .run = run,
};
