/* profile_list.c: leat profile list, current, show, test: what the profile file says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "client/cli/command.h"
#include "client/cli/output.h"
#include "client/cli/profile.h"
#include "client/conf.h"

/* The file and what is in it; props NULL: there is no file. */
struct file {
    char *path;
    struct lt_properties *props;
};

static int file_open(const struct cli *cli, struct file *ret)
{
    struct leat_error *err = NULL;
    *ret = (struct file){.path = cli_profile_path()};
    int code = ret->path == NULL ? LEAT_ENOMEM : cli_profile_load(ret->path, &ret->props, &err);
    if (code != 0) {
        (void)cli_fail(cli, code, err, "%s", cli->command); /* the file is wrong: usage */
        lt_free(ret->path);
        return CLI_USAGE;
    }
    return 0;
}

static void file_close(struct file *file)
{
    lt_properties_free(file->props);
    lt_free(file->path);
}

static int finish(const struct cli *cli, struct cli_table *table)
{
    int code = table == NULL ? LEAT_ENOMEM : cli_table_print(table);
    cli_table_free(table);
    return code == 0 ? CLI_DONE : cli_fail(cli, code, NULL, "%s", cli->command);
}

/* ---- list, current ---- */

static int run_list(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"NAME", "CURRENT", "BOOTSTRAP-SERVERS", "DESCRIPTION",
                                          NULL};
    struct file file;
    cli_parse(cli, argc, argv, NULL);
    int status = file_open(cli, &file);
    if (status != 0) {
        return status;
    }
    const char *current = cli_profile_in_use(file.props);
    struct cli_table *table = cli_table_new(cli, "profiles", columns);
    size_t count = file.props == NULL ? 0 : lt_properties_section_count(file.props);
    for (size_t i = 0; table != NULL && i < count; i++) {
        const char *name = lt_properties_section_at(file.props, i);
        cli_table_row(table);
        cli_table_text(table, name);
        cli_table_bool(table, current != NULL && strcmp(current, name) == 0);
        cli_table_text(table, cli_profile_get(file.props, name, "bootstrap.servers"));
        cli_table_text(table, cli_profile_get(file.props, name, "description"));
    }
    if (table != NULL) {
        cli_table_field(table, "file", file.path);
    }
    if (count == 0) {
        cli_hint(cli, "no profiles in %s; 'leat profile create NAME -b HOST:PORT' makes one",
                 file.path);
    }
    status = finish(cli, table);
    file_close(&file);
    return status;
}

const struct cli_command cli_profile_list = {
    .name = "profile list",
    .alias = "profile ls",
    .summary = "named addresses and settings",
    .doc = "List the profiles: named sections of the profile file, with settings for one cluster "
           "each.",
    .examples = "leat profile list\nleat profile list --json\n",
    .run = run_list,
};

static int run_current(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"NAME", NULL};
    struct file file;
    cli_parse(cli, argc, argv, NULL);
    int status = file_open(cli, &file);
    if (status != 0) {
        return status;
    }
    const char *name = cli->profile != NULL ? cli->profile : cli_profile_in_use(file.props);
    if (cli->format == CLI_JSON) {
        struct cli_table *table = cli_table_new(cli, "profiles", columns);
        if (table != NULL && name != NULL) {
            cli_table_row(table);
            cli_table_text(table, name);
        }
        status = finish(cli, table);
    } else if (name != NULL) {
        printf("%s\n", name);
    }
    if (name == NULL) {
        fprintf(stderr, "leat: profile current: none is in use\n");
        status = CLI_FAILED;
    }
    file_close(&file);
    return status;
}

const struct cli_command cli_profile_current = {
    .name = "profile current",
    .summary = "name of the profile in use; exit 1 if there is none",
    .doc = "Print the name of the profile that commands use.",
    .examples = "leat profile current\nLEAT_PROFILE=prod leat profile current\n",
    .run = run_current,
};

/* ---- show ---- */

struct show {
    struct cli *cli;
    const struct file *file;
    struct lt_properties *given; /* --command-config, or NULL */
    const char *name;            /* the profile, or NULL */
    struct cli_table *table;
};

