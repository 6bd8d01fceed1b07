/* file_faults.h: file_ops that misbehave on purpose, for tests.
 *
 * Wraps the real calls. Counts every call that changes something (open for writing, pwrite, fallocate, ftruncate, fdatasync,
 * fsync, fsync_dir, rename, unlink, mkdir, rmdir) and can, at the n-th, instead of making it:
 *
 *   fail   return the code of `errnum`, with `errnum` in errno; once, or from then on
 *   crash  _exit(LT_FAULT_EXIT) on the spot, as kill -9 would
 *   cut    as crash, after taking back every byte that no fdatasync or fsync has covered: a power cut on a disk that lost its
 *          whole cache. Renames and new files are kept (a journal committed them): recovery must cope
 *
 * For the cut an undo record is kept for every change of content or size (pwrite, fallocate,
 * ftruncate, open with O_TRUNC), by device and inode, so all descriptors of one file share them. A
 * successful fdatasync or fsync drops the records of that file that are older than its start; one
 * that fails drops none. The records live in memory: a test that never flushes pays with as much
 * memory as it overwrites.
 *
 * Threads: any. Changes of content are serialized, flushes run in parallel. Blocks: as the system
 * call does. */
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
    const char *crash_point; /* CRASH, CUT: at the at-th passing of this named point (first is 0);
                                NULL = by count */
};

struct lt_file_faults;

/* A new wrapper with no plan; freed with lt_file_faults_free. LEAT_ENOMEM. */
int lt_file_faults_new(struct lt_file_faults **ret_faults);
void lt_file_faults_free(struct lt_file_faults *faults); /* NULL is accepted; changes no file */

/* The table to hand to the code under test; lives as long as `faults`. */
const struct lt_file_ops *lt_file_faults_ops(struct lt_file_faults *faults);

/* Replace the plan and start counting at 0. The struct is copied; its strings must stay valid until
 * the next plan. */
void lt_file_faults_plan(struct lt_file_faults *faults, const struct lt_fault_plan *plan);

/* Counted calls since the last plan (those of `only_call`, if it names one), refused ones included.
 */
int64_t lt_file_faults_count(struct lt_file_faults *faults);

/* Whether the plan has come true. A fault loop ends when it stays false. */
bool lt_file_faults_fired(struct lt_file_faults *faults);

/* Take back what is not flushed, now, without ending the process. From then on until the next plan
 * every counted call fails with EIO and changes nothing, so that the owner of the files can still
 * be freed. */
void lt_file_faults_cut(struct lt_file_faults *faults);

#endif
