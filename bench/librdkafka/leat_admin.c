/* leat_admin.c: make a topic, change a setting, read it back, delete the topic.   leat_admin ADDRESS TOPIC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <leat/leat.h>

static struct leat_error *err;

static void need(int code)
{
    if (code < 0) {
        fprintf(stderr, "%s\n", leat_error_message(err));
        exit(1);
    }
}

int main(int argc, char **argv)
{
    struct leat_client *client = NULL;
    struct leat_result *rows = NULL;
    struct leat_conf *conf = leat_conf_new();
    struct leat_conf *settings = leat_conf_new_topic();
    char resource[300];

    if (argc != 3) {
        return 2;
    }
    (void)snprintf(resource, sizeof(resource), "topic:%s", argv[2]);
    need(leat_conf_set(conf, "bootstrap.servers", argv[1], &err));
    need(leat_client_new(conf, &client, &err));
    need(leat_conf_set(settings, "retention.ms", "3600000", &err));
    need(leat_create_topic(client, argv[2], 3, settings, 10000, &err));
    need(leat_conf_set(settings, "retention.ms", "7200000", &err));
    need(leat_alter_configs(client, resource, settings, 10000, &err));
    need(leat_get_configs(client, resource, 10000, &rows, &err));
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        if (strcmp(leat_result_str(rows, i, "name"), "retention.ms") == 0) {
            printf("retention.ms=%s\n", leat_result_str(rows, i, "value"));
        }
    }
    need(leat_delete_topic(client, argv[2], 10000, &err));
    leat_result_free(rows);
    leat_conf_free(settings);
    leat_client_unref(client);
    leat_conf_free(conf);
    return 0;
}
