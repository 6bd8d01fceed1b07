/* series.c: see series.h. */
#include "bench/series.h"

#include "base/assert.h"

void bench_series_init(struct bench_series *series)
{
    *series = (struct bench_series){.step_ns = BENCH_SERIES_STEP_NS};
}

static void halve(struct bench_series *series)
{
    for (size_t i = 0; i < BENCH_SERIES_POINTS / 2; i++) {
        series->records[i] = series->records[2 * i] + series->records[2 * i + 1];
        series->bytes[i] = series->bytes[2 * i] + series->bytes[2 * i + 1];
    }
    series->count = BENCH_SERIES_POINTS / 2;
    series->step_ns *= 2;
}

void bench_series_add(struct bench_series *series,
                      int64_t elapsed_ns,
                      int64_t records,
                      int64_t bytes)
{
    LT_ASSERT(records >= series->records_before && bytes >= series->bytes_before);
    int64_t whole = elapsed_ns / series->step_ns;
    while ((int64_t)series->count < whole) {
        int64_t missing = whole - (int64_t)series->count;
        int64_t more_records = (records - series->records_before) / missing;
        int64_t more_bytes = (bytes - series->bytes_before) / missing;
        series->records[series->count] = more_records;
        series->bytes[series->count] = more_bytes;
        series->records_before += more_records;
        series->bytes_before += more_bytes;
        series->count++;
        if (series->count == BENCH_SERIES_POINTS) {
            halve(series);
            whole = elapsed_ns / series->step_ns;
        }
    }
}
