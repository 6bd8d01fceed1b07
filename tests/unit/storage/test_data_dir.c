/* A data directory as a place: whose it is, who has it, what lies in it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file_faults.h"
#include "storage/data_dir.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_main.h"

#define CLUSTER "mZWLgxQvSS6bFwpZrWGhKg"

static struct test_dir dir;
static struct log_data_dir data;
static struct leat_error *error;

static void setup(void)
{
    test_dir_init(&dir);
    data = (struct log_data_dir){.lock_fd = -1};
    error = NULL;
}

static void teardown(void)
{
    lt_error_free(error);
    log_data_dir_release(&data);
    test_dir_release(&dir);
}

static int open_dir(const char *name, int32_t node_id)
{
    return log_data_dir_open(lt_file_ops_real(), test_dir_path(&dir, name), node_id, &data, &error);
}

static void write_text(const char *name, const char *text)
{
    test_file_write(test_dir_path(&dir, name), text, strlen(text));
}

static bool message_has(const char *text)
{
    return strstr(lt_error_message(error), text) != NULL;
}

/* A missing directory is made, with the ones above it, and is fresh until it has its identity. */
START_TEST(missing_directory_is_made)
{
    ck_assert_int_eq(open_dir("a/b/c", 1), 0);
    ck_assert(data.fresh);
    ck_assert_int_eq(log_data_dir_identify(&data, CLUSTER, 1, NULL), 0);
    char directory_id[PROTO_UUID_TEXT_SIZE];
    memcpy(directory_id, data.directory_id, sizeof(directory_id));
    log_data_dir_release(&data);
    ck_assert_int_eq(open_dir("a/b/c", 1), 0);
    ck_assert(!data.fresh);
    ck_assert_str_eq(data.cluster_id, CLUSTER);
    ck_assert_str_eq(data.directory_id, directory_id);
}
END_TEST

