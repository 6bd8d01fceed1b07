/* event_loop_libevent.c: the client on the program's own libevent base: no thread at all.   event_loop_libevent TOPIC COUNT
 * Every 10 ms a record is sent; what comes is told, until COUNT records have. */
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <leat/leat.h>

static struct event_base *base;
static struct leat_producer *producer;
static struct leat_consumer *consumer;
static struct leat_error *err;
static long left;

static void need(int code)
{
    if (code < 0) {
        fprintf(stderr, "event_loop_libevent: %s %s\n", leat_strerror(code),
                leat_error_message(err));
        _Exit(1);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *rec)
{
    int code = leat_send(producer, rec, NULL, NULL);
    (void)fd, (void)what;
    need(code == LEAT_EAGAIN ? 0 : code); /* the topic is not known yet: the next tick sends */
}

/* The consumer has records, or an error. */
static void on_records(evutil_socket_t fd, short what, void *arg)
{
    struct leat_batch *batch = NULL;
    int count = leat_consumer_poll(consumer, 0, &batch, &err);
    (void)fd, (void)what, (void)arg;
    need(count);
    for (size_t i = 0; i < leat_batch_count(batch); i++) {
        printf("record at %lld\n", (long long)leat_record_offset(leat_batch_at(batch, i)));
    }
    leat_batch_unref(batch);
    if ((left -= count) <= 0) {
        event_base_loopbreak(base);
    }
}

int main(int argc, char **argv)
{
    struct leat_client *client = NULL;
    struct leat_record *rec = leat_record_new();
    struct leat_offsets *parts = leat_offsets_new();
    struct event tick, records;
    struct leat_conf *conf = leat_conf_new();

    left = argc > 2 ? strtol(argv[2], NULL, 10) : 5;
    base = event_base_new();
    need(leat_conf_load_profile(conf, NULL, &err));
    need(leat_client_new_on_base(conf, base, &client, &err));
    need(leat_producer_new(client, NULL, &producer, &err));
    need(leat_consumer_new(client, NULL, &consumer, &err));
    leat_record_set_topic(rec, argc > 1 ? argv[1] : "greetings", 0);
    leat_record_set_value(rec, "tick", 4);
    leat_offsets_add(parts, leat_record_topic(rec, NULL), 0, LEAT_OFFSET_START);
    need(leat_consumer_assign(consumer, parts, &err));
    int fd = leat_client_event_fd(client); /* readable while a consumer has records */
    event_assign(&tick, base, -1, EV_PERSIST, on_tick, rec);
    event_add(&tick, &(struct timeval){.tv_usec = 10000});
    event_assign(&records, base, fd, EV_READ | EV_PERSIST, on_records, NULL);
    event_add(&records, NULL);
    event_base_dispatch(base);
    leat_offsets_free(parts);
    leat_record_free(rec);
    leat_consumer_free(consumer);
    leat_producer_free(producer);
    leat_conf_free(conf);
    leat_client_unref(client); /* before the base */
    event_base_free(base);
    return 0;
}
