/* rdkafka_loop.c: 20 records out and back in one epoll loop.   rdkafka_loop ADDRESS TOPIC */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

static void need(rd_kafka_resp_err_t err)
{
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "%s\n", rd_kafka_err2str(err));
        exit(1);
    }
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *arg)
{
    (void)rk;
    (void)arg;
    need(message->err);
}

static rd_kafka_conf_t *make_conf(const char *const *pairs)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char error[512];

    for (; *pairs != NULL; pairs += 2) {
        if (rd_kafka_conf_set(conf, pairs[0], pairs[1], error, sizeof(error)) != RD_KAFKA_CONF_OK) {
            fprintf(stderr, "%s\n", error);
            exit(1);
        }
    }
    return conf;
}

static rd_kafka_t *make(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char error[512];
    rd_kafka_t *rk = rd_kafka_new(type, conf, error, sizeof(error));

    if (rk == NULL) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
    return rk;
}

/* A queue writes a byte into the pipe when it is no longer empty. */
static void watch(rd_kafka_queue_t *queue, const int *pipe_fds)
{
    rd_kafka_queue_io_event_enable(queue, pipe_fds[1], "1", 1);
}

int main(int argc, char **argv)
{
    struct epoll_event event = {.events = EPOLLIN};
    int loop = epoll_create1(EPOLL_CLOEXEC);
    char bytes[64];
    char value[] = "tick"; /* the macro takes no const */
    int pipe_fds[2];
    int sent = 0;
    int seen = 0;

    if (argc != 3 || pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC) < 0) {
        return 2;
    }
    /* A handle either produces or consumes: two sets of connections and threads. */
    const char *const producing[] = {"bootstrap.servers", argv[1], NULL};
    const char *const consuming[] = {"bootstrap.servers",  argv[1], "group.id", "none",
                                     "enable.auto.commit", "false", NULL};
    rd_kafka_conf_t *conf = make_conf(producing);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *producer = make(RD_KAFKA_PRODUCER, conf);
    rd_kafka_t *consumer = make(RD_KAFKA_CONSUMER, make_conf(consuming));
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_queue_t *reports = rd_kafka_queue_get_main(producer);
    rd_kafka_queue_t *records = rd_kafka_queue_get_consumer(consumer);
    watch(reports, pipe_fds);
    watch(records, pipe_fds);
    rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(parts, argv[2], 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    need(rd_kafka_assign(consumer, parts));
    epoll_ctl(loop, EPOLL_CTL_ADD, pipe_fds[0], &event);
    while (seen < 20) {
        rd_kafka_message_t *message;

        if (epoll_wait(loop, &event, 1, 10) == 0 && sent < 20) {
            need(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(argv[2]), RD_KAFKA_V_PARTITION(0),
                                   RD_KAFKA_V_VALUE(value, 4),
                                   RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END));
            sent++;
        }
        while (read(pipe_fds[0], bytes, sizeof(bytes)) > 0) {
        }
        rd_kafka_poll(producer, 0);
        while ((message = rd_kafka_consumer_poll(consumer, 0)) != NULL) {
            need(message->err);
            seen++;
            rd_kafka_message_destroy(message);
        }
    }
    need(rd_kafka_flush(producer, 10000));
    printf("%d sent, %d seen\n", sent, seen);
    rd_kafka_topic_partition_list_destroy(parts);
    rd_kafka_queue_destroy(records);
    rd_kafka_queue_destroy(reports);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    rd_kafka_destroy(producer);
    return 0;
}
