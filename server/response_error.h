/* response_error.h: the first error that an answer carries, for the metrics.
 *
 * Threads: any; no state. */
#ifndef SRV_RESPONSE_ERROR_H
#define SRV_RESPONSE_ERROR_H

#include <stdint.h>

/* `response` is the struct proto_x_response of that API. 0: no error in it. */
int16_t srv_response_error(int16_t api_key, const void *response);

#endif
