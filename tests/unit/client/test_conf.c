/* Settings: values, sources, files, profiles, and what is refused in which words. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "client/conf.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_main.h"

static struct test_dir dir;
static struct leat_conf *conf;

static void setup(void)
{
    static const char *const variables[] = {"LEAT_CONFIG", "LEAT_PROFILE", "LEAT_BOOTSTRAP_SERVERS",
                                            "LEAT_LINGER_MS", "XDG_CONFIG_HOME"};

    test_dir_init(&dir);
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        ck_assert_int_eq(unsetenv(variables[i]), 0);
    }
    ck_assert_int_eq(setenv("HOME", dir.path, 1), 0);
    conf = leat_conf_new();
    ck_assert_ptr_nonnull(conf);
}

static void teardown(void)
{
    leat_conf_free(conf);
    test_dir_release(&dir);
}

static const char *write_file(const char *name, const char *text)
{
    const char *path = test_dir_path(&dir, name);

    test_file_write(path, text, strlen(text));
    return path;
}

static void check_value(const char *key, const char *expected)
{
    char text[256];

    ck_assert_int_eq(leat_conf_get(conf, key, text, sizeof(text)), (int)strlen(expected));
    ck_assert_str_eq(text, expected);
}

/* Java's defaults, by name. */
START_TEST(defaults_are_kafkas)
{
    check_value("bootstrap.servers", "localhost:9092");
    check_value("acks", "all");
    check_value("batch.size", "16384");
    check_value("linger.ms", "5");
    check_value("buffer.memory", "33554432");
    check_value("compression.type", "none");
    check_value("partitioner", "murmur2");
    check_value("auto.offset.reset", "latest");
    check_value("max.poll.records", "500");
    check_value("delivery.timeout.ms", "120000");
    check_value("enable.idempotence", "false");
}
END_TEST

static const struct {
    const char *key;
    const char *value;
    enum lc_conf_id id;
    int64_t number;
} accepted[] = {
    {"batch.size", "64KiB", LC_CONF_BATCH_SIZE, 65536},
    {"linger.ms", "1s", LC_CONF_LINGER_MS, 1000},
    {"linger.ms", "0", LC_CONF_LINGER_MS, 0},
    {"acks", "-1", LC_CONF_ACKS, LC_ACKS_MINUS_ONE},
    {"acks", "0", LC_CONF_ACKS, LC_ACKS_NONE},
    {"acks", "ALL", LC_CONF_ACKS, LC_ACKS_ALL},
    {"check.crcs", "False", LC_CONF_CHECK_CRCS, 0},
    {"compression.type", "zstd", LC_CONF_COMPRESSION, 4},
    {"compression.zstd.level", "-7", LC_CONF_ZSTD_LEVEL, -7},
    {"auto.offset.reset", "none", LC_CONF_OFFSET_RESET, LC_RESET_NONE},
    {"enable.idempotence", "false", LC_CONF_IDEMPOTENCE, 0},
};

/* Values with units, signs and any case. */
START_TEST(values_are_understood)
{
    ck_assert_int_eq(leat_conf_set(conf, accepted[_i].key, accepted[_i].value, NULL), 0);
    ck_assert_int_eq(lc_conf_number(conf, accepted[_i].id), accepted[_i].number);
    check_value(accepted[_i].key, accepted[_i].value);
    ck_assert_int_eq(leat_conf_set(conf, accepted[_i].key, NULL, NULL), 0);
    ck_assert_ptr_null(conf->values[accepted[_i].id].text);
}
END_TEST

static const struct {
    const char *key;
    const char *value;
    const char *words; /* in the message */
} refused[] = {
    {"liger.ms", "1", "Did you mean 'linger.ms'"},
    {"zookeeper.connect", "x", "unknown setting 'zookeeper.connect'"},
    {"linger.ms", "soon", "linger.ms: 'soon' is not a duration"},
    {"batch.size", "0", "batch.size: '0' is not a size"},
    {"acks", "2", "not one of all|-1|1|0"},
    {"max.poll.records", "1.5", "not a number"},
    {"max.poll.records", "99999999999999999999", "not a number"},
    {"enable.idempotence", "true", "only false in this release"},
    {"security.protocol", "SASL_SSL", "not in this release"},
    {"group.id", "g", "consumer groups are not in this release"},
    {"sasl.mechanism", "PLAIN", "SASL is not in this release"},
    {"ssl.ca.location", "/x", "TLS is not in this release"},
    {"transactional.id", "t", "transactions are not in this release"},
    {"bootstrap.servers", " , ", "the list is empty"},
};

