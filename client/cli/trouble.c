/* trouble.c: see trouble.h. */
#include "client/cli/trouble.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"

#define LINES_MIN 3
#define WITHIN_NS (INT64_C(10) * 1000000000)

static struct {
    pthread_mutex_t mutex; /* guards all below */
    const char *command;   /* NULL: not begun */
    int lines;
    int64_t first_ns;
    bool told;
} trouble = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void on_line(int level, const char *line, void *arg)
{
    (void)level; /* warnings and errors alone come here */
    (void)arg;
    int64_t now_ns = lt_clock_mono_ns(lt_clock_real());
    (void)pthread_mutex_lock(&trouble.mutex);
    if (trouble.command != NULL && !trouble.told) {
        if (trouble.lines == 0 || now_ns - trouble.first_ns > WITHIN_NS) {
            trouble.lines = 0;
            trouble.first_ns = now_ns;
        }
        if (++trouble.lines == LINES_MIN) {
            trouble.told = true;
            fprintf(stderr, "leat: %s: %s; trying again until it answers\n", trouble.command, line);
        }
    }
    (void)pthread_mutex_unlock(&trouble.mutex);
}

void cli_trouble_watch(struct cli *cli)
{
    leat_conf_set_log(cli->conf, LEAT_LOG_WARN, on_line, NULL);
}

void cli_trouble_begin(const struct cli *cli)
{
    (void)pthread_mutex_lock(&trouble.mutex);
    trouble.command = cli->command;
    (void)pthread_mutex_unlock(&trouble.mutex);
}

void cli_trouble_over(void)
{
    (void)pthread_mutex_lock(&trouble.mutex);
    trouble.lines = 0;
    trouble.told = false;
    (void)pthread_mutex_unlock(&trouble.mutex);
}
