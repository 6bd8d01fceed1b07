/* meta_local_check.c: a walk through the trees of an LMDB file. See meta_local_check.h. */
#include "server/meta_local_check.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/os.h"

#define PAGE_HEAD 16
#define NODE_HEAD 8
#define DB_SIZE 48
#define DEPTH_MAX 32
#define NO_PAGE UINT64_MAX

#define META_MAGIC 0xBEEFC0DEU
#define META_SIZE (PAGE_HEAD + 24 + 2 * DB_SIZE + 16)

enum { FLAG_BRANCH = 0x01, FLAG_LEAF = 0x02, FLAG_OVERFLOW = 0x04, FLAG_META = 0x08 };
enum { NODE_BIG = 0x01, NODE_TREE = 0x02, NODE_DUPLICATES = 0x04 };

struct walk {
    int fd;
    uint64_t page_size;
    uint64_t page_count; /* whole pages in the file */
    uint64_t visited;    /* more than there are: a circle */
    struct leat_error **reterr;
    const char *path;
};

static int walk_tree(struct walk *walk, uint64_t page, int depth);

static uint16_t load_16(const uint8_t *at)
{
    uint16_t number;
    memcpy(&number, at, sizeof(number));
    return number;
}

static uint32_t load_32(const uint8_t *at)
{
    uint32_t number;
    memcpy(&number, at, sizeof(number));
    return number;
}

static uint64_t load_64(const uint8_t *at)
{
    uint64_t number;
    memcpy(&number, at, sizeof(number));
    return number;
}

static int corrupt(const struct walk *walk, uint64_t page, const char *what)
{
    return lt_error_set(walk->reterr, LEAT_ECORRUPT, "%s: page %llu: %s", walk->path,
                        (unsigned long long)page, what);
}

/* The page's bytes, in memory that the caller frees. */
static int read_page(struct walk *walk, uint64_t page, uint8_t **ret)
{
    if (page >= walk->page_count || walk->visited++ >= walk->page_count) {
        return corrupt(walk, page,
                       page >= walk->page_count ? "beyond the end of the file" : "reached twice");
    }
    uint8_t *bytes = lt_malloc(walk->page_size);
    size_t got = 0;
    int err = bytes == NULL
                  ? LEAT_ENOMEM
                  : lt_os_pread(walk->fd, bytes, walk->page_size, page * walk->page_size, &got);
    if (err == 0 && got < walk->page_size) {
        err = LEAT_EIO;
    }
    if (err == 0 && load_64(bytes) != page) {
        err = corrupt(walk, page, "has another page's number");
    } else if (err != 0) {
        err = lt_error_set(walk->reterr, err, "%s: page %llu: %s", walk->path,
                           (unsigned long long)page, lt_err_text(err));
    }
    if (err != 0) {
        lt_free(bytes);
        return err;
    }
    *ret = bytes;
    return 0;
}

/* A value that has pages of its own. */
static int check_overflow(struct walk *walk, uint64_t page, uint64_t size)
{
    uint8_t *bytes;
    int err = read_page(walk, page, &bytes);
    if (err != 0) {
        return err;
    }
    bool kind = (load_16(bytes + 10) & FLAG_OVERFLOW) != 0;
    uint64_t pages = load_32(bytes + 12);
    lt_free(bytes);
    if (!kind || pages == 0 || pages > walk->page_count - page ||
        size + PAGE_HEAD > pages * walk->page_size) {
        return corrupt(walk, page, "is no value of that size");
    }
    return 0;
}

/* One node of a leaf, `room` bytes from its start to the end of the page. */
static int
check_leaf_node(struct walk *walk, uint64_t page, const uint8_t *node, size_t room, int depth)
{
    uint64_t size = load_16(node) | (uint64_t)load_16(node + 2) << 16;
    uint16_t flags = load_16(node + 4);
    size_t data = NODE_HEAD + (size_t)load_16(node + 6);
    bool big = (flags & NODE_BIG) != 0;
    if (data > room || (big ? 8 : size) > room - data) {
        return corrupt(walk, page, "a node goes beyond it");
    }
    if ((flags & NODE_DUPLICATES) != 0) {
        return corrupt(walk, page, "has duplicates, which this store never makes");
    }
    if (big) {
        return check_overflow(walk, load_64(node + data), size);
    }
    if ((flags & NODE_TREE) == 0) {
        return 0;
    }
    if (size != DB_SIZE) {
        return corrupt(walk, page, "a database's record has another size");
    }
    uint64_t root = load_64(node + data + 40);
    return root == NO_PAGE ? 0 : walk_tree(walk, root, depth + 1);
}

