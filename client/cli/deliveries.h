/* deliveries.h: what became of the records that leat produce sent: each is stored, or counted as not acknowledged with its
 * number in the input and the reason of the first few.
 *
 * One per program, since deliveries may come until its end. Threads: deliveries on the library's thread, the rest on the
 * main thread. */
#ifndef CLI_DELIVERIES_H
#define CLI_DELIVERIES_H

#include <stdint.h>

#include "leat/leat.h"

#define CLI_DELIVERIES_NAMED_MAX 5 /* failures that are told one by one */

/* The delivery callback: `arg` is the record's number in the input, from cli_deliveries_number. */
void cli_deliveries_delivery(const struct leat_delivery *d, void *arg);
void *cli_deliveries_number(int64_t number);

/* A record that was not even taken into the queue. */
void cli_deliveries_refused(int64_t number, int code, const char *message);

int64_t cli_deliveries_stored(void);
int64_t cli_deliveries_failed(void);

int cli_deliveries_code(void); /* of the first failure; 0 = none */

/* Where record number 1 went: partition and offset, -1 = not stored. */
void cli_deliveries_first(int32_t *ret_partition, int64_t *ret_offset);

/* Wait until `sent` records are stored or failed, at most so long. */
void cli_deliveries_wait(int64_t sent, int64_t timeout_ms);

/* The failures on stderr: how many of how many, then the first of them. `unit` is "line" or "record". */
void cli_deliveries_tell(const char *topic, const char *unit, int64_t sent);

#endif
