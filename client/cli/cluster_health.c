/* cluster_health.c: leat cluster health: what is wrong, and exit 1 when something is.
 *
 * Source: the checks of kafka-topics.sh --unavailable-partitions, --under-replicated-partitions and
 * --under-min-isr-partitions, beside brokers, controller and data directories. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "client/cli/cluster_state.h"
#include "client/cli/command.h"
#include "client/cli/output.h"
#include "client/cli/resource.h"
#include "proto/errors.h"

struct health {
    const struct cli_cluster *cluster;
    struct cli_table *problems;
    int64_t controller; /* -1: none */
    int64_t brokers, unreachable, offline_dirs;
    int64_t topics, partitions, offline, under_replicated, under_min_isr;
    int *codes; /* of each row of parts: what its leader says to a question for the end */
    const char *min_isr_topic; /* whose min.insync.replicas is known */
    int32_t min_isr;
};

static void
add_problem(struct health *health, const char *check, const char *resource, const char *message)
{
    cli_table_row(health->problems);
    cli_table_text(health->problems, check);
    cli_table_text(health->problems, resource);
    cli_table_text(health->problems, message);
}

static void check_brokers(struct health *health)
{
    const struct leat_result *brokers = health->cluster->brokers;
    char name[64];
    char message[512];
    health->controller = -1;
    health->brokers = (int64_t)leat_result_count(brokers);
    for (size_t i = 0; i < leat_result_count(brokers); i++) {
        int64_t id = leat_result_int(brokers, i, "id");
        int reach = cli_cluster_reach(health->cluster, id);
        if (leat_result_int(brokers, i, "controller") == 1) {
            health->controller = id;
        }
        if (reach != 0) {
            health->unreachable++;
            (void)snprintf(name, sizeof(name), "broker %lld", (long long)id);
            (void)snprintf(message, sizeof(message), "%s:%lld: %s",
                           leat_result_str(brokers, i, "host"),
                           (long long)leat_result_int(brokers, i, "port"), leat_strerror(reach));
            add_problem(health, "unreachable", name, message);
        }
    }
    if (health->controller < 0) {
        add_problem(health, "no-controller", "cluster", "topics and settings cannot be changed");
    }
}

static void check_dirs(struct health *health)
{
    const struct leat_result *dirs = health->cluster->dirs;
    char name[64];
    char message[512];
    for (size_t i = 0; i < leat_result_count(dirs); i++) {
        const char *dir = leat_result_str(dirs, i, "dir");
        int code = (int)leat_result_int(dirs, i, "code");
        const char *before = i == 0 ? NULL : leat_result_str(dirs, i - 1, "dir");
        bool told = before != NULL && dir != NULL && strcmp(before, dir) == 0 &&
                    leat_result_int(dirs, i, "broker") == leat_result_int(dirs, i - 1, "broker");
        if (dir != NULL && code != 0 && !told) {
            health->offline_dirs++;
            (void)snprintf(name, sizeof(name), "broker %lld",
                           (long long)leat_result_int(dirs, i, "broker"));
            (void)snprintf(message, sizeof(message), "%s: %s", dir, leat_strerror(code));
            add_problem(health, "offline-dir", name, message);
        }
    }
}

/* min.insync.replicas of a topic, asked for only where replicas are missing; 1 where it is not to be had. */
static int32_t min_isr_of(struct cli *cli, struct health *health, const char *topic)
{
    if (health->min_isr_topic != NULL && strcmp(health->min_isr_topic, topic) == 0) {
        return health->min_isr;
    }
    struct leat_result *rows = NULL;
    health->min_isr_topic = topic;
    health->min_isr = 1;
    if (cli_resource_get(cli, "topic", topic, &rows, NULL) == 0) {
        for (size_t i = 0; i < leat_result_count(rows); i++) {
            if (strcmp(leat_result_str(rows, i, "name"), "min.insync.replicas") == 0) {
                health->min_isr = (int32_t)leat_result_int(rows, i, "value");
            }
        }
    }
    leat_result_free(rows);
    return health->min_isr;
}

