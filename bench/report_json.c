/* report_json.c: see report.h. Names as in the result files of OpenMessaging Benchmark: latencies in ms, rates as lists over
 * time; what it does not have is named in the same manner. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "bench/process.h"
#include "bench/report.h"
#include "leat/leat.h"

static json_t *run_json(const struct bench_options *o, const struct bench_result *r);

/* "aggregatedPublishLatency99pct" and its like. */
static void set_latency(json_t *object, const char *prefix, const char *what, double value_ns)
{
    char name[80];
    (void)snprintf(name, sizeof(name), "%s%s", prefix, what);
    (void)json_object_set_new(object, name,
                              json_real(value_ns / 1e6)); /* what is short of memory is absent */
}

static void set_latencies(json_t *object, const char *prefix, const struct bench_histogram *h)
{
    static const struct {
        const char *name;
        double percent;
    } percentiles[] = {{"50pct", 50}, {"75pct", 75},    {"95pct", 95},
                       {"99pct", 99}, {"999pct", 99.9}, {"9999pct", 99.99}};
    set_latency(object, prefix, "Avg", bench_histogram_mean(h));
    for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++) {
        set_latency(object, prefix, percentiles[i].name,
                    (double)bench_histogram_percentile(h, percentiles[i].percent));
    }
    set_latency(object, prefix, "Max", (double)h->max);
    json_t *quantiles = json_object();
    for (int i = 0; i <= 100; i++) {
        char percent[8];
        double value = (double)bench_histogram_percentile(h, i == 100 ? 100.0 : (double)i);
        (void)snprintf(percent, sizeof(percent), "%d.0", i);
        (void)json_object_set_new(quantiles, percent, json_real(value / 1e6)); /* as above */
    }
    char name[80];
    (void)snprintf(name, sizeof(name), "%sQuantiles", prefix);
    (void)json_object_set_new(object, name, quantiles); /* as above */
}

static json_t *rates_json(const struct bench_series *series)
{
    json_t *array = json_array();
    for (size_t i = 0; i < series->count; i++) {
        double rate = (double)series->records[i] * 1e9 / (double)series->step_ns;
        (void)json_array_append_new(array, json_real(rate)); /* as above */
    }
    return array;
}

static void set_server(json_t *object, const struct bench_result *r)
{
    if (r->cpu_seconds >= 0.0) {
        (void)json_object_update_new(
            object, json_pack("{s:f,s:I,s:I,s:I}", "serverCpuSeconds", r->cpu_seconds,
                              "serverResidentBytes", (json_int_t)r->rss_bytes, "serverWrittenBytes",
                              (json_int_t)r->written_bytes, "serverContextSwitches",
                              (json_int_t)r->switches)); /* as above */
    }
}

static void set_damage(json_t *object, const struct bench_damage *d)
{
    json_t *damage =
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "records", (json_int_t)d->records, "lost",
                  (json_int_t)d->lost, "doubled", (json_int_t)d->doubled, "reordered",
                  (json_int_t)d->reordered, "changed", (json_int_t)d->changed, "foreign",
                  (json_int_t)d->foreign, "trimmed", (json_int_t)d->trimmed, "unacknowledged",
                  (json_int_t)d->unacknowledged);
    (void)json_object_set_new(object, "verified", damage); /* as above */
}

