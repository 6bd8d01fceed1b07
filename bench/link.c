/* link.c: see link.h. */
#include "bench/link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/os.h"
#include "proto/api.h"

#define ANSWER_SIZE_MAX (100 << 20)

static int
split_address(const char *address, char *host, size_t host_size, char *port, size_t port_size);
static int connect_first(const struct addrinfo *list, int *ret_fd);
static int receive(int fd, void *data, size_t size);

int bench_link_connect(const char *address, int *ret_fd, struct leat_error **reterr)
{
    char host[256];
    char port[16];
    if (split_address(address, host, sizeof(host), port, sizeof(port)) != 0) {
        return lt_error_set(reterr, LEAT_EINVAL, "%s: want HOST:PORT", address);
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int status = getaddrinfo(host, port, &hints, &list);
    if (status != 0) {
        return lt_error_set(reterr, LEAT_EUNREACHABLE, "%s: %s", address, gai_strerror(status));
    }
    int err = connect_first(list, ret_fd);
    int errnum = errno;
    freeaddrinfo(list);
    return err == 0
               ? 0
               : lt_error_set_errno(reterr, LEAT_EUNREACHABLE, errnum, "cannot reach %s", address);
}

int bench_link_listen(const char *address,
                      int *ret_fd,
                      char *ret_host,
                      size_t host_size,
                      int *ret_port,
                      struct leat_error **reterr)
{
    char port[16];
    if (split_address(address, ret_host, host_size, port, sizeof(port)) != 0) {
        return lt_error_set(reterr, LEAT_EINVAL, "%s: want HOST:PORT", address);
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list = NULL;
    int status = getaddrinfo(ret_host, port, &hints, &list);
    if (status != 0) {
        return lt_error_set(reterr, LEAT_EINVAL, "%s: %s", address, gai_strerror(status));
    }
    int on = 1;
    union {
        struct sockaddr any;
        struct sockaddr_in v4; /* both families have the port at the same place */
        struct sockaddr_in6 v6;
    } own = {.v6 = {0}};
    socklen_t own_size = sizeof(own);
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
                bind(fd, list->ai_addr, list->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0 &&
                getsockname(fd, &own.any, &own_size) == 0;
    int errnum = errno;
    freeaddrinfo(list);
    if (!good) {
        if (fd >= 0) {
            (void)lt_os_close(fd); /* the first error is the one to report */
        }
        return lt_error_set_errno(reterr, LEAT_EIO, errnum, "cannot listen on %s", address);
    }
    *ret_port = ntohs(own.v4.sin_port);
    *ret_fd = fd;
    return 0;
}

int bench_link_encode(int16_t api_key, int16_t version, const void *request, struct lt_buf *out)
{
    static const char client_id[] = "leat-bench";
    const struct proto_api *api = proto_api_find(api_key);
    LT_ASSERT(api != NULL && version < api->flexible_min);
    size_t body = api->request.size(request, version);
    size_t header = 4 + 2 + 2 + 4 + 2 + sizeof(client_id) - 1;
    int err = lt_buf_reserve(out, header + body);
    if (err != 0) {
        return err;
    }
    struct proto_writer w;
    proto_writer_init(&w, out->data + out->size, header + body, NULL);
    proto_write_int32(&w, (int32_t)(header - 4 + body));
    proto_write_int16(&w, api_key);
    proto_write_int16(&w, version);
    proto_write_int32(&w, 0);
    proto_write_string(&w, lt_slice(client_id, sizeof(client_id) - 1), false, true);
    api->request.encode(request, version, &w);
    LT_ASSERT(proto_writer_size(&w) == header + body);
    out->size += header + body;
    return 0;
}

int bench_link_call(int fd,
                    int16_t api_key,
                    int16_t version,
                    const void *request,
                    struct lt_arena *arena,
                    void *response,
                    struct leat_error **reterr)
{
    struct lt_buf frame = {0};
    int err = bench_link_encode(api_key, version, request, &frame);
    if (err == 0) {
        err = lt_os_write(fd, frame.data, frame.size);
    }
    lt_buf_release(&frame);
    uint8_t head[8];
    if (err == 0) {
        err = receive(fd, head, sizeof(head));
    }
    if (err != 0) {
        return lt_error_set(reterr, err, "%s: the broker closed the connection",
                            proto_api_find(api_key)->name);
    }
    uint32_t size = proto_load_u32(head);
    uint8_t *body = size < 4 || size > ANSWER_SIZE_MAX ? NULL : lt_arena_alloc(arena, size);
    if (body == NULL || receive(fd, body, size - 4) != 0) {
        return lt_error_set(reterr, LEAT_EPROTOCOL, "%s: not a Kafka answer",
                            proto_api_find(api_key)->name);
    }
    struct proto_reader r;
    proto_reader_init(&r, lt_slice(body, size - 4));
    err = proto_api_find(api_key)->response.decode(&r, version, arena, response);
    return err == 0
               ? 0
               : lt_error_set(reterr, err, "%s: malformed answer", proto_api_find(api_key)->name);
}

static int
split_address(const char *address, char *host, size_t host_size, char *port, size_t port_size)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || colon[1] == '\0' || strlen(colon + 1) >= port_size) {
        return LEAT_EINVAL;
    }
    size_t size = (size_t)(colon - address);
    if (address[0] == '[' && colon[-1] == ']') {
        address++;
        size -= 2;
    }
    if (size == 0 || size >= host_size) {
        return LEAT_EINVAL;
    }
    memcpy(host, address, size);
    host[size] = '\0';
    memcpy(port, colon + 1, strlen(colon + 1) + 1);
    return 0;
}

static int connect_first(const struct addrinfo *list, int *ret_fd)
{
    int errnum = ECONNREFUSED;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
            int on = 1;
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
                             sizeof(on)); /* slower without, not wrong */
            *ret_fd = fd;
            return 0;
        }
        errnum = errno;
        if (fd >= 0) {
            (void)lt_os_close(fd); /* the connect's error is the one to report */
        }
    }
    errno = errnum;
    return LEAT_EUNREACHABLE;
}

static int receive(int fd, void *data, size_t size)
{
    uint8_t *next = data;
    while (size > 0) {
        ssize_t got = recv(fd, next, size, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return LEAT_ECLOSED;
        }
        next += got;
        size -= (size_t)got;
    }
    return 0;
}
