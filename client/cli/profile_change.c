/* profile_change.c: leat profile create, use, edit, delete: changes to the profile file.
 *
 * Each reads the text, changes the lines in question, checks that the whole is still read without complaint, and replaces
 * the file at once; comments and order stay. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "base/properties_edit.h"
#include "client/cli/command.h"
#include "client/cli/output.h"
#include "client/cli/positions.h"
#include "client/cli/profile.h"

enum { OPT_DESCRIPTION = 1 };

struct change {
    struct cli *cli;
    char *path;
    struct lt_properties *props; /* NULL: no file yet */
    struct lt_buf text;
    struct leat_error *err;
};

struct change_input {
    const char *name;
    struct cli_words pairs;
    const char *description;
};

static error_t parse_name(int key, char *arg, struct argp_state *state)
{
    struct change_input *input = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (input->name != NULL) {
            argp_error(state, "'%s': one profile at a time", arg);
        }
        input->name = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "say which profile");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int change_begin(struct cli *cli, struct change *ret)
{
    *ret = (struct change){.cli = cli, .path = cli_profile_path()};
    int code =
        ret->path == NULL ? LEAT_ENOMEM : cli_profile_load(ret->path, &ret->props, &ret->err);
    return code != 0 ? code : cli_profile_read(ret->path, &ret->text, &ret->err);
}

/* Write it, unless --dry-run; tell the outcome. Takes the change with it. */
static int change_end(struct change *change, int code, const char *name, const char *done)
{
    static const char *const columns[] = {"PROFILE", "STATUS", NULL};
    struct cli *cli = change->cli;
    if (code == 0 && !cli->dry_run) {
        code = cli_profile_store(change->path, &change->text, &change->err);
    }
    int status =
        code == 0 ? CLI_DONE : cli_fail(cli, code, change->err, "%s %s", cli->command, name);
    if (code == 0 && cli->format == CLI_JSON) {
        struct cli_table *table = cli_table_new(cli, "profiles", columns);
        if (table != NULL) {
            cli_table_row(table);
            cli_table_text(table, name);
            cli_table_text(table, cli->dry_run ? "WOULD CHANGE" : "OK");
        }
        code = table == NULL ? LEAT_ENOMEM : cli_table_print(table);
        cli_table_free(table);
        status = code == 0 ? CLI_DONE : cli_fail(cli, code, NULL, "%s", cli->command);
    } else if (code == 0 && !cli->quiet) {
        fprintf(stderr, "profile %s%s%s\n", name, cli->dry_run ? " would be " : " ", done);
    }
    lt_properties_free(change->props);
    lt_buf_release(&change->text);
    lt_free(change->path);
    return status;
}

static int no_such(struct change *change, const char *name)
{
    return lt_error_set(&change->err, LEAT_ENOENT,
                        "%s has no profile '%s'; 'leat profile list' shows them", change->path,
                        name);
}

/* A top-level key or section entry that another file brings in cannot be changed here. */
static int set(struct change *change, const char *section, const char *key, const char *value)
{
    for (size_t i = 0; change->props != NULL && i < lt_properties_count(change->props); i++) {
        const struct lt_property *entry = lt_properties_at(change->props, i);
        if (strcmp(entry->section, section) == 0 && strcmp(entry->key, key) == 0 &&
            strcmp(entry->file, change->path) != 0) {
            return lt_error_set(&change->err, LEAT_ECONFIG, "%s stands in an included file: %s:%d",
                                key, entry->file, entry->line);
        }
    }
    return value == NULL ? lt_properties_unset(&change->text, section, key)
                         : lt_properties_set(&change->text, section, key, value);
}

/* ---- use ---- */

/* The profile in use becomes `name`; the one before is remembered. */
static int make_current(struct change *change, const char *name)
{
    const char *current = cli_profile_get(change->props, "", "current");
    int code = 0;
    if (current != NULL && strcmp(current, name) != 0) {
        code = set(change, "", "previous", current);
    }
    return code != 0 ? code : set(change, "", "current", name);
}

static int run_use(struct cli *cli, int argc, char **argv)
{
    static struct change_input input;
    struct change change;
    cli_parse(cli, argc, argv, &input);
    int code = change_begin(cli, &change);
    const char *name = input.name;
    if (code == 0 && strcmp(name, "-") == 0) {
        name = cli_profile_get(change.props, "", "previous");
        if (name == NULL) {
            name = "-";
            code = lt_error_set(&change.err, LEAT_ENOENT, "no profile was in use before");
        }
    }
    if (code == 0 && !cli_profile_exists(change.props, name)) {
        code = no_such(&change, name);
    }
    if (code == 0) {
        code = make_current(&change, name);
    }
    char *kept = lt_strdup(name); /* it may belong to the file's contents */
    const char *variable = getenv("LEAT_PROFILE");
    if (code == 0 && variable != NULL && *variable != '\0') {
        cli_hint(cli, "LEAT_PROFILE=%s is stronger", variable);
    }
    int status = change_end(&change, code, kept == NULL ? "" : kept, "in use");
    lt_free(kept);
    return status;
}

