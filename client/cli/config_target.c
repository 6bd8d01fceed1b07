/* config_target.c: see config_target.h. */
#include "client/cli/config_target.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "client/cli/outcome.h"

static bool is_id(const char *text)
{
    for (; text != NULL && isdigit((unsigned char)*text); text++) {
        if (text[1] == '\0') {
            return true;
        }
    }
    return false;
}

int cli_targets_join(int argc, char **argv)
{
    static char joined[CLI_BROKERS_MAX][32]; /* argv goes on pointing to them */
    size_t used = 0;
    int count = 0;
    for (int i = 0; i < argc; i++) {
        argv[count++] = argv[i];
        if (strcmp(argv[i], "--broker") == 0 && used < CLI_BROKERS_MAX && i + 1 < argc &&
            is_id(argv[i + 1])) {
            (void)snprintf(joined[used], sizeof(joined[used]), "--broker=%s", argv[++i]);
            argv[count - 1] = joined[used++];
        }
    }
    argv[count] = NULL;
    return count;
}

error_t
cli_targets_parse(struct cli_target_choice *choice, int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case CLI_OPT_TOPIC:
        cli_words_add(&choice->topics.names, state, arg);
        return 0;
    case CLI_OPT_BROKER:
        if (choice->broker_count == CLI_BROKERS_MAX) {
            argp_error(state, "more than %d brokers", CLI_BROKERS_MAX);
        }
        if (arg != NULL && !is_id(arg)) {
            argp_error(state, "--broker %s: want the number of a broker", arg);
        }
        choice->brokers[choice->broker_count++] = arg == NULL ? "" : arg;
        return 0;
    case CLI_OPT_GROUP:
        argp_error(state,
                   "--group %s: consumer groups are not in this release; there are --topic "
                   "and --broker",
                   arg);
        return 0;
    case 'r':
        choice->topics.regex = true;
        return 0;
    case 'i':
        choice->topics.internal = true;
        return 0;
    case CLI_OPT_ALL:
        choice->topics.all = true;
        return 0;
    case ARGP_KEY_END:
        if (choice->topics.names.count == 0 && choice->broker_count == 0 && !choice->topics.all) {
            argp_error(state, "say whose settings: --topic NAME or --broker[=ID]");
        }
        if (choice->topics.all && choice->topics.names.count > 0) {
            argp_error(state, "--topic or --all, not both");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int
add(struct cli_targets *targets, const char *kind, const char *name, const struct cli_topic *topic)
{
    struct cli_target *target = &targets->items[targets->count++];
    *target = (struct cli_target){
        .kind = kind,
        .name = lt_strdup(name),
        .label = lt_asprintf("%s:%s", kind, name),
        .code = topic == NULL ? 0 : topic->code,
        .message = topic == NULL || topic->message == NULL ? NULL : lt_strdup(topic->message),
    };
    return target->name == NULL || target->label == NULL ? LEAT_ENOMEM : 0;
}

int cli_targets_open(struct cli *cli,
                     const struct cli_target_choice *choice,
                     struct cli_targets *ret,
                     struct leat_error **reterr)
{
    struct cli_topics topics = {0};
    struct cli_targets targets = {0};
    int code = 0;
    if (choice->topics.all || choice->topics.names.count > 0) {
        code = cli_topics_open(cli, &choice->topics, &topics, reterr);
    }
    targets.items = lt_calloc(topics.count + choice->broker_count + 1, sizeof(targets.items[0]));
    if (code == 0 && targets.items == NULL) {
        code = LEAT_ENOMEM;
    }
    for (size_t i = 0; code == 0 && i < topics.count; i++) {
        code = add(&targets, "topic", topics.items[i].name, &topics.items[i]);
    }
    for (size_t i = 0; code == 0 && i < choice->broker_count; i++) {
        code = add(&targets, "broker", choice->brokers[i], NULL);
    }
    cli_topics_release(&topics);
    if (code != 0) {
        cli_targets_release(&targets);
        return code;
    }
    *ret = targets;
    return 0;
}

void cli_targets_release(struct cli_targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        lt_free(targets->items[i].name);
        lt_free(targets->items[i].label);
        lt_free(targets->items[i].message);
    }
    lt_free(targets->items);
    *targets = (struct cli_targets){0};
}

/* A broker has no sentence of its own in outcome.c, whose sentences are about topics. */
static const char *
sentence(const struct cli_target *target, int code, const char *message, char *buf, size_t size)
{
    if (strcmp(target->kind, "topic") == 0) {
        return cli_outcome_sentence(target->name, code, message, buf, size);
    }
    (void)snprintf(buf, size, "%s",
                   message == NULL || *message == '\0' ? leat_strerror(code) : message);
    return buf;
}

int cli_target_tell(const struct cli *cli,
                    const struct cli_target *target,
                    int code,
                    const char *message)
{
    char buf[1024];
    return strcmp(target->kind, "topic") == 0
               ? cli_outcome_tell(cli, target->name, code, message)
               : cli_fail_sentence(cli, code, sentence(target, code, message, buf, sizeof(buf)));
}

void cli_target_cells(struct cli_table *table,
                      const struct cli_target *target,
                      int code,
                      const char *message,
                      const char *done)
{
    char buf[1024];
    cli_table_text(table, code == 0 ? done : leat_errname(code));
    cli_table_text(table, code == 0 ? NULL : sentence(target, code, message, buf, sizeof(buf)));
}
