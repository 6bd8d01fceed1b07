/* config_value.h: checks of single values that the table's rows point to (parsing itself: srv_config_parse in
 * config_table.h).
 *
 * Each returns 0 when the text is fine, else LEAT_ECONFIG with Kafka's sentence.
 * Threads: any; no state. */
#ifndef SRV_CONFIG_VALUE_H
#define SRV_CONFIG_VALUE_H

#include "server/config_table.h"

/* -1 or 1 to 9. */
int srv_check_gzip_level(const struct srv_config_row *row,
                         const char *text,
                         struct leat_error **reterr);
/* "*", "" or partition:broker,... */
int srv_check_replicas(const struct srv_config_row *row,
                       const char *text,
                       struct leat_error **reterr);
/* Only "false". */
int srv_check_no_remote(const struct srv_config_row *row,
                        const char *text,
                        struct leat_error **reterr);

#endif
