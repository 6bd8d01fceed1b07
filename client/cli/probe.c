/* probe.c: see probe.h. */
#include "client/cli/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define PORT_DEFAULT 9092

/* ApiVersions version 0, correlation id 0x6c656174, no client id: any broker of the last ten years answers it. */
static const unsigned char request[] = {0, 0, 0, 10, 0, 18, 0, 0, 'l', 'e', 'a', 't', 0xff, 0xff};
#define ANSWER_SIZE 8 /* length, then the correlation id again */

static bool split(const char *text, char *host, size_t size, int *ret_port)
{
    const char *colon = strrchr(text, ':');
    const char *bracket = strchr(text, ']');
    bool plain = text[0] != '[' && colon != NULL && strchr(text, ':') != colon; /* bare IPv6 */
    if (plain || (bracket != NULL && colon != NULL && colon < bracket)) {
        colon = NULL;
    }
    size_t length = colon == NULL ? strlen(text) : (size_t)(colon - text);
    char *end = NULL;
    long port = colon == NULL ? PORT_DEFAULT : strtol(colon + 1, &end, 10);
    if (text[0] == '[') {
        text++;
        length = bracket == NULL ? 0 : (size_t)(bracket - text);
    }
    if (length == 0 || length >= size || port < 1 || port > 65535 ||
        (colon != NULL && (*end != '\0' || end == colon + 1))) {
        return false;
    }
    memcpy(host, text, length);
    host[length] = '\0';
    *ret_port = (int)port;
    return true;
}

/* Wait for the socket; false when the time is over. */
static bool wait_for(int fd, short events, int64_t until_ms)
{
    for (;;) {
        int64_t left = until_ms - lt_clock_mono_ms(lt_clock_real());
        struct pollfd pfd = {fd, events, 0};
        int found = left <= 0 ? 0 : poll(&pfd, 1, (int)left);
        if (found >= 0 || errno != EINTR) {
            return found > 0;
        }
    }
}

static enum cli_probe_outcome
connect_to(int fd, const struct addrinfo *info, int64_t until_ms, int *ret_errno)
{
    int failed = 0;
    socklen_t size = sizeof(failed);
    if (connect(fd, info->ai_addr, info->ai_addrlen) != 0) {
        failed = errno;
        if (failed == EINPROGRESS) {
            if (!wait_for(fd, POLLOUT, until_ms)) {
                return CLI_PROBE_NO_ROUTE;
            }
            (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size); /* a valid socket */
        }
    }
    *ret_errno = failed;
    return failed == 0           ? CLI_PROBE_OK
           : failed == ETIMEDOUT ? CLI_PROBE_NO_ROUTE
                                 : CLI_PROBE_REFUSED;
}

static enum cli_probe_outcome judge(const unsigned char *answer, size_t size)
{
    static const unsigned char alert[] = {0x15, 0x03};
    if (size >= sizeof(alert) && memcmp(answer, alert, sizeof(alert)) == 0) {
        return CLI_PROBE_TLS;
    }
    if (size >= 5 && memcmp(answer, "HTTP/", 5) == 0) {
        return CLI_PROBE_HTTP;
    }
    if (size == ANSWER_SIZE && memcmp(answer + 4, request + 8, 4) == 0) {
        return CLI_PROBE_OK;
    }
    return size == 0 ? CLI_PROBE_CLOSED : CLI_PROBE_OTHER;
}

static enum cli_probe_outcome ask(int fd, int64_t until_ms)
{
    unsigned char answer[ANSWER_SIZE];
    size_t size = 0;
    if (send(fd, request, sizeof(request), MSG_NOSIGNAL) != (ssize_t)sizeof(request)) {
        return CLI_PROBE_CLOSED;
    }
    while (size < sizeof(answer)) {
        if (!wait_for(fd, POLLIN, until_ms)) {
            return size == 0 ? CLI_PROBE_SILENT : judge(answer, size);
        }
        ssize_t more = recv(fd, answer + size, sizeof(answer) - size, 0);
        if (more <= 0) {
            break;
        }
        size += (size_t)more;
        enum cli_probe_outcome so_far = judge(answer, size);
        if (so_far == CLI_PROBE_TLS || so_far == CLI_PROBE_HTTP) {
            break; /* an alert is shorter than what we wait for */
        }
    }
    return judge(answer, size);
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        return ntohl(in.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof(in6));
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

static void try_one(const struct addrinfo *info, int timeout_ms, struct cli_probe *ret)
{
    int64_t begin_ns = lt_clock_mono_ns(lt_clock_real());
    int64_t until_ms = begin_ns / 1000000 + timeout_ms;
    int failed = 0;
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        ret->outcome = CLI_PROBE_REFUSED;
        (void)snprintf(ret->reason, sizeof(ret->reason), "%s", strerrordesc_np(errno));
        return;
    }
    (void)getnameinfo(info->ai_addr, info->ai_addrlen, ret->address, sizeof(ret->address), NULL, 0,
                      NI_NUMERICHOST); /* else it stays empty */
    ret->loopback = is_loopback(info->ai_addr);
    ret->outcome = connect_to(fd, info, until_ms, &failed);
    ret->reason[0] = '\0';
    if (failed != 0) {
        (void)snprintf(ret->reason, sizeof(ret->reason), "%s", strerrordesc_np(failed));
    }
    if (ret->outcome == CLI_PROBE_OK) {
        ret->outcome = ask(fd, until_ms);
    }
    ret->ms = (double)(lt_clock_mono_ns(lt_clock_real()) - begin_ns) / 1e6;
    (void)close(fd); /* nothing was written that counts */
}

void cli_probe_run(const char *text, int timeout_ms, struct cli_probe *ret)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char host[256], port[16];
    *ret = (struct cli_probe){.outcome = CLI_PROBE_BAD_ADDRESS};
    if (!split(text, host, sizeof(host), &ret->port)) {
        return;
    }
    (void)snprintf(port, sizeof(port), "%d", ret->port);
    int problem = getaddrinfo(host, port, &hints, &found);
    if (problem != 0) {
        ret->outcome = CLI_PROBE_UNRESOLVED;
        (void)snprintf(ret->reason, sizeof(ret->reason), "%s", gai_strerror(problem));
        return;
    }
    /* As a client does: the addresses of the name in their order, until one lets us in. */
    ret->outcome = CLI_PROBE_REFUSED;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        try_one(at, timeout_ms, ret);
        if (ret->outcome != CLI_PROBE_REFUSED && ret->outcome != CLI_PROBE_NO_ROUTE) {
            break;
        }
    }
    freeaddrinfo(found);
}
