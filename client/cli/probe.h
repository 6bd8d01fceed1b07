/* probe.h: what answers at an address: one connection, one ApiVersions request, a look at the first bytes that come back.
 *
 * For leat doctor, which has to tell apart what a client only sees as "no answer". No TLS. Threads: the main thread. Blocks: name
 * resolution, and at most the time given for each of connecting and answering. */
#ifndef CLI_PROBE_H
#define CLI_PROBE_H

#include <stdbool.h>

enum cli_probe_outcome {
    CLI_PROBE_OK = 0,
    CLI_PROBE_UNRESOLVED = 1,  /* no such name */
    CLI_PROBE_REFUSED = 2,     /* nobody listens, or no way there */
    CLI_PROBE_NO_ROUTE = 3,    /* the connection was not made in time */
    CLI_PROBE_SILENT = 4,      /* accepted, never answered */
    CLI_PROBE_CLOSED = 5,      /* accepted and closed without an answer */
    CLI_PROBE_TLS = 6,         /* a TLS alert */
    CLI_PROBE_HTTP = 7,        /* a web server */
    CLI_PROBE_OTHER = 8,       /* bytes of some other protocol */
    CLI_PROBE_BAD_ADDRESS = 9, /* not HOST:PORT */
};

struct cli_probe {
    enum cli_probe_outcome outcome;
    double ms;        /* connect and answer */
    char address[64]; /* what the name resolved to, "" if not */
    char reason[128]; /* the system's words, "" if none */
    bool loopback;    /* the address is this machine's */
    int port;
};

/* "host:9092", "[::1]:9092", "host" (9092). */
void cli_probe_run(const char *text, int timeout_ms, struct cli_probe *ret);

#endif
