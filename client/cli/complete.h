/* complete.h: what may follow the words of a command line that is being typed.
 *
 * Threads: the main thread. Blocks: for topic names a broker is asked, at most half a second each for connection and answer. */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include <stddef.h>

/* Print the candidates for the last of the words (those after "leat", the last one as far as it is typed, perhaps ""), one
 * per line: CANDIDATE TAB DESCRIPTION. A line ":files" asks the shell for names of files, ":nospace" for no blank behind
 * the candidate. */
void cli_complete(const char *const *words, size_t count);

#endif
