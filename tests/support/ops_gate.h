/* ops_gate.h: file_ops in front of others that watch and hold single calls: how often, on which files, not before the test
 * says so, or (for controls) not at all.
 *
 * Threads: any.  */
#ifndef TEST_OPS_GATE_H
#define TEST_OPS_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/file_ops.h"

struct test_ops_gate {
    struct lt_file_ops ops; /* first: pass &gate.ops */
    const struct lt_file_ops *real;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool closed;             /* fdatasync waits; mutex */
    int waiting;             /* calls of fdatasync that wait; mutex */
    atomic_int syncs;        /* calls of fdatasync that ended */
    atomic_bool skip_sync;   /* fdatasync says 0 and does nothing: the disk lies */
    const char *watched;     /* part of a path; set before threads run */
    atomic_int watched_uses; /* open, unlink, rename, mkdir, rmdir, fsync_dir of such a path */
};

void test_ops_gate_init(struct test_ops_gate *gate, const struct lt_file_ops *real);
void test_ops_gate_release(struct test_ops_gate *gate);

void test_ops_gate_close(struct test_ops_gate *gate);
void test_ops_gate_open(struct test_ops_gate *gate);
void test_ops_gate_wait(struct test_ops_gate *gate); /* until a call of fdatasync waits */

#endif
