/* admin.h: admin calls that are one request to one broker, as a small table-driven machine.
 *
 * admin.c runs them; admin_topics.c and admin_configs.c hold the kinds. Calls that go to the leaders of partitions are admin_offsets.c.
 * Threads: `build` and `take` run on the loop; the rest on the caller's thread. */
#ifndef LC_ADMIN_H
#define LC_ADMIN_H

#include "client/call.h"
#include "client/result.h"
#include "proto/messages.h"

enum lc_admin_target {
    LC_TO_ANY = 0,
    LC_TO_CONTROLLER = 1,
    LC_TO_BROKER = 2, /* admin->broker_id */
};

struct lc_admin;

struct lc_admin_kind {
    int16_t api_key;
    int16_t version_min; /* LEAT_EUNSUPPORTED where the broker ends below */
    int16_t version_max;
    enum lc_admin_target target;
    /* Fill the request, which has its defaults; memory from the arena. Returns 0 or LEAT_ENOMEM. */
    int (*build)(struct lc_admin *admin, int16_t version, struct lt_arena *arena, void *request);
    /* Read the decoded response. Returns 0 or the error; *ret_words: the broker's words for it, or untouched. */
    int (*take)(struct lc_admin *admin,
                void *response,
                struct lt_arena *arena,
                const char **ret_words);
};

struct lc_admin {
    struct lc_call call; /* first */
    const struct lc_admin_kind *kind;
    enum lc_admin_target target;
    int32_t broker_id;
    char *text; /* topic, or resource name; owned */
    int8_t resource_type;
    int32_t number;
    struct leat_conf *conf; /* owned; NULL = none */
    struct leat_result *rows;
};

/* A call of this kind; NULL when memory is short. `text` may be NULL and is copied, conf likewise. */
struct lc_admin *lc_admin_new(struct leat_client *client,
                              const struct lc_admin_kind *kind,
                              const char *text,
                              const struct leat_conf *conf);

/* Run it and free it. ret_rows NULL: the kind has none. `what` begins the error's message. */
int lc_admin_run(struct lc_admin *admin,
                 const char *what,
                 int timeout_ms,
                 struct leat_result **ret_rows,
                 struct leat_error **reterr);

#endif
