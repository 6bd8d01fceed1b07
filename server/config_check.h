/* config_check.h: what settings say about each other, and about the machine.
 *
 * Threads: while loading; one at a time. */
#ifndef SRV_CONFIG_CHECK_H
#define SRV_CONFIG_CHECK_H

#include <stdbool.h>

#include "server/config.h"

/* Add a note; `strict` makes warnings errors. The texts are copied. */
void srv_config_note(
    struct srv_config *config, bool error, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Read everything, keep problems as notes. Returns 0 or LEAT_ENOMEM. Blocks: reads files. */
int srv_config_read(const struct srv_config_options *options, struct srv_config **ret_config);

/* Notes about settings that contradict each other. */
void srv_config_cross_check(struct srv_config *config);

#endif
