/* test_config.c: the settings: where values come from and which one wins, what is refused and in which words, what clients
 * may see and change, and that the documentation is that of the code. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "server/config.h"
#include "server/config_table.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_main.h"

static struct test_dir dir;
static struct lt_arena arena;
static struct srv_config *config;

static void setup(void)
{
    test_dir_init(&dir);
    lt_arena_init(&arena, 0);
    config = NULL;
}

static void teardown(void)
{
    srv_config_free(config);
    lt_arena_release(&arena);
    test_dir_release(&dir);
}

static const char *file_with(const char *text)
{
    const char *path = lt_arena_strdup(&arena, test_dir_path(&dir, "leat.properties"));
    test_file_write(path, text, strlen(text));
    return path;
}

static void load(const struct srv_config_options *options)
{
    struct leat_error *err = NULL;
    int rc = srv_config_load(options, &config, &err);
    ck_assert_msg(rc == 0, "%s", lt_error_message(err));
}

/* The first error, in the arena. */
static const char *load_fails(const struct srv_config_options *options)
{
    struct leat_error *err = NULL;
    ck_assert_int_eq(srv_config_load(options, &config, &err), LEAT_ECONFIG);
    ck_assert_ptr_null(config);
    const char *text = lt_arena_strdup(&arena, lt_error_message(err));
    lt_error_free(err);
    return text;
}

#define ck_has(text, part) \
    ck_assert_msg(strstr((text), (part)) != NULL, "\"%s\" has no \"%s\"", (text), (part))

/* ---- the table ---- */

/* Every default fits its own row, and its canonical form is the one that stands there. */
START_TEST(defaults_are_canonical)
{
    const struct srv_config_row *rows[] = {srv_broker_rows, srv_topic_rows};
    const size_t counts[] = {srv_broker_row_count, srv_topic_row_count};
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < counts[t]; i++) {
            const char *text;
            if (rows[t][i].value_default == NULL) {
                continue;
            }
            ck_assert_msg(srv_config_parse(&rows[t][i], rows[t][i].value_default, false, &arena,
                                           &text, NULL) == 0,
                          "%s", rows[t][i].name);
            ck_assert_str_eq(text, rows[t][i].value_default);
            ck_assert_ptr_nonnull(rows[t][i].doc);
        }
    }
}
END_TEST

/* A key is a row or is meaningless, never both, and stands there once. */
START_TEST(names_are_unique)
{
    for (size_t i = 0; i < srv_broker_row_count; i++) {
        ck_assert_ptr_eq(srv_broker_row(srv_broker_rows[i].name), &srv_broker_rows[i]);
        ck_assert_msg(!srv_config_is_meaningless(srv_broker_rows[i].name), "%s",
                      srv_broker_rows[i].name);
    }
    for (size_t i = 0; i < srv_topic_row_count; i++) {
        ck_assert_ptr_eq(srv_topic_row(srv_topic_rows[i].name), &srv_topic_rows[i]);
    }
    size_t described = 0;
    for (size_t i = 0; i < srv_topic_row_count; i++) {
        described += !srv_topic_rows[i].hidden && strncmp(srv_topic_rows[i].name, "leat.", 5) != 0;
    }
    ck_assert_uint_eq(described, 33); /* as many as Kafka 4.3.1 has */
}
END_TEST

struct value_case {
    bool topic;
    const char *name, *text, *canonical; /* canonical NULL: refused */
    const char *says;
};

