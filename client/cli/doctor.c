/* doctor.c: leat doctor: why does it not work? Checks in the order in which a client meets the obstacles.
 *
 *   each bootstrap address   resolves, connects, answers the Kafka protocol
 *   security                 what the settings use of TLS and SASL
 *   server, metadata         what it is and serves; id and brokers
 *   each advertised address  as a bootstrap address, from here
 *   disk                     room in the brokers' data directories
 *   host                     if the broker is on this machine: limits (doctor_host.c)
 *   round trip, clock        with --write: a record there and back; its timestamp by the broker's clock
 * A check whose condition failed before is left out: its failure would say nothing new. */
#include "client/cli/doctor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/os.h"
#include "client/cli/command.h"
#include "client/cli/probe.h"

enum { OPT_WRITE = 1 };

#define SKEW_WARN_MS 1000
#define PROBE_TIMEOUT_MS 3000

static error_t parse(int key, char *arg, struct argp_state *state)
{
    bool *write = state->input;
    if (key == OPT_WRITE) {
        *write = true;
        return 0;
    }
    if (key == ARGP_KEY_ARG) {
        argp_error(state, "'%s': no names here; -b HOST:PORT says which broker", arg);
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
    {"write", OPT_WRITE, NULL, 0, "Make a topic, send a record, read it back, delete the topic", 0},
    {NULL, 0, NULL, 0, NULL, 0},
};

void cli_report_add(struct cli_report *report,
                    enum cli_verdict verdict,
                    const char *check,
                    const char *fix,
                    const char *fmt,
                    ...)
{
    static const char *const words[] = {"ok", "warn", "FAIL"};
    static const char *const colors[] = {"\033[32m", "\033[33m", "\033[1;31m"};
    const struct cli *cli = report->cli;
    va_list args;
    va_start(args, fmt);
    char text[1024];
    (void)vsnprintf(text, sizeof(text), fmt, args); /* cut is fine */
    va_end(args);
    report->counts[verdict]++;
    if (report->table != NULL) {
        cli_table_row(report->table);
        cli_table_text(report->table, check);
        cli_table_text(report->table, words[verdict]);
        cli_table_text(report->table, text);
        cli_table_text(report->table, fix);
    } else if (!cli->quiet || verdict != CLI_OK) {
        bool colored = cli_colored(cli, stdout);
        printf("%s%-4s%s  %-10s  %s\n", colored ? colors[verdict] : "", words[verdict],
               colored ? "\033[0m" : "", check, text);
        if (fix != NULL) {
            printf("                  fix: %s\n", fix);
        }
        (void)fflush(stdout); /* a slow check follows; failures show in cli_finish */
    }
}

/* ---- addresses ---- */

static const struct {
    const char *what, *fix;
} probe_words[] = {
    [CLI_PROBE_OK] = {"answers the Kafka protocol", NULL},
    [CLI_PROBE_UNRESOLVED] = {"the name does not resolve",
                              "check its spelling, DNS and /etc/hosts on this machine"},
    [CLI_PROBE_REFUSED] =
        {"no connection",
         "is the broker running, and is this its port? 'leat dev' starts a throw-away one"},
    [CLI_PROBE_NO_ROUTE] = {"no connection in time",
                            "a firewall drops the packets, or the address is another network's"},
    [CLI_PROBE_SILENT] = {"accepts the connection, never answers",
                          "a proxy without a broker behind it, or a broker that hangs; look there"},
    [CLI_PROBE_CLOSED] = {"accepts the connection and closes it without an answer",
                          "a listener for TLS or SASL, or not a broker; use its plaintext port"},
    [CLI_PROBE_TLS] = {"speaks TLS, and security.protocol is PLAINTEXT",
                       "use the broker's plaintext listener; TLS is not in this release"},
    [CLI_PROBE_HTTP] = {"is a web server",
                        "use the broker's own port (9092), not that of its metrics"},
    [CLI_PROBE_OTHER] = {"answers another protocol than Kafka's",
                         "use the port of a Kafka listener"},
    [CLI_PROBE_BAD_ADDRESS] = {"is no HOST:PORT",
                               "write it as broker.example.net:9092 or [::1]:9092"},
};

/* One line for an address; true when a broker answers there. */
static bool check_address(struct cli_report *report,
                          const char *check,
                          const char *address,
                          const char *fix,
                          struct cli_probe *ret)
{
    int timeout_ms = report->cli->timeout_ms;
    cli_probe_run(address, timeout_ms < PROBE_TIMEOUT_MS ? timeout_ms : PROBE_TIMEOUT_MS, ret);
    const char *word = probe_words[ret->outcome].what;
    if (ret->outcome == CLI_PROBE_OK) {
        cli_report_add(report, CLI_OK, check, NULL, "%s (%s) %s in %.1f ms", address, ret->address,
                       word, ret->ms);
        return true;
    }
    cli_report_add(report, CLI_BAD, check, fix != NULL ? fix : probe_words[ret->outcome].fix,
                   "%s%s%s%s: %s%s%s", address, ret->address[0] == '\0' ? "" : " (", ret->address,
                   ret->address[0] == '\0' ? "" : ")", word, ret->reason[0] == '\0' ? "" : ": ",
                   ret->reason);
    return false;
}

/* How many of the bootstrap addresses answer; *ret_local_port is the port of one on this machine, or 0. */
static size_t check_bootstrap(struct cli_report *report, int *ret_local_port)
{
    char list[4096];
    char *rest = NULL;
    size_t answering = 0;
    *ret_local_port = 0;
    if (leat_conf_get(report->cli->conf, "bootstrap.servers", list, sizeof(list)) < 0) {
        list[0] = '\0';
    }
    for (char *one = strtok_r(list, ", ", &rest); one != NULL; one = strtok_r(NULL, ", ", &rest)) {
        struct cli_probe probe;
        if (check_address(report, "bootstrap", one, NULL, &probe)) {
            answering++;
            *ret_local_port = probe.loopback ? probe.port : *ret_local_port;
        }
    }
    return answering;
}

/* ---- the cluster ---- */

static void failed(
    struct cli_report *report, const char *check, const char *fix, int code, struct leat_error *err)
{
    const char *text =
        *leat_error_message(err) != '\0' ? leat_error_message(err) : leat_strerror(code);
    cli_report_add(report, CLI_BAD, check, fix, "%s (%s)", text, leat_errname(code));
    leat_error_free(err);
}

static void check_server(struct cli_report *report)
{
    struct leat_error *err = NULL;
    struct leat_result *rows = NULL;
    struct cli *cli = report->cli;
    int code = leat_describe_apis(cli->client, cli->timeout_ms, &rows, &err);
    if (code != 0) {
        failed(report, "server", "the broker must serve ApiVersions", code, err);
        return;
    }
    size_t missing = 0;
    int64_t fetch = -1;
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        int64_t key = leat_result_int(rows, i, "key");
        fetch = key == 1 ? leat_result_int(rows, i, "max") : fetch;
        missing += key <= 3 && leat_result_int(rows, i, "used") < 0;
    }
    cli_report_add(report, missing > 0 ? CLI_BAD : CLI_OK, "server",
                   missing > 0 ? "use a broker of Kafka 2.1 or later" : NULL,
                   "serves %zu requests, Fetch up to version %" PRId64 "%s",
                   leat_result_count(rows), fetch,
                   missing > 0 ? "; some that are needed are too old" : "");
    leat_result_free(rows);
}

