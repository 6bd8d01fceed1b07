/* map_guard.h: reading a file through a map, with I/O errors as return codes instead of a dead process.
 *
 * A load from a mapped page that the disk cannot deliver (or that lies behind the end of the file) raises SIGBUS. Inside
 * log_map_guard such a fault in one of the given maps ends the guarded function and becomes LEAT_EIO. Faults elsewhere go to the
 * handler that was there before.
 *
 * Global state: the SIGBUS handler of the process, installed once. Threads: any; guards may be nested. */
#ifndef LOG_MAP_GUARD_H
#define LOG_MAP_GUARD_H

#include <stddef.h>
#include <stdint.h>

struct log_guard_range {
    const uint8_t *map; /* NULL with size 0: nothing */
    size_t size;        /* bytes */
};

/* Run fn(arg); return what it returns, or LEAT_EIO if a load from one of the ranges faulted. fn may be left in the middle:
 * it must not take locks, allocate or change state that somebody else reads. Blocks: for page faults. */
int log_map_guard(const struct log_guard_range *ranges,
                  size_t count,
                  int (*fn)(void *arg),
                  void *arg);

#endif
