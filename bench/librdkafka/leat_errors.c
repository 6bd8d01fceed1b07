/* leat_errors.c: store one record within 5 s, or say why not.   leat_errors ADDRESS TOPIC */
#include <stdio.h>

#include <leat/leat.h>

int main(int argc, char **argv)
{
    struct leat_error *err = NULL;
    struct leat_client *client = NULL;
    struct leat_producer *producer = NULL;
    struct leat_conf *conf = leat_conf_new();
    struct leat_record *rec = leat_record_new();

    if (argc != 3) {
        return 2;
    }
    leat_record_set_topic(rec, argv[2], -1);
    leat_record_set_value(rec, "hello", 5);
    if (leat_conf_set(conf, "bootstrap.servers", argv[1], &err) < 0 ||
        leat_client_new(conf, &client, &err) < 0 || leat_client_connect(client, 5000, &err) < 0 ||
        leat_producer_new(client, NULL, &producer, &err) < 0 ||
        leat_send_sync(producer, rec, 5000, &err) < 0) {
        fprintf(stderr, "%s (%s)\n", leat_error_message(err), leat_errname(leat_error_code(err)));
    } else {
        printf("stored\n");
    }
    leat_record_free(rec);
    leat_producer_free(producer);
    leat_client_unref(client);
    leat_conf_free(conf);
    leat_error_free(err);
    return err == NULL ? 0 : 1;
}
