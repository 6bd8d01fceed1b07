/* rdkafka_errors.c: store one record within 5 s, or say why not.   rdkafka_errors ADDRESS TOPIC */
#include <stdio.h>

#include <librdkafka/rdkafka.h>

static int stored;

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *arg)
{
    (void)rk;
    (void)arg;
    fprintf(stderr, "%s (%s)\n", reason, rd_kafka_err2name(err));
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *arg)
{
    (void)rk;
    (void)arg;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        stored = 1;
    } else {
        fprintf(stderr, "%s (%s)\n", rd_kafka_err2str(message->err),
                rd_kafka_err2name(message->err));
    }
}

int main(int argc, char **argv)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char error[512];
    char value[] = "hello"; /* the macro takes no const */

    if (argc != 3) {
        return 2;
    }
    if (rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], error, sizeof(error)) !=
            RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(conf, "message.timeout.ms", "5000", error, sizeof(error)) !=
            RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    rd_kafka_conf_set_error_cb(conf, on_error); /* else the reason goes to the log */
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    if (rk == NULL) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    rd_kafka_resp_err_t err =
        rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(argv[2]), RD_KAFKA_V_VALUE(value, 5),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "%s\n", rd_kafka_err2str(err));
    }
    rd_kafka_flush(rk, 10000); /* serves the callbacks */
    if (stored) {
        printf("stored\n");
    }
    rd_kafka_destroy(rk);
    return stored ? 0 : 1;
}