/* Metadata says who leads a partition, not whether its log can be read: its leader is asked for the end. Where even that is
 * not possible (memory, all leaders gone) the rows keep 0, and other checks tell. */
static void ask_leaders(struct cli *cli, struct health *health)
{
    const struct leat_result *parts = health->cluster->parts;
    size_t count = leat_result_count(parts);
    struct leat_offsets *list = leat_offsets_new();
    struct leat_offsets *answer = NULL;
    health->codes = lt_calloc(count + 1, sizeof(health->codes[0]));
    int code = list == NULL || health->codes == NULL ? LEAT_ENOMEM : 0;
    for (size_t i = 0; code == 0 && i < count; i++) {
        if (leat_result_int(parts, i, "leader") >= 0) {
            code =
                leat_offsets_add(list, leat_result_str(parts, i, "topic"),
                                 (int32_t)leat_result_int(parts, i, "partition"), LEAT_OFFSET_END);
        }
    }
    if (code == 0 && leat_offsets_count(list) > 0) {
        code = leat_list_offsets(cli->client, list, cli->timeout_ms, &answer, NULL);
    }
    size_t next = 0;
    for (size_t i = 0; code == 0 && i < count; i++) {
        if (leat_result_int(parts, i, "leader") >= 0) { /* one entry each, in order */
            (void)leat_offsets_at(answer, next++, NULL, NULL, &health->codes[i]);
        }
    }
    leat_offsets_free(list);
    leat_offsets_free(answer);
}

/* The error of a partition that nobody can use now, 0 if somebody can. That this user may not, or that a replica is missing
 * (the lists say that too), makes no partition offline. */
static int offline_code(const struct health *health, size_t i)
{
    int code = (int)leat_result_int(health->cluster->parts, i, "code");
    code = code == 0 && health->codes != NULL ? health->codes[i] : code;
    return code == LEAT_BROKER_ERROR(PROTO_ERROR_REPLICA_NOT_AVAILABLE) ||
                   code == LEAT_BROKER_ERROR(PROTO_ERROR_TOPIC_AUTHORIZATION_FAILED)
               ? 0
               : code;
}

static void check_partition(struct cli *cli, struct health *health, size_t i)
{
    const struct leat_result *parts = health->cluster->parts;
    const char *topic = leat_result_str(parts, i, "topic");
    int32_t replicas = cli_list_count(leat_result_str(parts, i, "replicas"));
    int32_t isr = cli_list_count(leat_result_str(parts, i, "isr"));
    int code = offline_code(health, i);
    char name[320];
    char message[256];
    (void)snprintf(name, sizeof(name), "%s-%lld", topic,
                   (long long)leat_result_int(parts, i, "partition"));
    if (leat_result_int(parts, i, "leader") < 0 || code != 0) {
        health->offline++;
        add_problem(health, "offline-partition", name,
                    code == 0 ? "it has no leader: nobody can read or write" : leat_strerror(code));
    }
    if (isr < replicas) {
        health->under_replicated++;
        (void)snprintf(message, sizeof(message), "%d of %d replicas are in sync (%s of %s)",
                       (int)isr, (int)replicas, leat_result_str(parts, i, "isr"),
                       leat_result_str(parts, i, "replicas"));
        add_problem(health, "under-replicated", name, message);
        int32_t least = min_isr_of(cli, health, topic);
        least = least > replicas ? replicas : least; /* as Kafka counts */
        if (isr < least) {
            health->under_min_isr++;
            (void)snprintf(message, sizeof(message), "%d in sync, %d wanted: acks=all is refused",
                           (int)isr, (int)least);
            add_problem(health, "under-min-isr", name, message);
        }
    }
}

