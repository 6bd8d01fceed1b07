/* tally.c: see tally.h. */
#include "bench/tally.h"

void bench_tally(struct leat_client *client, int sign, struct bench_result *ret)
{
    struct leat_stats *stats = NULL;
    if (leat_client_stats(client, &stats) != 0) {
        return;
    }
    ret->requests += sign * (leat_stats_get(stats, "produce.requests") +
                             leat_stats_get(stats, "fetch.requests"));
    ret->batches += sign * leat_stats_get(stats, "produce.batches");
    ret->batch_bytes += sign * leat_stats_get(stats, "produce.bytes.sent");
    ret->retries += sign * leat_stats_get(stats, "produce.retries");
    leat_stats_free(stats);
}
