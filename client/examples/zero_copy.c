/* zero_copy.c: store a file in pieces of 64 KiB without copying it.   zero_copy TOPIC FILE
 *
 * The file is mapped; leat_send_borrowed sends from the mapping. Every piece is given back exactly once, whatever becomes of
 * it; when all are, the mapping may go. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <leat/leat.h>

#define PIECE 65536

static atomic_long lent; /* pieces that the library still looks at */
static long stored;      /* I/O thread; main reads it after the flush */

static void on_release(const void *value, size_t size, void *arg)
{
    (void)value, (void)size, (void)arg;
    atomic_fetch_sub(&lent, 1);
}

static void on_delivery(const struct leat_delivery *d, void *arg)
{
    (void)arg;
    if (leat_delivery_code(d) == 0) {
        stored++;
    } else {
        fprintf(stderr, "zero_copy: not stored: %s\n", leat_delivery_message(d));
    }
}

static void die(struct leat_error *err)
{
    fprintf(stderr, "zero_copy: %s\n", leat_error_message(err));
    leat_error_free(err);
    exit(1); /* what is open ends with the process */
}

int main(int argc, char **argv)
{
    struct leat_error *err = NULL;
    struct leat_client *client = NULL;
    struct leat_producer *producer = NULL;
    struct leat_record *rec = leat_record_new();
    struct leat_conf *conf = leat_conf_new();
    struct stat info;
    int fd = argc == 3 ? open(argv[2], O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0 || fstat(fd, &info) < 0) {
        fprintf(stderr, "usage: zero_copy TOPIC FILE\n");
        return 2;
    }
    size_t size = (size_t)info.st_size;
    const char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (leat_conf_load_profile(conf, NULL, &err) < 0 || leat_client_new(conf, &client, &err) < 0 ||
        leat_producer_new(client, NULL, &producer, &err) < 0) {
        die(err);
    }
    leat_record_set_topic(rec, argv[1], 0);
    for (size_t at = 0; bytes != MAP_FAILED && at < size; at += PIECE) {
        leat_record_borrow_value(rec, bytes + at, size - at < PIECE ? size - at : PIECE);
        atomic_fetch_add(&lent, 1); /* before the call: it may be given back inside */
        int code = leat_send_borrowed(producer, rec, on_release, on_delivery, NULL);
        if (code < 0) {
            fprintf(stderr, "zero_copy: %s\n", leat_strerror(code));
        }
    }
    int left = leat_producer_flush(producer, 30000);
    printf("%ld stored, %d unanswered, %ld lent\n", stored, left, atomic_load(&lent));
    leat_record_free(rec);
    leat_producer_free(producer);
    leat_client_unref(client);
    leat_conf_free(conf);
    return left == 0 && lent == 0 ? 0 : 1;
}
