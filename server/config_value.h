/* config_value.h: checks of single values that the table's rows point to (parsing itself: srv_config_parse in
 * config_table.h).
 *
 * Each returns NULL when the text is fine, else what is wrong, as a constant sentence.
 * Threads: any; no state. */
#ifndef SRV_CONFIG_VALUE_H
#define SRV_CONFIG_VALUE_H

const char *srv_check_gzip_level(const char *text); /* -1 or 1 to 9 */
const char *srv_check_replicas(const char *text);   /* "*", "" or partition:broker,... */
const char *srv_check_no_remote(const char *text);  /* only "false" */

#endif
