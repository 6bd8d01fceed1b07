/* process.c: see process.h. */
#include "bench/process.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/os.h"

static int read_proc(int pid, const char *name, char *ret_text, size_t size)
{
    char path[400];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    struct lt_buf buf = {0};
    int err = lt_os_read_file(path, size - 1, &buf);
    if (err == 0) {
        memcpy(ret_text, buf.data, buf.size);
        ret_text[buf.size] = '\0';
    }
    lt_buf_release(&buf);
    return err;
}

/* What /proc/PID/status says is of the main thread alone. */
static int64_t count_switches(int pid)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    int64_t total = 0;
    const struct dirent *task;
    while (tasks != NULL && (task = readdir(tasks)) != NULL) {
        char name[300];
        char text[4096];
        (void)snprintf(name, sizeof(name), "task/%s/status", task->d_name);
        const char *line = task->d_name[0] != '.' && read_proc(pid, name, text, sizeof(text)) == 0
                               ? strstr(text, "\nvoluntary_ctxt_switches:")
                               : NULL;
        long long wanted;
        long long forced;
        if (line != NULL &&
            sscanf(line, " voluntary_ctxt_switches: %lld nonvoluntary_ctxt_switches: %lld", &wanted,
                   &forced) == 2) {
            total += wanted + forced;
        }
    }
    if (tasks != NULL) {
        (void)closedir(tasks); /* was read to its end */
    }
    return total;
}

int bench_process_read(int pid, struct bench_process *ret)
{
    char text[4096];
    int err = read_proc(pid, "stat", text, sizeof(text));
    if (err != 0) {
        return LEAT_ENOENT;
    }
    /* The command name may hold spaces and parentheses: fields are counted from the last ')'. */
    const char *fields = strrchr(text, ')');
    unsigned long user = 0;
    unsigned long sys = 0;
    long rss_pages = 0;
    if (fields == NULL || sscanf(fields + 1,
                                 " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d "
                                 "%*d %*d %*d %*u %*u %ld",
                                 &user, &sys, &rss_pages) != 3) {
        return LEAT_EPROTOCOL;
    }
    struct bench_process process = {
        .cpu_seconds = (double)(user + sys) / (double)sysconf(_SC_CLK_TCK),
        .rss_bytes = (int64_t)rss_pages * sysconf(_SC_PAGESIZE),
        .written_bytes = -1,
    };
    const char *line;
    long long written;
    if (read_proc(pid, "io", text, sizeof(text)) == 0 &&
        (line = strstr(text, "\nwrite_bytes: ")) != NULL &&
        sscanf(line, " write_bytes: %lld", &written) == 1) {
        process.written_bytes = written;
    }
    process.switches = count_switches(pid);
    /* The clock counts nanoseconds where stat counts ticks of 10 ms. */
    int64_t cpu_ns = lt_clock_process_ns(pid);
    if (cpu_ns > 0) {
        process.cpu_seconds = (double)cpu_ns / 1e9;
    }
    *ret = process;
    return 0;
}

double bench_stolen_seconds(void)
{
    struct lt_buf buf = {0};
    double stolen = 0.0;
    unsigned long long ticks;
    if (lt_os_read_file("/proc/stat", 1 << 20, &buf) == 0 && lt_buf_text(&buf) != NULL &&
        sscanf((const char *)buf.data, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &ticks) == 1) {
        stolen = (double)ticks / (double)sysconf(_SC_CLK_TCK);
    }
    lt_buf_release(&buf);
    return stolen;
}

int64_t bench_dirty_limit(void)
{
    struct lt_buf buf = {0};
    long long pages = 0;
    const char *text =
        lt_os_read_file("/proc/vmstat", 1 << 20, &buf) == 0 ? lt_buf_text(&buf) : NULL;
    const char *line = text == NULL ? NULL : strstr(text, "\nnr_dirty_threshold ");
    if (line == NULL || sscanf(line, " nr_dirty_threshold %lld", &pages) != 1) {
        pages = 0;
    }
    lt_buf_release(&buf);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

struct bench_hiccup {
    pthread_t thread;
    atomic_bool stop;
    struct bench_histogram late;
};

static void *hiccup_run(void *arg)
{
    struct bench_hiccup *hiccup = arg;
    const struct lt_clock *clock = lt_clock_real();
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* else 50 us of lateness are the kernel's
                                                           own politeness */
    while (!atomic_load(&hiccup->stop)) {
        int64_t before = lt_clock_mono_ns(clock);
        (void)nanosleep(&(struct timespec){0, 1000000},
                        NULL); /* cut short by a signal: one sample less */
        int64_t late = lt_clock_mono_ns(clock) - before - 1000000;
        bench_histogram_add(&hiccup->late, late < 0 ? 0 : late);
    }
    return NULL;
}

int bench_hiccup_start(struct bench_hiccup **ret)
{
    struct bench_hiccup *hiccup = lt_calloc(1, sizeof(*hiccup));
    if (hiccup == NULL || bench_histogram_init(&hiccup->late) != 0) {
        lt_free(hiccup);
        return LEAT_ENOMEM;
    }
    if (pthread_create(&hiccup->thread, NULL, hiccup_run, hiccup) != 0) {
        bench_histogram_release(&hiccup->late);
        lt_free(hiccup);
        return LEAT_ENOMEM;
    }
    *ret = hiccup;
    return 0;
}

void bench_hiccup_stop(struct bench_hiccup *hiccup, int64_t *ret_p999_ns, int64_t *ret_max_ns)
{
    atomic_store(&hiccup->stop, true);
    (void)pthread_join(hiccup->thread,
                       NULL); /* cannot fail for a thread that we made and nobody else joins */
    *ret_p999_ns = bench_histogram_percentile(&hiccup->late, 99.9);
    *ret_max_ns = hiccup->late.max;
    bench_histogram_release(&hiccup->late);
    lt_free(hiccup);
}
