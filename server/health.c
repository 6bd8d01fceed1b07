/* health.c: the checks behind /livez and /readyz. See health.h. */
#include "server/health.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "server/config.h"
#include "server/loop.h"
#include "server/server.h"
#include "storage/store.h"

#define STUCK_MS 5000

/* A job for one loop: it only has to be taken up. */
struct probe {
    struct srv_post post; /* first */
    struct srv_health *health;
    bool waiting;      /* under the mutex */
    int64_t posted_ms; /* monotonic; HTTP thread */
};

struct srv_health {
    struct srv_server *server;
    pthread_mutex_t mutex;
    pthread_cond_t taken;
    size_t probe_count;
    struct probe probes[];
};

/* The answer being made. */
struct report {
    struct lt_buf *buf;
    struct lt_buf passing;
    size_t failing;
    int err;
};

int srv_health_new(struct srv_server *server, struct srv_health **ret_health)
{
    struct srv_health *health =
        lt_calloc(1, sizeof(*health) + server->loop_count * sizeof(health->probes[0]));
    if (health == NULL) {
        return LEAT_ENOMEM;
    }
    health->server = server;
    health->probe_count = server->loop_count;
    (void)pthread_mutex_init(&health->mutex, NULL); /* default attributes: cannot fail */
    (void)pthread_cond_init(&health->taken, NULL);
    *ret_health = health;
    return 0;
}

static bool any_waiting(const struct srv_health *health)
{
    for (size_t i = 0; i < health->probe_count; i++) {
        if (health->probes[i].waiting) {
            return true;
        }
    }
    return false;
}

void srv_health_free(struct srv_health *health)
{
    if (health == NULL) {
        return;
    }
    int64_t until_ms = lt_clock_mono_ms(lt_clock_real()) + STUCK_MS;
    struct timespec limit = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    (void)pthread_mutex_lock(&health->mutex);
    int rc = 0;
    while (any_waiting(health) && rc == 0) {
        rc = pthread_cond_clockwait(&health->taken, &health->mutex, CLOCK_MONOTONIC, &limit);
    }
    bool stuck = any_waiting(health);
    (void)pthread_mutex_unlock(&health->mutex);
    if (!stuck) { /* else a loop that hangs may still touch its probe */
        (void)pthread_cond_destroy(&health->taken);
        (void)pthread_mutex_destroy(&health->mutex);
        lt_free(health);
    }
}

/* ---- the answer ---- */

static void begin(struct report *report, struct lt_buf *buf)
{
    *report = (struct report){.buf = buf};
    report->err = lt_buf_append_text(buf, "{\"failing\":[");
}

/* `text` NULL: the check passed. Texts have nothing that JSON would have to escape. */
static void tell(struct report *report, const char *check, const char *text)
{
    if (report->err != 0) {
        return;
    }
    if (text == NULL) {
        report->err =
            lt_buf_printf(&report->passing, "%s\"%s\"", report->passing.size > 0 ? "," : "", check);
    } else {
        report->err = lt_buf_printf(report->buf, "%s{\"check\":\"%s\",\"text\":\"%s\"}",
                                    report->failing > 0 ? "," : "", check, text);
        report->failing++;
    }
}

static int end(struct report *report, bool verbose, bool *ret_ok)
{
    if (report->err == 0 && verbose) {
        report->err = lt_buf_printf(report->buf, "],\"passing\":[%.*s", (int)report->passing.size,
                                    (const char *)report->passing.data);
    }
    if (report->err == 0) {
        report->err =
            lt_buf_printf(report->buf, "],\"ok\":%s}\n", report->failing == 0 ? "true" : "false");
    }
    lt_buf_release(&report->passing);
    *ret_ok = report->failing == 0;
    return report->err;
}

/* ---- checks ---- */

static void probe_taken(struct srv_post *post)
{
    struct probe *probe = (struct probe *)post;
    (void)pthread_mutex_lock(&probe->health->mutex);
    probe->waiting = false;
    (void)pthread_cond_signal(&probe->health->taken);
    (void)pthread_mutex_unlock(&probe->health->mutex);
}

static void check_loops(struct srv_health *health, struct report *report)
{
    int64_t now_ms = lt_clock_mono_ms(lt_clock_real());
    for (size_t i = 0; i < health->probe_count; i++) {
        struct probe *probe = &health->probes[i];
        char name[32];
        (void)snprintf(name, sizeof(name), "loop-%zu", i);
        (void)pthread_mutex_lock(&health->mutex);
        bool waiting = probe->waiting;
        probe->waiting = true;
        (void)pthread_mutex_unlock(&health->mutex);
        bool stuck = waiting && now_ms - probe->posted_ms > STUCK_MS;
        tell(report, name, stuck ? "this I/O thread has not turned for 5 seconds" : NULL);
        if (!waiting) {
            probe->posted_ms = now_ms;
            probe->health = health;
            probe->post.run = probe_taken;
            srv_loop_post(health->server->loops[i], &probe->post);
        }
    }
}

static void check_disks(struct srv_health *health, struct report *report)
{
    struct log_store *store = health->server->store;
    for (size_t i = 0; i < log_store_dir_count(store); i++) {
        struct log_dir_info info;
        char name[32];
        log_store_dir_info(store, i, &info);
        (void)snprintf(name, sizeof(name), "disk-%zu", i);
        const char *wrong = info.offline             ? "this data directory has failed"
                            : info.usable_bytes == 0 ? "this data directory is full"
                                                     : NULL;
        tell(report, name, wrong);
    }
}

int srv_health_live(struct srv_health *health, bool verbose, struct lt_buf *buf, bool *ret_ok)
{
    struct report report;
    begin(&report, buf);
    check_loops(health, &report);
    return end(&report, verbose, ret_ok);
}

int srv_health_ready(struct srv_health *health, bool verbose, struct lt_buf *buf, bool *ret_ok)
{
    struct report report;
    begin(&report, buf);
    tell(&report, "running",
         atomic_load(&health->server->stopping) ? "the server is stopping" : NULL);
    check_loops(health, &report);
    check_disks(health, &report);
    return end(&report, verbose, ret_ok);
}
