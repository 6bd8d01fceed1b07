/* assert.c: how a failed assertion ends the process, and where corrupt data was seen. */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

/* File names come from __FILE__ and live for ever, so the place can be kept as pointer and number
 * until asked for. */
static _Thread_local const char *corrupt_file;
static _Thread_local int corrupt_line;
static _Thread_local char corrupt_text[256];

void lt_assert_fail(const char *cond, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, cond); /* about to abort */
    abort();
}

void lt_corrupt_at(const char *file, int line)
{
    corrupt_file = file;
    corrupt_line = line;
}

const char *lt_corrupt_last(void)
{
    if (corrupt_file == NULL) {
        return "";
    }
    /* A path too long for the buffer is cut; the text is for people. */
    (void)snprintf(corrupt_text, sizeof(corrupt_text), "%s:%d", corrupt_file, corrupt_line);
    return corrupt_text;
}