static json_t *run_json(const struct bench_options *o, const struct bench_result *r)
{
    bool end_to_end = o->command == BENCH_E2E;
    json_t *object =
        json_pack("{s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:f,s:f,s:f,s:f,s:f,s:f,s:o*}", "complete",
                  r->errors == 0, "records", (json_int_t)r->records, "bytes", (json_int_t)r->bytes,
                  "requests", (json_int_t)r->requests, "batches", (json_int_t)r->batches,
                  "batchBytes", (json_int_t)r->batch_bytes, "retries", (json_int_t)r->retries,
                  "errors", (json_int_t)r->errors, "firstError", r->error_text, "seconds",
                  r->seconds, "recordsPerSecond", bench_result_per_second((double)r->records, r),
                  "megabytesPerSecond", bench_result_per_second((double)r->bytes, r) / 1e6,
                  "hiccupP999Ms", (double)r->hiccup_p999_ns / 1e6, "hiccupMaxMs",
                  (double)r->hiccup_max_ns / 1e6, "stolenSeconds", r->stolen_seconds,
                  r->reads ? "consumeRate" : "publishRate", rates_json(&r->series));
    if (object == NULL) {
        return NULL;
    }
    (void)json_object_set_new(object, "intervalSeconds",
                              json_real((double)r->series.step_ns / 1e9)); /* as above */
    if (r->latency.count > 0) {
        set_latencies(object,
                      end_to_end ? "aggregatedEndToEndLatency"
                      : r->reads ? "aggregatedFetchLatency"
                                 : "aggregatedPublishLatency",
                      &r->latency);
    }
    if (end_to_end) {
        (void)json_object_update_new(
            object, json_pack("{s:I,s:I}", "negativeSamples", (json_int_t)r->latency.negative,
                              "unreadableSamples", (json_int_t)r->unreadable)); /* as above */
    }
    if (!r->reads) {
        bool sustained = bench_result_sustained(r, bench_dirty_limit());
        (void)json_object_set_new(object, "writes",
                                  json_string(sustained ? "sustained" : "burst")); /* as above */
    }
    if (r->cold_percent >= 0) {
        (void)json_object_set_new(object, "coldPercent",
                                  json_integer(r->cold_percent)); /* as above */
    }
    if (r->verified) {
        set_damage(object, &r->damage);
    }
    set_server(object, r);
    return object;
}

static json_t *
runs_json(const struct bench_options *o, const struct bench_result *runs, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(array, run_json(o, &runs[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *
summary_json(const struct bench_result *own, const struct bench_result *peer, size_t count)
{
    json_t *object = json_object();
    for (size_t i = 0; i < BENCH_FIGURES; i++) {
        struct bench_spread s;
        if (bench_spread(&bench_figures[i], own, peer, count, &s)) {
            (void)json_object_set_new(
                object, bench_figures[i].json_name, /* a missing figure is seen by its absence */
                json_pack("{s:f,s:f,s:f}", "median", s.median, "min", s.min, "max", s.max));
        }
    }
    return object;
}

static bool whole(const struct bench_result *runs, size_t done, size_t asked)
{
    return done == asked && done > 0 && runs[done - 1].errors == 0;
}

static json_t *load_json(const struct bench_options *o, const struct bench_load *load)
{
    json_t *object = json_pack("{s:s,s:o*}", "workload", load->what, "runs",
                               runs_json(o, load->own, load->own_done));
    bool complete = whole(load->own, load->own_done, load->runs);
    if (object != NULL && load->peer != NULL) {
        (void)json_object_set_new(object, "peerRuns", /* jansson refuses NULL itself */
                                  runs_json(o, load->peer, load->peer_done));
        complete = complete && whole(load->peer, load->peer_done, load->runs);
    }
    if (object != NULL && complete) {                /* no figure from half a measurement */
        (void)json_object_set_new(object, "summary", /* as above */
                                  summary_json(load->own, NULL, load->runs));
        if (load->peer != NULL) {
            (void)json_object_set_new(object, "ratios", /* as above */
                                      summary_json(load->own, load->peer, load->runs));
        }
    }
    return object;
}

int bench_report_json(const struct bench_options *options,
                      const struct bench_load *loads,
                      size_t count,
                      int partitions)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(array, load_json(options, &loads[i])); /* seen by its absence */
    }
    bool writes = options->command != BENCH_CONSUME;
    bool reads = options->command == BENCH_CONSUME || options->command == BENCH_E2E;
    json_t *root = json_pack("{s:i,s:s,s:s,s:s,s:s,s:I,s:i,s:i,s:i,s:i,s:o*}", "_version", 1,
                             "_command", "bench", "driver", "leat-bench", "topic", options->topic,
                             "loop", options->throughput > 0 ? "open" : "closed", "messageSize",
                             (json_int_t)options->record_size, "topics", 1, "partitions",
                             partitions, "producersPerTopic", writes ? options->clients : 0,
                             "consumersPerTopic", reads ? options->clients : 0, "loads", array);
    int err = root == NULL || json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9)) != 0
                  ? LEAT_ENOMEM
                  : 0;
    printf("\n");
    json_decref(root);
    return err;
}
