/* topic.c: leat topic list, create, describe, delete, offsets. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "client/cli/command.h"
#include "client/cli/offset_expr.h"
#include "client/cli/output.h"
#include "client/cli/positions.h"

/* ---- list ---- */

struct list_input {
    bool internal;
};

static error_t parse_list(int key, char *arg, struct argp_state *state)
{
    struct list_input *input = state->input;
    (void)arg;
    if (key == 'i') {
        input->internal = true;
        return 0;
    }
    if (key == ARGP_KEY_ARG) {
        argp_error(state, "no names here; 'leat topic describe NAME' shows one topic");
    }
    return ARGP_ERR_UNKNOWN;
}

/* Records between start and end over all partitions; -1 when they could not be asked for. */
static int64_t count_records(struct cli *cli, const char *topic, int32_t partitions)
{
    struct leat_offsets *starts = NULL;
    struct leat_offsets *ends = NULL;
    int64_t total = 0;
    int code = cli_positions_ask(cli, topic, partitions, LEAT_OFFSET_START, &starts, NULL);
    if (code == 0) {
        code = cli_positions_ask(cli, topic, partitions, LEAT_OFFSET_END, &ends, NULL);
    }
    for (int32_t i = 0; code == 0 && i < partitions; i++) {
        int64_t start;
        int64_t end;
        int start_code;
        int end_code;
        (void)leat_offsets_at(starts, (size_t)i, NULL, &start,
                              &start_code); /* the list has one entry per partition */
        (void)leat_offsets_at(ends, (size_t)i, NULL, &end, &end_code);
        code = start_code != 0 ? start_code : end_code;
        total += end - start;
    }
    leat_offsets_free(starts);
    leat_offsets_free(ends);
    return code == 0 ? total : -1;
}

