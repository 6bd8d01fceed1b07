/* prebuilt.c: see prebuilt.h. */
#include "bench/prebuilt.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/os.h"
#include "proto/compress.h"

int bench_prebuilt(const struct bench_options *options,
                   struct proto_batch_builder *builder,
                   uint8_t **ret_batch,
                   size_t *ret_size)
{
    uint8_t *value = lt_malloc((size_t)options->record_size);
    int err = value == NULL ? LEAT_ENOMEM : lt_os_random(value, (size_t)options->record_size);
    struct proto_new_record record = {
        .timestamp = lt_clock_wall_ms(lt_clock_real()),
        .value = lt_slice(value, (size_t)options->record_size),
    };
    /* Letters compress as text does, so that a codec has something to do; random bytes alone would not. */
    for (int64_t i = 0; err == 0 && i < options->record_size; i++) {
        value[i] = (uint8_t)('a' + value[i] % 26);
    }
    while (err == 0 && (builder->record_count == 0 ||
                        builder->size + proto_batch_builder_record_size(builder, &record) <=
                            (size_t)options->batch_size)) {
        err = proto_batch_builder_add(builder, &record);
    }
    struct proto_batch_options batch;
    proto_batch_options_init(&batch);
    if (err == 0) {
        err = proto_codec_from_name(lt_slice_text(options->codec), &batch.codec);
    }
    if (err == 0) {
        err = proto_batch_builder_finish(builder, &batch, ret_batch, ret_size);
    }
    lt_free(value);
    return err;
}