const struct cli_command cli_profile_use = {
    .name = "profile use",
    .summary = "take a profile from now on; '-' = the one before",
    .args = "PROFILE",
    .doc =
        "Commands use this profile from now on, unless -P or LEAT_PROFILE names another. '-' goes "
        "back to the one before.",
    .examples = "leat profile use prod\nleat profile use -\n",
    .parse = parse_name,
    .run = run_use,
};

/* ---- create ---- */

static const struct argp_option create_options[] = {
    {"description", OPT_DESCRIPTION, "TEXT", 0, "Shown by 'leat profile list'", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

static error_t parse_create(int key, char *arg, struct argp_state *state)
{
    struct change_input *input = state->input;
    if (key == OPT_DESCRIPTION) {
        input->description = arg;
        return 0;
    }
    if (key == ARGP_KEY_ARG && input->name != NULL) {
        if (strchr(arg, '=') == NULL) {
            argp_error(state, "'%s': want KEY=VALUE", arg);
        }
        cli_words_add(&input->pairs, state, arg);
        return 0;
    }
    if (key == ARGP_KEY_ARG && (*arg == '\0' || *arg == '-' || strpbrk(arg, "[]\n=") != NULL)) {
        argp_error(state, "'%s' is no name for a profile", arg);
    }
    return parse_name(key, arg, state);
}

/* KEY=VALUE into the section, if the library takes it. */
static int add_pair(struct change *change, const char *name, const char *pair)
{
    struct leat_conf *conf = leat_conf_new();
    const char *equals = strchr(pair, '=');
    char *key = lt_strndup(pair, (size_t)(equals - pair));
    int code = conf == NULL || key == NULL ? LEAT_ENOMEM : 0;
    if (code == 0 && strcmp(key, "confirm") == 0) {
        code = strcmp(equals + 1, "always") == 0
                   ? 0
                   : lt_error_set(&change->err, LEAT_ECONFIG, "confirm: only 'always' is known");
    } else if (code == 0) {
        code = leat_conf_set(conf, key, equals + 1, &change->err);
    }
    if (code == 0) {
        code = set(change, name, key, equals + 1);
    }
    lt_free(key);
    leat_conf_free(conf);
    return code;
}

static int run_create(struct cli *cli, int argc, char **argv)
{
    static struct change_input input;
    struct change change;
    cli_parse(cli, argc, argv, &input);
    int code = change_begin(cli, &change);
    if (code == 0 && cli_profile_exists(change.props, input.name)) {
        code = lt_error_set(&change.err, LEAT_EEXISTS,
                            "it exists; 'leat profile edit %s' changes it", input.name);
    }
    if (code == 0) {
        code = lt_properties_add_section(&change.text, input.name);
    }
    if (code == 0 && input.description != NULL) {
        code = set(&change, input.name, "description", input.description);
    }
    if (code == 0 && cli->bootstrap != NULL) {
        char *pair = lt_asprintf("bootstrap.servers=%s", cli->bootstrap);
        code = pair == NULL ? LEAT_ENOMEM : add_pair(&change, input.name, pair);
        lt_free(pair);
    }
    for (size_t i = 0; code == 0 && i < cli->property_count; i++) {
        code = add_pair(&change, input.name, cli->properties[i]);
    }
    for (size_t i = 0; code == 0 && i < input.pairs.count; i++) {
        code = add_pair(&change, input.name, input.pairs.words[i]);
    }
    bool first = cli_profile_get(change.props, "", "current") == NULL;
    if (code == 0 && first) {
        code = make_current(&change, input.name);
    }
    return change_end(&change, code, input.name, first ? "created, in use" : "created");
}

const struct cli_command cli_profile_create = {
    .name = "profile create",
    .summary = "name an address and its settings",
    .args = "NAME [PROPERTY=VALUE..]",
    .doc = "Make a profile of -b, -X and the settings given. The first one is in use at once.",
    .examples =
        "leat profile create prod -b b1.example.net:9092,b2.example.net:9092 confirm=always\n"
        "leat profile create local -b localhost:9092 --description 'this machine'\n",
    .options = create_options,
    .parse = parse_create,
    .run = run_create,
};

/* ---- delete ---- */

static int run_delete(struct cli *cli, int argc, char **argv)
{
    static struct change_input input;
    struct change change;
    cli_parse(cli, argc, argv, &input);
    int code = change_begin(cli, &change);
    if (code == 0 && !cli_profile_exists(change.props, input.name)) {
        code = no_such(&change, input.name);
    }
    if (code == 0 && !cli_confirm(cli, "delete the profile %s", input.name)) {
        lt_properties_free(change.props);
        lt_buf_release(&change.text);
        lt_free(change.path);
        return CLI_FAILED;
    }
    static const char *const keys[] = {"current", "previous"};
    for (size_t i = 0; code == 0 && i < 2; i++) {
        const char *value = cli_profile_get(change.props, "", keys[i]);
        if (value != NULL && strcmp(value, input.name) == 0) {
            code = set(&change, "", keys[i], NULL);
        }
    }
    if (code == 0) {
        code = lt_properties_remove_section(&change.text, input.name);
    }
    return change_end(&change, code, input.name, "deleted");
}

const struct cli_command cli_profile_delete = {
    .name = "profile delete",
    .alias = "profile rm",
    .summary = "take a profile out of the file",
    .args = "PROFILE",
    .doc = "Delete a profile with all its lines in the file.",
    .examples = "leat profile delete old\nleat profile delete old --yes\n",
    .parse = parse_name,
    .run = run_delete,
};

/* ---- edit ---- */

/* Run the editor on a file; 0 when it ended well. */
static int run_editor(const char *path, struct leat_error **reterr)
{
    const char *editor = getenv("VISUAL");
    editor = editor != NULL && *editor != '\0' ? editor : getenv("EDITOR");
    editor = editor != NULL && *editor != '\0' ? editor : "vi";
    char *command = lt_asprintf("%s \"$1\"", editor);
    pid_t child = command == NULL ? -1 : fork();
    if (child == 0) {
        (void)execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
        _exit(127);
    }
    lt_free(command);
    int how = -1;
    while (child > 0 && waitpid(child, &how, 0) < 0 && errno == EINTR) {
    }
    return child > 0 && how == 0
               ? 0
               : lt_error_set(reterr, LEAT_EFAILED,
                              "the editor '%s' did not end well; nothing is changed", editor);
}

/* Is every profile in the text one that commands could use? */
static int check_all(const char *path, struct leat_error **reterr)
{
    struct lt_properties *props = NULL;
    int code = lt_properties_load(path, LT_PROPERTIES_SECTIONS, &props, reterr);
    for (size_t i = 0; code == 0 && i < lt_properties_count(props); i++) {
        static const char *const ours[] = {"description", "confirm", "current", "previous"};
        const struct lt_property *entry = lt_properties_at(props, i);
        bool known = false;
        for (size_t k = 0; k < sizeof(ours) / sizeof(ours[0]); k++) {
            known = known || strcmp(entry->key, ours[k]) == 0;
        }
        struct leat_conf *conf = known ? NULL : leat_conf_new();
        code = known          ? 0
               : conf == NULL ? LEAT_ENOMEM
                              : leat_conf_set(conf, entry->key, entry->value, reterr);
        if (code != 0) {
            (void)lt_error_prefix(reterr, "%s:%d", entry->file, entry->line); /* code is returned */
        }
        leat_conf_free(conf);
    }
    lt_properties_free(props);
    return code;
}

static int run_edit(struct cli *cli, int argc, char **argv)
{
    struct change change;
    cli_parse(cli, argc, argv, NULL);
    /* A file that is wrong is what one wants to edit: it is not loaded first. */
    change = (struct change){.cli = cli, .path = cli_profile_path()};
    char *draft = change.path == NULL ? NULL : lt_asprintf("%s.edit", change.path);
    int code =
        draft == NULL ? LEAT_ENOMEM : cli_profile_read(change.path, &change.text, &change.err);
    if (code == 0) {
        code = cli_profile_store(draft, &change.text, &change.err);
    }
    if (code == 0) {
        code = run_editor(draft, &change.err);
        if (code != 0) {
            (void)lt_os_unlink(draft); /* nothing in it is new */
        }
    }
    if (code == 0) {
        code = check_all(draft, &change.err);
        if (code != 0) {
            (void)lt_error_prefix(&change.err, "not taken over"); /* code is told */
            cli_hint(cli, "your text is kept in %s", draft);
        }
    }
    if (code == 0) {
        change.text.size = 0;
        code = cli_profile_read(draft, &change.text, &change.err);
        (void)lt_os_unlink(draft); /* a draft that stays does no harm */
    }
    int status = change_end(&change, code, "file", "changed");
    lt_free(draft);
    return status;
}

const struct cli_command cli_profile_edit = {
    .name = "profile edit",
    .summary = "edit the profile file and check it",
    .doc = "Open the profile file in $VISUAL or $EDITOR. It is taken over only if every line in it "
           "is right.",
    .examples = "leat profile edit\nEDITOR=nano leat profile edit\n",
    .run = run_edit,
};
