/* leat_loop.c: 20 records out and back in one epoll loop.   leat_loop ADDRESS TOPIC */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include <leat/leat.h>

static struct leat_error *err;

static void need(int code)
{
    if (code < 0) {
        fprintf(stderr, "%s\n", err != NULL ? leat_error_message(err) : leat_strerror(code));
        exit(1);
    }
}

static void on_delivery(const struct leat_delivery *d, void *arg)
{
    (void)arg;
    need(leat_delivery_code(d));
}

int main(int argc, char **argv)
{
    struct leat_client *client = NULL;
    struct leat_producer *producer = NULL;
    struct leat_consumer *consumer = NULL;
    struct leat_batch *batch = NULL;
    struct leat_conf *conf = leat_conf_new();
    struct leat_record *rec = leat_record_new();
    struct leat_offsets *parts = leat_offsets_new();
    struct epoll_event event = {.events = EPOLLIN};
    int loop = epoll_create1(EPOLL_CLOEXEC);
    int sent = 0;
    int seen = 0;

    if (argc != 3) {
        return 2;
    }
    need(leat_conf_set(conf, "bootstrap.servers", argv[1], &err));
    need(leat_conf_set(conf, "leat.dispatch", "true", &err));
    need(leat_client_new(conf, &client, &err));
    need(leat_producer_new(client, NULL, &producer, &err));
    need(leat_consumer_new(client, NULL, &consumer, &err));
    need(leat_offsets_add(parts, argv[2], 0, LEAT_OFFSET_START));
    need(leat_consumer_assign(consumer, parts, &err));
    need(leat_record_set_topic(rec, argv[2], 0));
    need(leat_record_set_value(rec, "tick", 4));
    epoll_ctl(loop, EPOLL_CTL_ADD, leat_client_event_fd(client), &event);
    while (seen < 20) {
        if (epoll_wait(loop, &event, 1, 10) == 0 && sent < 20) {
            need(leat_send(producer, rec, on_delivery, NULL));
            sent++;
        }
        need(leat_client_dispatch(client, 0));
        need(leat_consumer_poll(consumer, 0, &batch, &err));
        seen += (int)leat_batch_count(batch);
        leat_batch_unref(batch);
    }
    printf("%d sent, %d seen\n", sent, seen);
    leat_offsets_free(parts);
    leat_record_free(rec);
    leat_consumer_free(consumer);
    leat_producer_free(producer);
    leat_client_unref(client);
    leat_conf_free(conf);
    return 0;
}