static int check_nodes(struct walk *walk, uint64_t page, const uint8_t *bytes, int depth)
{
    bool branch = (load_16(bytes + 10) & FLAG_BRANCH) != 0;
    size_t lower = load_16(bytes + 12);
    size_t upper = load_16(bytes + 14);
    if (lower < PAGE_HEAD || lower > upper || upper > walk->page_size || lower % 2 != 0) {
        return corrupt(walk, page, "has impossible bounds");
    }
    size_t count = (lower - PAGE_HEAD) / 2;
    if (branch && count < 2) {
        return corrupt(walk, page, "is a branch with fewer than two children");
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = load_16(bytes + PAGE_HEAD + 2 * i);
        if (at < upper || at + NODE_HEAD > walk->page_size) {
            return corrupt(walk, page, "a node stands outside");
        }
        const uint8_t *node = bytes + at;
        size_t room = walk->page_size - at;
        int err;
        if (!branch) {
            err = check_leaf_node(walk, page, node, room, depth);
        } else if (NODE_HEAD + (size_t)load_16(node + 6) > room) {
            err = corrupt(walk, page, "a key goes beyond it");
        } else {
            uint64_t child = load_16(node) | (uint64_t)load_16(node + 2) << 16 |
                             (uint64_t)load_16(node + 4) << 32;
            err = walk_tree(walk, child, depth + 1);
        }
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int walk_tree(struct walk *walk, uint64_t page, int depth)
{
    uint8_t *bytes;
    if (depth > DEPTH_MAX) {
        return corrupt(walk, page, "lies deeper than any tree");
    }
    int err = read_page(walk, page, &bytes);
    if (err != 0) {
        return err;
    }
    uint16_t kind = load_16(bytes + 10) & (FLAG_BRANCH | FLAG_LEAF | FLAG_OVERFLOW | FLAG_META);
    err = kind == FLAG_BRANCH || kind == FLAG_LEAF
              ? check_nodes(walk, page, bytes, depth)
              : corrupt(walk, page, "is neither branch nor leaf");
    lt_free(bytes);
    return err;
}

/* The newer of the two meta pages that LMDB would take; sets the page size. */
static int read_meta(struct walk *walk, uint64_t file_size, uint8_t ret_meta[META_SIZE])
{
    uint8_t first[META_SIZE];
    size_t got = 0;
    int err = lt_os_pread(walk->fd, first, sizeof(first), 0, &got);
    walk->page_size = err == 0 && got == sizeof(first) ? load_32(first + PAGE_HEAD + 24) : 0;
    bool power_of_two = walk->page_size >= 512 && walk->page_size <= 65536 &&
                        (walk->page_size & (walk->page_size - 1)) == 0;
    if (load_32(first + PAGE_HEAD) != META_MAGIC || !power_of_two ||
        file_size < 2 * walk->page_size) {
        return corrupt(walk, 0, "this is no store of ours");
    }
    walk->page_count = file_size / walk->page_size;
    uint8_t second[META_SIZE];
    err = lt_os_pread(walk->fd, second, sizeof(second), walk->page_size, &got);
    if (err != 0 || got != sizeof(second) || load_32(second + PAGE_HEAD) != META_MAGIC ||
        load_32(second + PAGE_HEAD + 24) != walk->page_size) {
        return corrupt(walk, 1, "this is no store of ours");
    }
    size_t at = PAGE_HEAD + 24 + 2 * DB_SIZE + 8; /* transaction */
    memcpy(ret_meta, load_64(first + at) >= load_64(second + at) ? first : second, META_SIZE);
    return 0;
}

int meta_local_check(const char *path, struct leat_error **reterr)
{
    struct walk walk = {.fd = -1, .reterr = reterr, .path = path};
    uint64_t size = 0;
    int err = lt_os_open(path, O_RDONLY, 0, &walk.fd);
    if (err == LEAT_ENOENT) {
        return 0;
    }
    if (err != 0) {
        return lt_error_set(reterr, err, "%s: %s", path, lt_err_text(err));
    }
    err = lt_os_file_size(walk.fd, &size);
    if (err != 0) {
        err = lt_error_set(reterr, err, "%s: %s", path, lt_err_text(err));
    } else if (size > 0) {
        uint8_t meta[META_SIZE];
        err = read_meta(&walk, size, meta);
        for (size_t i = 0; err == 0 && i < 2; i++) { /* the free list, then the databases */
            uint64_t root = load_64(meta + PAGE_HEAD + 24 + i * DB_SIZE + 40);
            err = root == NO_PAGE ? 0 : walk_tree(&walk, root, 0);
        }
    }
    (void)lt_os_close(walk.fd); /* only read */
    return err;
}
