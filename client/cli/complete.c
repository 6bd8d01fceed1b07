/* complete.c: see complete.h. The tables that parse are asked, so that what is offered is what is accepted. */
#include "client/cli/complete.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "client/cli/command.h"
#include "client/cli/help.h"
#include "client/cli/profile.h"

#define ASK_TIMEOUT_MS 500

struct completion {
    const char *const *words;
    size_t count;
    const struct cli_command *command; /* NULL: not yet named */
    const char *typed;                 /* the beginning of what is looked for */
    const char *before;                /* printed in front of it: "--acks=" */
    int before_size;
};

static void offer_flags(const struct completion *c, const struct argp_option *options);
static void offer_value(struct completion *c, const char *kind);
static void offer_commands(const struct completion *c, const char *noun);

/* A candidate of `size` bytes, if it begins with what is typed. */
static void offer(const struct completion *c,
                  const char *text,
                  size_t size,
                  const char *more,
                  const char *description)
{
    if (strncmp(text, c->typed, strlen(c->typed)) == 0 || *c->typed == '\0') {
        printf("%.*s%.*s%s\t%s\n", c->before_size, c->before, (int)size, text, more,
               description == NULL ? "" : description);
    }
}

/* Which of its names the command's word at the cursor is: counts the words before it that are neither flags nor values of
 * flags nor the command itself. *ret_option: the flag whose value is typed, NULL: none. */
static size_t names_before(const struct completion *c, const struct argp_option **ret_option)
{
    size_t used = c->command == NULL ? 0 : strchr(c->command->name, ' ') != NULL ? 2 : 1;
    size_t names = 0;
    *ret_option = NULL;
    for (size_t i = 0; i + 1 < c->count; i++) {
        const char *word = c->words[i];
        if (word[0] != '-' || word[1] == '\0') {
            names += used == 0;
            used -= used > 0;
            continue;
        }
        bool inside;
        const struct argp_option *option = cli_option_find(c->command, word, &inside);
        if (option != NULL && option->arg != NULL && !inside &&
            (option->flags & OPTION_ARG_OPTIONAL) == 0) {
            i++;
            *ret_option = i + 1 == c->count ? option : NULL;
        }
    }
    return names;
}

/* The number-th of "TOPIC [FILE..]" without brackets and dots; the last one serves for all after it. */
static void kind_of_name(const char *args, size_t number, char *ret_kind, size_t size)
{
    ret_kind[0] = '\0';
    for (size_t i = 0; args != NULL && *args != '\0' && i <= number; i++) {
        args += strspn(args, " [");
        size_t length = strcspn(args, " ].");
        if (length > 0) {
            (void)snprintf(ret_kind, size, "%.*s", (int)length, args); /* cut: an unknown kind */
        }
        args += strcspn(args, " ");
    }
}

void cli_complete(const char *const *words, size_t count)
{
    int found[2];
    int used;
    struct completion c = {.words = words, .count = count, .before = ""};
    const struct argp_option *option;
    if (count == 0) {
        return;
    }
    /* As main does it, but without the word that is typed, and with a place for the program's name in front. */
    char **argv = lt_calloc(count + 1, sizeof(*argv));
    if (argv == NULL) {
        return;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        argv[i + 1] = (char *)(uintptr_t)words[i]; /* only read */
    }
    cli_command_words((int)count, argv, found);
    const char *first = found[0] == 0 ? NULL : argv[found[0]];
    const char *second = found[1] == 0 ? NULL : argv[found[1]];
    c.command = first == NULL ? NULL : cli_command_find(first, second, &used);
    lt_free(argv);
    c.typed = words[count - 1];
    size_t names = names_before(&c, &option);
    const char *equals = strchr(c.typed, '=');
    if (option == NULL && strncmp(c.typed, "--", 2) == 0 && equals != NULL) {
        bool inside;
        option = cli_option_find(c.command, c.typed, &inside);
        c.before = c.typed;
        c.before_size = (int)(equals + 1 - c.typed);
        c.typed = equals + 1;
    }
    if (option != NULL) {
        offer_value(&c, option->arg == NULL ? "" : option->arg);
    } else if (c.typed[0] == '-') {
        offer_flags(&c, c.command == NULL ? NULL : c.command->options);
        offer_flags(&c, cli_global_argp.options);
    } else if (c.command == NULL) {
        offer_commands(&c, second == NULL ? first : "");
    } else {
        char kind[128];
        kind_of_name(c.command->args, names, kind, sizeof(kind));
        offer_value(&c, kind);
    }
}

