/* null.c: see null.h. One thread, epoll, requests answered in the order in which they come. */
#include "bench/null.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/os.h"
#include "bench/interrupt.h"
#include "bench/link.h"
#include "proto/frame.h"

#define EVENTS_MAX 64
#define REQUEST_MAX ((size_t)100 << 20)
#define RECEIVE_SIZE ((size_t)1 << 20)
#define OWED_MAX ((size_t)4 << 20) /* bytes of answers; above it nothing is read */
#define TURN_MS 100                /* Ctrl-C is seen as late as this */

struct conn {
    LIST_ENTRY(conn) entry;
    int fd;
    struct lt_buf in;
    struct lt_buf out;
    size_t sent;      /* bytes of out */
    int64_t pause_ns; /* answers wait until then; 0 = they do not */
    uint32_t events;  /* what epoll watches for */
};

struct server {
    struct bench_null null;
    LIST_HEAD(, conn) conns;
    int epoll_fd;
    int listen_fd;
};

static void accept_one(struct server *server);
static int conn_turn(struct server *server, struct conn *conn, uint32_t events);
static void conn_close(struct conn *conn);
static void end_pauses(struct server *server);

int bench_null_run(const struct bench_options *options, struct leat_error **reterr)
{
    struct server server = {.epoll_fd = epoll_create1(EPOLL_CLOEXEC), .listen_fd = -1};
    LIST_INIT(&server.conns);
    int err = bench_null_init(&server.null, options);
    if (err == 0) {
        err = bench_link_listen(options->listen, &server.listen_fd, server.null.host,
                                sizeof(server.null.host), &server.null.port, reterr);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (err == 0 && epoll_ctl(server.epoll_fd, EPOLL_CTL_ADD, server.listen_fd, &event) != 0) {
        err = lt_error_set_errno(reterr, LEAT_EIO, errno, "epoll");
    }
    if (err == 0) {
        printf(strchr(server.null.host, ':') == NULL ? "%s:%d\n" : "[%s]:%d\n", server.null.host,
               server.null.port);
        (void)fflush(stdout); /* whoever reads it sees for himself */
    }
    struct epoll_event events[EVENTS_MAX];
    while (err == 0 && !bench_interrupted()) {
        int ready = epoll_wait(server.epoll_fd, events, EVENTS_MAX, TURN_MS);
        for (int i = 0; i < ready; i++) {
            struct conn *conn = events[i].data.ptr;
            if (conn == NULL) {
                accept_one(&server);
            } else if (conn_turn(&server, conn, events[i].events) != 0) {
                conn_close(conn);
            }
        }
        end_pauses(&server);
    }
    while (!LIST_EMPTY(&server.conns)) {
        conn_close(LIST_FIRST(&server.conns));
    }
    if (server.listen_fd >= 0) {
        (void)lt_os_close(server.listen_fd); /* nothing is left in it, as in the next */
    }
    (void)lt_os_close(server.epoll_fd);
    bench_null_release(&server.null);
    return err;
}

static void accept_one(struct server *server)
{
    int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct conn *conn = fd < 0 ? NULL : lt_calloc(1, sizeof(*conn));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    if (conn == NULL || epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        lt_free(conn);
        if (fd >= 0) {
            (void)lt_os_close(fd); /* the client sees it */
        }
        return;
    }
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* slower without, not wrong */
    conn->fd = fd;
    conn->events = EPOLLIN;
    LIST_INSERT_HEAD(&server->conns, conn, entry);
}

static void conn_close(struct conn *conn)
{
    LIST_REMOVE(conn, entry);
    (void)lt_os_close(conn->fd); /* takes it out of epoll */
    lt_buf_release(&conn->in);
    lt_buf_release(&conn->out);
    lt_free(conn);
}

static int flush(struct server *server, struct conn *conn)
{
    bool blocked = false;
    while (conn->pause_ns == 0 && conn->sent < conn->out.size && !blocked) {
        ssize_t sent = send(conn->fd, conn->out.data + conn->sent, conn->out.size - conn->sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        blocked = sent < 0 && errno == EAGAIN;
        if (sent < 0 && !blocked && errno != EINTR) {
            return LEAT_ECLOSED;
        }
        conn->sent += sent > 0 ? (size_t)sent : 0;
    }
    if (conn->sent == conn->out.size) {
        conn->out.size = 0;
        conn->sent = 0;
    }
    uint32_t wanted = blocked ? EPOLLOUT : conn->pause_ns > 0 ? 0U : EPOLLIN;
    if (wanted == conn->events) {
        return 0;
    }
    conn->events = wanted;
    struct epoll_event event = {.events = wanted, .data.ptr = conn};
    return epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event) == 0 ? 0 : LEAT_EIO;
}

/* All whole requests, as far as their answers find room. */
static int answer_all(struct server *server, struct conn *conn)
{
    size_t at = 0;
    int err = 0;
    while (err == 0 && conn->pause_ns == 0 && conn->out.size - conn->sent < OWED_MAX) {
        struct lt_slice frame;
        size_t need = 0;
        int pause_ms = 0;
        err = proto_frame_next(lt_slice(conn->in.data + at, conn->in.size - at), REQUEST_MAX,
                               &frame, &need);
        if (err == 0) {
            err = bench_null_answer(&server->null, frame, &conn->out, &pause_ms);
            at += need;
        } else if (err == LEAT_EAGAIN) {
            err = need > conn->in.size - at ? lt_buf_reserve(&conn->in, need) : 0;
            break;
        }
        if (pause_ms > 0) {
            conn->pause_ns = lt_clock_mono_ns(lt_clock_real()) + pause_ms * 1000000LL;
        }
    }
    lt_buf_consume(&conn->in, at);
    return err == LEAT_EAGAIN ? 0 : err;
}

/* Requests that found no room for their answers come when the answers have left. */
static int conn_serve(struct server *server, struct conn *conn)
{
    size_t before;
    int err;
    do {
        before = conn->in.size;
        err = answer_all(server, conn);
        err = err == 0 ? flush(server, conn) : err;
    } while (err == 0 && conn->out.size == 0 && conn->in.size > 0 && conn->in.size < before);
    return err;
}

static int conn_turn(struct server *server, struct conn *conn, uint32_t events)
{
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        return LEAT_ECLOSED;
    }
    if ((events & EPOLLIN) != 0) {
        int err = lt_buf_reserve(&conn->in, RECEIVE_SIZE);
        if (err != 0) {
            return err;
        }
        ssize_t got = recv(conn->fd, conn->in.data + conn->in.size,
                           conn->in.capacity - conn->in.size, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            return LEAT_ECLOSED;
        }
        conn->in.size += got > 0 ? (size_t)got : 0;
    }
    return conn_serve(server, conn);
}

