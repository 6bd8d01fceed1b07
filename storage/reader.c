/* reader.c: the job queue. One mutex, held for a few instructions. */
#include "storage/reader.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "storage/wait.h"

struct job {
    void (*fn)(void *arg);
    void *arg;
    STAILQ_ENTRY(job) link;
};

struct log_reader {
    struct log_wait wait; /* guards jobs and stop */
    STAILQ_HEAD(, job) jobs;
    bool stop;
    int thread_count;
    pthread_t threads[];
};

static void *run(void *arg);

int log_reader_new(int threads, struct log_reader **ret_reader)
{
    LT_ASSERT(threads >= 1);
    struct log_reader *reader = lt_calloc(1, sizeof(*reader) + (size_t)threads * sizeof(pthread_t));
    if (reader == NULL) {
        return LEAT_ENOMEM;
    }
    if (log_wait_init(&reader->wait) < 0) {
        lt_free(reader);
        return LEAT_ENOMEM;
    }
    STAILQ_INIT(&reader->jobs);
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&reader->threads[i], NULL, run, reader) != 0) {
            log_reader_free(reader);
            return LEAT_ENOMEM;
        }
        (void)pthread_setname_np(reader->threads[i], "leat-reader"); /* for ps only */
        reader->thread_count++;
    }
    *ret_reader = reader;
    return 0;
}

void log_reader_free(struct log_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    log_wait_lock(&reader->wait);
    reader->stop = true;
    log_wait_signal(&reader->wait);
    log_wait_unlock(&reader->wait);
    for (int i = 0; i < reader->thread_count; i++) {
        int failed = pthread_join(reader->threads[i], NULL);
        LT_ASSERT(failed == 0);
    }
    LT_ASSERT(STAILQ_EMPTY(&reader->jobs));
    log_wait_release(&reader->wait);
    lt_free(reader);
}

int log_reader_post(struct log_reader *reader, void (*fn)(void *arg), void *arg)
{
    struct job *job = lt_malloc(sizeof(*job));
    if (job == NULL) {
        return LEAT_ENOMEM;
    }
    job->fn = fn;
    job->arg = arg;
    log_wait_lock(&reader->wait);
    LT_ASSERT(!reader->stop);
    STAILQ_INSERT_TAIL(&reader->jobs, job, link);
    log_wait_signal(&reader->wait);
    log_wait_unlock(&reader->wait);
    return 0;
}

static void *run(void *arg)
{
    struct log_reader *reader = arg;
    log_wait_lock(&reader->wait);
    for (;;) {
        struct job *job = STAILQ_FIRST(&reader->jobs);
        if (job == NULL && reader->stop) {
            break;
        }
        if (job == NULL) {
            log_wait_until(&reader->wait, lt_clock_real(), INT64_MAX);
            continue;
        }
        STAILQ_REMOVE_HEAD(&reader->jobs, link);
        log_wait_unlock(&reader->wait);
        job->fn(job->arg);
        lt_free(job);
        log_wait_lock(&reader->wait);
    }
    log_wait_unlock(&reader->wait);
    return NULL;
}