/* True when every broker can be reached where it says. */
static bool check_advertised(struct cli_report *report)
{
    struct leat_error *err = NULL;
    struct leat_result *rows = NULL;
    struct cli *cli = report->cli;
    int code = leat_describe_cluster(cli->client, cli->timeout_ms, &rows, &err);
    if (code != 0) {
        failed(report, "metadata", "look at the broker's log", code, err);
        return false;
    }
    const char *cluster = leat_result_str(rows, 0, "cluster");
    cli_report_add(report, CLI_OK, "metadata", NULL, "cluster %s with %zu broker%s",
                   cluster == NULL ? "-" : cluster, leat_result_count(rows),
                   leat_result_count(rows) == 1 ? "" : "s");
    bool all = true;
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        struct cli_probe probe;
        const char *host = leat_result_str(rows, i, "host");
        char *address =
            lt_asprintf(host != NULL && strchr(host, ':') != NULL ? "[%s]:%" PRId64 : "%s:%" PRId64,
                        host == NULL ? "" : host, leat_result_int(rows, i, "port"));
        if (address != NULL) {
            all &= check_address(
                report, "advertised", address,
                "clients are told this address: set advertised.listeners on the broker to one "
                "that works from here",
                &probe);
        }
        lt_free(address);
    }
    leat_result_free(rows);
    return all;
}

