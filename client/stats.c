/* stats.c: see stats.h. */
#include "client/stats.h"

#include <string.h>

#include <leat/leat.h>

#include "base/alloc.h"
#include "client/client.h"

struct leat_stats {
    int64_t values[LC_STAT_COUNT];
};

static const char *const names[LC_STAT_COUNT] = {
#define XX(id, name) name,
    LC_STAT_MAP(XX)
#undef XX
};

int leat_client_stats(struct leat_client *client, struct leat_stats **ret_stats)
{
    struct leat_stats *stats;

    if (client == NULL || ret_stats == NULL) {
        return LEAT_EINVAL;
    }
    if (lc_client_forked(client)) {
        return LEAT_EFORKED;
    }
    stats = lt_calloc(1, sizeof(*stats));
    if (stats == NULL) {
        return LEAT_ENOMEM;
    }
    for (int i = 0; i < LC_STAT_COUNT; i++) {
        stats->values[i] = atomic_load_explicit(&client->stats.values[i], memory_order_relaxed);
    }
    *ret_stats = stats;
    return 0;
}

int64_t leat_stats_get(const struct leat_stats *stats, const char *name)
{
    for (int i = 0; stats != NULL && name != NULL && i < LC_STAT_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            return stats->values[i];
        }
    }
    return LEAT_ENOENT;
}

const char *leat_stats_name(const struct leat_stats *stats, size_t i)
{
    return stats != NULL && i < LC_STAT_COUNT ? names[i] : NULL;
}

void leat_stats_free(struct leat_stats *stats)
{
    lt_free(stats);
}
