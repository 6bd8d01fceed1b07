/* payload.c: see payload.h. */
#include "bench/payload.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/os.h"

#define FILE_SIZE_MAX (256 << 20)
#define RANDOM_VALUES 64 /* different values in turn, so that a codec cannot learn one by heart */

static int split_lines(struct bench_payload *payload)
{
    size_t lines = 1;
    for (size_t i = 0; i < payload->bytes.size; i++) {
        lines += payload->bytes.data[i] == '\n' ? 1U : 0U;
    }
    payload->values = lt_calloc(lines, sizeof(*payload->values));
    size_t at = 0;
    while (payload->values != NULL && at < payload->bytes.size) {
        const uint8_t *start = payload->bytes.data + at;
        const uint8_t *end = memchr(start, '\n', payload->bytes.size - at);
        size_t size = end == NULL ? payload->bytes.size - at : (size_t)(end - start);
        if (size > 0) {
            payload->values[payload->count++] = lt_slice(start, size);
        }
        at += size + 1;
    }
    return payload->values == NULL ? LEAT_ENOMEM : 0;
}

static int make_random(struct bench_payload *payload, size_t size)
{
    payload->values = lt_calloc(RANDOM_VALUES, sizeof(*payload->values));
    int err = payload->values == NULL ? LEAT_ENOMEM
                                      : lt_buf_reserve(&payload->bytes, size * RANDOM_VALUES + 1);
    if (err != 0) {
        return err;
    }
    payload->bytes.size = size * RANDOM_VALUES;
    err = lt_os_random(payload->bytes.data, payload->bytes.size);
    for (size_t i = 0; i < payload->bytes.size; i++) {
        payload->bytes.data[i] = (uint8_t)('a' + payload->bytes.data[i] % 26);
    }
    for (size_t i = 0; i < RANDOM_VALUES; i++) {
        payload->values[i] = lt_slice(payload->bytes.data + i * size, size);
    }
    payload->count = RANDOM_VALUES;
    return err;
}

int bench_payload_open(const struct bench_options *options,
                       struct bench_payload *ret,
                       struct leat_error **reterr)
{
    struct bench_payload payload = {{NULL, 0, 0}, NULL, 0};
    int err = 0;
    if (options->payload_file == NULL) {
        err = make_random(&payload, (size_t)options->record_size);
    } else {
        err = lt_os_read_file(options->payload_file, FILE_SIZE_MAX, &payload.bytes);
        if (err != 0) {
            (void)lt_error_set_errno(reterr, err, errno, "%s",
                                     options->payload_file); /* err is what counts */
        } else {
            err = split_lines(&payload);
        }
        if (err == 0 && payload.count == 0) {
            err = lt_error_set(reterr, LEAT_EINVAL, "%s: no line in it", options->payload_file);
        }
    }
    if (err != 0) {
        bench_payload_release(&payload);
        return err;
    }
    *ret = payload;
    return 0;
}

void bench_payload_release(struct bench_payload *payload)
{
    lt_buf_release(&payload->bytes);
    lt_free(payload->values);
    *payload = (struct bench_payload){{NULL, 0, 0}, NULL, 0};
}
