/* sizes.c: see sizes.h. */
#include "client/cli/sizes.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct cli_size *)a)->topic, ((const struct cli_size *)b)->topic);
}

void cli_sizes_open(struct cli *cli, struct cli_sizes *ret)
{
    struct cli_sizes sizes = {0};
    *ret = sizes;
    if (leat_describe_log_dirs(cli->client, NULL, cli->timeout_ms, &sizes.rows, NULL) != 0) {
        return;
    }
    size_t row_count = leat_result_count(sizes.rows);
    sizes.items = lt_calloc(row_count + 1, sizeof(sizes.items[0]));
    bool failed = sizes.items == NULL;
    for (size_t i = 0; i < row_count && !failed; i++) {
        const char *topic = leat_result_str(sizes.rows, i, "topic");
        failed = leat_result_int(sizes.rows, i, "code") < 0; /* a sum without it would be wrong */
        if (topic != NULL) {
            sizes.items[sizes.count++] =
                (struct cli_size){topic, leat_result_int(sizes.rows, i, "size")};
        }
    }
    if (failed) {
        cli_sizes_release(&sizes);
        return;
    }
    if (sizes.count > 1) {
        qsort(sizes.items, sizes.count, sizeof(sizes.items[0]), compare);
    }
    size_t kept = 0;
    for (size_t i = 0; i < sizes.count; i++) {
        if (kept > 0 && strcmp(sizes.items[kept - 1].topic, sizes.items[i].topic) == 0) {
            sizes.items[kept - 1].bytes += sizes.items[i].bytes;
        } else {
            sizes.items[kept++] = sizes.items[i];
        }
    }
    sizes.count = kept;
    sizes.known = true;
    *ret = sizes;
}

void cli_sizes_release(struct cli_sizes *sizes)
{
    leat_result_free(sizes->rows);
    lt_free(sizes->items);
    *sizes = (struct cli_sizes){0};
}

int64_t cli_sizes_of(const struct cli_sizes *sizes, const char *topic)
{
    struct cli_size key = {topic, 0};
    const struct cli_size *found = sizes->count == 0 ? NULL
                                                     : bsearch(&key, sizes->items, sizes->count,
                                                               sizeof(sizes->items[0]), compare);
    return found == NULL ? (sizes->known ? 0 : -1) : found->bytes;
}
