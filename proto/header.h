/* header.h: what stands between a frame's length and its message.
 *
 *   request  v1  api_key int16, api_version int16, correlation_id int32,
 *                client_id string (old form in all versions) or null
 *            v2  v1 and tagged fields: flexible versions
 *   response v0  correlation_id int32
 *            v1  v0 and tagged fields: flexible versions
 *
 * ApiVersions always answers with v0, so that a client which is too new can read the error.
 * Request header v0 (no client_id) died with ControlledShutdown 0.
 *
 * Threads: any; no state. Source: KIP-482, KIP-511, Kafka ApiMessageType. */
#ifndef PROTO_HEADER_H
#define PROTO_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "proto/api.h"
#include "proto/wire.h"

struct proto_request_header {
    int16_t api_key;
    int16_t api_version;
    int32_t correlation_id;
    struct lt_slice client_id; /* may be null; borrowed from the frame */
};

/* Read a header; the body begins at r->next afterwards.
 *
 *   ret_header  the three numbers are set whenever they were there, also when the call fails, for
 *               diagnostics
 *   ret_api     the API's row
 *
 * Returns 0, LEAT_EPROTOCOL (too short or malformed) or LEAT_EUNSUPPORTED (no such API, or a version
 * that is not served, so that nothing behind the numbers can be read). Both mean: close the
 * connection, as Kafka does. An ApiVersions version that is not served is no error here: it is
 * answered in version 0 (ask proto_api_serves). */
int proto_request_header_decode(struct proto_reader *r,
                                struct proto_request_header *ret_header,
                                const struct proto_api **ret_api);

/* Whether the codec knows this version of the API. */
static inline bool proto_api_serves(const struct proto_api *api, int16_t version)
{
    return version >= api->served_min && version <= api->served_max;
}

static inline bool proto_api_is_flexible(const struct proto_api *api, int16_t version)
{
    return version >= api->flexible_min;
}

size_t proto_request_header_size(const struct proto_request_header *header);
void proto_request_header_encode(const struct proto_request_header *header, struct proto_writer *w);

/* The response to a request of this API and version. */
size_t proto_response_header_size(const struct proto_api *api, int16_t version);
void proto_response_header_encode(const struct proto_api *api,
                                  int16_t version,
                                  int32_t correlation_id,
                                  struct proto_writer *w);

/* Returns 0 or LEAT_EPROTOCOL. The caller compares *ret_correlation_id with the oldest request in
 * flight, which also tells it api and version. */
int proto_response_header_decode(struct proto_reader *r,
                                 const struct proto_api *api,
                                 int16_t version,
                                 int32_t *ret_correlation_id);

#endif
