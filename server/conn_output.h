/* conn_output.h: a connection's way out: responses to bytes, bytes to the socket.
 *
 * A response is encoded straight into the output evbuffer. Records that stand in files (holes of the writer whose
 * `external` is a struct log_extent) are put between as file segments and leave by sendfile; each holds its extent until
 * it is sent or the connection closes.
 * Threads: the connection's loop. Blocks: no; sendfile of bytes that are not resident would, so Fetch loads them first. */
#ifndef SRV_CONN_OUTPUT_H
#define SRV_CONN_OUTPUT_H

#include <stdbool.h>

struct srv_conn;

/* Unsent bytes above which no further request of the connection starts. */
#define SRV_OUTPUT_BYTES_MAX (16U * 1024 * 1024)
/* Memory that one run sent from a file takes while it waits in the output: libevent's two buffers and segment, our hold. */
#define SRV_EXTENT_COST 2560

/* LEAT_ENOMEM: call release nevertheless. */
int srv_conn_output_init(struct srv_conn *conn);
void srv_conn_output_release(struct srv_conn *conn);

/* Move answered requests from the head of the list into the output, and free them. May close the connection. */
void srv_conn_output_emit(struct srv_conn *conn);

/* Send at the end of this turn. */
void srv_conn_output_mark(struct srv_conn *conn);

/* Send now what the socket takes; the rest follows when it is writable. May close the connection. */
void srv_conn_output_send(struct srv_conn *conn);

/* Does the peer keep up with its answers? */
bool srv_conn_output_has_room(const struct srv_conn *conn);

#endif
