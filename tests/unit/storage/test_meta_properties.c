/* The text files that say whom a directory belongs to. */
#include <string.h>

#include "storage/meta_properties.h"
#include "tests/support/test_main.h"

#define CLUSTER "mZWLgxQvSS6bFwpZrWGhKg"
#define DIRECTORY "8dBqRyjhTmSHkWfVWq5lHw"

static struct log_meta_properties meta;

static int parse(const char *text, struct leat_error **reterr)
{
    return log_meta_properties_parse(lt_slice_text(text), "meta", &meta, reterr);
}

/* As a Kafka wrote it: comment lines, the keys in any order. */
START_TEST(kafkas_file_is_read)
{
    ck_assert_int_eq(parse("#\n#Sat Nov 21 10:00:00 UTC 2026\ncluster.id=" CLUSTER
                           "\nversion=1\ndirectory.id=" DIRECTORY "\nnode.id=7\n",
                           NULL),
                     0);
    ck_assert_int_eq(meta.node_id, 7);
    ck_assert_str_eq(meta.cluster_id, CLUSTER);
    ck_assert_str_eq(meta.directory_id, DIRECTORY);
}
END_TEST

/* Written and read again. */
START_TEST(round_trip)
{
    struct log_meta_properties wanted = {
        .node_id = 2147483647, .cluster_id = CLUSTER, .directory_id = DIRECTORY};
    struct lt_buf text;
    lt_buf_init(&text);
    ck_assert_int_eq(log_meta_properties_format(&wanted, &text), 0);
    ck_assert_int_eq(log_meta_properties_parse(lt_buf_slice(&text), "meta", &meta, NULL), 0);
    ck_assert_int_eq(meta.node_id, wanted.node_id);
    ck_assert_str_eq(meta.cluster_id, wanted.cluster_id);
    ck_assert_str_eq(meta.directory_id, wanted.directory_id);
    lt_buf_release(&text);
}
END_TEST

static const struct {
    const char *text;
    int err;
} refused[] = {
    {"", LEAT_ECORRUPT},
    {"version=1\nnode.id=1\n", LEAT_ECORRUPT},
    {"version=1\ncluster.id=" CLUSTER "\n", LEAT_ECORRUPT},
    {"node.id=1\ncluster.id=" CLUSTER "\n", LEAT_ECORRUPT},
    {"version=0\nbroker.id=1\ncluster.id=" CLUSTER "\n", LEAT_EUNSUPPORTED},
    {"version=2\nnode.id=1\ncluster.id=" CLUSTER "\n", LEAT_EUNSUPPORTED},
    {"version=1\nnode.id=x\ncluster.id=" CLUSTER "\n", LEAT_ECORRUPT},
    {"version=1\nnode.id=-1\ncluster.id=" CLUSTER "\n", LEAT_ECORRUPT},
    {"version=1\nnode.id=99999999999\ncluster.id=" CLUSTER "\n", LEAT_ECORRUPT},
    {"version=1\nnode.id=1\ncluster.id=short\n", LEAT_ECORRUPT},
    {"version=1\nnode.id=1\nnode.id=2\ncluster.id=" CLUSTER "\n", LEAT_ECORRUPT},
    {"version=1\nnode.id=1\ncluster.id=" CLUSTER "\nnonsense\n", LEAT_ECORRUPT},
    {"\x7f"
     "ELF\x01\n\xff\xfe\n",
     LEAT_ECORRUPT},
};

/* What is not such a file is refused with its name. */
START_TEST(foreign_and_damaged_files_are_refused)
{
    struct leat_error *error = NULL;
    ck_assert_int_eq(parse(refused[_i].text, &error), refused[_i].err);
    ck_assert_int_eq(strncmp(lt_error_message(error), "meta: ", 6), 0);
    lt_error_free(error);
}
END_TEST

/* partition.metadata, as Kafka writes it, round trip and damage. */
START_TEST(partition_metadata)
{
    struct proto_uuid id;
    struct proto_uuid seen;
    ck_assert_int_eq(proto_uuid_random(&id), 0);
    struct lt_buf text;
    lt_buf_init(&text);
    ck_assert_int_eq(log_partition_metadata_format(id, &text), 0);
    ck_assert_int_eq(log_partition_metadata_parse(lt_buf_slice(&text), "m", &seen, NULL), 0);
    ck_assert(proto_uuid_equal(id, seen));
    for (size_t size = 0; size + 1 < text.size; size++) {
        ck_assert_int_eq(log_partition_metadata_parse(lt_slice(text.data, size), "m", &seen, NULL),
                         LEAT_ECORRUPT);
    }
    lt_buf_release(&text);
    const char *other = "version: 1\ntopic_id: " CLUSTER "\n";
    ck_assert_int_eq(log_partition_metadata_parse(lt_slice_text(other), "m", &seen, NULL),
                     LEAT_EUNSUPPORTED);
    const char *zero = "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA\n";
    ck_assert_int_eq(log_partition_metadata_parse(lt_slice_text(zero), "m", &seen, NULL),
                     LEAT_ECORRUPT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("meta_properties");
    TCase *tcase = tcase_create("meta_properties");
    tcase_add_test(tcase, kafkas_file_is_read);
    tcase_add_test(tcase, round_trip);
    tcase_add_loop_test(tcase, foreign_and_damaged_files_are_refused, 0,
                        (int)(sizeof(refused) / sizeof(refused[0])));
    tcase_add_test(tcase, partition_metadata);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
