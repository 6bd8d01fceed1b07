/* cold.c: see cold.h. */
#include "bench/cold.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/os.h"
#include "bench/client.h"
#include "leat/leat.h"

#define ADMIN_MS 10000

struct pages {
    int64_t total;
    int64_t resident; /* still */
    int files;
};

/* The value of log.dirs of the broker that was reached; NULL with an error set. */
static char *log_dirs(struct leat_client *client, struct leat_error **reterr)
{
    struct leat_result *rows = NULL;
    char resource[32];
    char *dirs = NULL;
    int err = leat_describe_cluster(client, ADMIN_MS, &rows, reterr);
    if (err == 0) {
        (void)snprintf(resource, sizeof(resource), "broker:%lld",
                       (long long)leat_result_int(rows, 0, "id"));
        leat_result_free(rows);
        rows = NULL;
        err = leat_get_configs(client, resource, ADMIN_MS, &rows, reterr);
    }
    for (size_t i = 0; err == 0 && i < leat_result_count(rows); i++) {
        const char *name = leat_result_str(rows, i, "name");
        const char *value = leat_result_str(rows, i, "value");
        bool wanted = name != NULL && (strcmp(name, "log.dirs") == 0 ||
                                       (strcmp(name, "log.dir") == 0 && dirs == NULL));
        if (wanted && value != NULL && value[0] != '\0') {
            lt_free(dirs);
            dirs = lt_strdup(value);
        }
    }
    leat_result_free(rows);
    if (err == 0 && dirs == NULL) {
        (void)lt_error_set(
            reterr, LEAT_ENOENT,
            "--cold: the broker does not tell its log.dirs"); /* the caller sees NULL */
    }
    return dirs;
}

static int count_pages(int fd, uint64_t size, struct pages *pages)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t count = ((size_t)size + page - 1) / page;
    const uint8_t *map;
    if (size == 0) {
        return 0;
    }
    unsigned char *there = lt_malloc(count);
    int err = there == NULL ? LEAT_ENOMEM : lt_os_mmap(fd, (size_t)size, &map);
    if (err == 0) {
        if (mincore((void *)(uintptr_t)map, (size_t)size, there) != 0) {
            err = lt_err_from_errno(errno);
        }
        lt_os_munmap(map, (size_t)size);
    }
    for (size_t i = 0; err == 0 && i < count; i++) {
        pages->resident += there[i] & 1;
    }
    pages->total += (int64_t)count;
    lt_free(there);
    return err;
}

static int drop_file(const char *path, struct pages *pages)
{
    int fd;
    uint64_t size = 0;
    int err = lt_os_open(path, O_RDONLY, 0, &fd);
    if (err != 0) {
        return err;
    }
    err = lt_os_fdatasync(fd); /* dirty pages cannot be dropped */
    if (err == 0) {
        err = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0 ? 0 : LEAT_EIO;
    }
    if (err == 0) {
        err = lt_os_file_size(fd, &size);
    }
    if (err == 0) {
        err = count_pages(fd, size, pages);
    }
    (void)lt_os_close(fd); /* was only read */
    pages->files++;
    return err;
}

static int drop_partition(const char *path, struct pages *pages)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    int err = 0;
    while (dir != NULL && err == 0 && (entry = readdir(dir)) != NULL) {
        size_t size = strlen(entry->d_name);
        if (size > 4 && strcmp(entry->d_name + size - 4, ".log") == 0) {
            char *file = lt_asprintf("%s/%s", path, entry->d_name);
            err = file == NULL ? LEAT_ENOMEM : drop_file(file, pages);
            lt_free(file);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir); /* was only read */
    }
    return err;
}

int bench_cold(const struct bench_options *options,
               const char *address,
               int partitions,
               int *ret_percent,
               struct leat_error **reterr)
{
    struct leat_client *client = NULL;
    struct pages pages = {0, 0, 0};
    int err = bench_client_open(options, address, false, &client, reterr);
    char *dirs = err == 0 ? log_dirs(client, reterr) : NULL;
    leat_client_unref(client);
    if (dirs == NULL) {
        return err != 0 ? err : LEAT_ENOENT;
    }
    char *rest = NULL;
    for (char *dir = strtok_r(dirs, ",", &rest); dir != NULL && err == 0;
         dir = strtok_r(NULL, ",", &rest)) {
        for (int p = 0; p < partitions && err == 0; p++) {
            char *path = lt_asprintf("%s/%s-%d", dir, options->topic, p);
            err = path == NULL ? LEAT_ENOMEM : drop_partition(path, &pages);
            if (err != 0) {
                (void)lt_error_set_errno(reterr, err, errno, "--cold: %s",
                                         path == NULL ? dir : path); /* err is what counts */
            }
            lt_free(path);
        }
    }
    if (err == 0 && pages.files == 0) {
        err = lt_error_set(reterr, LEAT_ENOENT,
                           "--cold: no log files of '%s' under the log.dirs of %s here; the broker "
                           "must run on this machine",
                           options->topic, address);
    }
    lt_free(dirs);
    if (err == 0) {
        int64_t dropped = pages.total - pages.resident;
        *ret_percent = pages.total == 0 ? 100 : (int)(dropped * 100 / pages.total);
    }
    return err;
}
