/* deliveries.c: see deliveries.h. */
#include "client/cli/deliveries.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"

#define WAIT_STEP_MS 50
#define MESSAGE_SIZE 256

struct failure {
    int64_t number;
    int code;
    char message[MESSAGE_SIZE];
};

static struct {
    _Atomic int64_t stored, failed;
    pthread_mutex_t mutex;                          /* guards all below */
    pthread_cond_t cond;                            /* a failure came */
    struct failure named[CLI_DELIVERIES_NAMED_MAX]; /* the lowest numbers, ascending */
    size_t named_count;
    int32_t partition;
    int64_t offset;
} tally = {.mutex = PTHREAD_MUTEX_INITIALIZER,
           .cond = PTHREAD_COND_INITIALIZER,
           .partition = -1,
           .offset = -1};

void *cli_deliveries_number(int64_t number)
{
    return (void *)(intptr_t)number; /* carried, never followed */
}

void cli_deliveries_refused(int64_t number, int code, const char *message)
{
    (void)pthread_mutex_lock(&tally.mutex);
    size_t at = tally.named_count;
    while (at > 0 && tally.named[at - 1].number > number) {
        at--;
    }
    if (at < CLI_DELIVERIES_NAMED_MAX) {
        size_t last = tally.named_count < CLI_DELIVERIES_NAMED_MAX ? tally.named_count++
                                                                   : CLI_DELIVERIES_NAMED_MAX - 1;
        for (; last > at; last--) {
            tally.named[last] = tally.named[last - 1];
        }
        tally.named[at].number = number;
        tally.named[at].code = code;
        (void)snprintf(tally.named[at].message, MESSAGE_SIZE, "%s", message); /* cut is fine */
    }
    atomic_fetch_add(&tally.failed, 1);
    (void)pthread_cond_signal(&tally.cond);
    (void)pthread_mutex_unlock(&tally.mutex);
}

void cli_deliveries_delivery(const struct leat_delivery *d, void *arg)
{
    int64_t number = (intptr_t)arg;
    int code = leat_delivery_code(d);
    if (code != 0) {
        cli_deliveries_refused(number, code, leat_delivery_message(d));
        return;
    }
    if (number == 1) { /* the others are not looked at: that would decode every record again */
        const struct leat_record *rec = leat_delivery_record(d);
        (void)pthread_mutex_lock(&tally.mutex);
        if (rec != NULL) {
            (void)leat_record_topic(rec, &tally.partition);
            tally.offset = leat_record_offset(rec);
        }
        (void)pthread_mutex_unlock(&tally.mutex);
    }
    atomic_fetch_add_explicit(&tally.stored, 1, memory_order_release);
}

int64_t cli_deliveries_stored(void)
{
    return atomic_load_explicit(&tally.stored, memory_order_acquire);
}

int64_t cli_deliveries_failed(void)
{
    return atomic_load(&tally.failed);
}

int cli_deliveries_code(void)
{
    (void)pthread_mutex_lock(&tally.mutex);
    int code = tally.named_count == 0 ? 0 : tally.named[0].code;
    (void)pthread_mutex_unlock(&tally.mutex);
    return code;
}

void cli_deliveries_first(int32_t *ret_partition, int64_t *ret_offset)
{
    (void)pthread_mutex_lock(&tally.mutex);
    *ret_partition = tally.partition;
    *ret_offset = tally.offset;
    (void)pthread_mutex_unlock(&tally.mutex);
}

void cli_deliveries_wait(int64_t sent, int64_t timeout_ms)
{
    int64_t until_ns = lt_clock_mono_ns(lt_clock_real()) + timeout_ms * 1000000;
    (void)pthread_mutex_lock(&tally.mutex);
    while (cli_deliveries_stored() + cli_deliveries_failed() < sent &&
           lt_clock_mono_ns(lt_clock_real()) < until_ns) {
        int64_t step_ns = lt_clock_wall_ms(lt_clock_real()) * 1000000 + WAIT_STEP_MS * 1000000;
        struct timespec step = {.tv_sec = (time_t)(step_ns / 1000000000),
                                .tv_nsec = (long)(step_ns % 1000000000)};
        (void)pthread_cond_timedwait(&tally.cond, &tally.mutex, &step); /* the loop looks again */
    }
    (void)pthread_mutex_unlock(&tally.mutex);
}

void cli_deliveries_tell(const char *topic, const char *unit, int64_t sent)
{
    (void)pthread_mutex_lock(&tally.mutex);
    int64_t missing = sent - cli_deliveries_stored();
    if (missing > 0) {
        fprintf(stderr,
                "leat: produce %s: %" PRId64 " of %" PRId64 " records were not acknowledged\n",
                topic, missing, sent);
    }
    for (size_t i = 0; missing > 0 && i < tally.named_count; i++) {
        const struct failure *f = &tally.named[i];
        fprintf(stderr, "leat:   %s %" PRId64 ": %s (%s)\n", unit, f->number, f->message,
                leat_errname(f->code));
    }
    if (missing > (int64_t)tally.named_count && tally.named_count > 0) {
        fprintf(stderr, "leat:   and %" PRId64 " more\n", missing - (int64_t)tally.named_count);
    }
    (void)pthread_mutex_unlock(&tally.mutex);
}