/* Mistakes are told with the key, and with what would be right. */
START_TEST(mistakes_are_explained)
{
    struct leat_error *err = NULL;

    ck_assert_int_eq(leat_conf_set(conf, refused[_i].key, refused[_i].value, &err), LEAT_ECONFIG);
    ck_assert_msg(strcasestr(leat_error_message(err), refused[_i].words) != NULL, "message: %s",
                  leat_error_message(err));
    leat_error_free(err);
}
END_TEST

/* NULL and empty names. */
START_TEST(null_is_refused)
{
    char text[4];

    ck_assert_int_eq(leat_conf_set(NULL, "acks", "1", NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_conf_set(conf, NULL, "1", NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_conf_set(conf, "", "1", NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_conf_get(NULL, "acks", text, 4), LEAT_EINVAL);
    ck_assert_int_eq(leat_conf_get(conf, "nothing", text, 4), LEAT_ENOENT);
    ck_assert_int_eq(leat_conf_get(conf, "acks", NULL, 4), LEAT_EINVAL);
    ck_assert_int_eq(leat_conf_get(conf, "bootstrap.servers", text, 4), 14);
    ck_assert_str_eq(text, "loc");
    ck_assert_int_eq(leat_conf_load_file(conf, NULL, NULL), LEAT_EINVAL);
    ck_assert_int_eq(leat_conf_load_profile(NULL, NULL, NULL), LEAT_EINVAL);
    ck_assert_ptr_null(leat_conf_copy(NULL));
    leat_conf_set_log(NULL, 1, NULL, NULL);
    leat_conf_visit(NULL, NULL);
    leat_conf_free(NULL);
}
END_TEST

static const char profiles[] =
    "linger.ms = 1\ncurrent = prod\n"
    "[local]\nbootstrap.servers = l:1\n"
    "[prod]\ndescription = the real one\nbootstrap.servers = p:1\nlinger.ms = 2\n";

/* The strongest source stands, whatever the order of the calls. */
START_TEST(sources_have_an_order)
{
    const char *file = write_file("client.properties", "linger.ms=3\nacks=1\n");

    ck_assert_int_eq(setenv("LEAT_CONFIG", write_file("config", profiles), 1), 0);
    ck_assert_int_eq(leat_conf_load_file(conf, file, NULL), 0);
    ck_assert_int_eq(leat_conf_load_profile(conf, NULL, NULL), 0);
    check_value("bootstrap.servers", "p:1");
    check_value("linger.ms", "3");
    check_value("acks", "1");
    ck_assert_int_eq(setenv("LEAT_LINGER_MS", "4", 1), 0);
    ck_assert_int_eq(leat_conf_load_profile(conf, "local", NULL), 0);
    check_value("bootstrap.servers", "l:1");
    check_value("linger.ms", "4");
    ck_assert_int_eq(leat_conf_set(conf, "linger.ms", "5", NULL), 0);
    ck_assert_int_eq(leat_conf_load_file(conf, file, NULL), 0);
    check_value("linger.ms", "5");
}
END_TEST

/* A profile file that nobody named may be missing; one that was named may not. */
START_TEST(profile_files_are_optional_until_named)
{
    struct leat_error *err = NULL;

    ck_assert_int_eq(leat_conf_load_profile(conf, NULL, NULL), 0);
    ck_assert_int_eq(leat_conf_load_profile(conf, "prod", &err), LEAT_ENOENT);
    ck_assert_ptr_nonnull(strstr(leat_error_message(err), "/.config/leat/config"));
    leat_error_free(err);
    ck_assert_int_eq(setenv("LEAT_CONFIG", write_file("config", profiles), 1), 0);
    err = NULL;
    ck_assert_int_eq(leat_conf_load_profile(conf, "porod", &err), LEAT_ENOENT);
    ck_assert_ptr_nonnull(strstr(leat_error_message(err), "no profile 'porod'"));
    leat_error_free(err);
}
END_TEST

/* A mistake in a file is told with its line and takes nothing over. */
START_TEST(files_are_taken_whole_or_not_at_all)
{
    struct leat_error *err = NULL;
    const char *file = write_file("client.properties", "acks = 1\n\nlinger.ms = never\n");

    ck_assert_int_eq(leat_conf_load_file(conf, file, &err), LEAT_ECONFIG);
    ck_assert_ptr_nonnull(strstr(leat_error_message(err), "client.properties:3: linger.ms"));
    check_value("acks", "all");
    leat_error_free(err);
    ck_assert_int_eq(leat_conf_load_file(conf, "/proc/nonexistent", NULL), LEAT_ENOENT);
    ck_assert_int_eq(setenv("LEAT_LINGER_MS", "x", 1), 0);
    err = NULL;
    ck_assert_int_eq(leat_conf_load_profile(conf, NULL, &err), LEAT_ECONFIG);
    ck_assert_ptr_nonnull(strstr(leat_error_message(err), "LEAT_LINGER_MS: "));
    leat_error_free(err);
}
END_TEST

static void
count_visit(const char *key, const char *type, const char *value, const char *text, void *arg)
{
    int *count = arg;
    char name[64];

    ck_assert(key[0] != '\0' && type[0] != '\0' && value != NULL && text[0] != '\0');
    lc_conf_env_name(key, name, sizeof(name));
    ck_assert_int_eq(strncmp(name, "LEAT_", 5), 0);
    (*count)++;
}

/* Every key has a type, a default and a text. */
START_TEST(visit_shows_everything)
{
    int count = 0;

    leat_conf_visit(count_visit, &count);
    ck_assert_int_eq(count, LC_CONF_COUNT);
}
END_TEST

/* Keys of topics are the broker's business; NULL is a value there. */
START_TEST(topic_settings_take_any_key)
{
    struct leat_conf *topic = leat_conf_new_topic();
    struct leat_conf *copy;
    const char *value = "x";

    ck_assert_int_eq(leat_conf_set(topic, "what.ever", "1", NULL), 0);
    ck_assert_int_eq(leat_conf_set(topic, "what.ever", NULL, NULL), 0);
    copy = leat_conf_copy(topic);
    ck_assert(lc_conf_pair(copy, "what.ever", &value));
    ck_assert_ptr_null(value);
    ck_assert(!lc_conf_pair(copy, "other", &value));
    ck_assert_int_eq(leat_conf_load_file(topic, "/x", NULL), LEAT_EINVAL);
    leat_conf_free(copy);
    leat_conf_free(topic);
}
END_TEST

/* Wherever memory ends, the values are as before or as after. */
START_TEST(every_allocation_may_fail)
{
    const char *file = write_file("client.properties", "acks=1\nlinger.ms=3\n");
    int err = LEAT_ENOMEM;

    for (int64_t n = 0; err == LEAT_ENOMEM; n++) {
        lt_alloc_fail_after(n);
        err = leat_conf_load_file(conf, file, NULL);
        lt_alloc_fail_never();
        check_value("acks", err == 0 ? "1" : "all");
        ck_assert_int_lt((int)n, 500);
    }
    ck_assert_int_eq(err, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conf");
    TCase *tc = tcase_create("settings");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, defaults_are_kafkas);
    tcase_add_loop_test(tc, values_are_understood, 0,
                        (int)(sizeof(accepted) / sizeof(accepted[0])));
    tcase_add_loop_test(tc, mistakes_are_explained, 0, (int)(sizeof(refused) / sizeof(refused[0])));
    tcase_add_test(tc, null_is_refused);
    tcase_add_test(tc, sources_have_an_order);
    tcase_add_test(tc, profile_files_are_optional_until_named);
    tcase_add_test(tc, files_are_taken_whole_or_not_at_all);
    tcase_add_test(tc, visit_shows_everything);
    tcase_add_test(tc, topic_settings_take_any_key);
    tcase_add_test(tc, every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return test_main(suite);
}
