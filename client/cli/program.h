/* program.h: the programs that some commands are: leatd, leat-segment, leat-bench.
 *
 * Looked for beside this program, then in the libexec directory, then on the PATH: the client's code never contains the
 * server's. Threads: the main thread. */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

/* Its path in fresh memory (lt_free); the name alone when only the PATH is left. NULL: no memory. */
char *cli_program_path(const char *name);

/* Become it; returns an exit code only when that failed, and has said why. */
int cli_program_run(const char *name, char **argv);

#endif
