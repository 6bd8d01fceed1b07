/* shapes.c: --format help: the members of each command's --json, as an example with the types in place of values.
 *
 * A test runs the commands and compares. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/help.h"

/* Without _command and _version, which all have; "" is a text, 0 a number, true a boolean. Any of them may be null where
 * there is nothing to tell. */
static const struct {
    const char *command;
    const char *json;
} shapes[] = {
    {"topic list", "{\"topics\":[{\"name\":\"\",\"partitions\":0,\"replicas\":0,\"records\":0,"
                   "\"bytes\":0,\"internal\":true,\"id\":\"\",\"status\":\"\",\"message\":\"\"}]}"},
    {"topic create",
     "{\"topics\":[{\"topic\":\"\",\"partitions\":0,\"status\":\"\",\"message\":\"\"}]}"},
    {"topic describe",
     "{\"topics\":[{\"name\":\"\",\"id\":\"\",\"internal\":true,\"partition_count\":0,\"replicas\":"
     "0,\"records\":0,\"partitions\":[{\"partition\":0,\"leader\":0,\"epoch\":0,\"replicas\":[],"
     "\"isr\":[],\"offline\":[],\"log_start_offset\":0,\"high_watermark\":0,\"status\":\"\"}],"
     "\"configs\":[{\"key\":\"\",\"value\":\"\",\"source\":\"\"}],\"status\":\"\",\"message\":\"\"}"
     "]}"},
    {"topic delete",
     "{\"topics\":[{\"topic\":\"\",\"partitions\":0,\"status\":\"\",\"message\":\"\"}]}"},
    {"topic alter",
     "{\"topics\":[{\"topic\":\"\",\"changes\":0,\"status\":\"\",\"message\":\"\"}]}"},
    {"topic add-partitions",
     "{\"topics\":[{\"topic\":\"\",\"partitions\":0,\"status\":\"\",\"message\":\"\"}]}"},
    {"topic trim", "{\"partitions\":[{\"topic\":\"\",\"partition\":0,\"start\":0,\"end\":0,"
                   "\"deleted\":0,\"status\":\"\",\"message\":\"\"}]}"},
    {"topic offsets", "{\"offsets\":[{\"topic\":\"\",\"partition\":0,\"start\":0,\"end\":0,"
                      "\"records\":0,\"offset\":0,\"status\":\"\",\"message\":\"\"}]}"},
    {"config list",
     "{\"configs\":[{\"key\":\"\",\"value\":\"\",\"source\":\"\",\"type\":\"\",\"read_only\":true,"
     "\"sensitive\":true,\"default\":\"\",\"resource\":\"\",\"status\":\"\",\"message\":\"\"}]}"},
    {"config get",
     "{\"configs\":[{\"key\":\"\",\"value\":\"\",\"source\":\"\",\"type\":\"\",\"read_only\":true,"
     "\"sensitive\":true,\"default\":\"\",\"resource\":\"\",\"status\":\"\",\"message\":\"\"}]}"},
    {"config set", "{\"changes\":[{\"resource\":\"\",\"key\":\"\",\"value\":\"\",\"status\":\"\","
                   "\"message\":\"\"}]}"},
    {"config unset", "{\"changes\":[{\"resource\":\"\",\"key\":\"\",\"value\":\"\",\"status\":\"\","
                     "\"message\":\"\"}]}"},
    {"config diff", "{\"resource\":\"\",\"configs\":[{\"key\":\"\",\"value\":\"\",\"default\":\"\","
                    "\"source\":\"\",\"left\":\"\",\"right\":\"\"}],\"left\":\"\",\"right\":\"\"}"},
    {"cluster info", "{\"cluster\":\"\",\"controller\":0,\"brokers\":[{\"id\":0,\"host\":\"\","
                     "\"port\":0,\"rack\":\"\",\"controller\":true}]}"},
    {"cluster health", "{\"healthy\":true,\"cluster\":\"\",\"controller\":0,\"brokers\":0,"
                       "\"unreachable\":0,\"offline_dirs\":0,\"topics\":0,\"partitions\":0,"
                       "\"offline_partitions\":0,\"under_replicated\":0,\"under_min_isr\":0,"
                       "\"problems\":[{\"check\":\"\",\"resource\":\"\",\"message\":\"\"}]}"},
    {"cluster brokers",
     "{\"brokers\":[{\"id\":0,\"host\":\"\",\"port\":0,\"rack\":\"\",\"controller\":true,"
     "\"leaders\":0,\"replicas\":0,\"status\":\"\",\"message\":\"\"}]}"},
    {"cluster logdirs", "{\"partitions\":[{\"broker\":0,\"dir\":\"\",\"topic\":\"\",\"partition\":"
                        "0,\"bytes\":0,\"lag\":0,\"future\":true,\"status\":\"\",\"message\":\"\"}]"
                        ",\"dirs\":[{\"broker\":0,\"dir\":\"\",\"partitions\":0,\"bytes\":0,"
                        "\"total\":0,\"free\":0,\"status\":\"\",\"message\":\"\"}]}"},
    {"cluster api-versions",
     "{\"apis\":[{\"key\":0,\"name\":\"\",\"min\":0,\"max\":0,\"used\":0}]}"},
    {"ping", "{\"brokers\":[{\"address\":\"\",\"ms\":\"\"}]}"},
    {"profile list", "{\"file\":\"\",\"profiles\":[{\"name\":\"\",\"current\":true,\"bootstrap_"
                     "servers\":\"\",\"description\":\"\"}]}"},
    {"profile current", "{\"profiles\":[{\"name\":\"\"}]}"},
    {"profile show",
     "{\"profile\":\"\",\"settings\":[{\"key\":\"\",\"value\":\"\",\"source\":\"\"}]}"},
    {"profile create", "{\"profiles\":[{\"profile\":\"\",\"status\":\"\"}]}"},
    {"profile use", "{\"profiles\":[{\"profile\":\"\",\"status\":\"\"}]}"},
    {"profile edit", "{\"profiles\":[{\"profile\":\"\",\"status\":\"\"}]}"},
    {"profile delete", "{\"profiles\":[{\"profile\":\"\",\"status\":\"\"}]}"},
    {"profile test",
     "{\"profiles\":[{\"profile\":\"\",\"address\":\"\",\"status\":\"\",\"ms\":\"\"}]}"},
    {"dev", "{\"broker\":\"\",\"http\":\"\",\"data\":\"\",\"kept\":true,\"pid\":0}"},
    {"doctor", "{\"checks\":[{\"check\":\"\",\"status\":\"\",\"message\":\"\",\"fix\":\"\"}]}"},
    {"version", "{\"version\":\"\"}"},
};

