/* assert.h: what this program has proved about itself, checked.
 *
 * LT_ASSERT stays on in release builds. LT_DASSERT is for loops over records and whole structures:
 * debug builds only. Bytes from a socket, a disk, a directory listing or a configuration are never
 * asserted: they are checked and LT_CORRUPT names the place that saw the damage first. No side
 * effects inside. Threads: any. A failed assertion prints to stderr and aborts. */
#ifndef LT_ASSERT_H
#define LT_ASSERT_H

#include "leat/err.h"

#define LT_ASSERT(cond) \
    (__builtin_expect(!!(cond), 1) ? (void)0 : lt_assert_fail(#cond, __FILE__, __LINE__))

#ifdef LT_DEBUG
#define LT_DASSERT(cond) LT_ASSERT(cond)
#else
#define LT_DASSERT(cond) ((void)sizeof(!!(cond)))
#endif

/* Evaluates to LEAT_ECORRUPT and remembers file and line for the diagnosis (lt_corrupt_last). */
#define LT_CORRUPT() (lt_corrupt_at(__FILE__, __LINE__), LEAT_ECORRUPT)

_Noreturn void lt_assert_fail(const char *cond, const char *file, int line);
void lt_corrupt_at(const char *file, int line);

/* Where this thread last saw corrupt data, as "file:line"; "" if never. Valid until this thread's
 * next LT_CORRUPT. */
const char *lt_corrupt_last(void);

#endif
