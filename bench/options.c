/* options.c: see options.h. argp does help, usage and --version. */
#include "bench/options.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/units.h"
#include "bench/stamp.h"

#define RECORD_SIZE_MAX (INT64_C(1) << 30) /* no request is larger */

_Static_assert(BENCH_PROPERTIES_MAX <= 64, "each has a bit");

enum option_key {
    OPT_TOPIC = 't',
    OPT_BOOTSTRAP = 'b',
    OPT_PROPERTY = 'X',
    OPT_CONFIG = 'F',
    OPT_PROFILE = 'P',
    OPT_COUNT = 'n',
    OPT_HELP = 'h',
    OPT_RECORD_SIZE = 256,
    OPT_PAYLOAD,
    OPT_THROUGHPUT,
    OPT_CLIENTS,
    OPT_BATCH,
    OPT_LINGER,
    OPT_ACKS,
    OPT_CODEC,
    OPT_KEYS,
    OPT_CREATE,
    OPT_DELETE,
    OPT_WARMUP,
    OPT_TIMEOUT,
    OPT_DURATION,
    OPT_REPEAT,
    OPT_PEER,
    OPT_SERVER_PID,
    OPT_PEER_PID,
    OPT_JSON,
    OPT_HGRM,
    OPT_TOTAL,
    OPT_INFLIGHT,
    OPT_WORK,
    OPT_WARM_MEMORY,
    OPT_FETCH_SIZE,
    OPT_GROUP,
    OPT_STATE,
    OPT_LISTEN,
    OPT_COLD,
    OPT_PLOT,
    OPT_QUIET = 'q',
};

static const struct argp_option option_table[] = {
    {NULL, 0, NULL, 0, "Where:", 1},
    {NULL, OPT_HELP, NULL, OPTION_HIDDEN, NULL, 0},
    {"bootstrap-server", OPT_BOOTSTRAP, "HOST:PORT", 0,
     "Broker to measure (LEAT_BOOTSTRAP_SERVERS, the profile's, or localhost:9092)", 1},
    {"peer", OPT_PEER, "HOST:PORT|null", 0,
     "Second broker: each repetition runs against both in turn, ratios are printed; null: a server "
     "that does nothing, which shows what the client itself costs",
     1},
    {"property", OPT_PROPERTY, "KEY=VALUE", 0, "Client property, Kafka's spelling; may be repeated",
     1},
    {"command-config", OPT_CONFIG, "FILE", 0, "Client properties from a file", 1},
    {"profile", OPT_PROFILE, "NAME", 0, "Client properties from a profile", 1},
    {"server-pid", OPT_SERVER_PID, "PID", 0, "Report CPU, memory and disk bytes of this process",
     1},
    {"peer-pid", OPT_PEER_PID, "PID", 0, "The same for the peer", 1},
    {NULL, 0, NULL, 0, "What:", 2},
    {"topic", OPT_TOPIC, "TOPIC", 0, "Topic to use (required but for null)", 2},
    {"create", OPT_CREATE, "P[,KEY=VALUE..]", 0,
     "Make the topic with P partitions and these configs if it is missing", 2},
    {"delete", OPT_DELETE, NULL, 0, "Delete the topic afterwards", 2},
    {"num-records", OPT_COUNT, "N", 0, "Records to send or read", 2},
    {"record-size", OPT_RECORD_SIZE, "SIZE", 0, "Bytes of a record's value (100)", 2},
    {"payload-file", OPT_PAYLOAD, "FILE", 0, "Values are the lines of this file in turn", 2},
    {"keys", OPT_KEYS, "KIND", 0, "none (default), sequence, random:N", 2},
    {"group", OPT_GROUP, "GROUP", 0, "Consumer group; not in this release", 2},
    {NULL, 0, NULL, 0, "How:", 3},
    {"throughput", OPT_THROUGHPUT, "R", 0,
     "Records per second over all clients, open loop; -1 (default) as fast as it goes", 3},
    {"clients", OPT_CLIENTS, "N", 0,
     "Producers or consumers, each with its own connection (1); e2e: producers", 3},
    {"duration", OPT_DURATION, "TIME", 0, "Stop after this time (10s; a plain number is seconds)",
     3},
    {"warmup", OPT_WARMUP, "TIME", 0, "The first part is not counted (1s; consume: 0)", 3},
    {"warm-memory", OPT_WARM_MEMORY, "SIZE", 0,
     "Touch and free this much memory before each run, so that a virtual machine's host does not "
     "charge the server for new pages (0)",
     3},
    {"timeout", OPT_TIMEOUT, "TIME", 0, "Reading: give up when no record came for so long (10s)",
     3},
    {"repeat", OPT_REPEAT, "N", 0, "Runs; median and range are reported (3)", 3},
    {"batch", OPT_BATCH, "SIZE", 0, "batch.size; raw: bytes of records per prebuilt batch (16KiB)",
     3},
    {"linger", OPT_LINGER, "MS", 0, "linger.ms", 3},
    {"acks", OPT_ACKS, "all|1|0", 0, "acks (all)", 3},
    {"compression-type", OPT_CODEC, "NAME", 0, "none, gzip, snappy, lz4, zstd", 3},
    {"cold", OPT_COLD, NULL, 0,
     "consume and raw: drop the page cache of the topic's files before each read (the broker must "
     "run on this machine)",
     3},
    {NULL, 0, NULL, 0, "Some commands only:", 4},
    {"total", OPT_TOTAL, "SIZE", 0,
     "raw: bytes of batches in each direction (256MiB, unless --duration or -n bounds the run)", 4},
    {"inflight", OPT_INFLIGHT, "N", 0,
     "raw: requests under way per connection (5); e2e without --throughput: records per client (1)",
     4},
    {"work", OPT_WORK, "produce|fetch|both", 0,
     "raw and verify: write, read what is there, or first write and then read (default)", 4},
    {"fetch-size", OPT_FETCH_SIZE, "SIZE", 0, "raw, null: bytes per fetch (1MiB)", 4},
    {"state", OPT_STATE, "FILE", 0,
     "verify: keep here what was acknowledged; --work fetch holds the topic against it", 4},
    {"listen", OPT_LISTEN, "HOST:PORT", 0, "null: where to listen (127.0.0.1:0)", 4},
    {NULL, 0, NULL, 0, "Output:", 5},
    {"json", OPT_JSON, NULL, 0, "One JSON object on stdout", 5},
    {"hgrm", OPT_HGRM, "FILE", 0,
     "Write the latency distribution as HdrHistogram text; with a peer also FILE.peer", 5},
    {"plot", OPT_PLOT, "FILE.svg", 0,
     "Draw latency by percentile and throughput over time (needs gnuplot)", 5},
    {"quiet", OPT_QUIET, NULL, 0, "No progress on stderr", 5},
    {NULL, 0, NULL, 0, NULL, 0},
};

