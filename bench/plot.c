/* plot.c: see plot.h. The data goes to gnuplot with the commands, so there are no files in between. */
#include "bench/plot.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

#define POINTS_PER_DECADE 40

struct curve {
    const char *what;
    const char *whose; /* "", " (peer)" */
    const struct bench_result *runs;
    size_t run_count;
};

bool bench_plot_possible(void)
{
    const char *path = getenv("PATH");
    char *copy = lt_strdup(path == NULL ? "/usr/bin:/bin" : path);
    char *rest = NULL;
    bool found = false;
    for (char *dir = copy == NULL ? NULL : strtok_r(copy, ":", &rest); dir != NULL && !found;
         dir = strtok_r(NULL, ":", &rest)) {
        char *file = lt_asprintf("%s/gnuplot", dir);
        found = file != NULL && access(file, X_OK) == 0;
        lt_free(file);
    }
    lt_free(copy);
    return found;
}

/* In gnuplot's single quotes a quote is doubled. */
static void put_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputc('\'', out);
        }
        fputc(*text, out);
    }
    fputc('\'', out);
}

static int put_latency(FILE *out, size_t number, const struct curve *curve)
{
    struct bench_histogram all;
    int err = bench_histogram_init(&all);
    for (size_t i = 0; err == 0 && i < curve->run_count; i++) {
        bench_histogram_merge(&all, &curve->runs[i].latency);
    }
    fprintf(out, "$latency%zu << END\n", number);
    /* x = 1 / (1 - p): a decade for each nine, up to the last sample. */
    for (int i = 0; err == 0 && all.count > 0; i++) {
        double x = pow(10.0, (double)i / POINTS_PER_DECADE);
        if (x > (double)all.count) {
            break;
        }
        fprintf(out, "%.6g %.3f\n", x,
                (double)bench_histogram_percentile(&all, 100.0 * (1.0 - 1.0 / x)) / 1e3);
    }
    if (err == 0 && all.count > 0) {
        fprintf(out, "%.6g %.3f\n", (double)all.count, (double)all.max / 1e3);
    }
    fprintf(out, "END\n");
    bench_histogram_release(&all);
    return err;
}

static void put_series(FILE *out, size_t number, const struct curve *curve)
{
    for (size_t run = 0; run < curve->run_count; run++) {
        const struct bench_series *series = &curve->runs[run].series;
        double step = (double)series->step_ns / 1e9;
        fprintf(out, "$series%zu_%zu << END\n", number, run);
        for (size_t i = 0; i < series->count; i++) {
            fprintf(out, "%.3f %.3f\n", (double)(i + 1) * step,
                    (double)series->bytes[i] / step / 1e6);
        }
        fprintf(out, "END\n");
    }
}

static void put_plots(FILE *out, const struct curve *curves, size_t count)
{
    size_t drawn = 0;
    for (size_t i = 0; i < count; i++) {
        bool any = false;
        for (size_t run = 0; run < curves[i].run_count; run++) {
            any = any || curves[i].runs[run].latency.count > 0;
        }
        if (any) {
            fprintf(out, "%s $latency%zu using 1:2 with lines lw 2 lc %zu title '%s%s' noenhanced",
                    drawn++ == 0 ? "plot" : ",", i, i + 1, curves[i].what, curves[i].whose);
        }
    }
    fprintf(out, drawn == 0 ? "set yrange [1:10]\nplot 1 notitle\n" : "\n");
    fprintf(out, "unset logscale\nset xtics auto\nset xlabel 's'\nset ylabel 'MB/s'\n"
                 "set yrange [0:*]\nset title 'throughput over time, a line per run'\n");
    drawn = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t run = 0; run < curves[i].run_count; run++) {
            if (curves[i].runs[run].series.count == 0) {
                continue;
            }
            fprintf(out, "%s $series%zu_%zu using 1:2 with lines lc %zu ",
                    drawn++ == 0 ? "plot" : ",", i, run, i + 1);
            if (run == 0) {
                fprintf(out, "title '%s%s' noenhanced", curves[i].what, curves[i].whose);
            } else {
                fprintf(out, "notitle");
            }
        }
    }
    fprintf(out, drawn == 0 ? "set yrange [0:1]\nplot 0 notitle\n" : "\n");
}

static int put_all(FILE *out, const char *path, const struct curve *curves, size_t count)
{
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++) {
        err = put_latency(out, i, &curves[i]);
        put_series(out, i, &curves[i]);
    }
    fprintf(out, "set terminal svg size 900,800 background 'white'\nset output ");
    put_quoted(out, path);
    fprintf(out, "\nset multiplot layout 2,1\nset grid\nset key left top\n"
                 "set title 'latency by percentile'\nset xlabel 'percentile'\nset ylabel 'us'\n"
                 "set logscale xy\nset xtics ('0' 1, '90' 10, '99' 100, '99.9' 1e3, '99.99' 1e4, "
                 "'99.999' 1e5, '99.9999' 1e6, '99.99999' 1e7)\n");
    put_plots(out, curves, count);
    fprintf(out, "unset multiplot\n");
    return err;
}

int bench_plot(const char *path,
               const struct bench_load *loads,
               size_t count,
               struct leat_error **reterr)
{
    struct curve *curves = lt_calloc(count * 2, sizeof(*curves));
    if (curves == NULL) {
        return LEAT_ENOMEM;
    }
    size_t curve_count = 0;
    for (size_t i = 0; i < count; i++) {
        curves[curve_count++] = (struct curve){loads[i].what, "", loads[i].own, loads[i].own_done};
        if (loads[i].peer != NULL) {
            curves[curve_count++] =
                (struct curve){loads[i].what, " (peer)", loads[i].peer, loads[i].peer_done};
        }
    }
    FILE *out = popen("gnuplot", "we");
    int err = out == NULL ? lt_error_set_errno(reterr, LEAT_EIO, errno, "gnuplot")
                          : put_all(out, path, curves, curve_count);
    if (out != NULL && pclose(out) != 0 && err == 0) {
        err = lt_error_set(reterr, LEAT_EIO, "%s: gnuplot could not draw it", path);
    }
    lt_free(curves);
    return err;
}
