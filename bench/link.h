/* link.h: a plain socket to a broker that speaks the project's codec: what `raw` sends and reads without a client library.
 *
 * Only non-flexible versions (request header 1, response header 0) that every broker since Kafka 2.1 serves are used, so
 * nothing is negotiated.
 * Threads: a link belongs to one thread. */
#ifndef BENCH_LINK_H
#define BENCH_LINK_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#define BENCH_PRODUCE_VERSION 7
#define BENCH_FETCH_VERSION 10
#define BENCH_METADATA_VERSION 4
#define BENCH_LIST_OFFSETS_VERSION 2
#define BENCH_CREATE_TOPICS_VERSION 4
#define BENCH_DELETE_TOPICS_VERSION 3

#define BENCH_CORRELATION_AT 8 /* where a framed request has its correlation id */

/* Connect to "host:port" (or [v6]:port); no delay, blocking. Errors name the address and the reason. */
int bench_link_connect(const char *address, int *ret_fd, struct leat_error **reterr);

/* Listen on "host:port", port 0 = the kernel's choice; not blocking.
 *
 *   ret_host, ret_port  as a client may be told: the host as given, the port as it is
 *
 * LEAT_EINVAL (address), LEAT_EIO (cannot be had; the message has the reason). */
int bench_link_listen(const char *address,
                      int *ret_fd,
                      char *ret_host,
                      size_t host_size,
                      int *ret_port,
                      struct leat_error **reterr);

/* A whole framed request, size and header included, appended to `out`; correlation id 0. */
int bench_link_encode(int16_t api_key, int16_t version, const void *request, struct lt_buf *out);

/* Send one request and wait for its answer, decoded into `response` (of that API's response struct); what it points to
 * lives in the arena. For set-up, not for load. */
int bench_link_call(int fd,
                    int16_t api_key,
                    int16_t version,
                    const void *request,
                    struct lt_arena *arena,
                    void *response,
                    struct leat_error **reterr);

#endif
