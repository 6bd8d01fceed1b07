/* file_faults.h: file_ops that misbehave on purpose, for tests.
 *
 * Wraps the real calls. Counts every call that changes something (open for writing, pwrite, fallocate, ftruncate,
 * fdatasync, fsync, fsync_dir, rename, unlink, mkdir, rmdir) and can, at the n-th:
 *   fail    return `error` with `errnum` in errno (once, or from then on)
 *   crash   _exit(LT_FAULT_EXIT) on the spot, as kill -9 would
 *   cut     as crash, after taking back every byte that no fdatasync or fsync has covered: a power cut on a disk
 *           that lost its whole cache. Renames and new files are kept (a journal committed them): recovery must cope.
 * Threads: any. */
#ifndef LT_FILE_FAULTS_H
#define LT_FILE_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file_ops.h"

#define LT_FAULT_EXIT 77

enum lt_fault_kind { LT_FAULT_NONE = 0, LT_FAULT_FAIL = 1, LT_FAULT_CRASH = 2, LT_FAULT_CUT = 3 };

struct lt_fault_plan {
    enum lt_fault_kind kind;
    int64_t at;              /* the at-th counted call from now on, first is 0; -1 = never */
    int errnum;              /* FAIL: EIO, ENOSPC, ... */
    bool sticky;             /* FAIL: all later counted calls of the same name fail too */
    const char *only_call;   /* count only calls of this name ("pwrite"); NULL = all */
    const char *crash_point; /* CRASH, CUT: at this named point instead of a count; NULL = by count */
};

struct lt_file_faults;

int lt_file_faults_new(struct lt_file_faults **ret_faults);
void lt_file_faults_free(struct lt_file_faults *faults);
const struct lt_file_ops *lt_file_faults_ops(struct lt_file_faults *faults);
void lt_file_faults_plan(struct lt_file_faults *faults, const struct lt_fault_plan *plan);
int64_t lt_file_faults_count(const struct lt_file_faults *faults); /* counted calls so far */
bool lt_file_faults_fired(const struct lt_file_faults *faults);

/* Take back what is not flushed, now, without ending the process (the store must not be used afterwards). */
void lt_file_faults_cut(struct lt_file_faults *faults);

#endif
