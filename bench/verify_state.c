/* verify_state.c: see verify.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/os.h"
#include "bench/verify.h"

#define FILE_SIZE_MAX (16 << 20)
#define PARTITIONS_MAX 100000

void bench_verify_state_release(struct bench_verify_state *state)
{
    lt_free(state->partitions);
    *state = (struct bench_verify_state){NULL, 0};
}

int bench_verify_state_save(const struct bench_verify_state *state,
                            const char *path,
                            const char *topic,
                            struct leat_error **reterr)
{
    struct lt_buf text = {0};
    int err = lt_buf_printf(&text, "leat-bench verify 1\ntopic %s\nrun %016" PRIx64 "\n", topic,
                            state->partition_count > 0 ? state->partitions[0].run : 0);
    for (int p = 0; p < state->partition_count && err == 0; p++) {
        err = lt_buf_printf(&text, "partition %d sent %" PRId64 " acknowledged %" PRId64 "\n", p,
                            state->partitions[p].sent, state->partitions[p].acknowledged);
    }
    FILE *out = err == 0 ? fopen(path, "we") : NULL;
    if (err == 0 && out == NULL) {
        err = lt_error_set_errno(reterr, LEAT_EIO, errno, "%s", path);
    }
    if (out != NULL) {
        bool written = fwrite(text.data, 1, text.size, out) == text.size;
        if (fclose(out) != 0 || !written) {
            err = lt_error_set_errno(reterr, LEAT_EIO, errno, "%s", path);
        }
    }
    lt_buf_release(&text);
    return err;
}

static int parse(char *text, const char *topic, struct bench_verify_state *ret)
{
    char *rest = NULL;
    char *line = strtok_r(text, "\n", &rest);
    bool good = line != NULL && strcmp(line, "leat-bench verify 1") == 0;
    line = good ? strtok_r(NULL, "\n", &rest) : NULL;
    good = line != NULL && strncmp(line, "topic ", 6) == 0 && strcmp(line + 6, topic) == 0;
    line = good ? strtok_r(NULL, "\n", &rest) : NULL;
    uint64_t run = 0;
    good = line != NULL && sscanf(line, "run %" SCNx64, &run) == 1;
    while (good && (line = strtok_r(NULL, "\n", &rest)) != NULL) {
        struct bench_chain_state state = {.run = run};
        int number = -1;
        good = sscanf(line, "partition %d sent %" SCNd64 " acknowledged %" SCNd64, &number,
                      &state.sent, &state.acknowledged) == 3 &&
               number == ret->partition_count && number < PARTITIONS_MAX &&
               state.acknowledged >= 0 && state.acknowledged <= state.sent;
        if (good) {
            struct bench_chain_state *grown =
                lt_reallocarray(ret->partitions, (size_t)number + 1, sizeof(*grown));
            if (grown == NULL) {
                return LEAT_ENOMEM;
            }
            grown[number] = state;
            ret->partitions = grown;
            ret->partition_count++;
        }
    }
    return good && ret->partition_count > 0 ? 0 : LEAT_EINVAL;
}

int bench_verify_state_load(const char *path,
                            const char *topic,
                            struct bench_verify_state *ret,
                            struct leat_error **reterr)
{
    struct lt_buf buf = {0};
    struct bench_verify_state state = {NULL, 0};
    int err = lt_os_read_file(path, FILE_SIZE_MAX, &buf);
    if (err != 0) {
        (void)lt_error_set_errno(reterr, err, errno, "%s", path); /* err is what counts */
    } else if (lt_buf_text(&buf) == NULL) {
        err = LEAT_ENOMEM;
    } else {
        err = parse((char *)buf.data, topic, &state);
    }
    lt_buf_release(&buf);
    if (err == LEAT_EINVAL) {
        err = lt_error_set(reterr, err, "%s: not what verify --state wrote for topic '%s'", path,
                           topic);
    }
    if (err != 0) {
        bench_verify_state_release(&state);
        return err;
    }
    *ret = state;
    return 0;
}
