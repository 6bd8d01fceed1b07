/* hello.c: store one record and say where.   hello TOPIC [TEXT]
 *
 * The broker comes from the profile or LEAT_BOOTSTRAP_SERVERS, else localhost:9092. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <leat/leat.h>

static void die(struct leat_error *err)
{
    fprintf(stderr, "hello: %s (%s)\n", leat_error_message(err),
            leat_errname(leat_error_code(err)));
    leat_error_free(err);
    exit(1); /* what is open ends with the process */
}

int main(int argc, char **argv)
{
    const char *topic = argc > 1 ? argv[1] : "greetings";
    const char *text = argc > 2 ? argv[2] : "hello";
    struct leat_error *err = NULL;
    struct leat_client *client = NULL;
    struct leat_producer *producer = NULL;
    int32_t partition;

    struct leat_conf *conf = leat_conf_new();
    if (leat_conf_load_profile(conf, NULL, &err) < 0 || leat_client_new(conf, &client, &err) < 0 ||
        leat_client_connect(client, 5000, &err) < 0 ||
        leat_producer_new(client, NULL, &producer, &err) < 0) {
        die(err);
    }

    struct leat_record *rec = leat_record_new();
    leat_record_set_topic(rec, topic, -1);
    leat_record_set_value(rec, text, strlen(text));
    if (leat_send_sync(producer, rec, 5000, &err) < 0) {
        die(err);
    }
    leat_record_topic(rec, &partition);
    printf("stored in %s-%d at offset %lld\n", topic, (int)partition,
           (long long)leat_record_offset(rec));

    leat_record_free(rec); /* any order; nothing here can hang */
    leat_producer_free(producer);
    leat_client_unref(client);
    leat_conf_free(conf);
    return 0;
}