static const struct lt_property *
entry_of(const struct lt_properties *props, const char *section, const char *key)
{
    for (size_t i = 0; props != NULL && i < lt_properties_count(props); i++) {
        const struct lt_property *entry = lt_properties_at(props, i);
        if (strcmp(entry->section, section) == 0 && strcmp(entry->key, key) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* The -X that counts: the last one. */
static const char *flag_value(const struct cli *cli, const char *key)
{
    const char *value = NULL;
    size_t size = strlen(key);
    for (size_t i = 0; i < cli->property_count; i++) {
        if (strncmp(cli->properties[i], key, size) == 0 && cli->properties[i][size] == '=') {
            value = cli->properties[i] + size + 1;
        }
    }
    return value;
}

static bool is_secret(const char *key)
{
    return strstr(key, "password") != NULL || strstr(key, "secret") != NULL;
}

static void add(struct show *show, const char *key, const char *value, const char *source)
{
    cli_table_row(show->table);
    cli_table_text(show->table, key);
    cli_table_text(show->table, is_secret(key) ? "***" : value);
    cli_table_text(show->table, source);
}

static void
add_from_file(struct show *show, const char *key, const struct lt_property *entry, const char *what)
{
    char *source = lt_asprintf("%s %s:%d", what, entry->file, entry->line);
    add(show, key, entry->value, source == NULL ? what : source);
    lt_free(source);
}

/* Strongest first, as cli_configure and the library have it. */
static void
show_key(const char *key, const char *type, const char *default_value, const char *text, void *arg)
{
    struct show *show = arg;
    char variable[128];
    const struct lt_property *entry;
    const char *value;
    (void)type;
    (void)text;
    lc_conf_env_name(key, variable, sizeof(variable));
    if (show->cli->bootstrap != NULL && strcmp(key, "bootstrap.servers") == 0) {
        add(show, key, show->cli->bootstrap, "-b");
    } else if ((value = flag_value(show->cli, key)) != NULL) {
        add(show, key, value, "-X");
    } else if (strncmp(key, "leat.", 5) != 0 && (value = getenv(variable)) != NULL) {
        add(show, key, value, variable);
    } else if ((entry = entry_of(show->given, "", key)) != NULL) {
        add_from_file(show, key, entry, "--command-config");
    } else if (show->name != NULL &&
               (entry = entry_of(show->file->props, show->name, key)) != NULL) {
        add_from_file(show, key, entry, "profile");
    } else if ((entry = entry_of(show->file->props, "", key)) != NULL) {
        add_from_file(show, key, entry, "top level");
    } else {
        add(show, key, default_value, "default");
    }
}

static void show_section(struct show *show)
{
    const struct lt_properties *props = show->file->props;
    for (size_t i = 0; props != NULL && i < lt_properties_count(props); i++) {
        const struct lt_property *entry = lt_properties_at(props, i);
        if (strcmp(entry->section, show->name) == 0) {
            add_from_file(show, entry->key, entry, "profile");
        }
    }
}

static error_t parse_name(int key, char *arg, struct argp_state *state)
{
    const char **name = state->input;
    if (key == ARGP_KEY_ARG && *name == NULL) {
        *name = arg;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static int run_show(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"KEY", "VALUE", "+SOURCE", NULL};
    static const char *const columns_sources[] = {"KEY", "VALUE", "SOURCE", NULL};
    const char *name = NULL;
    struct file file;
    cli_parse(cli, argc, argv, &name);
    cli->profile = name != NULL ? name : cli->profile;
    int status = cli_configure(cli); /* says what is wrong with any of the sources */
    if (status == 0) {
        status = file_open(cli, &file);
    }
    if (status != 0) {
        return status;
    }
    struct show show = {.cli = cli, .file = &file};
    bool all = cli->verbosity > 0;
    show.name = cli->profile != NULL ? cli->profile : cli_profile_in_use(file.props);
    show.table = cli_table_new(cli, "settings", all ? columns_sources : columns);
    int code = show.table == NULL ? LEAT_ENOMEM : 0;
    if (code == 0 && cli->config_file != NULL) {
        code = lt_properties_load(cli->config_file, 0, &show.given, NULL);
    }
    if (code == 0) {
        cli_table_field(show.table, "profile", show.name);
    }
    if (code == 0 && all) {
        leat_conf_visit(show_key, &show);
    } else if (code == 0 && show.name != NULL) {
        show_section(&show);
    }
    if (code == 0 && show.name == NULL && !all) {
        cli_hint(cli, "no profile is in use; -v shows all settings with their sources");
    }
    lt_properties_free(show.given);
    status = code == 0 ? finish(cli, show.table) : cli_fail(cli, code, NULL, "profile show");
    file_close(&file);
    return status;
}

const struct cli_command cli_profile_show = {
    .name = "profile show",
    .summary = "settings of a profile; with -v all settings and where each comes from",
    .args = "[PROFILE]",
    .doc = "Show the settings of a profile, by default of the one in use. With -v every setting "
           "that a command would have, with its source: the flag, the variable, or file and line.",
    .examples = "leat profile show prod\nleat profile show -v\n",
    .parse = parse_name,
    .run = run_show,
};

/* ---- test ---- */

static int run_test(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"PROFILE", "ADDRESS", "STATUS", ">MS", NULL};
    const char *name = NULL;
    char address[512];
    cli_parse(cli, argc, argv, &name);
    cli->profile = name != NULL ? name : cli->profile;
    int64_t begin_ns = lt_clock_mono_ns(lt_clock_real());
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct file file;
    double elapsed_ms = (double)(lt_clock_mono_ns(lt_clock_real()) - begin_ns) / 1e6;
    if (leat_conf_get(cli->conf, "bootstrap.servers", address, sizeof(address)) < 0) {
        address[0] = '\0';
    }
    status = file_open(cli, &file);
    if (status != 0) {
        return status;
    }
    struct cli_table *table = cli_table_new(cli, "profiles", columns);
    if (table != NULL) {
        cli_table_row(table);
        cli_table_text(table, cli->profile != NULL ? cli->profile : cli_profile_in_use(file.props));
        cli_table_text(table, address);
        cli_table_text(table, "OK");
        cli_table_printf(table, "%.3f", elapsed_ms);
    }
    file_close(&file);
    return finish(cli, table);
}

const struct cli_command cli_profile_test = {
    .name = "profile test",
    .summary = "reach the broker of a profile: exit 0, or 3 if there is none",
    .args = "[PROFILE]",
    .doc = "Connect with the settings of a profile, by default the one in use. 'leat doctor' looks "
           "closer.",
    .examples = "leat profile test prod\nleat profile test --timeout 1s\n",
    .parse = parse_name,
    .run = run_test,
};
