/* positions.c: see positions.h. */
#include "client/cli/positions.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

int cli_positions_ask(struct cli *cli,
                      const char *topic,
                      int32_t count,
                      int64_t at,
                      struct leat_offsets **ret_offsets,
                      struct leat_error **reterr)
{
    struct leat_offsets *list = leat_offsets_new();
    int code = list == NULL ? LEAT_ENOMEM : 0;
    for (int32_t i = 0; code == 0 && i < count; i++) {
        code = leat_offsets_add(list, topic, i, at);
    }
    if (code == 0) {
        code = leat_list_offsets(cli->client, list, cli->timeout_ms, ret_offsets, reterr);
    }
    leat_offsets_free(list);
    return code;
}

/* One number for each partition; the first partition with an error decides. */
static int ask_all(struct cli *cli,
                   const struct cli_positions *p,
                   int64_t at,
                   int64_t *ret_values,
                   struct leat_error **reterr)
{
    struct leat_offsets *list = NULL;
    int code = cli_positions_ask(cli, p->topic, p->count, at, &list, reterr);
    for (int32_t i = 0; code == 0 && i < p->count; i++) {
        (void)leat_offsets_at(list, (size_t)i, NULL, &ret_values[i],
                              &code); /* one entry per partition, in order */
        if (code != 0) {
            (void)lt_error_set(reterr, code, "%s-%d: %s", p->topic, i,
                               leat_strerror(code)); /* code is what counts */
        }
    }
    leat_offsets_free(list);
    return code;
}

int cli_positions_open(struct cli *cli,
                       const char *topic,
                       struct cli_positions *ret,
                       struct leat_error **reterr)
{
    int count = leat_client_partition_count(cli->client, topic, cli->timeout_ms);
    if (count < 0) {
        return lt_error_set(reterr, count, "%s", leat_strerror(count));
    }
    struct cli_positions p = {.topic = topic, .count = count};
    p.starts = lt_calloc((size_t)count, sizeof(int64_t));
    p.ends = lt_calloc((size_t)count, sizeof(int64_t));
    int code = p.starts == NULL || p.ends == NULL
                   ? LEAT_ENOMEM
                   : ask_all(cli, &p, LEAT_OFFSET_START, p.starts, reterr);
    if (code == 0) {
        code = ask_all(cli, &p, LEAT_OFFSET_END, p.ends, reterr);
    }
    if (code != 0) {
        cli_positions_release(&p);
        return code;
    }
    *ret = p;
    return 0;
}

void cli_positions_release(struct cli_positions *positions)
{
    lt_free(positions->starts);
    lt_free(positions->ends);
    *positions = (struct cli_positions){0};
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

int cli_positions_resolve(struct cli *cli,
                          const struct cli_positions *p,
                          const struct cli_point *point,
                          int64_t **ret_offsets,
                          struct leat_error **reterr)
{
    int64_t *offsets = lt_calloc((size_t)p->count, sizeof(int64_t));
    int code = offsets == NULL ? LEAT_ENOMEM : 0;
    if (code == 0 && point->kind == CLI_POINT_TIME) {
        code = ask_all(cli, p, point->value < 0 ? 0 : point->value, offsets, reterr);
    }
    for (int32_t i = 0; code == 0 && i < p->count; i++) {
        switch (point->kind) {
        case CLI_POINT_TIME:
            offsets[i] = offsets[i] < 0 ? p->ends[i] : offsets[i];
            break;
        case CLI_POINT_END:
            offsets[i] = clamp(p->ends[i] - point->value, p->starts[i], p->ends[i]);
            break;
        case CLI_POINT_OFFSET:
            offsets[i] = point->value;
            break;
        case CLI_POINT_START:
        case CLI_POINT_NONE:
            offsets[i] = clamp(p->starts[i] + point->value, p->starts[i], p->ends[i]);
            break;
        }
    }
    if (code != 0) {
        lt_free(offsets);
        return code;
    }
    *ret_offsets = offsets;
    return 0;
}

int cli_set_pair(struct leat_conf *conf, const char *pair, struct leat_error **reterr)
{
    const char *equals = strchr(pair, '=');
    if (equals == NULL || equals == pair) {
        return lt_error_set(reterr, LEAT_EINVAL, "'%s': want key=value", pair);
    }
    char *key = lt_strndup(pair, (size_t)(equals - pair));
    int code = key == NULL ? LEAT_ENOMEM : leat_conf_set(conf, key, equals + 1, reterr);
    lt_free(key);
    return code;
}
