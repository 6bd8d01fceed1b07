/* quota.c: budgets are counters; addresses a hash table with one row per peer. */
#include "server/quota.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hash.h"
#include "leat/err.h"
#include "server/loop.h"
#include "server/server.h"

#define NS_PER_SECOND 1e9

struct srv_address {
    struct in6_addr ip;
    int64_t count;
    UT_hash_handle hh;
};

static bool address_key(const struct sockaddr_storage *peer, struct in6_addr *ret);

void srv_budget_init(struct srv_budget *budget, int64_t limit)
{
    atomic_init(&budget->used, 0);
    atomic_init(&budget->limit, limit);
    atomic_init(&budget->starved, 0);
    atomic_init(&budget->refused, 0);
}

bool srv_budget_take(struct srv_budget *budget, int64_t bytes)
{
    int64_t before = atomic_fetch_add(&budget->used, bytes);

    if (before == 0 ||
        before + bytes <= atomic_load_explicit(&budget->limit, memory_order_relaxed)) {
        return true;
    }
    /* Say that we wait before the bytes go back: whoever gives later sees it. If everybody else has given meanwhile,
     * nobody would tell us: then ask once more. */
    atomic_store(&budget->starved, 1);
    if (atomic_fetch_sub(&budget->used, bytes) == bytes) {
        return srv_budget_take(budget, bytes);
    }
    atomic_fetch_add_explicit(&budget->refused, 1, memory_order_relaxed);
    return false;
}

void srv_budget_force(struct srv_budget *budget, int64_t bytes)
{
    atomic_fetch_add(&budget->used, bytes);
}

bool srv_budget_has_room(struct srv_budget *budget)
{
    int64_t limit = atomic_load_explicit(&budget->limit, memory_order_relaxed);

    if (atomic_load(&budget->used) < limit) {
        return true;
    }
    atomic_store(&budget->starved, 1);
    return atomic_load(&budget->used) < limit;
}

void srv_budget_give(struct srv_budget *budget, int64_t bytes, struct srv_server *server)
{
    int64_t before = atomic_fetch_sub(&budget->used, bytes);

    LT_ASSERT(before >= bytes);
    if (before - bytes > 0 &&
        before - bytes >= atomic_load_explicit(&budget->limit, memory_order_relaxed)) {
        return;
    }
    if (atomic_load(&budget->starved) == 0 || atomic_exchange(&budget->starved, 0) == 0) {
        return;
    }
    for (size_t i = 0; i < server->loop_count; i++) {
        srv_loop_post(server->loops[i], &server->loops[i]->budget_post);
    }
}

bool srv_rate_has_room(struct srv_rate *rate, int64_t limit, int64_t now_ns)
{
    double most = (double)limit;
    double gained = (double)(now_ns - rate->counted_ns) / NS_PER_SECOND * most;

    rate->left = rate->counted_ns == 0 || rate->left + gained > most ? most : rate->left + gained;
    rate->counted_ns = now_ns;
    return rate->left >= 1;
}

void srv_rate_count(struct srv_rate *rate)
{
    rate->left -= 1;
}

void srv_addresses_init(struct srv_addresses *addresses)
{
    addresses->table = NULL;
    LT_ASSERT(pthread_mutex_init(&addresses->mutex, NULL) == 0);
}

void srv_addresses_release(struct srv_addresses *addresses)
{
    struct srv_address *row, *next;

    HASH_ITER (hh, addresses->table, row, next) {
        HASH_DEL(addresses->table, row);
        lt_free(row);
    }
    (void)pthread_mutex_destroy(&addresses->mutex); /* nobody holds it any more */
}

int srv_addresses_add(struct srv_addresses *addresses,
                      const struct sockaddr_storage *peer,
                      int64_t limit)
{
    struct in6_addr ip;
    struct srv_address *row = NULL;
    int err = 0;

    if (!address_key(peer, &ip)) {
        return 0;
    }
    pthread_mutex_lock(&addresses->mutex);
    HASH_FIND(hh, addresses->table, &ip, sizeof(ip), row);
    if ((row == NULL ? 0 : row->count) >= limit) {
        err = LEAT_ELIMIT;
    } else if (row == NULL) {
        row = lt_calloc(1, sizeof(*row));
        if (row == NULL) {
            err = LEAT_ENOMEM;
        } else {
            row->ip = ip;
            HASH_ADD(hh, addresses->table, ip, sizeof(ip), row);
            if (!lt_hash_added(row)) {
                lt_free(row);
                err = LEAT_ENOMEM;
            }
        }
    }
    if (err == 0) {
        row->count++;
    }
    pthread_mutex_unlock(&addresses->mutex);
    return err;
}

void srv_addresses_remove(struct srv_addresses *addresses, const struct sockaddr_storage *peer)
{
    struct in6_addr ip;
    struct srv_address *row = NULL;

    if (!address_key(peer, &ip)) {
        return;
    }
    pthread_mutex_lock(&addresses->mutex);
    HASH_FIND(hh, addresses->table, &ip, sizeof(ip), row);
    LT_ASSERT(row != NULL && row->count > 0);
    if (--row->count == 0) {
        HASH_DEL(addresses->table, row);
        lt_free(row);
    }
    pthread_mutex_unlock(&addresses->mutex);
}

static bool address_key(const struct sockaddr_storage *peer, struct in6_addr *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (peer->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, peer, sizeof(in));
        ret->s6_addr[10] = 0xff;
        ret->s6_addr[11] = 0xff;
        memcpy(&ret->s6_addr[12], &in.sin_addr, 4);
        return true;
    }
    if (peer->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, peer, sizeof(in6));
        *ret = in6.sin6_addr;
        return true;
    }
    return false;
}
