/* speed.c: see speed.h. */
#include "bench/librdkafka/speed.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

static int64_t wall_begin;
static struct rusage usage_begin;
static char *values;

static void fill_value(char *text, size_t size, uint32_t *random)
{
    static const char *const words[] = {"created", "paid",     "packed",
                                        "shipped", "returned", "closed"};
    size_t used = 0;

    while (used < size) {
        char part[96];
        int length;

        *random = *random * 1664525u + 1013904223u;
        length = snprintf(part, sizeof(part), "{\"order\":%u,\"state\":\"%s\",\"cents\":%u}",
                          *random >> 8, words[(*random >> 13) % 6], (*random >> 5) % 100000);
        if ((size_t)length > size - used) {
            length = (int)(size - used);
        }
        memcpy(text + used, part, (size_t)length);
        used += (size_t)length;
    }
}

struct speed_options speed_parse(int argc, char **argv)
{
    struct speed_options options;
    uint32_t random = 1;

    if (argc != 7) {
        fprintf(stderr, "usage: %s produce|consume|queue ADDRESS TOPIC COUNT SIZE CODEC\n",
                argv[0]);
        exit(2);
    }
    options = (struct speed_options){.work = argv[1],
                                     .address = argv[2],
                                     .topic = argv[3],
                                     .count = strtol(argv[4], NULL, 10),
                                     .size = (size_t)strtol(argv[5], NULL, 10),
                                     .codec = argv[6]};
    values = lt_calloc(SPEED_RECORDS, options.size);
    if (values == NULL) {
        speed_die("out of memory");
    }
    for (size_t i = 0; i < SPEED_RECORDS; i++) {
        fill_value(values + i * options.size, options.size, &random);
    }
    return options;
}

char *speed_value(const struct speed_options *options, long i)
{
    return values + (size_t)(i % SPEED_RECORDS) * options->size;
}

static double seconds(struct timeval tv)
{
    return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

/* What the process has used so far. */
static struct rusage usage_now(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) < 0) {
        speed_die("getrusage");
    }
    return usage;
}

void speed_begin(void)
{
    wall_begin = lt_clock_mono_ns(lt_clock_real());
    usage_begin = usage_now();
}

static int count_threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    int count = 0;

    while (dir != NULL && readdir(dir) != NULL) {
        count++;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return count - 2; /* . and .. */
}

static long resident_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long total = 0;
    long resident = 0;

    if (file != NULL) {
        if (fscanf(file, "%ld %ld", &total, &resident) != 2) {
            resident = 0;
        }
        (void)fclose(file);
    }
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

void speed_end(long count, unsigned long check)
{
    struct rusage usage = usage_now();
    double user = seconds(usage.ru_utime) - seconds(usage_begin.ru_utime);
    double kernel = seconds(usage.ru_stime) - seconds(usage_begin.ru_stime);
    double wall = (double)(lt_clock_mono_ns(lt_clock_real()) - wall_begin) / 1e9;

    printf(
        "{\"records\": %ld, \"seconds\": %.6f, \"user\": %.6f, \"kernel\": %.6f, \"threads\": %d, "
        "\"rss_kib\": %ld, \"check\": %lu}\n",
        count, wall, user, kernel, count_threads(), resident_kib(), check);
}

void speed_pause(void)
{
    printf("{\"threads\": %d, \"rss_kib\": %ld}\n", count_threads(), resident_kib());
    (void)fflush(stdout);
    if (getchar() == EOF) {
        speed_die("the script is gone");
    }
}

void speed_die(const char *what)
{
    fprintf(stderr, "speed: %s\n", what);
    exit(1);
}
