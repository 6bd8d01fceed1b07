/* describe.c: leat topic describe: a topic's partitions with their offsets, and its settings. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "client/cli/command.h"
#include "client/cli/output.h"
#include "client/cli/positions.h"

struct describe_input {
    struct cli_words names;
    bool summary, partitions, configs;
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
    case ARGP_KEY_ARG:
        cli_words_add(&input->names, state, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "say which topic");
        return 0;
    case ARGP_KEY_END:
        if (!input->summary && !input->partitions && !input->configs) {
            input->summary = input->partitions = true;
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static json_t *text_or_null(const char *text)
{
    return text == NULL ? json_null() : json_string(text);
}

static json_t *partitions_json(const struct leat_result *rows,
                               const struct cli_positions *positions)
{
    json_t *partitions = json_array();
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        int64_t number = leat_result_int(rows, i, "partition");
        bool known = number >= 0 && number < positions->count;
        json_t *partition =
            json_pack("{s:I,s:I,s:I,s:o,s:o,s:o,s:I,s:I}", "partition", (json_int_t)number,
                      "leader", (json_int_t)leat_result_int(rows, i, "leader"), "epoch",
                      (json_int_t)leat_result_int(rows, i, "epoch"), "replicas",
                      text_or_null(leat_result_str(rows, i, "replicas")), "isr",
                      text_or_null(leat_result_str(rows, i, "isr")), "offline",
                      text_or_null(leat_result_str(rows, i, "offline")), "log_start_offset",
                      (json_int_t)(known ? positions->starts[number] : -1), "high_watermark",
                      (json_int_t)(known ? positions->ends[number] : -1));
        (void)json_array_append_new(
            partitions, partition); /* jansson refuses NULL itself; a row less is seen */
    }
    return partitions;
}

static json_t *configs_json(const struct leat_result *rows)
{
    json_t *configs = json_array();
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        json_t *config = json_pack("{s:s,s:o,s:o}", "name", leat_result_str(rows, i, "name"),
                                   "value", text_or_null(leat_result_str(rows, i, "value")),
                                   "source", text_or_null(leat_result_str(rows, i, "source")));
        (void)json_array_append_new(configs, config); /* as above */
    }
    return configs;
}

static int print_table(struct cli_table *table)
{
    int code = table == NULL ? LEAT_ENOMEM : cli_table_print(table);
    cli_table_free(table);
    return code;
}

static int print_partitions(const struct cli *cli,
                            const struct leat_result *rows,
                            const struct cli_positions *positions)
{
    static const char *const columns[] = {">PARTITION",      ">LEADER", ">EPOCH",
                                          "REPLICAS",        "ISR",     ">LOG-START-OFFSET",
                                          ">HIGH-WATERMARK", NULL};
    struct cli_table *table = cli_table_new(cli, "partitions", columns);
    for (size_t i = 0; table != NULL && i < leat_result_count(rows); i++) {
        int64_t number = leat_result_int(rows, i, "partition");
        bool known = number >= 0 && number < positions->count;
        cli_table_row(table);
        cli_table_number(table, number);
        cli_table_number(table, leat_result_int(rows, i, "leader"));
        cli_table_number(table, leat_result_int(rows, i, "epoch"));
        cli_table_text(table, leat_result_str(rows, i, "replicas"));
        cli_table_text(table, leat_result_str(rows, i, "isr"));
        cli_table_number(table, known ? positions->starts[number] : -1);
        cli_table_number(table, known ? positions->ends[number] : -1);
    }
    return print_table(table);
}

static int print_configs(const struct cli *cli, const struct leat_result *rows)
{
    static const char *const columns[] = {"KEY", "VALUE", "SOURCE", NULL};
    struct cli_table *table = cli_table_new(cli, "configs", columns);
    for (size_t i = 0; table != NULL && i < leat_result_count(rows); i++) {
        cli_table_row(table);
        cli_table_text(table, leat_result_str(rows, i, "name"));
        cli_table_text(table, leat_result_str(rows, i, "value"));
        cli_table_text(table, leat_result_str(rows, i, "source"));
    }
    return print_table(table);
}

struct topic_facts {
    const char *name;
    struct leat_result *partitions, *configs;
    struct cli_positions positions;
};