static void end_pauses(struct server *server)
{
    int64_t now_ns = lt_clock_mono_ns(lt_clock_real());
    struct conn *next;
    for (struct conn *conn = LIST_FIRST(&server->conns); conn != NULL; conn = next) {
        next = LIST_NEXT(conn, entry);
        if (conn->pause_ns != 0 && conn->pause_ns <= now_ns) {
            conn->pause_ns = 0;
            if (conn_serve(server, conn) != 0) {
                conn_close(conn);
            }
        }
    }
}

/* ---- as a process of its own ---- */

static void exec_child(char *const *args, int out)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* without it a killed leat-bench leaves it behind */
    if (dup2(out, STDOUT_FILENO) >= 0) {
        (void)execv("/proc/self/exe", args); /* returns only to fail */
    }
    _exit(127);
}

int bench_null_spawn(const struct bench_options *options,
                     int partitions,
                     char *ret_address,
                     pid_t *ret_pid,
                     struct leat_error **reterr)
{
    char create[32];
    char sizes[4][32];
    (void)snprintf(create, sizeof(create), "%d", partitions);
    (void)snprintf(sizes[0], sizeof(sizes[0]), "%lld", (long long)options->record_size);
    (void)snprintf(sizes[1], sizeof(sizes[1]), "%lld", (long long)options->batch_size);
    (void)snprintf(sizes[2], sizeof(sizes[2]), "%lld", (long long)options->fetch_size);
    (void)snprintf(sizes[3], sizeof(sizes[3]), "%lld",
                   (long long)(options->command == BENCH_CONSUME ? options->record_count : 0));
    char codec[32];
    (void)snprintf(codec, sizeof(codec), "%s", options->codec);
    char words[][20] = {"leat-bench", "null",         "--create",           "--record-size",
                        "--batch",    "--fetch-size", "--compression-type", "--num-records"};
    char *args[] = {words[0], words[1], words[2], create, words[3], sizes[0], words[4], sizes[1],
                    words[5], sizes[2], words[6], codec,  words[7], sizes[3], NULL};
    args[12] = options->command == BENCH_CONSUME && options->record_count > 0 ? args[12] : NULL;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return lt_error_set_errno(reterr, LEAT_EIO, errno, "pipe for the null server");
    }
    pid_t pid = fork();
    if (pid == 0) {
        exec_child(args, ends[1]);
    }
    (void)lt_os_close(ends[1]); /* the child's */
    FILE *in = fdopen(ends[0], "r");
    bool said = pid > 0 && in != NULL && fgets(ret_address, 300, in) != NULL;
    if (in != NULL) {
        (void)fclose(in); /* one line is all that comes */
    }
    if (!said) {
        if (pid > 0) {
            bench_null_end(pid);
        }
        return lt_error_set(reterr, LEAT_EIO, "the null server did not start");
    }
    ret_address[strcspn(ret_address, "\n")] = '\0';
    *ret_pid = pid;
    return 0;
}

void bench_null_end(pid_t pid)
{
    (void)kill(pid, SIGTERM); /* a process that we made and have not waited for */
    (void)waitpid(pid, NULL, 0);
}
