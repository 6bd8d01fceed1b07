/* reader.c: see reader.h. */
#include "bench/reader.h"

#include "base/clock.h"
#include "bench/client.h"

static int
assign(struct bench_reader *reader, enum bench_reader_from from, struct leat_error **reterr)
{
    struct leat_offsets *parts = leat_offsets_new();
    int err = parts == NULL ? LEAT_ENOMEM : 0;
    for (int p = 0; err == 0 && p < reader->topic->partition_count; p++) {
        const struct bench_partition *partition = &reader->topic->partitions[p];
        if (bench_reader_reads(reader, p)) {
            reader->left += partition->high_watermark - partition->log_start;
            err = leat_offsets_add(parts, reader->measure->options->topic, p,
                                   from == BENCH_FROM_START ? LEAT_OFFSET_START
                                                            : partition->high_watermark);
        }
    }
    if (err == 0) {
        err = leat_consumer_assign(reader->consumer, parts, reterr);
    }
    leat_offsets_free(parts);
    return err;
}

int bench_reader_open(struct bench_reader *reader,
                      struct bench_measure *measure,
                      const char *address,
                      const struct bench_topic *topic,
                      int number,
                      int count,
                      enum bench_reader_from from,
                      struct leat_error **reterr)
{
    *reader =
        (struct bench_reader){.measure = measure, .topic = topic, .number = number, .count = count};
    int err = bench_client_open(measure->options, address, true, &reader->client, reterr);
    if (err == 0) {
        err = leat_consumer_new(reader->client, NULL, &reader->consumer, reterr);
    }
    return err == 0 ? assign(reader, from, reterr) : err;
}

void bench_reader_close(struct bench_reader *reader)
{
    leat_consumer_free(reader->consumer);
    leat_client_unref(reader->client);
}

bool bench_reader_reads(const struct bench_reader *reader, int partition)
{
    int partitions = reader->topic->partition_count;
    return reader->count <= partitions ? partition % reader->count == reader->number
                                       : reader->number % partitions == partition;
}

int bench_reader_poll(struct bench_reader *reader, int timeout_ms, struct leat_batch **ret_batch)
{
    struct leat_error *error = NULL;
    *ret_batch = NULL;
    int got = leat_consumer_poll(reader->consumer, timeout_ms, ret_batch, &error);
    if (got < 0) {
        bench_measure_fail(reader->measure, got, leat_error_message(error));
        leat_error_free(error);
        return -1;
    }
    if (got > 0) {
        reader->left -= got;
        reader->last_ns = lt_clock_mono_ns(lt_clock_real());
    }
    return got;
}

bool bench_reader_quiet(const struct bench_measure *measure, int64_t last_ns)
{
    return lt_clock_mono_ns(lt_clock_real()) - last_ns > measure->options->timeout_ms * 1000000;
}

bool bench_reader_done(struct bench_reader *reader)
{
    if (reader->left <= 0) {
        return true;
    }
    for (int p = 0; p < reader->topic->partition_count; p++) {
        if (bench_reader_reads(reader, p) &&
            leat_consumer_position(reader->consumer, reader->measure->options->topic, p) <
                reader->topic->partitions[p].high_watermark) {
            return false;
        }
    }
    return true;
}
