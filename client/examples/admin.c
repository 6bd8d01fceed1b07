/* admin.c: a topic from its making to its end.   admin TOPIC
 *
 * Makes the topic, shows its partitions, changes a setting and reads it back, asks for the ends of the log, deletes it.
 * Answers come as rows with named fields: leat_result_str and leat_result_int. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <leat/leat.h>

#define TIMEOUT_MS 10000

static void die(struct leat_error *err)
{
    fprintf(stderr, "admin: %s\n", leat_error_message(err));
    leat_error_free(err);
    exit(1); /* what is open ends with the process */
}

static int show_topic(struct leat_client *client, const char *topic, struct leat_error **reterr)
{
    struct leat_result *rows = NULL;
    struct leat_offsets *ends = NULL;
    struct leat_offsets *ask = leat_offsets_new();
    int code = leat_describe_topic(client, topic, TIMEOUT_MS, &rows, reterr);

    for (size_t i = 0; i < leat_result_count(rows); i++) {
        leat_offsets_add(ask, topic, (int32_t)leat_result_int(rows, i, "partition"),
                         LEAT_OFFSET_END);
    }
    code = code < 0 ? code : leat_list_offsets(client, ask, TIMEOUT_MS, &ends, reterr);
    for (size_t i = 0; code == 0 && i < leat_result_count(rows); i++) {
        int64_t end;

        leat_offsets_at(ends, i, NULL, &end, NULL);
        printf("%s-%s: leader %s, in sync %s, end %lld\n", topic,
               leat_result_str(rows, i, "partition"), leat_result_str(rows, i, "leader"),
               leat_result_str(rows, i, "isr"), (long long)end);
    }
    leat_offsets_free(ask);
    leat_offsets_free(ends);
    leat_result_free(rows);
    return code;
}

int main(int argc, char **argv)
{
    struct leat_error *err = NULL;
    struct leat_client *client = NULL;
    struct leat_result *rows = NULL;
    const char *topic = argc > 1 ? argv[1] : "greetings";
    char resource[300];
    struct leat_conf *conf = leat_conf_new();
    struct leat_conf *settings = leat_conf_new_topic(); /* its keys are the broker's */
    leat_conf_set(settings, "retention.ms", "3600000", NULL);
    (void)snprintf(resource, sizeof(resource), "topic:%s", topic);
    if (leat_conf_load_profile(conf, NULL, &err) < 0 || leat_client_new(conf, &client, &err) < 0 ||
        leat_create_topic(client, topic, 3, settings, TIMEOUT_MS, &err) < 0 ||
        show_topic(client, topic, &err) < 0) {
        die(err);
    }
    leat_conf_set(settings, "retention.ms", "7200000", NULL);
    if (leat_alter_configs(client, resource, settings, TIMEOUT_MS, &err) < 0 ||
        leat_get_configs(client, resource, TIMEOUT_MS, &rows, &err) < 0) {
        die(err);
    }
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        if (strcmp(leat_result_str(rows, i, "name"), "retention.ms") == 0) {
            printf("retention.ms = %s\n", leat_result_str(rows, i, "value"));
        }
    }
    if (leat_delete_topic(client, topic, TIMEOUT_MS, &err) < 0) {
        die(err);
    }
    leat_result_free(rows);
    leat_conf_free(settings);
    leat_client_unref(client);
    leat_conf_free(conf);
    return 0;
}
