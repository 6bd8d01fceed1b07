/* state.c: see state.h. */
#include "server/state.h"

#include "base/diag.h"
#include "server/loop.h"
#include "server/server.h"
#include "server/topics.h"
#include "storage/store.h"

static void tell_server(struct srv_server *server)
{
    lt_diag(LT_INFO, "server", "state_server", "asked for the state",
            LT_FIELD_INT("connections", atomic_load(&server->connections)),
            LT_FIELD_INT("request_bytes", atomic_load(&server->request_budget.used)),
            LT_FIELD_INT("request_bytes_max", atomic_load(&server->request_budget.limit)),
            LT_FIELD_INT("reads_paused", (int64_t)atomic_load(&server->request_budget.refused)),
            LT_FIELD_INT("staged_bytes", atomic_load(&server->staged_bytes)),
            LT_FIELD_INT("partitions", (int64_t)srv_topics_partition_count(server->topics)));
}

static void tell_loops(const struct srv_server *server)
{
    for (size_t i = 0; i < server->loop_count; i++) {
        struct srv_loop *loop = server->loops[i];
        lt_diag(LT_INFO, "server", "state_loop", "an I/O thread", LT_FIELD_INT("loop", (int64_t)i),
                LT_FIELD_INT("connections", (int64_t)atomic_load(&loop->conn_count)),
                LT_FIELD_INT("cpu_ms", lt_clock_thread_ns(loop->thread) / 1000000));
    }
}

static void tell_storage(struct log_store *store)
{
    struct log_store_stats stats;
    log_store_stats(store, &stats);
    lt_diag(LT_INFO, "store", "state_store", "storage",
            LT_FIELD_INT("partitions", (int64_t)stats.partitions),
            LT_FIELD_INT("offline", (int64_t)stats.partitions_offline),
            LT_FIELD_INT("segments", (int64_t)stats.segments),
            LT_FIELD_INT("maps", (int64_t)stats.maps),
            LT_FIELD_INT("appends", (int64_t)stats.appends),
            LT_FIELD_INT("flushes", (int64_t)stats.flushes),
            LT_FIELD_INT("flush_failures", (int64_t)stats.flush_failures),
            LT_FIELD_INT("cold_reads", (int64_t)stats.cold_reads));
    for (size_t i = 0; i < log_store_dir_count(store); i++) {
        struct log_dir_info info;
        log_store_dir_info(store, i, &info);
        lt_diag(LT_INFO, "store", "state_directory",
                info.offline ? "offline"
                : info.full  ? "full"
                             : "in use",
                LT_FIELD_TEXT("dir", info.path),
                LT_FIELD_INT("partitions", (int64_t)info.partition_count),
                LT_FIELD_INT("usable_bytes", (int64_t)info.usable_bytes),
                LT_FIELD_INT("total_bytes", (int64_t)info.total_bytes));
    }
}

void srv_state_tell(struct srv_server *server)
{
    tell_server(server);
    tell_loops(server);
    tell_storage(server->store);
}