static void offer_flags(const struct completion *c, const struct argp_option *options)
{
    for (; options != NULL && (options->name != NULL || options->key != 0 || options->doc != NULL);
         options++) {
        if (cli_option_shown(options)) {
            char flag[128];
            int size = snprintf(flag, sizeof(flag), "--%s", options->name);
            offer(c, flag, (size_t)size, "", options->doc);
        }
    }
}

/* First words (noun NULL) or the second words of a noun, each once. */
static void offer_commands(const struct completion *c, const char *noun)
{
    const char *last = "";
    for (const struct cli_command *const *at = cli_commands; *at != NULL; at++) {
        const char *name = (*at)->name;
        size_t size = strcspn(name, " ");
        bool two = name[size] != '\0';
        if (noun == NULL && strncmp(last, name, size + 1) != 0) {
            offer(c, name, size, "", two ? "" : (*at)->summary);
            last = two ? name : "";
        } else if (noun != NULL && two && strlen(noun) == size && strncmp(name, noun, size) == 0) {
            offer(c, name + size + 1, strlen(name + size + 1), "", (*at)->summary);
        }
    }
}

static void offer_choices(const struct completion *c, const char *choices)
{
    while (*choices != '\0') {
        size_t size = strcspn(choices, "|");
        bool is_word = strncmp(choices, "COMMAND", size) != 0;
        if (is_word) {
            offer(c, choices, size, "", NULL);
        }
        choices += size + (choices[size] == '|');
    }
}

static void
offer_key(const char *key, const char *type, const char *value, const char *text, void *arg)
{
    const struct completion *c = arg;
    const char *equals = strchr(c->typed, '=');
    (void)value;
    if (equals == NULL) {
        offer(c, key, strlen(key), "=", text);
    } else if (strncmp(c->typed, key, strlen(key)) == 0 && key[equals - c->typed] == '\0') {
        struct completion values = *c;
        values.before = c->typed;
        values.before_size = (int)(equals + 1 - c->typed);
        values.typed = equals + 1;
        offer_choices(&values, strcmp(type, "bool") == 0   ? "true|false"
                               : strchr(type, '|') != NULL ? type
                                                           : "");
    }
}

/* The global flags that say which broker, from what is typed already. */
static void take_address(const struct completion *c, struct cli *cli)
{
    for (size_t i = 0; i + 1 < c->count; i++) {
        bool inside;
        const struct argp_option *option =
            c->words[i][0] != '-' ? NULL : cli_option_find(c->command, c->words[i], &inside);
        if (option == NULL || option->arg == NULL || (!inside && i + 2 >= c->count)) {
            continue;
        }
        const char *value = !inside                 ? c->words[++i]
                            : c->words[i][1] == '-' ? strchr(c->words[i], '=') + 1
                                                    : c->words[i] + 2;
        switch (option->key) {
        case 'b':
            cli->bootstrap = value;
            break;
        case 'P':
            cli->profile = value;
            break;
        case 'F':
            cli->config_file = value;
            break;
        case 'X':
            if (strchr(value, '=') != NULL && cli->property_count < CLI_PROPERTIES_MAX) {
                cli->properties[cli->property_count++] = value;
            }
            break;
        default:
            break;
        }
    }
}

static void offer_topics(const struct completion *c)
{
    struct cli cli = {.command = "completion", .timeout_ms = ASK_TIMEOUT_MS, .quiet = true};
    struct leat_result *rows = NULL;
    take_address(c, &cli);
    if (cli_connect(&cli) == 0 && leat_list_topics(cli.client, ASK_TIMEOUT_MS, &rows, NULL) == 0) {
        for (size_t i = 0; i < leat_result_count(rows); i++) {
            const char *name = leat_result_str(rows, i, "name");
            if (leat_result_int(rows, i, "internal") != 1 || *c->typed == '_') {
                offer(c, name, strlen(name), "", NULL);
            }
        }
    }
    leat_result_free(rows);
    cli_release(&cli);
}

static void offer_profile(const char *name, void *arg)
{
    offer(arg, name, strlen(name), "", NULL);
}

/* A value by the name that tables give it: TOPIC, FILE, "a|b|c". */
static void offer_value(struct completion *c, const char *kind)
{
    if (strchr(kind, '|') != NULL) {
        offer_choices(c, kind);
    } else if (strncmp(kind, "TOPIC", 5) == 0) {
        offer_topics(c);
    } else if (strcmp(kind, "PROFILE") == 0) {
        cli_profile_each(offer_profile, c);
    } else if (strcmp(kind, "FILE") == 0 || strcmp(kind, "DIR") == 0) {
        printf(":files\n");
    } else if (strcmp(kind, "PROPERTY=VALUE") == 0) {
        printf("%s", strchr(c->typed, '=') == NULL ? ":nospace\n" : "");
        leat_conf_visit(offer_key, c);
    }
}
