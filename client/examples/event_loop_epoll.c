/* event_loop_epoll.c: one thread, one epoll loop, no callback elsewhere.   event_loop_epoll TOPIC COUNT
 *
 * After every 10 quiet ms a record is sent; what comes is told, until COUNT records have. leat.dispatch=true brings all
 * callbacks into leat_client_dispatch, and one descriptor tells when to call it. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <leat/leat.h>

static struct leat_error *err;

static void need(int code)
{
    if (code < 0) {
        fprintf(stderr, "event_loop_epoll: %s %s\n", leat_strerror(code), leat_error_message(err));
        _Exit(1);
    }
}

/* Runs in leat_client_dispatch: in this thread. */
static void on_delivery(const struct leat_delivery *d, void *arg)
{
    (void)arg;
    need(leat_delivery_code(d));
}

static long print_records(struct leat_consumer *consumer)
{
    struct leat_batch *batch = NULL;
    int count = leat_consumer_poll(consumer, 0, &batch, &err);

    need(count);
    for (size_t i = 0; i < leat_batch_count(batch); i++) {
        printf("record at %lld\n", (long long)leat_record_offset(leat_batch_at(batch, i)));
    }
    leat_batch_unref(batch);
    return count; /* what is left makes the descriptor readable again */
}

int main(int argc, char **argv)
{
    struct leat_client *client = NULL;
    struct leat_producer *producer = NULL;
    struct leat_consumer *consumer = NULL;
    long left = argc > 2 ? strtol(argv[2], NULL, 10) : 5;
    struct epoll_event event = {.events = EPOLLIN};
    int loop = epoll_create1(EPOLL_CLOEXEC);
    struct leat_record *rec = leat_record_new();
    struct leat_offsets *parts = leat_offsets_new();
    struct leat_conf *conf = leat_conf_new();

    need(leat_conf_load_profile(conf, NULL, &err));
    need(leat_conf_set(conf, "leat.dispatch", "true", &err));
    need(leat_client_new(conf, &client, &err));
    need(leat_producer_new(client, NULL, &producer, &err));
    need(leat_consumer_new(client, NULL, &consumer, &err));
    need(leat_record_set_topic(rec, argc > 1 ? argv[1] : "greetings", 0));
    need(leat_record_set_value(rec, "tick", 4));
    need(leat_offsets_add(parts, leat_record_topic(rec, NULL), 0, LEAT_OFFSET_START));
    need(leat_consumer_assign(consumer, parts, &err));
    epoll_ctl(loop, EPOLL_CTL_ADD, leat_client_event_fd(client), &event);
    for (; left > 0; left -= print_records(consumer)) {
        if (epoll_wait(loop, &event, 1, 10) == 0) {
            need(leat_send(producer, rec, on_delivery, NULL));
        }
        need(leat_client_dispatch(client, 0));
    }
    /* The last record may be read before its delivery is told. */
    need(leat_producer_flush(producer, 5000));
    leat_offsets_free(parts);
    leat_record_free(rec);
    leat_consumer_free(consumer);
    leat_producer_free(producer);
    leat_client_unref(client);
    leat_conf_free(conf);
    return close(loop);
}