static void check_disk(struct cli_report *report)
{
    struct leat_error *err = NULL;
    struct leat_result *rows = NULL;
    struct cli *cli = report->cli;
    int code = leat_describe_log_dirs(cli->client, NULL, cli->timeout_ms, &rows, &err);
    if (code != 0) {
        cli_report_add(report, CLI_OK, "disk", NULL, "not looked at: %s", leat_strerror(code));
        leat_error_free(err);
        return;
    }
    const char *last = "";
    int64_t last_broker = -1;
    for (size_t i = 0; i < leat_result_count(rows); i++) {
        const char *dir = leat_result_str(rows, i, "dir");
        int64_t broker = leat_result_int(rows, i, "broker");
        int64_t total = leat_result_int(rows, i, "total");
        int64_t usable = leat_result_int(rows, i, "usable");
        if (dir == NULL || (broker == last_broker && strcmp(dir, last) == 0)) {
            continue;
        }
        last = dir;
        last_broker = broker;
        if (leat_result_int(rows, i, "code") != 0) {
            cli_report_add(report, CLI_BAD, "disk", "look at the disk and at the broker's log",
                           "broker %" PRId64 ": %s is offline", broker, dir);
        } else if (total > 0) {
            bool short_of = usable < total / 20;
            cli_report_add(report, short_of ? CLI_WARN : CLI_OK, "disk",
                           short_of ? "shorten retention.ms or retention.bytes, or add room" : NULL,
                           "broker %" PRId64 ": %s has %" PRId64 " of %" PRId64 " MiB free", broker,
                           dir, usable >> 20, total >> 20);
        }
    }
    leat_result_free(rows);
}

/* ---- with --write ---- */

/* The record of the topic's only partition; its timestamp is the broker's. */
static int
read_back(struct cli *cli, const char *topic, const char *value, struct leat_error **reterr)
{
    struct leat_consumer *consumer = NULL;
    struct leat_batch *batch = NULL;
    struct leat_offsets *parts = leat_offsets_new();
    int code = parts == NULL ? LEAT_ENOMEM : leat_offsets_add(parts, topic, 0, LEAT_OFFSET_START);
    if (code == 0) {
        code = leat_consumer_new(cli->client, cli->conf, &consumer, reterr);
    }
    if (code == 0) {
        code = leat_consumer_assign(consumer, parts, reterr);
    }
    if (code == 0) {
        code = leat_consumer_poll(consumer, cli->timeout_ms, &batch, reterr);
        code = code == 0 ? LEAT_ETIMEDOUT : code > 0 ? 0 : code;
    }
    if (code == 0) {
        size_t size = 0;
        const void *data = leat_record_value(leat_batch_at(batch, 0), &size);
        code = size == strlen(value) && memcmp(data, value, size) == 0 ? 0 : LEAT_ECORRUPT;
    }
    leat_batch_unref(batch);
    leat_consumer_free(consumer);
    leat_offsets_free(parts);
    return code;
}

static int send_one(struct cli *cli,
                    const char *topic,
                    const char *value,
                    int64_t *ret_timestamp_ms,
                    struct leat_error **reterr)
{
    struct leat_producer *producer = NULL;
    struct leat_record *rec = leat_record_new();
    int code =
        rec == NULL ? LEAT_ENOMEM : leat_producer_new(cli->client, cli->conf, &producer, reterr);
    if (code == 0) {
        code = leat_record_set_topic(rec, topic, 0);
    }
    if (code == 0) {
        code = leat_record_set_value(rec, value, strlen(value));
    }
    if (code == 0) {
        code = leat_send_sync(producer, rec, cli->timeout_ms, reterr);
        *ret_timestamp_ms = leat_record_timestamp(rec);
    }
    leat_producer_free(producer);
    leat_record_free(rec);
    return code;
}

static void
check_clock(struct cli_report *report, int64_t before_ms, int64_t stamp_ms, int64_t after_ms)
{
    int64_t skew = stamp_ms < before_ms  ? stamp_ms - before_ms
                   : stamp_ms > after_ms ? stamp_ms - after_ms
                                         : 0;
    bool far = skew > SKEW_WARN_MS || skew < -SKEW_WARN_MS;
    cli_report_add(report, far ? CLI_WARN : CLI_OK, "clock",
                   far ? "let both machines follow NTP: times in -o @TIME are the record's" : NULL,
                   "the broker's clock is %s (%" PRId64 " ms)",
                   far ? (skew > 0 ? "ahead of ours" : "behind ours") : "ours within a second",
                   skew);
}