static const struct value_case value_cases[] = {
    {false, "log.segment.bytes", "64MiB", "67108864", NULL},
    {false, "log.retention.hours", "7d", "168", NULL},
    {false, "log.retention.hours", "90m", NULL, "Not a number of type INT"},
    {false, "log.retention.ms", "1h30m", "5400000", NULL},
    {false, "log.retention.ms", "-1", "-1", NULL},
    {false, "log.retention.ms", "-2", NULL, "Value must be at least -1"},
    {false, "num.partitions", "  12 ", "12", NULL},
    {false, "num.partitions", "2147483648", NULL, "Not a number of type INT"},
    {false, "num.partitions", "1.5", NULL, "Not a number"},
    {false, "num.partitions", "", NULL, "Not a number"},
    {false, "num.partitions", "--1", NULL, "Not a number"},
    {false, "num.partitions", "9999999999999999999999", NULL, "Not a number"},
    {false, "leat.producers.max", "1000001", NULL,
     "no more than 1000000"}, /* its file has a limit */
    {false, "auto.create.topics.enable", "TRUE", "true", NULL},
    {false, "auto.create.topics.enable", "yes", NULL, "either true or false"},
    {false, "log.level", "loud", NULL, "String must be one of: debug, info, warn, error"},
    {true, "cleanup.policy", " compact , delete ", "compact,delete", NULL},
    {true, "cleanup.policy", "compact,compact", "compact", NULL},
    {true, "cleanup.policy", "compact,,delete", NULL, "must not be empty"},
    {true, "cleanup.policy", "", "", NULL},
    {true, "min.cleanable.dirty.ratio", "1", "1.0", NULL},
    {true, "min.cleanable.dirty.ratio", "0.25", "0.25", NULL},
    {true, "min.cleanable.dirty.ratio", "1e999", NULL, "no more than 1"},
    {true, "min.cleanable.dirty.ratio", "NaN", NULL, "Not a number of type DOUBLE"},
    {true, "compression.gzip.level", "0", NULL, "between 1 and 9 or equal to -1"},
    {true, "compression.gzip.level", "9", "9", NULL},
    {true, "leader.replication.throttled.replicas", "0:1,2:3", "0:1,2:3", NULL},
    {true, "leader.replication.throttled.replicas", "*", "*", NULL},
    {true, "leader.replication.throttled.replicas", "0:1,", NULL, ""},
    {true, "leader.replication.throttled.replicas", "0:", NULL, "format"},
    {true, "remote.storage.enable", "true", NULL, "Tiered Storage"},
    {true, "segment.bytes", "1048575", NULL, "at least 1048576"},
};

/* Values are read, brought into one form, or refused in Kafka's words. */
START_TEST(values_are_read_or_refused)
{
    const struct value_case *c = &value_cases[_i];
    const struct srv_config_row *row = c->topic ? srv_topic_row(c->name) : srv_broker_row(c->name);
    const char *text = NULL;
    struct leat_error *err = NULL;
    int rc = srv_config_parse(row, c->text, true, &arena, &text, &err);
    if (c->canonical != NULL) {
        ck_assert_msg(rc == 0, "%s", lt_error_message(err));
        ck_assert_str_eq(text, c->canonical);
    } else {
        ck_assert_int_eq(rc, LEAT_ECONFIG);
        ck_has(lt_error_message(err), c->says);
    }
    lt_error_free(err);
}
END_TEST

/* Clients send plain numbers: "7d" is for files. */
START_TEST(units_are_for_files_only)
{
    const char *text;
    ck_assert_int_eq(
        srv_config_parse(srv_topic_row("retention.ms"), "7d", false, &arena, &text, NULL),
        LEAT_ECONFIG);
    ck_assert_int_eq(
        srv_config_parse(srv_topic_row("retention.ms"), "7d", true, &arena, &text, NULL), 0);
    ck_assert_str_eq(text, "604800000");
}
END_TEST

/* ---- loading ---- */

