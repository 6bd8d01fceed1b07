/* speed.h: what the two speed programs share: the records, the clock of the process, the line of the result.
 *
 *   leat_speed|rdkafka_speed produce|consume|queue ADDRESS TOPIC COUNT SIZE CODEC
 *
 * produce sends COUNT records and waits until all are answered; consume reads COUNT records of partition 0 from its start;
 * queue hands COUNT records over while the broker does not answer, to show what they take in memory. Prints one line of JSON.
 * Threads: one. */
#ifndef BENCH_LIBRDKAFKA_SPEED_H
#define BENCH_LIBRDKAFKA_SPEED_H

#include <stddef.h>
#include <stdint.h>

#define SPEED_RECORDS 1024 /* different values; after these they repeat */

struct speed_options {
    const char *work;
    const char *address;
    const char *topic;
    long count;
    size_t size;
    const char *codec;
};

/* Exits with a usage text if the words are not as above. */
struct speed_options speed_parse(int argc, char **argv);

/* Value i: text like a line of JSON, `size` bytes; the same in both programs. The memory is kept by the program until it ends. */
char *speed_value(const struct speed_options *options, long i);

/* Begin to count time and CPU. */
void speed_begin(void);

/* Print the figures since speed_begin, of `count` records. `check` is a sum that shows that the records were looked at. */
void speed_end(long count, unsigned long check);

/* queue: print what there is before, and wait for a line: the broker is stopped meanwhile. */
void speed_pause(void);

/* Print "speed: WHAT" and exit with 1. */
void speed_die(const char *what);

#endif
