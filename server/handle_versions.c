/* handle_versions.c: ApiVersions (KIP-35, KIP-511): what this server serves.
 *
 * No features are reported: each would promise something (group protocol, transactions) that comes with its own code. A
 * client that is too new never gets here: dispatch.c. */
#include "base/arena.h"
#include "leat/err.h"
#include "proto/api.h"
#include "proto/errors.h"
#include "server/handlers.h"

static bool is_name(struct lt_slice text);

int srv_handle_api_versions(struct srv_request *req,
                            const struct proto_api_versions_request *in,
                            struct proto_api_versions_response *ret)
{
    /* As in Kafka the answer then has the version that was asked for, and no keys. */
    if (req->header.api_version >= 3 &&
        (!is_name(in->client_software_name) || !is_name(in->client_software_version))) {
        ret->error_code = PROTO_ERROR_INVALID_REQUEST;
        return 0;
    }
    ret->api_keys = lt_arena_calloc(&req->arena, proto_api_count, sizeof(ret->api_keys[0]));
    if (ret->api_keys == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < proto_api_count; i++) {
        const struct proto_api *api = &proto_apis[i];
        if (!srv_dispatch_serves(api->key) || api->advertised_min > api->advertised_max) {
            continue;
        }
        struct proto_api_versions_response_api_version *row = &ret->api_keys[ret->api_keys_count++];
        row->api_key = api->key;
        row->min_version = api->advertised_min;
        row->max_version = api->advertised_max;
    }
    return 0;
}

static bool is_letter_or_digit(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])? */
static bool is_name(struct lt_slice text)
{
    if (text.size == 0 || !is_letter_or_digit(text.data[0]) ||
        !is_letter_or_digit(text.data[text.size - 1])) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (!is_letter_or_digit(text.data[i]) && text.data[i] != '-' && text.data[i] != '.') {
            return false;
        }
    }
    return true;
}
