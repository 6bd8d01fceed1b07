#include "proto/header.h"

int proto_request_header_decode(struct proto_reader *r,
                                struct proto_request_header *ret_header,
                                const struct proto_api **ret_api)
{
    *ret_header = (struct proto_request_header){0};
    int16_t api_key = proto_read_int16(r);
    int16_t api_version = proto_read_int16(r);
    int32_t correlation_id = proto_read_int32(r);
    if (r->err != 0) {
        return r->err;
    }
    *ret_header =
        (struct proto_request_header){api_key, api_version, correlation_id, LT_SLICE_NULL};

    const struct proto_api *api = proto_api_find(api_key);
    if (api == NULL || (!proto_api_serves(api, api_version) && api_key != PROTO_API_API_VERSIONS)) {
        return LEAT_EUNSUPPORTED;
    }
    ret_header->client_id = proto_read_string(r, false, true);
    if (proto_api_is_flexible(api, api_version)) {
        proto_read_tags_skip(r);
    }
    *ret_api = api;
    return r->err;
}

static bool request_is_flexible(const struct proto_request_header *header)
{
    const struct proto_api *api = proto_api_find(header->api_key);

    LT_ASSERT(api != NULL);
    return proto_api_is_flexible(api, header->api_version);
}

size_t proto_request_header_size(const struct proto_request_header *header)
{
    return 8 + proto_size_string(header->client_id, false, true) +
           (request_is_flexible(header) ? 1 : 0);
}

void proto_request_header_encode(const struct proto_request_header *header, struct proto_writer *w)
{
    proto_write_int16(w, header->api_key);
    proto_write_int16(w, header->api_version);
    proto_write_int32(w, header->correlation_id);
    proto_write_string(w, header->client_id, false, true);
    if (request_is_flexible(header)) {
        proto_write_uvarint(w, 0);
    }
}

static bool response_has_tags(const struct proto_api *api, int16_t version)
{
    return api->key != PROTO_API_API_VERSIONS && proto_api_is_flexible(api, version);
}

size_t proto_response_header_size(const struct proto_api *api, int16_t version)
{
    return response_has_tags(api, version) ? 5 : 4;
}

void proto_response_header_encode(const struct proto_api *api,
                                  int16_t version,
                                  int32_t correlation_id,
                                  struct proto_writer *w)
{
    proto_write_int32(w, correlation_id);
    if (response_has_tags(api, version)) {
        proto_write_uvarint(w, 0);
    }
}

int proto_response_header_decode(struct proto_reader *r,
                                 const struct proto_api *api,
                                 int16_t version,
                                 int32_t *ret_correlation_id)
{
    int32_t correlation_id = proto_read_int32(r);

    if (response_has_tags(api, version)) {
        proto_read_tags_skip(r);
    }
    if (r->err == 0) {
        *ret_correlation_id = correlation_id;
    }
    return r->err;
}