/* --set over environment over file over --dev over default. */
START_TEST(strongest_layer_wins)
{
    const char *path =
        file_with("num.partitions = 2\nmessage.max.bytes = 1000\nlog.retention.bytes = 5\n");
    char partitions[] = "LEAT_NUM_PARTITIONS=3";
    char bytes[] = "LEAT_MESSAGE_MAX_BYTES=2000";
    char other[] = "OTHER=1";
    char *const environ_list[] = {partitions, bytes, other, NULL};
    const char *const sets[] = {"num.partitions=4"};
    struct srv_config_options options = {
        .path = path, .environ_list = environ_list, .sets = sets, .set_count = 1, .dev = true};
    load(&options);
    struct log_config log;
    ck_assert_int_eq(srv_config_topic(config, "t", &log), 0);
    ck_assert_int_eq(srv_config_settings(config)->num_partitions, 4);
    ck_assert_int_eq(log.max_message_bytes, 2000);
    ck_assert_int_eq(log.retention_bytes, 5);
    ck_assert_int_eq(log.durability, LOG_DURABILITY_MEMORY);
    ck_assert_int_eq(log.segment_bytes, 1073741824);
    ck_assert(srv_config_pinned(config, srv_broker_row("message.max.bytes")));
    ck_assert(!srv_config_pinned(config, srv_broker_row("log.retention.bytes")));
}
END_TEST

/* --data is the directory, whatever the file says; "log.dir" is another name for it. */
START_TEST(data_option_and_alias)
{
    struct srv_config_options options = {.path = file_with("log.dir = /a, /b\n")};
    load(&options);
    ck_assert_str_eq(srv_config_settings(config)->log_dirs, "/a,/b");
    srv_config_free(config);
    config = NULL;
    options.data_dir = "/c";
    load(&options);
    ck_assert_str_eq(srv_config_settings(config)->log_dirs, "/c");
}
END_TEST

/* A variable with _FILE behind its name holds the place of the value. */
START_TEST(environment_may_name_a_file)
{
    char variable[1200];
    (void)snprintf(variable, sizeof(variable), "LEAT_NUM_PARTITIONS_FILE=%s", file_with("17\n"));
    char *const environ_list[] = {variable, NULL};
    struct srv_config_options options = {.environ_list = environ_list};
    load(&options);
    ck_assert_int_eq(srv_config_settings(config)->num_partitions, 17);
}
END_TEST

/* Hours, minutes and milliseconds: the finest unit that is set counts, whichever layer it stands in. */
START_TEST(milliseconds_win_over_hours)
{
    struct srv_config_options options = {.path = file_with("log.retention.hours = 2\n")};
    load(&options);
    struct log_config log;
    (void)srv_config_topic(config, "t", &log);
    ck_assert_int_eq(log.retention_ms, 7200000);
    srv_config_free(config);
    config = NULL;
    options.path =
        file_with("log.retention.hours = 2\nlog.retention.minutes = 3\nlog.roll.hours = 1\n");
    load(&options);
    (void)srv_config_topic(config, "t", &log);
    ck_assert_int_eq(log.retention_ms, 180000);
    ck_assert_int_eq(log.segment_ms, 3600000);
}
END_TEST

/* Unknown keys are refused with the nearest name; --lenient makes that a warning, --strict makes warnings errors. */
START_TEST(unknown_and_meaningless_keys)
{
    struct srv_config_options options = {.path = file_with("\nlog.retension.hours = 2\n")};
    ck_has(load_fails(&options), "leat.properties:2: unknown setting log.retension.hours; did you "
                                 "mean log.retention.hours?");
    options.lenient = true;
    load(&options);
    size_t count;
    const struct srv_config_note *notes = srv_config_notes(config, &count);
    ck_assert_uint_eq(count, 1);
    ck_assert(!notes[0].error);
    ck_assert_int_eq(notes[0].line, 2);
    srv_config_free(config);
    config = NULL;
    options = (struct srv_config_options){
        .path = file_with("zookeeper.connect = x\nprocess.roles = broker\n")};
    load(&options);
    (void)srv_config_notes(config, &count);
    ck_assert_uint_eq(count, 2);
    srv_config_free(config);
    config = NULL;
    options.strict = true;
    ck_has(load_fails(&options), "zookeeper.connect is a setting of Kafka that has no effect here");
}
END_TEST