static void check_round_trip(struct cli_report *report)
{
    struct cli *cli = report->cli;
    struct leat_error *err = NULL;
    uint64_t number = 0;
    int64_t stamp_ms = -1;
    (void)lt_os_random(&number, sizeof(number)); /* else 0: a name that is likely free, too */
    char *topic = lt_asprintf("leat-doctor-%016" PRIx64, number);
    struct leat_conf *conf = leat_conf_new_topic();
    int code = topic == NULL || conf == NULL ? LEAT_ENOMEM : 0;
    if (code == 0) {
        code = leat_conf_set(conf, "message.timestamp.type", "LogAppendTime", &err);
    }
    if (code == 0) {
        code = leat_create_topic(cli->client, topic, 1, conf, cli->timeout_ms, &err);
    }
    bool made = code == 0;
    int64_t before_ms = lt_clock_wall_ms(lt_clock_real());
    int64_t begin_ns = lt_clock_mono_ns(lt_clock_real());
    if (code == 0) {
        code = send_one(cli, topic, "leat doctor", &stamp_ms, &err);
    }
    int64_t after_ms = lt_clock_wall_ms(lt_clock_real());
    if (code == 0) {
        code = read_back(cli, topic, "leat doctor", &err);
    }
    double ms = (double)(lt_clock_mono_ns(lt_clock_real()) - begin_ns) / 1e6;
    if (code == 0) {
        cli_report_add(report, CLI_OK, "round trip", NULL, "a record came back in %.1f ms", ms);
        check_clock(report, before_ms, stamp_ms, after_ms);
    } else {
        failed(report, "round trip", "look at the broker's log", code, err);
    }
    if (made && leat_delete_topic(cli->client, topic, cli->timeout_ms, NULL) != 0) {
        cli_report_add(report, CLI_WARN, "round trip", "leat topic delete it",
                       "the topic %s was not deleted", topic);
    }
    leat_conf_free(conf);
    lt_free(topic);
}

/* ---- all of it ---- */

static void examine(struct cli_report *report, bool write)
{
    struct cli *cli = report->cli;
    struct leat_error *err = NULL;
    int local_port;
    size_t answering = check_bootstrap(report, &local_port);
    cli_report_add(report, CLI_OK, "TLS", NULL, "not used: security.protocol is PLAINTEXT");
    cli_report_add(report, CLI_OK, "SASL", NULL, "not used: security.protocol is PLAINTEXT");
    if (answering == 0) {
        return;
    }
    int code = leat_client_new(cli->conf, &cli->client, &err);
    if (code == 0) {
        code = leat_client_connect(cli->client, cli->timeout_ms, &err);
    }
    if (code != 0) {
        failed(report, "server", "look at the broker's log", code, err);
        return;
    }
    check_server(report);
    if (check_advertised(report)) {
        check_disk(report); /* asks every broker */
    }
    if (local_port != 0) {
        cli_doctor_host(report, local_port);
    }
    if (write) {
        check_round_trip(report);
    } else {
        cli_report_add(report, CLI_OK, "round trip", NULL,
                       "not tried, and clocks not compared: --write sends a record");
    }
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"CHECK", "STATUS", "MESSAGE", "FIX", NULL};
    bool write = false;
    cli_parse(cli, argc, argv, &write);
    int status = cli_configure(cli);
    if (status != 0) {
        return status;
    }
    struct cli_report report = {.cli = cli};
    if (cli->format == CLI_JSON || cli->format == CLI_CSV) {
        report.table = cli_table_new(cli, "checks", columns);
        if (report.table == NULL) {
            return cli_fail(cli, LEAT_ENOMEM, NULL, "doctor");
        }
    }
    examine(&report, write && !cli->dry_run);
    if (report.table != NULL) {
        int code = cli_table_print(report.table);
        cli_table_free(report.table);
        return code != 0                    ? cli_fail(cli, code, NULL, "doctor")
               : report.counts[CLI_BAD] > 0 ? CLI_FAILED
                                            : CLI_DONE;
    }
    if (!cli->quiet) {
        printf("%zu ok, %zu warn, %zu FAIL\n", report.counts[CLI_OK], report.counts[CLI_WARN],
               report.counts[CLI_BAD]);
    }
    return report.counts[CLI_BAD] > 0 ? CLI_FAILED : CLI_DONE;
}

const struct cli_command cli_doctor = {
    .name = "doctor",
    .summary = "why does it not work? checks in plain words",
    .doc = "Check what stands between here and a broker: addresses, protocol, what the broker "
           "tells clients, disk, "
           "limits. Each check is ok, warn or FAIL, with a sentence and what to do. Exit code 1 "
           "when one is FAIL.",
    .examples = "leat doctor -b broker.example.net:9092\n"
                "leat doctor --write\n"
                "leat doctor --json\n",
    .options = options,
    .parse = parse,
    .run = run,
};