static int print_text(const struct cli *cli,
                      const struct describe_input *input,
                      const struct topic_facts *facts)
{
    int code = 0;
    if (input->summary) {
        int64_t records = 0;
        for (int32_t i = 0; i < facts->positions.count; i++) {
            records += facts->positions.ends[i] - facts->positions.starts[i];
        }
        const char *id = leat_result_str(facts->partitions, 0, "id");
        printf(
            "NAME        %s\nID          %s\nINTERNAL    %s\nPARTITIONS  %zu\nRECORDS     %lld\n",
            facts->name, id == NULL || *id == '\0' ? "-" : id,
            leat_result_int(facts->partitions, 0, "internal") == 1 ? "true" : "false",
            leat_result_count(facts->partitions), (long long)records);
    }
    if (input->partitions) {
        printf("%s", input->summary ? "\n" : "");
        code = print_partitions(cli, facts->partitions, &facts->positions);
    }
    if (code == 0 && input->configs) {
        printf("%s", input->summary || input->partitions ? "\n" : "");
        code = print_configs(cli, facts->configs);
    }
    return code;
}

static int ask(struct cli *cli,
               const struct describe_input *input,
               const char *name,
               struct topic_facts *facts,
               struct leat_error **reterr)
{
    *facts = (struct topic_facts){.name = name};
    int code = leat_describe_topic(cli->client, name, cli->timeout_ms, &facts->partitions, reterr);
    if (code == 0) {
        code = cli_positions_open(cli, name, &facts->positions, reterr);
    }
    if (code == 0 && (input->configs || cli->format == CLI_JSON)) {
        char *resource = lt_asprintf("topic:%s", name);
        code = resource == NULL ? LEAT_ENOMEM
                                : leat_get_configs(cli->client, resource, cli->timeout_ms,
                                                   &facts->configs, reterr);
        lt_free(resource);
    }
    return code;
}

static void facts_release(struct topic_facts *facts)
{
    leat_result_free(facts->partitions);
    leat_result_free(facts->configs);
    cli_positions_release(&facts->positions);
}

static const struct argp_option options[] = {
    {"summary", 's', NULL, 0, "Name, id, number of partitions and records", 0},
    {"partitions", 'p', NULL, 0, "Leader, replicas and offsets of each partition", 0},
    {"configs", 'c', NULL, 0, "Settings with their sources", 0},
    {"all", 'a', NULL, 0, "All of it", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static int run(struct cli *cli, int argc, char **argv)
{
    static struct describe_input input;
    cli_parse(cli, argc, argv, &input);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    json_t *topics = json_array();
    for (size_t i = 0; i < input.names.count; i++) {
        struct leat_error *err = NULL;
        struct topic_facts facts;
        int code = ask(cli, &input, input.names.words[i], &facts, &err);
        if (code == 0 && cli->format == CLI_JSON) {
            json_t *topic =
                json_pack("{s:s,s:o,s:b,s:o,s:o}", "name", facts.name, "id",
                          text_or_null(leat_result_str(facts.partitions, 0, "id")), "internal",
                          leat_result_int(facts.partitions, 0, "internal") == 1, "partitions",
                          partitions_json(facts.partitions, &facts.positions), "configs",
                          configs_json(facts.configs));
            code = json_array_append_new(topics, topic) == 0 ? 0 : LEAT_ENOMEM;
        } else if (code == 0) {
            printf("%s", i > 0 ? "\n" : "");
            code = print_text(cli, &input, &facts);
        }
        facts_release(&facts);
        if (code != 0) {
            status = cli_fail(cli, code, err, "topic describe %s", input.names.words[i]);
        }
    }
    if (cli->format == CLI_JSON) {
        json_t *root =
            json_pack("{s:s,s:i,s:O}", "_command", cli->command, "_version", 1, "topics", topics);
        status = json_dumpf(root, stdout, JSON_COMPACT) == 0 ? status : CLI_FAILED;
        printf("\n");
        json_decref(root);
    }
    json_decref(topics);
    return status;
}

const struct cli_command cli_topic_describe = {
    .name = "topic describe",
    .summary = "partitions, offsets and settings of topics",
    .args = "TOPIC..",
    .doc = "Describe topics; without flags summary and partitions.",
    .examples = "leat topic describe orders\n"
                "leat topic describe orders -c\n",
    .options = options,
    .parse = parse,
    .run = run,
};
