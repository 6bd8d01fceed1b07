/* admin.c: see admin.h: find the broker, ask, take the answer, try again where that helps. */
#include "client/admin.h"

#include <string.h>

#include "base/alloc.h"
#include "client/metadata.h"
#include "proto/errors.h"

static void step(struct lc_call *call, int64_t now);
static void release(struct lc_call *call);
static void on_answer(struct lc_call *call, const struct lc_answer *answer);

static const struct lc_call_ops admin_ops = {.step = step, .release = release};

struct lc_admin *lc_admin_new(struct leat_client *client,
                              const struct lc_admin_kind *kind,
                              const char *text,
                              const struct leat_conf *conf)
{
    struct lc_admin *admin = lc_call_new(client, sizeof(*admin), &admin_ops);

    if (admin == NULL) {
        return NULL;
    }
    admin->kind = kind;
    admin->target = kind->target;
    admin->broker_id = -1;
    admin->text = text == NULL ? NULL : lt_strdup(text);
    admin->conf = leat_conf_copy(conf);
    if ((text != NULL && admin->text == NULL) || (conf != NULL && admin->conf == NULL)) {
        lc_call_unref(&admin->call);
        return NULL;
    }
    return admin;
}

static void release(struct lc_call *call)
{
    struct lc_admin *admin = (struct lc_admin *)call;

    leat_result_free(admin->rows);
    leat_conf_free(admin->conf);
    lt_free(admin->text);
}

int lc_admin_run(struct lc_admin *admin,
                 const char *what,
                 int timeout_ms,
                 struct leat_result **ret_rows,
                 struct leat_error **reterr)
{
    int err;

    if (admin == NULL) {
        return lt_error_set(reterr, LEAT_ENOMEM, "%s: out of memory", what);
    }
    err = lc_call_run(&admin->call, timeout_ms, reterr);
    if (err < 0) {
        if (admin->text != NULL) {
            (void)lt_error_prefix(reterr, "%s '%s'", what, admin->text); /* err is returned */
        } else {
            (void)lt_error_prefix(reterr, "%s", what);
        }
    } else if (ret_rows != NULL) {
        *ret_rows = admin->rows;
        admin->rows = NULL;
    }
    lc_call_unref(&admin->call);
    return err;
}

/* The broker to ask, UP; NULL: not yet, or the call is finished. */
static struct lc_broker *find_broker(struct lc_admin *admin)
{
    struct leat_client *client = admin->call.client;
    struct lc_broker *broker;
    int32_t id = admin->broker_id;
    int err;

    if (admin->target == LC_TO_ANY) {
        return lc_metadata_any(client);
    }
    if (!lc_metadata_ready(client)) {
        lc_metadata_refresh(client);
        return NULL;
    }
    if (admin->target == LC_TO_CONTROLLER) {
        id = lc_metadata_controller(client);
    }
    broker = lc_metadata_broker(client, id, &err);
    if (broker == NULL && err == LEAT_ENOENT && admin->target == LC_TO_BROKER) {
        lc_call_finish(&admin->call, LEAT_ENOENT, "the cluster has no broker with this id");
    } else if (broker == NULL) {
        lc_metadata_refresh(client); /* it may have moved */
        return err == LEAT_ENOENT ? lc_metadata_any(client) : NULL;
    }
    return broker;
}

static void step(struct lc_call *call, int64_t now)
{
    struct lc_admin *admin = (struct lc_admin *)call;
    const struct lc_admin_kind *kind = admin->kind;
    const struct proto_message *message = &proto_api_find(kind->api_key)->request;
    struct lc_broker *broker = find_broker(admin);
    struct lt_arena arena;
    int16_t version;
    void *request;

    (void)now;
    if (broker == NULL) {
        return;
    }
    version = lc_broker_version(broker, kind->api_key, kind->version_max);
    if (version < kind->version_min) {
        lc_call_finish(call, LEAT_EUNSUPPORTED, "the broker does not know this request");
        return;
    }
    lt_arena_init(&arena, 0);
    request = lt_arena_alloc(&arena, message->struct_size);
    if (request != NULL) {
        message->init(request);
    }
    if (request == NULL || kind->build(admin, version, &arena, request) < 0) {
        lc_call_finish(call, LEAT_ENOMEM, NULL);
    } else {
        lc_call_send(call, broker, kind->api_key, version, request, on_answer);
    }
    lt_arena_release(&arena);
}

static void on_answer(struct lc_call *call, const struct lc_answer *answer)
{
    struct lc_admin *admin = (struct lc_admin *)call;
    const struct proto_message *message = &proto_api_find(admin->kind->api_key)->response;
    struct lt_arena arena;
    const char *words = answer->message;
    void *response;
    int err = answer->err;

    lt_arena_init(&arena, 0);
    if (err == 0) {
        response = lt_arena_alloc(&arena, message->struct_size);
        err = response == NULL ? LEAT_ENOMEM
                               : message->decode(answer->reader, answer->version, &arena, response);
        if (err == 0) {
            err = admin->kind->take(admin, response, &arena, &words);
        }
    }
    if (err < 0 && (words == NULL || words[0] == '\0')) {
        words = leat_strerror(err);
    }
    if (err < 0 && lc_call_is_passing(err)) {
        lc_metadata_refresh(call->client);
        lc_call_retry(call, err, words);
    } else {
        lc_call_finish(call, err, words);
    }
    lt_arena_release(&arena);
}
