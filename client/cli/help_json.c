/* help_json.c: --help-json: the tree of commands as data, for completions, man pages and the reference.
 *
 *   {"_version":1,"program":"leat","version":"...","summary":"...",
 *    "flags":[FLAG..], "commands":[COMMAND..], "exit_codes":[{"code":0,"text":"..."}..],
 *    "properties":[{"key","type","default","text"}..], "topics":[{"name","text"}..]}
 *   COMMAND {"name","aliases":[..],"summary","doc","args","examples":[..],"more","program","flags":[FLAG..]}
 *   FLAG    {"name","letter","value","value_optional","choices":[..],"text","group"}
 * What a command or flag does not have is null or empty. */
#include <jansson.h>
#include <string.h>

#include "client/cli/help.h"
#include "client/cli/help_topics.h"

static const struct {
    int code;
    const char *text;
} exit_codes[] = {
    {CLI_DONE, "done"},
    {CLI_FAILED, "something failed, one item of many included"},
    {CLI_USAGE, "wrong usage: a flag, a name or a setting that is refused"},
    {CLI_UNREACHABLE, "no broker is reachable or ready"},
    {CLI_LIMIT, "a limit that was to be checked is exceeded"},
    {CLI_INTERRUPTED, "ended by Ctrl-C"},
};

static json_t *text_or_null(const char *text)
{
    return text == NULL ? json_null() : json_string(text);
}

static json_t *parts(const char *text, char separator)
{
    json_t *array = json_array();
    while (text != NULL && *text != '\0') {
        const char *end = strchrnul(text, separator);
        if (end != text) {
            (void)json_array_append_new(array, json_stringn(text, (size_t)(end - text)));
        }
        text = *end == '\0' ? end : end + 1;
    }
    return array;
}

static json_t *flag(const struct argp_option *option, const char *group)
{
    char letter[2] = {CLI_OPTION_LETTER(option), '\0'};
    const char *value = option->arg;
    return json_pack("{s:s,s:o,s:o,s:b,s:o,s:s,s:o}", "name", option->name, "letter",
                     text_or_null(letter[0] == '\0' ? NULL : letter), "value", text_or_null(value),
                     "value_optional", (option->flags & OPTION_ARG_OPTIONAL) != 0, "choices",
                     parts(value == NULL || strchr(value, '|') == NULL ? NULL : value, '|'), "text",
                     option->doc == NULL ? "" : option->doc, "group", text_or_null(group));
}

static json_t *flags(const struct argp_option *options)
{
    json_t *array = json_array();
    const char *group = NULL;
    for (; options != NULL && (options->name != NULL || options->key != 0 || options->doc != NULL);
         options++) {
        if (options->name == NULL && options->key == 0) {
            group = options->doc;
        } else if (cli_option_shown(options)) {
            (void)json_array_append_new(array, flag(options, group));
        }
    }
    return array;
}

static json_t *command_json(const struct cli_command *command)
{
    return json_pack("{s:s,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:o}", "name", command->name, "aliases",
                     parts(command->alias, '\n'), "summary", command->summary, "doc",
                     text_or_null(command->doc), "args", text_or_null(command->args), "examples",
                     parts(command->examples, '\n'), "more", text_or_null(command->more), "program",
                     text_or_null(command->program), "flags", flags(command->options));
}

static void
add_property(const char *key, const char *type, const char *value, const char *text, void *arg)
{
    (void)json_array_append_new(arg, json_pack("{s:s,s:s,s:s,s:s}", "key", key, "type", type,
                                               "default", value, "text", text));
}

static json_t *tree(void)
{
    json_t *commands = json_array();
    json_t *codes = json_array();
    json_t *properties = json_array();
    json_t *topics = json_array();
    for (const struct cli_command *const *at = cli_commands; *at != NULL; at++) {
        (void)json_array_append_new(commands, command_json(*at));
    }
    for (size_t i = 0; i < sizeof(exit_codes) / sizeof(exit_codes[0]); i++) {
        (void)json_array_append_new(
            codes, json_pack("{s:i,s:s}", "code", exit_codes[i].code, "text", exit_codes[i].text));
    }
    leat_conf_visit(add_property, properties);
    for (const struct cli_help_topic *topic = cli_help_topics; topic->name != NULL; topic++) {
        (void)json_array_append_new(
            topics, json_pack("{s:s,s:s}", "name", topic->name, "text", topic->text));
    }
    return json_pack("{s:i,s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:o}", "_version", 1, "program", "leat",
                     "version", leat_version(), "summary", CLI_SUMMARY, "flags",
                     flags(cli_global_argp.options), "commands", commands, "exit_codes", codes,
                     "properties", properties, "topics", topics);
}

int cli_help_json(const struct cli_command *command)
{
    json_t *root = command == NULL ? tree() : command_json(command);
    int failed = root == NULL || json_dumpf(root, stdout, JSON_INDENT(1)) != 0;
    json_decref(root);
    printf("\n");
    return failed ? CLI_FAILED : CLI_DONE;
}