static void print_shape(const json_t *value, int depth);

static void print_members(const json_t *object, int depth)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        printf("%*s\"%s\": ", depth * 2, "", key);
        print_shape(value, depth);
    }
}

static void print_shape(const json_t *value, int depth)
{
    const json_t *first = json_array_get(value, 0);
    if (json_is_object(value)) {
        printf("{\n");
        print_members(value, depth + 1);
        printf("%*s}\n", depth * 2, "");
    } else if (json_is_array(value) && json_is_object(first)) {
        printf("[{\n");
        print_members(first, depth + 1);
        printf("%*s}, ..]\n", depth * 2, "");
    } else {
        printf("%s\n", json_is_array(value)     ? "[..]"
                       : json_is_string(value)  ? "TEXT"
                       : json_is_integer(value) ? "NUMBER"
                                                : "true|false");
    }
}

int cli_help_shape(const struct cli_command *command)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (strcmp(shapes[i].command, command->name) == 0) {
            json_t *shape = json_loads(shapes[i].json, 0, NULL);
            printf("{\n  \"_command\": \"%s\"\n  \"_version\": 1\n", command->name);
            print_members(shape, 1);
            printf("}\n");
            json_decref(shape);
            return shape == NULL ? CLI_FAILED : CLI_DONE;
        }
    }
    fprintf(stderr, "leat: %s: prints no table; what its --json means is in --help\n",
            command->name);
    return CLI_USAGE;
}
