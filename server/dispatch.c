/* dispatch.c: one table, made from SRV_HANDLERS and the rows of proto/api.h. */
#include "server/dispatch.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/diag.h"
#include "proto/errors.h"
#include "server/config.h"
#include "server/conn.h"
#include "server/handlers.h"
#include "server/metrics.h"
#include "server/response_error.h"
#include "server/server.h"

#define API_KEY_MAX 100

static int too_new(struct srv_request *req);
static int refused(struct srv_request *req, const char *event, const char *why);

/* The handlers behind one signature. */
#define XX(NAME, name)                                           \
    static int call_##name(struct srv_request *req)              \
    {                                                            \
        return srv_handle_##name(req, req->body, req->response); \
    }
SRV_HANDLERS(XX)
#undef XX

static int (*const handlers[API_KEY_MAX])(struct srv_request *req) = {
#define XX(NAME, name) [PROTO_API_##NAME] = call_##name,
    SRV_HANDLERS(XX)
#undef XX
};

int srv_dispatch_decode(struct srv_request *req)
{
    struct proto_reader reader;
    int err;

    proto_reader_init(&reader, lt_slice(req->frame, req->frame_size));
    err = proto_request_header_decode(&reader, &req->header, &req->api);
    if (err == LEAT_EUNSUPPORTED) {
        return refused(req, "request_unsupported", "API key or version that is not served");
    }
    if (err != 0) {
        return refused(req, "request_malformed", "malformed request header");
    }
    if (!srv_dispatch_serves(req->api->key)) {
        return refused(req, "request_unsupported", "API that is not served");
    }
    req->response = lt_arena_alloc(&req->arena, req->api->response.struct_size);
    req->body = lt_arena_alloc(&req->arena, req->api->request.struct_size);
    if (req->response == NULL || req->body == NULL) {
        return LEAT_ENOMEM;
    }
    req->api->response.init(req->response);
    if (!proto_api_serves(req->api, req->header.api_version)) {
        return too_new(req);
    }
    err = req->api->request.decode(&reader, req->header.api_version, &req->arena, req->body);
    if (err == LEAT_ENOMEM) {
        return refused(req, "request_too_complex",
                       "request that decodes to more memory than its limit");
    }
    return err == 0 ? 0 : refused(req, "request_malformed", "malformed request");
}

int srv_dispatch_call(struct srv_request *req)
{
    if (req->body == NULL) {
        return 0; /* too_new has answered */
    }
    return handlers[req->api->key](req);
}

void srv_dispatch_done(struct srv_request *req, size_t size)
{
    int64_t took_ns = lt_clock_mono_ns(req->server->options.clock) - req->received_ns;
    int64_t slow_ms = srv_config_settings(req->server->config)->slow_request_ms;
    char peer[SRV_PEER_TEXT];

    srv_metrics_request(req->server->metrics, req->loop->index, req->api->key,
                        srv_response_error(req->api->key, req->response), took_ns,
                        req->internal.bytes_in, size);
    /* A long poll waits because it was asked to. */
    int64_t own_ns = req->interruptible ? took_ns - req->internal.waited_ns : took_ns;
    if (slow_ms < 0 || own_ns / 1000000 < slow_ms) {
        return;
    }
    const char *client = lt_arena_text(&req->arena, req->header.client_id);
    lt_diag(LT_WARN, "request", "slow_request", "a request took longer than slow.request.ms",
            LT_FIELD_TEXT("api", req->api->name), LT_FIELD_INT("version", req->header.api_version),
            LT_FIELD_INT("ms", took_ns / 1000000),
            LT_FIELD_INT("waited_ms", req->internal.waited_ns / 1000000),
            LT_FIELD_TEXT("client", client == NULL ? "" : client),
            LT_FIELD_TEXT("peer", srv_conn_peer(req->conn, peer, sizeof(peer))));
}

bool srv_dispatch_serves(int16_t key)
{
    return key >= 0 && key < API_KEY_MAX && handlers[key] != NULL;
}

/* KIP-511: the client is newer than we are. The body cannot be read; the answer has version 0, the error, and the range of
 * this one API. */
static int too_new(struct srv_request *req)
{
    struct proto_api_versions_response *ret = req->response;

    LT_ASSERT(req->api->key == PROTO_API_API_VERSIONS);
    ret->error_code = PROTO_ERROR_UNSUPPORTED_VERSION;
    ret->api_keys = lt_arena_calloc(&req->arena, 1, sizeof(ret->api_keys[0]));
    if (ret->api_keys == NULL) {
        return LEAT_ENOMEM;
    }
    ret->api_keys[0].api_key = req->api->key;
    ret->api_keys[0].min_version = req->api->advertised_min;
    ret->api_keys[0].max_version = req->api->advertised_max;
    ret->api_keys_count = 1;
    req->header.api_version = 0;
    req->body = NULL;
    return 0;
}

static int refused(struct srv_request *req, const char *event, const char *why)
{
    char peer[SRV_PEER_TEXT];
    char text[160];

    srv_metrics_malformed(req->server->metrics);
    (void)snprintf(text, sizeof(text), "%s; connection closed", why);
    lt_diag(LT_WARN, "request", event, text, LT_FIELD_INT("api_key", req->header.api_key),
            LT_FIELD_INT("version", req->header.api_version),
            LT_FIELD_TEXT("peer", srv_conn_peer(req->conn, peer, sizeof(peer))));
    return LEAT_EPROTOCOL;
}
