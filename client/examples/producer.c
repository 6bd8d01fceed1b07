/* producer.c: send standard input, one record per line "KEY<TAB>VALUE" or "VALUE".   producer TOPIC < FILE
 *
 * Shows asynchronous sending: callbacks count what was stored, flush waits for the rest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <leat/leat.h>

struct counts {
    long stored;
    long failed;
};

/* Runs on the client's I/O thread; main reads the counts after the flush. */
static void on_delivery(const struct leat_delivery *d, void *arg)
{
    struct counts *counts = arg;

    if (leat_delivery_code(d) == 0) {
        counts->stored++;
        return;
    }
    counts->failed++;
    fprintf(stderr, "producer: not stored: %s\n", leat_delivery_message(d));
}

static void die(struct leat_error *err)
{
    fprintf(stderr, "producer: %s\n", leat_error_message(err));
    leat_error_free(err);
    exit(1); /* what is open ends with the process */
}

int main(int argc, char **argv)
{
    struct leat_error *err = NULL;
    struct leat_client *client = NULL;
    struct leat_producer *producer = NULL;
    struct counts counts = {0, 0};
    char line[65536];
    int left;

    if (argc != 2) {
        fprintf(stderr, "usage: producer TOPIC < FILE\n");
        return 2;
    }
    struct leat_conf *conf = leat_conf_new();
    if (leat_conf_load_profile(conf, NULL, &err) < 0 ||
        leat_conf_set(conf, "compression.type", "lz4", &err) < 0 ||
        leat_client_new(conf, &client, &err) < 0 || leat_client_connect(client, 5000, &err) < 0 ||
        leat_producer_new(client, NULL, &producer, &err) < 0) {
        die(err);
    }
    struct leat_record *rec = leat_record_new();
    leat_record_set_topic(rec, argv[1], -1);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *tab = strchr(line, '\t');
        const char *value = tab == NULL ? line : tab + 1;

        leat_record_set_key(rec, tab == NULL ? NULL : line, tab == NULL ? 0 : (size_t)(tab - line));
        leat_record_set_value(rec, value, strlen(value));
        int code =
            leat_send(producer, rec, on_delivery, &counts); /* copies; waits when memory is full */
        if (code < 0) {
            fprintf(stderr, "producer: %s\n", leat_strerror(code));
            counts.failed++;
        }
    }
    left = leat_producer_flush(producer, 30000);
    printf("%ld stored, %ld failed, %d unanswered\n", counts.stored, counts.failed, left);
    leat_record_free(rec);
    leat_producer_free(producer);
    leat_client_unref(client);
    leat_conf_free(conf);
    return counts.failed == 0 && left == 0 ? 0 : 1;
}
