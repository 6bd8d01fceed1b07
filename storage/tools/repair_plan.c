/* repair_plan.c: see repair_plan.h. One walk over all segments; the state is the offset that must come next. */
#include "storage/tools/repair_plan.h"

#include <inttypes.h>
#include <string.h>

#include "storage/tools/batch_walk.h"
#include "storage/tools/file_view.h"

struct finder {
    const struct log_repair_options *options;
    struct log_repair_plan *plan;
    const struct log_file *logs; /* .log files in order */
    size_t log_count;
    size_t i;         /* the one that is walked */
    int64_t expected; /* offset that must come next */
    int32_t epoch;    /* of the last sound batch; 0 before the first */
    bool open;        /* skip: inside the damage */
    bool found;
};

static int walk_log(struct finder *finder, struct leat_error **reterr);

static const char *name_of(const struct finder *finder)
{
    const char *path = finder->logs[finder->i].path;
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static int nothing_found(const struct finder *finder, struct leat_error **reterr)
{
    if (finder->open) {
        return lt_error_set(reterr, LEAT_ERANGE,
                            "no sound batch follows the damage at offset %" PRId64
                            ": it is the end of the log; use --truncate-at %" PRId64,
                            finder->plan->first_offset, finder->plan->first_offset);
    }
    return lt_error_set(reterr, LEAT_ERANGE,
                        "the log ends at offset %" PRId64 ": there is nothing at %" PRId64,
                        finder->expected, finder->options->offset);
}

int log_repair_find(const struct log_files *files,
                    const struct log_repair_options *options,
                    struct log_repair_plan *ret,
                    struct leat_error **reterr)
{
    struct finder finder = {.options = options, .plan = ret};
    memset(ret, 0, sizeof(*ret));
    finder.logs = files->items;
    finder.log_count = files->count;
    if (finder.log_count == 0) {
        return lt_error_set(reterr, LEAT_ENAME, "there is no .log file");
    }
    finder.expected = finder.logs[0].base_offset;
    if (options->offset < finder.expected) {
        return lt_error_set(reterr, LEAT_ERANGE,
                            "the log begins at offset %" PRId64 ": there is nothing at %" PRId64,
                            finder.expected, options->offset);
    }
    for (; finder.i < finder.log_count && !finder.found; finder.i++) {
        int err = walk_log(&finder, reterr);
        if (err != 0) {
            return err;
        }
    }
    return finder.found ? 0 : nothing_found(&finder, reterr);
}

static void begin_cut(struct finder *finder, uint64_t position, int64_t offset)
{
    struct log_repair_plan *plan = finder->plan;
    plan->logs = &finder->logs[finder->i];
    plan->log_count = finder->log_count - finder->i;
    plan->position = position;
    plan->end = position;
    plan->first_offset = offset;
    plan->last_offset = offset;
    plan->leader_epoch = finder->epoch;
}

/* ---- truncate ---- */

static int truncate_at_batch(struct finder *finder, const struct log_walk_item *item)
{
    int64_t last = item->header.base_offset + item->header.last_offset_delta;
    if (last >= finder->options->offset) {
        begin_cut(finder, item->position, item->header.base_offset);
        finder->plan->last_offset = last;
        finder->found = true;
    }
    return 0;
}

static int truncate_at_damage(struct finder *finder,
                              const struct log_walk_item *item,
                              struct leat_error **reterr)
{
    if (finder->options->offset > finder->expected) {
        return lt_error_set(
            reterr, LEAT_ERANGE,
            "%s: damaged at byte %" PRIu64 ": offsets from %" PRId64
            " on cannot be read; --truncate-at %" PRId64 " or less, or --skip-batch %" PRId64,
            name_of(finder), item->position, finder->expected, finder->expected, finder->expected);
    }
    begin_cut(finder, item->position, finder->expected);
    finder->found = true;
    return 0;
}

/* ---- skip ---- */

/* A place from which the log is sound again: `offset` comes there. */
static int
end_skip(struct finder *finder, uint64_t position, int64_t offset, struct leat_error **reterr)
{
    struct log_repair_plan *plan = finder->plan;
    finder->open = false;
    if (finder->options->offset < plan->first_offset || finder->options->offset >= offset) {
        return 0; /* another damage */
    }
    if (offset - plan->first_offset > INT32_MAX) {
        return lt_error_set(reterr, LEAT_ECORRUPT,
                            "offsets %" PRId64 " to %" PRId64
                            " are missing: too many for one batch; use --truncate-at %" PRId64,
                            plan->first_offset, offset - 1, plan->first_offset);
    }
    plan->end = position > plan->end ? position : plan->end;
    plan->last_offset = offset - 1;
    finder->found = true;
    return 0;
}

static int
skip_over_batch(struct finder *finder, const struct log_walk_item *item, struct leat_error **reterr)
{
    int64_t base = item->header.base_offset;
    int64_t last = base + item->header.last_offset_delta;
    if (finder->open) {
        return end_skip(finder, item->position, base, reterr);
    }
    if (finder->options->offset >= base && finder->options->offset <= last) {
        return lt_error_set(reterr, LEAT_ERANGE,
                            "%s: the batch at byte %" PRIu64 " (offsets %" PRId64 " to %" PRId64
                            ") is sound: there is nothing to skip",
                            name_of(finder), item->position, base, last);
    }
    return 0;
}

/* ---- the walk ---- */

static bool is_sound(const struct finder *finder, const struct log_walk_item *item)
{
    return item->kind == LOG_WALK_BATCH && item->crc_ok &&
           item->header.base_offset >= finder->expected && item->header.last_offset_delta >= 0;
}

static int
take_sound(struct finder *finder, const struct log_walk_item *item, struct leat_error **reterr)
{
    int err = finder->options->kind == LOG_REPAIR_TRUNCATE ? truncate_at_batch(finder, item)
                                                           : skip_over_batch(finder, item, reterr);
    finder->expected = item->header.base_offset + item->header.last_offset_delta + 1;
    finder->epoch = item->header.leader_epoch;
    return err;
}

static int
take_damage(struct finder *finder, const struct log_walk_item *item, struct leat_error **reterr)
{
    if (finder->options->kind == LOG_REPAIR_TRUNCATE) {
        return truncate_at_damage(finder, item, reterr);
    }
    if (!finder->open) {
        begin_cut(finder, item->position, finder->expected);
        finder->open = true;
    }
    finder->plan->end = item->position + item->size;
    return 0;
}

static int walk_items(struct finder *finder, struct log_view *view, struct leat_error **reterr)
{
    struct log_walk walk;
    struct log_walk_item item;
    log_walk_init(&walk, view);
    do {
        int err = log_walk_next(&walk, &item);
        if (err != 0) {
            return lt_error_set(reterr, err, "%s: %s", finder->logs[finder->i].path,
                                lt_err_text(err));
        }
        if (is_sound(finder, &item)) {
            err = take_sound(finder, &item, reterr);
        } else if (item.kind == LOG_WALK_BATCH || item.kind == LOG_WALK_DAMAGE) {
            err = take_damage(finder, &item, reterr);
        }
        if (err != 0) {
            return err;
        }
    } while (item.kind != LOG_WALK_END && !finder->found);
    return 0;
}

/* One file, and whether the next one begins where it must. */
static int walk_log(struct finder *finder, struct leat_error **reterr)
{
    struct log_view view;
    const struct log_file *next =
        finder->i + 1 < finder->log_count ? &finder->logs[finder->i + 1] : NULL;
    int err = log_view_open(&view, finder->options->ops, finder->logs[finder->i].path, reterr);
    if (err == 0) {
        err = walk_items(finder, &view, reterr);
    }
    uint64_t size = view.size;
    log_view_close(&view);
    if (err == 0 && !finder->found && finder->open && next != NULL) {
        /* Zeros at the end belong to the damage: a batch may end in them, a sealed file may not. */
        err = end_skip(finder, size, next->base_offset, reterr);
    }
    if (err == 0 && finder->found) {
        finder->plan->file_size = size;
    }
    return err;
}