static const struct {
    const char *set;
    const char *says;
} cross_cases[] = {
    {"listeners=", "nothing to listen on"},
    {"listeners=PLAINTEXT://a:1,PLAINTEXT://b:2", "two listeners are named PLAINTEXT"},
    {"listeners=PLAINTEXT://h:70000", "listeners: PLAINTEXT://h:70000 is not NAME://HOST:PORT"},
    {"listeners=PLAINTEXT://::1:9092", "is not NAME://HOST:PORT"},
    {"listeners=INTERNAL://h:1", "listener INTERNAL has no protocol"},
    {"listeners=SSL://h:1", "listener SSL has no protocol"},
    {"listener.security.protocol.map=PLAINTEXT:SSL", "only the protocol PLAINTEXT exists yet"},
    {"advertised.listeners=OTHER://h:1", "OTHER is no listener"},
    {"advertised.listeners=PLAINTEXT://0.0.0.0:1", "no client can connect to 0.0.0.0"},
    {"http.listeners=https://h:1", "only http://"},
    {"log.dirs=", "--set: log.dirs: empty: no place for data"},
    {"nonsense", "nonsense is not KEY=VALUE"},
    {"=1", "is not KEY=VALUE"},
};

/* Settings that contradict each other, or the protocol. */
START_TEST(cross_checks)
{
    const char *const sets[] = {cross_cases[_i].set};
    struct srv_config_options options = {.sets = sets, .set_count = 1};
    ck_has(load_fails(&options), cross_cases[_i].says);
}
END_TEST

/* Addresses come apart into name, host and port. */
START_TEST(endpoints)
{
    const char *list = "PLAINTEXT://[::1]:9092,INTERNAL://:0,X://host.example:1";
    struct srv_endpoint endpoint;
    ck_assert_int_eq(srv_endpoint_next(&list, &endpoint), 1);
    ck_assert_str_eq(endpoint.host, "::1");
    ck_assert_int_eq(endpoint.port, 9092);
    ck_assert_int_eq(srv_endpoint_next(&list, &endpoint), 1);
    ck_assert_str_eq(endpoint.name, "INTERNAL");
    ck_assert_str_eq(endpoint.host, "");
    ck_assert_int_eq(endpoint.port, 0);
    ck_assert_int_eq(srv_endpoint_next(&list, &endpoint), 1);
    ck_assert_str_eq(endpoint.host, "host.example");
    ck_assert_int_eq(srv_endpoint_next(&list, &endpoint), 0);
}
END_TEST

/* A reload takes what may change, counts what needs a restart, and changes nothing when the file is wrong. */
START_TEST(reload_takes_all_or_nothing)
{
    struct srv_config_options options = {
        .path = file_with("message.max.bytes = 1000\nnum.partitions = 1\n")};
    load(&options);
    size_t changed = 9;
    size_t pending = 9;
    (void)file_with("message.max.bytes = 2000\nnum.partitions = 5\nslow.request.ms = 7\n");
    ck_assert_int_eq(srv_config_reload(config, &changed, &pending, NULL), 0);
    ck_assert_uint_eq(changed, 2);
    ck_assert_uint_eq(pending, 1);
    struct log_config log;
    (void)srv_config_topic(config, "t", &log);
    ck_assert_int_eq(log.max_message_bytes, 2000);
    ck_assert_int_eq(srv_config_settings(config)->num_partitions, 1);
    ck_assert_int_eq(srv_config_settings(config)->slow_request_ms, 7);
    (void)file_with("message.max.bytes = 3000\nmistake = 5\n");
    struct leat_error *err = NULL;
    ck_assert_int_eq(srv_config_reload(config, &changed, &pending, &err), LEAT_ECONFIG);
    ck_has(lt_error_message(err), "mistake");
    lt_error_free(err);
    (void)srv_config_topic(config, "t", &log);
    ck_assert_int_eq(log.max_message_bytes, 2000);
}
END_TEST

/* ---- changes while running ---- */

static struct srv_config_value
describe(enum srv_resource resource, const char *name, const char *key)
{
    struct srv_config_value value;
    const struct srv_config_row *row =
        resource == SRV_RESOURCE_TOPIC ? srv_topic_row(key) : srv_broker_row(key);
    ck_assert_int_eq(srv_config_describe(config, resource, name, row, &arena, &value), 0);
    return value;
}

