/* config_impl.h: what config.c, config_load.c and config_describe.c share, and nobody else includes.
 *
 * Threads: as config.h; `lock` guards layers and overrides. */
#ifndef SRV_CONFIG_IMPL_H
#define SRV_CONFIG_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/hash.h"

#include "server/config.h"
#include "server/config_table.h"

/* Strongest first. */
enum srv_layer {
    SRV_LAYER_SET = 0,
    SRV_LAYER_ENVIRONMENT = 1,
    SRV_LAYER_DYNAMIC_BROKER = 2,
    SRV_LAYER_DYNAMIC_DEFAULT = 3,
    SRV_LAYER_FILE = 4,
    SRV_LAYER_DEV = 5,
    SRV_LAYER_DEFAULT = 6,
};
#define SRV_LAYER_COUNT 7
#define SRV_ROWS_MAX 128

struct layer_value {
    const char *text; /* canonical; NULL: this layer has none */
    const char *file; /* where it stands */
    int line;
};

/* The overrides of one resource. */
struct overrides {
    const char *name;
    struct srv_config_pair *pairs;
    size_t count;
    int64_t rev;
    struct lt_arena arena; /* everything above */
    UT_hash_handle hh;
};

struct settings_version {
    struct srv_settings settings;
    struct settings_version *older;
};

struct srv_config {
    struct srv_config_options options;
    struct lt_arena arena; /* static values, notes */
    struct srv_config_note *notes;
    size_t note_count;
    size_t note_capacity;
    char node_name[16]; /* node.id as text: the resource name of this broker */
    pthread_rwlock_t lock;
    struct layer_value layers[SRV_LAYER_COUNT][SRV_ROWS_MAX];
    struct overrides *topics;
    struct overrides *brokers;
    struct settings_version *versions; /* newest first */
    const struct srv_settings *_Atomic settings;
};

/* The lock of a config that its reader holds const. */
static inline pthread_rwlock_t *srv_config_lock(const struct srv_config *config)
{
    return (pthread_rwlock_t *)(uintptr_t)&config->lock;
}

/* The value in force of broker row number `row`, and its layer. NULL: null. Under the lock. */
const char *
srv_config_layered(const struct srv_config *config, size_t row, enum srv_layer *ret_layer);
const char *srv_config_broker_text(const struct srv_config *config, const char *name);

/* What a topic row is worth without an override: the strongest broker key that has a value, in the row's unit (perhaps in
 * `scratch`), or the row's default. Under the lock. */
const char *srv_config_inherited(const struct srv_config *config,
                                 const struct srv_config_row *row,
                                 char *scratch,
                                 size_t scratch_size);

/* Make struct srv_settings from the layers and publish it. LEAT_ENOMEM: the old one stays. Under the write lock. */
int srv_config_publish(struct srv_config *config);

#endif