/* The second opener is told who has it, in the same process as in another one. */
START_TEST(second_open_names_the_owner)
{
    ck_assert_int_eq(open_dir("d", 1), 0);
    struct log_data_dir second;
    char pid[32];
    (void)snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    ck_assert_int_eq(
        log_data_dir_open(lt_file_ops_real(), test_dir_path(&dir, "d"), 1, &second, &error),
        LEAT_ELOCKED);
    ck_assert(message_has(pid));
    pid_t child = fork();
    if (child == 0) {
        int err = log_data_dir_open(lt_file_ops_real(), test_dir_path(&dir, "d"), 1, &second, NULL);
        _exit(err == LEAT_ELOCKED ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

/* The lock goes with its process, even one that was killed. */
START_TEST(lock_of_a_killed_process_is_free)
{
    int pipe_fds[2];
    ck_assert_int_eq(pipe(pipe_fds), 0);
    pid_t child = fork();
    if (child == 0) {
        struct log_data_dir mine;
        char ok =
            log_data_dir_open(lt_file_ops_real(), test_dir_path(&dir, "d"), 1, &mine, NULL) == 0
                ? 'y'
                : 'n';
        (void)!write(pipe_fds[1], &ok, 1);
        pause();
        _exit(1);
    }
    char ok = '?';
    ck_assert_int_eq(read(pipe_fds[0], &ok, 1), 1);
    ck_assert_int_eq(ok, 'y');
    ck_assert_int_eq(open_dir("d", 1), LEAT_ELOCKED);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_int_eq(close(pipe_fds[0]), 0);
    ck_assert_int_eq(close(pipe_fds[1]), 0);
    ck_assert_int_eq(open_dir("d", 1), 0);
}
END_TEST

/* A directory with something in it that is not ours (a missing mount looks like that) is refused and left as it is. */
START_TEST(foreign_directory_is_refused)
{
    ck_assert_int_eq(mkdir(test_dir_path(&dir, "d"), 0755), 0);
    write_text("d/photo.jpg", "x");
    ck_assert_int_eq(open_dir("d", 1), LEAT_EMISMATCH);
    ck_assert(message_has("meta.properties"));
    ck_assert_int_eq(test_file_size(test_dir_path(&dir, "d/meta.properties")), -1);
}
END_TEST

/* What mkfs puts into a new file system does not count. */
START_TEST(lost_and_found_counts_as_empty)
{
    ck_assert_int_eq(mkdir(test_dir_path(&dir, "d"), 0755), 0);
    ck_assert_int_eq(mkdir(test_dir_path(&dir, "d/lost+found"), 0700), 0);
    ck_assert_int_eq(open_dir("d", 1), 0);
    ck_assert(data.fresh);
}
END_TEST

/* Another node's directory. */
START_TEST(other_node_is_refused)
{
    ck_assert_int_eq(open_dir("d", 1), 0);
    ck_assert_int_eq(log_data_dir_identify(&data, CLUSTER, 1, NULL), 0);
    log_data_dir_release(&data);
    ck_assert_int_eq(open_dir("d", 2), LEAT_EMISMATCH);
    ck_assert(message_has("node.id=1"));
    ck_assert(message_has("node.id=2"));
}
END_TEST

/* A damaged meta.properties names its path. */
START_TEST(damaged_identity_is_refused)
{
    ck_assert_int_eq(mkdir(test_dir_path(&dir, "d"), 0755), 0);
    write_text("d/meta.properties", "version=1\nnode.id=1\ncluster.i");
    ck_assert_int_eq(open_dir("d", 1), LEAT_ECORRUPT);
    ck_assert(message_has("d/meta.properties: line 3"));
}
END_TEST

/* A file where the directory should be. */
START_TEST(file_in_its_place_is_refused)
{
    write_text("d", "x");
    ck_assert_int_eq(open_dir("d", 1), LEAT_EIO);
    ck_assert(message_has("not a directory"));
}
END_TEST

/* A read-only file system says so, with the path. */
START_TEST(read_only_directory_is_refused)
{
    struct lt_file_faults *faults;
    ck_assert_int_eq(mkdir(test_dir_path(&dir, "d"), 0755), 0);
    ck_assert_int_eq(lt_file_faults_new(&faults), 0);
    lt_file_faults_plan(
        faults,
        &(struct lt_fault_plan){.kind = LT_FAULT_FAIL, .at = 0, .errnum = EROFS, .sticky = true});
    ck_assert_int_eq(
        log_data_dir_open(lt_file_faults_ops(faults), test_dir_path(&dir, "d"), 1, &data, &error),
        LEAT_EREADONLY);
    ck_assert(message_has("d/.lock"));
    lt_file_faults_free(faults);
}
END_TEST

/* The marker is seen once: removed, and synced away, before anything is loaded. */
START_TEST(clean_marker_is_removed)
{
    ck_assert_int_eq(open_dir("d", 1), 0);
    ck_assert_int_eq(log_data_dir_write_marker(&data, NULL), 0);
    ck_assert_int_gt(test_file_size(test_dir_path(&dir, "d/.kafka_cleanshutdown")), 0);
    ck_assert_int_eq(log_data_dir_remove_marker(&data, NULL), 0);
    ck_assert(data.clean);
    ck_assert_int_eq(test_file_size(test_dir_path(&dir, "d/.kafka_cleanshutdown")), -1);
    ck_assert_int_eq(log_data_dir_remove_marker(&data, NULL), 0);
    ck_assert(!data.clean);
}
END_TEST

/* Partition directories are found by name; other names are not taken for one. */
START_TEST(listing_knows_partitions)
{
    static const char *const names[] = {
        "d/orders-0",  "d/a-b.c_d-12",      "d/meta",          "d/orders-x", "d/-1",
        "d/orders-01", "d/t-0.0123-delete", "d/big-2147483648"};
    ck_assert_int_eq(open_dir("d", 1), 0);
    ck_assert_int_eq(log_data_dir_identify(&data, CLUSTER, 1, NULL), 0);
    log_data_dir_release(&data);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ck_assert_int_eq(mkdir(test_dir_path(&dir, names[i]), 0755), 0);
    }
    write_text("d/file-0", "a file, no directory");
    ck_assert_int_eq(open_dir("d", 1), 0);
    ck_assert_uint_eq(data.entry_count, 3);
    const struct log_dir_entry *entry = log_data_dir_find(&data, "a-b.c_d-12");
    ck_assert_ptr_nonnull(entry);
    ck_assert_str_eq(entry->topic, "a-b.c_d");
    ck_assert_int_eq(entry->partition, 12);
    ck_assert(!entry->deleting);
    entry = log_data_dir_find(&data, "t-0.0123-delete");
    ck_assert_ptr_nonnull(entry);
    ck_assert(entry->deleting);
    ck_assert_ptr_null(log_data_dir_find(&data, "file-0"));
}
END_TEST

/* Removal cut short at any call: the directory still says whose it is, or is empty, or gone; going on finishes it. */
START_TEST(removal_can_be_cut_short)
{
    int err = LEAT_EIO;
    for (int64_t n = 0; err < 0; n++) {
        ck_assert_int_lt(n, 20);
        const char *path = test_dir_path(&dir, "t-0.1-delete");
        ck_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
        write_text("t-0.1-delete/00000000000000000000.log", "x");
        write_text("t-0.1-delete/00000000000000000000.index", "x");
        write_text("t-0.1-delete/partition.metadata", "version: 0\n");
        struct lt_file_faults *faults;
        ck_assert_int_eq(lt_file_faults_new(&faults), 0);
        lt_file_faults_plan(
            faults,
            &(struct lt_fault_plan){.kind = LT_FAULT_FAIL, .at = n, .errnum = EIO, .sticky = true});
        err = log_data_dir_remove_tree(lt_file_faults_ops(faults), dir.path, path, NULL);
        lt_file_faults_free(faults);
        bool named = test_file_size(test_dir_path(&dir, "t-0.1-delete/partition.metadata")) > 0;
        bool has_log =
            test_file_size(test_dir_path(&dir, "t-0.1-delete/00000000000000000000.log")) >= 0;
        ck_assert(named || !has_log);
    }
    ck_assert_int_eq(test_file_size(test_dir_path(&dir, "t-0.1-delete")), -1);
    ck_assert_int_eq(log_data_dir_remove_tree(lt_file_ops_real(), dir.path,
                                              test_dir_path(&dir, "t-0.1-delete"), NULL),
                     0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data_dir");
    TCase *tcase = tcase_create("data_dir");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, missing_directory_is_made);
    tcase_add_test(tcase, second_open_names_the_owner);
    tcase_add_test(tcase, lock_of_a_killed_process_is_free);
    tcase_add_test(tcase, foreign_directory_is_refused);
    tcase_add_test(tcase, lost_and_found_counts_as_empty);
    tcase_add_test(tcase, other_node_is_refused);
    tcase_add_test(tcase, damaged_identity_is_refused);
    tcase_add_test(tcase, file_in_its_place_is_refused);
    tcase_add_test(tcase, read_only_directory_is_refused);
    tcase_add_test(tcase, clean_marker_is_removed);
    tcase_add_test(tcase, listing_knows_partitions);
    tcase_add_test(tcase, removal_can_be_cut_short);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