static const struct argp_option list_options[] = {
    {"internal", 'i', NULL, 0, "Show internal topics too", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static int run_list(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"NAME",      ">PARTITIONS", ">REPLICAS", ">RECORDS",
                                          "+INTERNAL", "+ID",         NULL};
    struct list_input input = {false};
    cli_parse(cli, argc, argv, &input);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    struct leat_result *rows = NULL;
    int code = leat_list_topics(cli->client, cli->timeout_ms, &rows, &err);
    if (code != 0) {
        return cli_fail(cli, code, err, "topic list");
    }
    struct cli_table *table = cli_table_new(cli, "topics", columns);
    for (size_t i = 0; table != NULL && i < leat_result_count(rows); i++) {
        bool internal = leat_result_int(rows, i, "internal") == 1;
        if (internal && !input.internal) {
            continue;
        }
        const char *name = leat_result_str(rows, i, "name");
        int64_t partitions = leat_result_int(rows, i, "partitions");
        cli_table_row(table);
        cli_table_text(table, name);
        cli_table_number(table, partitions);
        cli_table_number(table, leat_result_int(rows, i, "replicas"));
        cli_table_number(table, count_records(cli, name, (int32_t)partitions));
        cli_table_bool(table, internal);
        cli_table_text(table, leat_result_str(rows, i, "id"));
    }
    code = table == NULL ? LEAT_ENOMEM : cli_table_print(table);
    cli_table_free(table);
    leat_result_free(rows);
    return code == 0 ? CLI_DONE : cli_fail(cli, code, NULL, "topic list");
}

const struct cli_command cli_topic_list = {
    .name = "topic list",
    .alias = "topic ls",
    .summary = "topics with their partitions and records",
    .doc = "List topics.",
    .examples = "leat topic list\n"
                "leat topic list --json | jq -r '.topics[].name'\n",
    .options = list_options,
    .parse = parse_list,
    .run = run_list,
};

/* ---- create ---- */

struct create_input {
    struct cli_words names;
    struct cli_words configs;
    int32_t partitions;
    const char *replicas;
    bool if_not_exists;
};

enum { OPT_IF_NOT_EXISTS = 1 };

static error_t parse_create(int key, char *arg, struct argp_state *state)
{
    struct create_input *input = state->input;
    char *end;
    switch (key) {
    case 'p':
        input->partitions = (int32_t)strtol(arg, &end, 10);
        if (*end != '\0' || end == arg || (input->partitions < 1 && input->partitions != -1)) {
            argp_error(state, "-p %s: want a number of partitions", arg);
        }
        return 0;
    case 'r':
        input->replicas = arg;
        return 0;
    case 'c':
        if (strchr(arg, '=') == NULL) {
            argp_error(state, "-c %s: want key=value", arg);
        }
        cli_words_add(&input->configs, state, arg);
        return 0;
    case OPT_IF_NOT_EXISTS:
        input->if_not_exists = true;
        return 0;
    case ARGP_KEY_ARG:
        cli_words_add(&input->names, state, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "say which topic to make");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int create_conf(const struct cli *cli,
                       const struct create_input *input,
                       struct leat_conf **ret,
                       struct leat_error **reterr)
{
    struct leat_conf *conf = leat_conf_new_topic();
    int code = conf == NULL ? LEAT_ENOMEM : 0;
    if (code == 0 && input->replicas != NULL) {
        code = leat_conf_set(conf, "replication.factor", input->replicas, reterr);
    }
    if (code == 0 && cli->dry_run) {
        code = leat_conf_set(conf, "validate.only", "true", reterr);
    }
    for (size_t i = 0; code == 0 && i < input->configs.count; i++) {
        code = cli_set_pair(conf, input->configs.words[i], reterr);
    }
    if (code != 0) {
        leat_conf_free(conf);
        return code;
    }
    *ret = conf;
    return 0;
}

static void add_outcome(struct cli_table *table,
                        const char *name,
                        int64_t partitions,
                        int code,
                        const struct leat_error *err,
                        const char *done)
{
    cli_table_row(table);
    cli_table_text(table, name);
    cli_table_number(table, partitions);
    cli_table_text(table, code == 0 ? done : leat_errname(code));
    cli_table_text(table, code == 0                          ? NULL
                          : *leat_error_message(err) != '\0' ? leat_error_message(err)
                                                             : leat_strerror(code));
}

static const struct argp_option create_options[] = {
    {"partitions", 'p', "N", 0, "Partitions (the broker's default)", 0},
    {"replicas", 'r', "N", 0, "Replicas (the broker's default)", 0},
    {"config", 'c', "KEY=VALUE", 0, "Topic setting; may be repeated", 0},
    {"if-not-exists", OPT_IF_NOT_EXISTS, NULL, 0, "A topic that is there is no error", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static int run_create(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"TOPIC", ">PARTITIONS", "STATUS", "+MESSAGE", NULL};
    static struct create_input input = {.partitions = -1};
    cli_parse(cli, argc, argv, &input);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    struct leat_conf *conf = NULL;
    int code = create_conf(cli, &input, &conf, &err);
    if (code != 0) {
        (void)cli_fail(cli, code, err, "topic create"); /* a setting was refused */
        return CLI_USAGE;
    }
    struct cli_table *table = cli_table_new(cli, "topics", columns);
    for (size_t i = 0; table != NULL && i < input.names.count; i++) {
        const char *name = input.names.words[i];
        code = leat_create_topic(cli->client, name, input.partitions, conf, cli->timeout_ms, &err);
        bool exists =
            LEAT_IS_BROKER_ERROR(code) && strcmp(leat_errname(code), "TOPIC_ALREADY_EXISTS") == 0;
        if (code != 0 && !(exists && input.if_not_exists)) {
            add_outcome(table, name, input.partitions, code, err, NULL);
            status = cli_fail(cli, code, err, "topic create %s", name);
            err = NULL;
            if (exists) {
                cli_hint(cli, "use --if-not-exists, or 'leat topic describe %s'", name);
            }
            continue;
        }
        leat_error_free(err);
        err = NULL;
        int partitions = cli->dry_run
                             ? input.partitions
                             : leat_client_partition_count(cli->client, name, cli->timeout_ms);
        add_outcome(table, name, partitions, 0, NULL,
                    exists         ? "EXISTS"
                    : cli->dry_run ? "WOULD CREATE"
                                   : "OK");
    }
    leat_conf_free(conf);
    code = table == NULL ? LEAT_ENOMEM
           : status == 0 || cli->format == CLI_JSON || input.names.count > 1
               ? cli_table_print(table)
               : 0;
    cli_table_free(table);
    return code == 0 ? status : cli_fail(cli, code, NULL, "topic create");
}

const struct cli_command cli_topic_create = {
    .name = "topic create",
    .summary = "make topics",
    .args = "TOPIC..",
    .doc = "Make topics.",
    .examples = "leat topic create orders -p 3\n"
                "leat topic create events -p 8 -c retention.ms=3600000 --if-not-exists\n",
    .options = create_options,
    .parse = parse_create,
    .run = run_create,
};

/* ---- delete ---- */

static error_t parse_names(int key, char *arg, struct argp_state *state)
{
    struct cli_words *names = state->input;
    if (key == ARGP_KEY_ARG) {
        cli_words_add(names, state, arg);
        return 0;
    }
    if (key == ARGP_KEY_NO_ARGS) {
        argp_error(state, "say which topic");
    }
    return ARGP_ERR_UNKNOWN;
}

static int run_delete(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"TOPIC", ">PARTITIONS", "STATUS", "+MESSAGE", NULL};
    static struct cli_words names;
    cli_parse(cli, argc, argv, &names);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    if (!cli_confirm(cli, "delete %s%s and all records", names.words[0],
                     names.count > 1 ? " and others" : "")) {
        return CLI_FAILED;
    }
    struct cli_table *table = cli_table_new(cli, "topics", columns);
    for (size_t i = 0; table != NULL && i < names.count; i++) {
        struct leat_error *err = NULL;
        int partitions = leat_client_partition_count(cli->client, names.words[i], cli->timeout_ms);
        int code = partitions < 0 ? partitions
                   : cli->dry_run
                       ? 0
                       : leat_delete_topic(cli->client, names.words[i], cli->timeout_ms, &err);
        add_outcome(table, names.words[i], partitions < 0 ? -1 : partitions, code, err,
                    cli->dry_run ? "WOULD DELETE" : "OK");
        if (code != 0) {
            status = cli_fail(cli, code, err, "topic delete %s", names.words[i]);
        }
    }
    int code = table == NULL                                               ? LEAT_ENOMEM
               : status == 0 || cli->format == CLI_JSON || names.count > 1 ? cli_table_print(table)
                                                                           : 0;
    cli_table_free(table);
    return code == 0 ? status : cli_fail(cli, code, NULL, "topic delete");
}

const struct cli_command cli_topic_delete = {
    .name = "topic delete",
    .alias = "topic rm",
    .summary = "delete topics and all their records",
    .args = "TOPIC..",
    .doc = "Delete topics and all their records.",
    .examples = "leat topic delete orders\n"
                "leat topic delete orders events --yes\n",
    .parse = parse_names,
    .run = run_delete,
};

/* ---- offsets ---- */

struct offsets_input {
    struct cli_words names;
    const char *at;
    bool local;
};

enum { OPT_AT = 1, OPT_LOCAL };

static error_t parse_offsets(int key, char *arg, struct argp_state *state)
{
    struct offsets_input *input = state->input;
    switch (key) {
    case OPT_AT:
        input->at = arg;
        return 0;
    case OPT_LOCAL:
        input->local = true;
        return 0;
    case ARGP_KEY_ARG:
        cli_words_add(&input->names, state, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "say which topic");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int add_offsets(struct cli *cli,
                       struct cli_table *table,
                       const char *topic,
                       const struct cli_point *at,
                       struct leat_error **reterr)
{
    struct cli_positions positions = {0};
    int code = cli_positions_open(cli, topic, &positions, reterr);
    struct cli_point point = at == NULL ? (struct cli_point){CLI_POINT_END, 0} : *at;
    int64_t *offsets = NULL;
    if (code == 0) {
        code = cli_positions_resolve(cli, &positions, &point, &offsets, reterr);
    }
    for (int32_t i = 0; code == 0 && i < positions.count; i++) {
        cli_table_row(table);
        cli_table_text(table, topic);
        cli_table_number(table, i);
        if (at == NULL) {
            cli_table_number(table, positions.starts[i]);
            cli_table_number(table, positions.ends[i]);
            cli_table_number(table, positions.ends[i] - positions.starts[i]);
        } else {
            cli_table_number(table, offsets[i]);
        }
    }
    lt_free(offsets);
    cli_positions_release(&positions);
    return code;
}

static const struct argp_option offsets_options[] = {
    {"at", OPT_AT, "POINT", 0,
     "The offset of this point: @TIME, start, end, -10 ('leat help offsets')", 0},
    {"local", OPT_LOCAL, NULL, 0, "Dates without a zone are local time, not UTC", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static int run_offsets(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"TOPIC", ">PARTITION", ">START",
                                          ">END",  ">RECORDS",   NULL};
    static const char *const columns_at[] = {"TOPIC", ">PARTITION", ">OFFSET", NULL};
    static struct offsets_input input;
    cli_parse(cli, argc, argv, &input);
    struct leat_error *err = NULL;
    struct cli_point at;
    if (input.at != NULL &&
        cli_point_parse(input.at, lt_clock_wall_ms(lt_clock_real()), input.local, &at, &err) != 0) {
        (void)cli_fail(cli, LEAT_EINVAL, err, "--at");
        return CLI_USAGE;
    }
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct cli_table *table =
        cli_table_new(cli, "offsets", input.at == NULL ? columns : columns_at);
    for (size_t i = 0; table != NULL && i < input.names.count; i++) {
        int code =
            add_offsets(cli, table, input.names.words[i], input.at == NULL ? NULL : &at, &err);
        if (code != 0) {
            status = cli_fail(cli, code, err, "%s", input.names.words[i]);
            err = NULL;
        }
    }
    int code = table == NULL ? LEAT_ENOMEM
               : status == 0 || cli->format == CLI_JSON || input.names.count > 1
                   ? cli_table_print(table)
                   : 0;
    cli_table_free(table);
    return code == 0 ? status : cli_fail(cli, code, NULL, "topic offsets");
}

const struct cli_command cli_topic_offsets = {
    .name = "topic offsets",
    .summary = "first and next offset of each partition, or the offset at a time",
    .args = "TOPIC..",
    .doc = "Show the offsets of topics.",
    .examples = "leat topic offsets orders\n"
                "leat topic offsets orders --at @-1h\n",
    .options = offsets_options,
    .parse = parse_offsets,
    .run = run_offsets,
};
