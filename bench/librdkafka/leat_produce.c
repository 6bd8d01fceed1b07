/* leat_produce.c: 1000 records with keys.   leat_produce ADDRESS TOPIC */
#include <stdio.h>
#include <string.h>

#include <leat/leat.h>

static void on_delivery(const struct leat_delivery *d, void *arg)
{
    long *counts = arg; /* stored, failed */

    counts[leat_delivery_code(d) < 0]++;
}

int main(int argc, char **argv)
{
    struct leat_error *err = NULL;
    struct leat_client *client = NULL;
    struct leat_producer *producer = NULL;
    struct leat_conf *conf = leat_conf_new();
    struct leat_record *rec = leat_record_new();
    long counts[2] = {0, 0};
    char text[32];

    if (argc != 3) {
        return 2;
    }
    if (leat_conf_set(conf, "bootstrap.servers", argv[1], &err) < 0 ||
        leat_client_new(conf, &client, &err) < 0 || leat_client_connect(client, 5000, &err) < 0 ||
        leat_producer_new(client, NULL, &producer, &err) < 0) {
        fprintf(stderr, "%s\n", leat_error_message(err));
        return 1;
    }
    leat_record_set_topic(rec, argv[2], -1);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(text, sizeof(text), "user-%d", i % 10);
        leat_record_set_key(rec, text, strlen(text));
        (void)snprintf(text, sizeof(text), "event %d", i);
        leat_record_set_value(rec, text, strlen(text));
        int code = leat_send(producer, rec, on_delivery, counts);
        if (code < 0) {
            fprintf(stderr, "%s\n", leat_strerror(code));
            counts[1]++;
        }
    }
    int left = leat_producer_flush(producer, 10000);
    printf("%ld stored, %ld failed, %d unanswered\n", counts[0], counts[1], left);
    leat_record_free(rec);
    leat_producer_free(producer);
    leat_client_unref(client);
    leat_conf_free(conf);
    return counts[1] == 0 && left == 0 ? 0 : 1;
}