static const char doc[] =
    "Measure a Kafka-compatible broker.\v"
    "Commands:\n"
    "  produce   records through libleat, as an application sends them\n"
    "  consume   records through libleat, from the start of the topic\n"
    "  e2e       records from one producer to their receipt by a consumer, from the due time\n"
    "  raw       prebuilt batches straight onto sockets, and raw fetches: the server is measured, "
    "not the client\n"
    "  verify    write records with sequence and hash chain, read them back: lost, doubled, "
    "reordered, changed?\n"
    "  null      a server that swallows what is produced and serves prebuilt batches, until "
    "Ctrl-C; prints its address\n\n"
    "Examples:\n"
    "  leat-bench produce -t bench --create 4 -n 1000000 --record-size 1KiB\n"
    "  leat-bench e2e -t bench --create 1 --throughput 1000 --linger 0 --duration 10s\n"
    "  leat-bench raw -t bench --create 1 --batch 64KiB --total 1GiB --server-pid $(pidof "
    "leatd)\n"
    "  leat-bench verify -t chain --create 4 -n 1000000\n\n"
    "Without --num-records and --duration: produce, e2e and verify run for 10 s, consume reads to "
    "the end.\n"
    "Exit code: 0; 1 when anything failed; 2 for a wrong command line; 3 when the broker is not "
    "reached; 130 after Ctrl-C.";

static void
add_property(struct argp_state *state, struct bench_options *o, const char *key, const char *value);
static int64_t
size_or_die(struct argp_state *state, const char *name, const char *text, int64_t min);
static int64_t time_or_die(struct argp_state *state, const char *name, const char *text);
static int64_t number_or_die(
    struct argp_state *state, const char *name, const char *text, int64_t min, int64_t max);
static void parse_keys(struct argp_state *state, struct bench_options *o, const char *text);
static void parse_create(struct argp_state *state, struct bench_options *o, char *text);
static void check(struct argp_state *state, struct bench_options *o);
static void check_stamped(struct argp_state *state, const struct bench_options *o);

