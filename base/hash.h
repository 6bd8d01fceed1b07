/* hash.h: uthash on lt_malloc.
 *
 * Adding without memory leaves the element out and sets its `hh.tbl` to NULL (uthash's non-fatal mode): check with
 * lt_hash_added. Threads: the caller's lock. */
#ifndef LT_HASH_H
#define LT_HASH_H

#include "base/alloc.h"

#define HASH_NONFATAL_OOM 1
#define uthash_malloc(size) lt_malloc(size)
#define uthash_free(ptr, size) lt_free(ptr)

#include <uthash.h>

#define lt_hash_added(element) ((element)->hh.tbl != NULL)

#endif
