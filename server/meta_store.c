/* meta_store.c: what all drivers of the metadata seam have in common: limits and the supersede rule, checked before the
 * driver sees the call. */
#include "server/meta_store.h"

#include <stdbool.h>

#include "base/assert.h"

/* Does the transaction write a key whose revision it compares? A value alone does not identify a revision. */
static bool writes_what_it_compares(const struct meta_txn *txn)
{
    for (size_t i = 0; i < txn->compare_count; i++) {
        if (txn->compares[i].kind == META_VALUE_IS) {
            continue;
        }
        for (size_t j = 0; j < txn->write_count; j++) {
            if (lt_slice_equal(txn->compares[i].key, txn->writes[j].key)) {
                return true;
            }
        }
    }
    return false;
}

static bool within_limits(const struct meta_txn *txn)
{
    if (txn->write_count > META_TXN_WRITES_MAX || txn->compare_count > META_READ_KEYS_MAX) {
        return false;
    }
    for (size_t i = 0; i < txn->compare_count; i++) {
        if (txn->compares[i].key.size > META_KEY_SIZE_MAX) {
            return false;
        }
    }
    for (size_t i = 0; i < txn->write_count; i++) {
        if (txn->writes[i].key.size > META_KEY_SIZE_MAX ||
            (txn->writes[i].kind == META_PUT && txn->writes[i].value.size > META_VALUE_SIZE_MAX)) {
            return false;
        }
    }
    return true;
}

int meta_store_commit(
    struct meta_store *store, const struct meta_txn *txn, int timeout_ms, meta_txn_cb cb, void *arg)
{
    LT_ASSERT(writes_what_it_compares(txn));
    if (!within_limits(txn)) {
        return LEAT_E2BIG;
    }
    return store->ops->commit(store, txn, timeout_ms, cb, arg);
}

int meta_store_read(struct meta_store *store,
                    const struct lt_slice *keys,
                    size_t key_count,
                    int timeout_ms,
                    meta_txn_cb cb,
                    void *arg)
{
    if (key_count > META_READ_KEYS_MAX) {
        return LEAT_E2BIG;
    }
    for (size_t i = 0; i < key_count; i++) {
        if (keys[i].size > META_KEY_SIZE_MAX) {
            return LEAT_E2BIG;
        }
    }
    return store->ops->read(store, keys, key_count, timeout_ms, cb, arg);
}

int meta_session_open(struct meta_store *store,
                      int ttl_ms,
                      void (*opened)(int err, uint64_t session, void *arg),
                      void (*lost)(uint64_t session, void *arg),
                      void *arg)
{
    return store->ops->session_open(store, ttl_ms, opened, lost, arg);
}

int meta_session_close(struct meta_store *store, uint64_t session)
{
    return store->ops->session_close(store, session);
}

int64_t meta_session_age_ms(struct meta_store *store, uint64_t session)
{
    return store->ops->session_age_ms(store, session);
}

int meta_feed_start(struct meta_store *store,
                    struct lt_slice prefix,
                    int64_t resume_rev,
                    const struct meta_feed_ops *ops,
                    void *arg)
{
    return store->ops->feed_start(store, prefix, resume_rev, ops, arg);
}

int meta_store_identity(struct meta_store *store, struct meta_identity *ret_identity)
{
    return store->ops->identity(store, ret_identity);
}

void meta_store_close(struct meta_store *store)
{
    if (store != NULL) {
        store->ops->close(store);
    }
}
