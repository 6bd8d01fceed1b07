/* error_map.h: the one crossing from leat's codes to the codes that travel on the wire.
 *
 * Threads: any; no state. */
#ifndef SRV_ERROR_MAP_H
#define SRV_ERROR_MAP_H

#include <stdint.h>

/* The wire code (proto/errors.h) for 0, a LEAT_E code or LEAT_BROKER_ERROR(wire code), in the words of Produce, Fetch and the other
 * requests about partitions: LEAT_ENOENT is UNKNOWN_TOPIC_OR_PARTITION, LEAT_E2BIG MESSAGE_TOO_LARGE, disk trouble of any kind
 * KAFKA_STORAGE_ERROR. Where an API has another word for the same thing, its handler says so with LEAT_BROKER_ERROR.
 * Codes that no request should meet become UNKNOWN_SERVER_ERROR. */
int16_t srv_wire_error(int code);

#endif