static void check_partitions(struct cli *cli, struct health *health)
{
    const struct leat_result *parts = health->cluster->parts;
    const char *before = NULL;
    for (size_t i = 0; i < leat_result_count(parts); i++) {
        const char *topic = leat_result_str(parts, i, "topic");
        health->topics += before == NULL || strcmp(before, topic) != 0;
        before = topic;
        if (leat_result_int(parts, i, "partition") < 0) {
            health->offline++;
            add_problem(health, "offline-partition", topic,
                        leat_strerror((int)leat_result_int(parts, i, "code")));
        } else {
            health->partitions++;
            check_partition(cli, health, i);
        }
    }
}

static int print(struct cli *cli, const struct health *health, bool healthy, const char *cluster)
{
    const struct {
        const char *name, *title;
        int64_t number;
    } counts[] = {
        {"brokers", "BROKERS", health->brokers},
        {"unreachable", "UNREACHABLE", health->unreachable},
        {"offline_dirs", "OFFLINE-DIRS", health->offline_dirs},
        {"topics", "TOPICS", health->topics},
        {"partitions", "PARTITIONS", health->partitions},
        {"offline_partitions", "OFFLINE-PARTITIONS", health->offline},
        {"under_replicated", "UNDER-REPLICATED", health->under_replicated},
        {"under_min_isr", "UNDER-MIN-ISR", health->under_min_isr},
    };
    bool text = cli->format == CLI_TEXT || cli->format == CLI_WIDE;
    cli_table_field_bool(health->problems, "healthy", healthy);
    cli_table_field(health->problems, "cluster", cluster);
    cli_table_field_number(health->problems, "controller", health->controller);
    if (text) {
        printf("%-18s  %s\n%-18s  %s\n", "HEALTHY", healthy ? "true" : "false", "CLUSTER",
               cluster == NULL ? "-" : cluster);
        printf(health->controller < 0 ? "%-18s  -\n" : "%-18s  %lld\n", "CONTROLLER",
               (long long)health->controller);
    }
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        cli_table_field_number(health->problems, counts[i].name, counts[i].number);
        if (text) {
            printf("%-18s  %lld\n", counts[i].title, (long long)counts[i].number);
        }
    }
    if (text && !healthy) {
        printf("\n");
    }
    return cli_table_end(health->problems, cli, healthy ? CLI_DONE : CLI_FAILED);
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const char *const columns[] = {"CHECK", "RESOURCE", "MESSAGE", NULL};
    cli_parse(cli, argc, argv, NULL);
    int status = cli_connect(cli);
    if (status != 0) {
        return status;
    }
    struct leat_error *err = NULL;
    struct cli_cluster cluster;
    int code = cli_cluster_open(cli, &cluster, &err);
    if (code != 0) {
        return cli_fail(cli, code, err, "cluster health");
    }
    struct health health = {.cluster = &cluster,
                            .problems = cli_table_new(cli, "problems", columns)};
    if (health.problems == NULL) {
        cli_cluster_release(&cluster);
        return cli_table_end(NULL, cli, CLI_FAILED);
    }
    check_brokers(&health);
    check_dirs(&health);
    ask_leaders(cli, &health);
    check_partitions(cli, &health);
    lt_free(health.codes);
    bool healthy = health.controller >= 0 && health.unreachable == 0 && health.offline_dirs == 0 &&
                   health.offline == 0 && health.under_replicated == 0;
    status = print(cli, &health, healthy, leat_result_str(cluster.brokers, 0, "cluster"));
    cli_cluster_release(&cluster);
    return status;
}

const struct cli_command cli_cluster_health = {
    .name = "cluster health",
    .summary = "what is wrong with the cluster: exit 1 when something is",
    .doc = "Look at brokers, controller, data directories and partitions once: exit 0 when all is "
           "well, 1 when something is wrong, 3 when no broker is reached.",
    .examples = "leat cluster health\n"
                "leat cluster health --json | jq '.problems[]'\n",
    .more = "Wrong is: a broker that does not answer from here (unreachable), no controller, a "
            "data directory that failed (offline-dir), a partition without leader "
            "(offline-partition), fewer replicas in sync than there are (under-replicated), or "
            "fewer than min.insync.replicas (under-min-isr).",
    .run = run,
};