/* Topic over this broker over cluster-wide over file; each is described with its source. */
START_TEST(overrides_and_their_sources)
{
    struct srv_config_options options = {.path = file_with("message.max.bytes = 1000\n")};
    load(&options);
    struct srv_config_pair pair = {"message.max.bytes", "2000"};
    struct srv_config_pair topic_pairs[] = {
        {"max.message.bytes", "4000"}, {"no.longer.known", "1"}, {"flush.ms", "bad"}};
    ck_assert_str_eq(describe(SRV_RESOURCE_TOPIC, "t", "max.message.bytes").value, "1000");
    ck_assert_int_eq(srv_config_set_overrides(config, SRV_RESOURCE_BROKER, "", &pair, 1, 5), 0);
    ck_assert_int_eq(describe(SRV_RESOURCE_TOPIC, "t", "max.message.bytes").source,
                     SRV_SOURCE_DYNAMIC_DEFAULT);
    pair.value = "3000";
    ck_assert_int_eq(srv_config_set_overrides(config, SRV_RESOURCE_BROKER, "1", &pair, 1, 6), 0);
    ck_assert_int_eq(describe(SRV_RESOURCE_BROKER, "1", "message.max.bytes").source,
                     SRV_SOURCE_DYNAMIC_BROKER);
    ck_assert_int_eq(srv_config_set_overrides(config, SRV_RESOURCE_TOPIC, "t", topic_pairs, 3, 7),
                     0);
    struct srv_config_value value = describe(SRV_RESOURCE_TOPIC, "t", "max.message.bytes");
    ck_assert_str_eq(value.value, "4000");
    ck_assert_uint_eq(value.synonym_count, 5);
    const char *const expected[] = {"4000", "3000", "2000", "1000", "1048588"};
    for (size_t i = 0; i < 5; i++) {
        ck_assert_str_eq(value.synonyms[i].value, expected[i]);
        ck_assert_int_eq(value.synonyms[i].source, (int)i + 1);
    }
    struct srv_config_pair *pairs;
    size_t count;
    int64_t rev;
    ck_assert_int_eq(
        srv_config_get_overrides(config, SRV_RESOURCE_TOPIC, "t", &arena, &pairs, &count, &rev), 0);
    ck_assert_uint_eq(count, 1); /* what the table does not know, or cannot read, is left out */
    ck_assert_int_eq(rev, 7);
    srv_config_clear_overrides(config);
    ck_assert_str_eq(describe(SRV_RESOURCE_TOPIC, "t", "max.message.bytes").value, "1000");
}
END_TEST

/* The level of the codec that a topic stores in is that codec's own. */
START_TEST(compression_level_is_the_codecs)
{
    struct srv_config_options options = {0};
    load(&options);
    struct srv_config_pair pairs[] = {{"compression.type", "zstd"},
                                      {"compression.zstd.level", "7"},
                                      {"compression.lz4.level", "2"}};
    struct log_config log;
    (void)srv_config_set_overrides(config, SRV_RESOURCE_TOPIC, "t", pairs, 3, 1);
    (void)srv_config_topic(config, "t", &log);
    ck_assert_int_eq(log.compression, 4);
    ck_assert_int_eq(log.compression_level, 7);
    (void)srv_config_topic(config, "u", &log);
    ck_assert_int_eq(log.compression, -1);
}
END_TEST

/* Allocation n fails, for n = 0, 1, 2, ... until loading passes: an error each time, nothing lost. */
START_TEST(loading_survives_lack_of_memory)
{
    const char *path = file_with(
        "message.max.bytes = 1000\nlog.cleanup.policy = compact,delete\nzookeeper.connect = x\n");
    const char *const sets[] = {"num.partitions=4"};
    struct srv_config_options options = {.path = path, .sets = sets, .set_count = 1};
    int rc = -1;
    for (int64_t n = 0; rc != 0; n++) {
        lt_alloc_fail_after(n);
        rc = srv_config_load(&options, &config, NULL);
        bool failed = lt_alloc_failed();
        lt_alloc_fail_never();
        ck_assert(rc == 0 ? !failed || config != NULL : failed);
    }
    ck_assert_int_eq(srv_config_settings(config)->num_partitions, 4);
}
END_TEST