static error_t parse_command(struct argp_state *state, struct bench_options *o, const char *arg)
{
    static const struct {
        const char *name;
        enum bench_command command;
    } commands[] = {{"produce", BENCH_PRODUCE}, {"consume", BENCH_CONSUME}, {"raw", BENCH_RAW},
                    {"e2e", BENCH_E2E},         {"verify", BENCH_VERIFY},   {"null", BENCH_NULL}};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (o->command == 0 && strcmp(arg, commands[i].name) == 0) {
            o->command = commands[i].command;
            return 0;
        }
    }
    argp_error(state, "unknown command '%s'; there are produce, consume, e2e, raw, verify and null",
               arg);
    return ARGP_ERR_UNKNOWN;
}

static error_t parse_load(int key, char *arg, struct argp_state *state)
{
    struct bench_options *o = state->input;
    switch (key) {
    case OPT_COUNT:
        o->record_count = number_or_die(state, "--num-records", arg, 1, INT64_MAX);
        return 0;
    case OPT_RECORD_SIZE:
        o->record_size = size_or_die(state, "--record-size", arg, 0);
        return 0;
    case OPT_THROUGHPUT:
        o->throughput = number_or_die(state, "--throughput", arg, -1, 1000000000);
        return 0;
    case OPT_CLIENTS:
        o->clients = (int)number_or_die(state, "--clients", arg, 1, 10000);
        return 0;
    case OPT_REPEAT:
        o->repeat = (int)number_or_die(state, "--repeat", arg, 1, 1000);
        return 0;
    case OPT_DURATION:
        o->duration_ms = time_or_die(state, "--duration", arg);
        return 0;
    case OPT_TIMEOUT:
        o->timeout_ms = time_or_die(state, "--timeout", arg);
        return 0;
    case OPT_WARMUP:
        o->warmup_ms = time_or_die(state, "--warmup", arg);
        return 0;
    case OPT_WARM_MEMORY:
        o->warm_memory = size_or_die(state, "--warm-memory", arg, 0);
        return 0;
    case OPT_BATCH:
        o->batch_size = size_or_die(state, "--batch", arg, 1);
        add_property(state, o, "batch.size", arg);
        return 0;
    case OPT_LINGER:
        add_property(state, o, "linger.ms", arg);
        return 0;
    case OPT_ACKS:
        o->acks = strcmp(arg, "all") == 0 ? -1 : (int)number_or_die(state, "--acks", arg, -1, 1);
        add_property(state, o, "acks", arg);
        return 0;
    case OPT_CODEC:
        o->codec = arg;
        add_property(state, o, "compression.type", arg);
        return 0;
    case OPT_TOTAL:
        o->total_bytes = size_or_die(state, "--total", arg, 1);
        return 0;
    case OPT_INFLIGHT:
        o->inflight = (int)number_or_die(state, "--inflight", arg, 1, 1000);
        return 0;
    case OPT_FETCH_SIZE:
        o->fetch_size = size_or_die(state, "--fetch-size", arg, 1);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_output(int key, char *arg, struct argp_state *state)
{
    struct bench_options *o = state->input;
    switch (key) {
    case OPT_JSON:
        o->json = true;
        return 0;
    case OPT_HGRM:
        o->hgrm_file = arg;
        return 0;
    case OPT_PLOT:
        o->plot_file = arg;
        return 0;
    case OPT_QUIET:
        o->quiet = true;
        return 0;
    case OPT_HELP:
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP); /* ends the process */
        return 0;
    case OPT_COLD:
        o->cold = true;
        return 0;
    case OPT_STATE:
        o->state_file = arg;
        return 0;
    case OPT_LISTEN:
        o->listen = arg;
        return 0;
    case OPT_GROUP:
        argp_error(state,
                   "--group %s: consumer groups are not in this release; consume reads all "
                   "partitions itself without --group",
                   arg);
        return 0;
    case OPT_WORK:
        o->work = strcmp(arg, "produce") == 0 ? BENCH_WORK_PRODUCE
                  : strcmp(arg, "fetch") == 0 ? BENCH_WORK_FETCH
                                              : BENCH_WORK_PRODUCE | BENCH_WORK_FETCH;
        if (o->work == (BENCH_WORK_PRODUCE | BENCH_WORK_FETCH) && strcmp(arg, "both") != 0) {
            argp_error(state, "--work %s: want produce, fetch or both", arg);
        }
        return 0;
    default:
        return parse_load(key, arg, state);
    }
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct bench_options *o = state->input;
    switch (key) {
    case OPT_BOOTSTRAP:
        o->bootstrap = arg;
        return 0;
    case OPT_PEER:
        o->peer_null = strcmp(arg, "null") == 0;
        o->peer = arg;
        return 0;
    case OPT_PROPERTY:
        if (o->property_count == BENCH_PROPERTIES_MAX || strchr(arg, '=') == NULL) {
            argp_error(state, "-X %s: want KEY=VALUE, at most %d of them", arg,
                       BENCH_PROPERTIES_MAX);
        }
        o->properties[o->property_count++] = arg;
        return 0;
    case OPT_CONFIG:
        o->config_file = arg;
        return 0;
    case OPT_PROFILE:
        o->profile = arg;
        return 0;
    case OPT_TOPIC:
        o->topic = arg;
        return 0;
    case OPT_PAYLOAD:
        o->payload_file = arg;
        return 0;
    case OPT_KEYS:
        parse_keys(state, o, arg);
        return 0;
    case OPT_CREATE:
        parse_create(state, o, arg);
        return 0;
    case OPT_DELETE:
        o->delete_after = true;
        return 0;
    case OPT_SERVER_PID:
        o->server_pid = (int)number_or_die(state, "--server-pid", arg, 1, INT32_MAX);
        return 0;
    case OPT_PEER_PID:
        o->peer_pid = (int)number_or_die(state, "--peer-pid", arg, 1, INT32_MAX);
        return 0;
    case ARGP_KEY_ARG:
        return parse_command(state, o, arg);
    case ARGP_KEY_END:
        check(state, o);
        return 0;
    default:
        return parse_output(key, arg, state);
    }
}

void bench_options_parse(int argc, char **argv, struct bench_options *ret)
{
    static const struct argp argp = {
        option_table, parse_option, "produce|consume|e2e|raw|verify|null", doc, NULL, NULL, NULL};
    argp_err_exit_status = 2;
    *ret = (struct bench_options){
        .record_size = 100,
        .throughput = -1,
        .warmup_ms = -1,
        .timeout_ms = 10000,
        .clients = 1,
        .repeat = 0,
        .batch_size = 16384,
        .fetch_size = 1 << 20,
        .inflight = 0,
        .acks = -1,
        .codec = "none",
        .listen = "127.0.0.1:0",
        .work = BENCH_WORK_PRODUCE | BENCH_WORK_FETCH,
    };
    (void)argp_parse(&argp, argc, argv, 0, NULL, ret); /* errors end the process */
}

static void check(struct argp_state *state, struct bench_options *o)
{
    if (o->command == 0) {
        argp_error(state, "say what to do: produce, consume, e2e, raw, verify or null");
    }
    if (o->topic == NULL && o->command != BENCH_NULL) {
        argp_error(state, "--topic is missing");
    }
    bool bounded = o->record_count > 0 || o->duration_ms > 0;
    if (!bounded && (o->command == BENCH_PRODUCE || o->command == BENCH_E2E ||
                     (o->command == BENCH_VERIFY && (o->work & BENCH_WORK_PRODUCE) != 0))) {
        o->duration_ms = 10000;
    }
    if (o->command == BENCH_CONSUME && o->peer_null && !bounded) {
        argp_error(state, "consume --peer null has no end without --num-records or --duration");
    }
    if ((o->command == BENCH_E2E || o->command == BENCH_VERIFY) && o->peer_null) {
        argp_error(state, "--peer null: a null server keeps nothing that could be read back");
    }
    if (o->warmup_ms > 0 && o->command == BENCH_VERIFY) {
        argp_error(state, "verify looks at every record: no --warmup");
    }
    if (o->warmup_ms < 0) {
        bool none = o->command == BENCH_CONSUME || o->command == BENCH_VERIFY;
        o->warmup_ms = none ? 0 : 1000;
    }
    if (o->repeat == 0) {
        o->repeat = o->command == BENCH_VERIFY ? 1 : 3;
    }
    if (o->inflight == 0) {
        o->inflight = o->command == BENCH_E2E ? 1 : 5;
    }
    if (o->throughput > 0 && (o->command == BENCH_CONSUME || o->command == BENCH_RAW)) {
        argp_error(state, "--throughput is for produce, e2e and verify");
    }
    if (o->throughput == 0) {
        argp_error(state, "--throughput 0: want records per second, or -1");
    }
    if (o->record_size < 1 && (o->command == BENCH_RAW || o->command == BENCH_NULL)) {
        argp_error(state, "raw and null need a --record-size of at least 1");
    }
    if (!bounded && o->command == BENCH_RAW && o->total_bytes == 0) {
        o->total_bytes = 256 << 20;
    }
    if (o->hgrm_file != NULL && o->command == BENCH_CONSUME) {
        argp_error(state, "--hgrm: consume measures no latency; e2e does");
    }
    if (o->record_size > RECORD_SIZE_MAX) {
        argp_error(state, "--record-size %lld: want at most %lld bytes", (long long)o->record_size,
                   (long long)RECORD_SIZE_MAX);
    }
    check_stamped(state, o);
}

/* Values that carry their due time and sequence are made here, so they have room for both. */
static void check_stamped(struct argp_state *state, const struct bench_options *o)
{
    bool stamped = o->command == BENCH_E2E || o->command == BENCH_VERIFY;
    if (stamped && o->record_size < BENCH_STAMP_SIZE) {
        argp_error(state, "--record-size %lld: time and sequence need at least %d bytes",
                   (long long)o->record_size, BENCH_STAMP_SIZE);
    }
    if (stamped && o->payload_file != NULL) {
        argp_error(state, "--payload-file is for produce: e2e and verify make their own values");
    }
    if (o->state_file != NULL && (o->command != BENCH_VERIFY || o->repeat > 1 || o->peer != NULL)) {
        argp_error(state, "--state is for one run of verify against one broker");
    }
    if (o->cold && o->command != BENCH_CONSUME && o->command != BENCH_RAW) {
        argp_error(state, "--cold is for consume and raw");
    }
}

static void
add_property(struct argp_state *state, struct bench_options *o, const char *key, const char *value)
{
    char *text = lt_asprintf("%s=%s", key, value);
    if (o->property_count == BENCH_PROPERTIES_MAX || text == NULL) {
        argp_failure(state, 1, 0, "too many properties"); /* ends the process */
        return;
    }
    o->properties_made |= (uint64_t)1 << o->property_count;
    o->properties[o->property_count++] = text;
}

void bench_options_release(struct bench_options *options)
{
    for (size_t i = 0; i < options->property_count; i++) {
        if ((options->properties_made >> i & 1) != 0) {
            lt_free((void *)(uintptr_t)options->properties[i]);
        }
    }
    options->property_count = 0;
}

static int64_t
size_or_die(struct argp_state *state, const char *name, const char *text, int64_t min)
{
    int64_t value = 0;
    if (lt_parse_size(text, &value) != 0 || value < min) {
        argp_error(state, "%s %s: want a size such as 100 or 64KiB, at least %lld", name, text,
                   (long long)min);
    }
    return value;
}

static int64_t time_or_die(struct argp_state *state, const char *name, const char *text)
{
    int64_t value = 0;
    if (lt_parse_duration_ms(text, 1000, &value) != 0 || value < 0) {
        argp_error(state, "%s %s: want a time such as 10s or 500ms", name, text);
    }
    return value;
}

static int64_t number_or_die(
    struct argp_state *state, const char *name, const char *text, int64_t min, int64_t max)
{
    char *end = NULL;
    long long value = strtoll(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < min || value > max) {
        argp_error(state, "%s %s: want a number from %lld to %lld", name, text, (long long)min,
                   (long long)max);
    }
    return value;
}

static void parse_keys(struct argp_state *state, struct bench_options *o, const char *text)
{
    if (strcmp(text, "none") == 0) {
        o->keys = BENCH_KEYS_NONE;
    } else if (strcmp(text, "sequence") == 0) {
        o->keys = BENCH_KEYS_SEQUENCE;
    } else if (strncmp(text, "random:", 7) == 0) {
        o->keys = BENCH_KEYS_RANDOM;
        o->key_range = number_or_die(state, "--keys random:", text + 7, 1, INT64_MAX);
    } else {
        argp_error(state, "--keys %s: want none, sequence or random:N", text);
    }
}

static void parse_create(struct argp_state *state, struct bench_options *o, char *text)
{
    char *comma = strchr(text, ',');
    if (comma != NULL) {
        *comma = '\0';
        o->create_configs = comma + 1;
    }
    o->create_partitions = (int)number_or_die(state, "--create", text, 1, 100000);
}
