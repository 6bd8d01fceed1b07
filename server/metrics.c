/* metrics.c: counting. See metrics.h; the text is made in metrics_text.c. */
#include "server/metrics_impl.h"

#include "base/alloc.h"
#include "base/clock.h"

const double srv_metrics_bounds[SRV_METRICS_BUCKETS] = {
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025,
    0.05,    0.1,    0.25,    0.5,    1,     2.5,   5,     10,
};

int srv_metrics_new(size_t loop_count, struct srv_metrics **ret_metrics)
{
    struct srv_metrics *metrics = lt_calloc(1, sizeof(*metrics));
    if (metrics == NULL) {
        return LEAT_ENOMEM;
    }
    metrics->loops = lt_calloc(loop_count + 1, sizeof(*metrics->loops));
    if (metrics->loops == NULL) {
        lt_free(metrics);
        return LEAT_ENOMEM;
    }
    metrics->loop_count = loop_count;
    metrics->started_ms = lt_clock_wall_ms(lt_clock_real());
    *ret_metrics = metrics;
    return 0;
}

void srv_metrics_free(struct srv_metrics *metrics)
{
    if (metrics != NULL) {
        lt_free(metrics->loops);
        lt_free(metrics);
    }
}

/* One writer per counter: a plain load and store, without the bus lock of an atomic add. */
static void add(_Atomic uint64_t *counter, uint64_t more)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + more, memory_order_relaxed);
}

void srv_metrics_request(struct srv_metrics *metrics,
                         size_t loop_index,
                         int16_t api_key,
                         int16_t wire_error,
                         int64_t duration_ns,
                         uint64_t bytes_in,
                         uint64_t bytes_out)
{
    if (metrics == NULL || loop_index >= metrics->loop_count || api_key < 0 ||
        api_key >= SRV_METRICS_APIS) {
        return;
    }
    struct srv_api_counters *api = &metrics->loops[loop_index].apis[api_key];
    int error = wire_error + 1 < 0 || wire_error + 1 >= SRV_METRICS_ERRORS ? 0 : wire_error + 1;
    add(&api->requests[error], 1);
    add(&api->bytes_in, bytes_in);
    add(&api->bytes_out, bytes_out);
    add(&api->duration_ns, duration_ns < 0 ? 0 : (uint64_t)duration_ns);
    double seconds = (double)duration_ns / 1e9;
    size_t bucket = 0;
    while (bucket < SRV_METRICS_BUCKETS && seconds > srv_metrics_bounds[bucket]) {
        bucket++;
    }
    add(&api->buckets[bucket], 1);
}

void srv_metrics_accepted(struct srv_metrics *metrics)
{
    if (metrics != NULL) {
        (void)atomic_fetch_add_explicit(&metrics->accepted, 1, memory_order_relaxed);
    }
}

void srv_metrics_malformed(struct srv_metrics *metrics)
{
    if (metrics != NULL) {
        (void)atomic_fetch_add_explicit(&metrics->malformed, 1, memory_order_relaxed);
    }
}