/* ---- printing ---- */

static const char *printed(enum srv_config_print format)
{
    const char *path = test_dir_path(&dir, "printed");
    FILE *out = fopen(path, "w");
    struct lt_buf buf = {0};
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(srv_config_print(config, format, out), 0);
    ck_assert_int_eq(fclose(out), 0);
    test_file_read(path, &buf);
    const char *text = lt_arena_strndup(&arena, (const char *)buf.data, buf.size);
    lt_buf_release(&buf);
    return text;
}

/* What --print-config writes can be read again and means the same. */
START_TEST(printed_properties_read_back)
{
    struct srv_config_options options = {
        .path = file_with("message.max.bytes = 1000\nlog.dirs = /a\\\\b\n")};
    load(&options);
    const char *text = printed(SRV_PRINT_PROPERTIES);
    srv_config_free(config);
    config = NULL;
    options.path = file_with(text);
    load(&options);
    ck_assert_str_eq(srv_config_settings(config)->log_dirs, "/a\\b");
    ck_assert_str_eq(printed(SRV_PRINT_PROPERTIES), text);
}
END_TEST

/* docs/configuration.md is what --print-config=md writes. */
START_TEST(documentation_is_that_of_the_code)
{
    const char *top = getenv("LEAT_SOURCE");
    ck_assert_ptr_nonnull(top);
    struct lt_buf buf = {0};
    test_file_read(lt_arena_printf(&arena, "%s/docs/configuration.md", top), &buf);
    const char *text = lt_arena_strndup(&arena, (const char *)buf.data, buf.size);
    lt_buf_release(&buf);
    ck_assert_msg(strcmp(text, printed(SRV_PRINT_MD)) == 0,
                  "docs/configuration.md: run leatd --print-config=md");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *table = tcase_create("table");
    tcase_add_checked_fixture(table, setup, teardown);
    tcase_add_test(table, defaults_are_canonical);
    tcase_add_test(table, names_are_unique);
    tcase_add_loop_test(table, values_are_read_or_refused, 0,
                        (int)(sizeof(value_cases) / sizeof(value_cases[0])));
    tcase_add_test(table, units_are_for_files_only);
    suite_add_tcase(suite, table);
    TCase *loading = tcase_create("loading");
    tcase_add_checked_fixture(loading, setup, teardown);
    tcase_add_test(loading, strongest_layer_wins);
    tcase_add_test(loading, data_option_and_alias);
    tcase_add_test(loading, environment_may_name_a_file);
    tcase_add_test(loading, milliseconds_win_over_hours);
    tcase_add_test(loading, unknown_and_meaningless_keys);
    tcase_add_loop_test(loading, cross_checks, 0,
                        (int)(sizeof(cross_cases) / sizeof(cross_cases[0])));
    tcase_add_test(loading, endpoints);
    tcase_add_test(loading, reload_takes_all_or_nothing);
    tcase_add_test(loading, loading_survives_lack_of_memory);
    suite_add_tcase(suite, loading);
    TCase *running = tcase_create("running");
    tcase_add_checked_fixture(running, setup, teardown);
    tcase_add_test(running, overrides_and_their_sources);
    tcase_add_test(running, compression_level_is_the_codecs);
    suite_add_tcase(suite, running);
    TCase *printing = tcase_create("printing");
    tcase_add_checked_fixture(printing, setup, teardown);
    tcase_add_test(printing, printed_properties_read_back);
    tcase_add_test(printing, documentation_is_that_of_the_code);
    suite_add_tcase(suite, printing);
    return test_main(suite);
}
