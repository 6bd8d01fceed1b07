/* assignment.c: see assignment.h. */
#include "client/cli/assignment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "client/cli/positions.h"

#define REFRESH_REGEX_NS INT64_C(1000000000)
#define REFRESH_NAMED_NS INT64_C(30000000000)
#define PARTITION_DIGITS_MAX 9

static int add_topic(struct cli_assignment *a, const char *name, struct leat_error **reterr);

/* ---- the list of -p ---- */

/* "3" or "0-3" at *list; moves behind it. */
static bool next_range(const char **list, long *ret_first, long *ret_last)
{
    size_t digits = strspn(*list, "0123456789");
    char *end;
    if (digits == 0 || digits > PARTITION_DIGITS_MAX) {
        return false;
    }
    *ret_first = strtol(*list, &end, 10);
    *ret_last = *ret_first;
    if (*end == '-') {
        digits = strspn(end + 1, "0123456789");
        if (digits == 0 || digits > PARTITION_DIGITS_MAX) {
            return false;
        }
        *ret_last = strtol(end + 1, &end, 10);
    }
    bool more = end[0] == ',' && end[1] != '\0';
    *list = more ? end + 1 : end;
    return *ret_first <= *ret_last && (more || *end == '\0');
}

bool cli_partitions_check(const char *list)
{
    long first;
    long last;
    do {
        if (!next_range(&list, &first, &last)) {
            return false;
        }
    } while (*list != '\0');
    return true;
}

static bool wanted(const struct cli_assignment *a, int32_t partition)
{
    const char *list = a->partitions;
    long first;
    long last;
    while (list != NULL && *list != '\0' && next_range(&list, &first, &last)) {
        if (partition >= first && partition <= last) {
            return true;
        }
    }
    return a->partitions == NULL;
}

/* ---- topics by pattern ---- */

int cli_assignment_patterns(struct cli_assignment *a, struct leat_error **reterr)
{
    if (!a->regex) {
        return 0;
    }
    a->patterns = lt_calloc(a->words->count, sizeof(*a->patterns));
    if (a->patterns == NULL) {
        return LEAT_ENOMEM;
    }
    for (size_t i = 0; i < a->words->count; i++) {
        int status = regcomp(&a->patterns[i], a->words->words[i], REG_EXTENDED | REG_NOSUB);
        if (status != 0) {
            char text[128];
            (void)regerror(status, &a->patterns[i], text, sizeof(text)); /* cut is fine */
            return lt_error_set(reterr, LEAT_EINVAL, "-r '%s': %s", a->words->words[i], text);
        }
        a->pattern_count++;
    }
    return 0;
}

static bool matches(const struct cli_assignment *a, const char *topic)
{
    for (size_t i = 0; i < a->pattern_count; i++) {
        if (regexec(&a->patterns[i], topic, 0, NULL, 0) == 0) {
            return true;
        }
    }
    return false;
}

static int open_matching(struct cli_assignment *a, struct leat_error **reterr)
{
    struct leat_result *rows = NULL;
    int code = leat_list_topics(a->cli->client, a->cli->timeout_ms, &rows, reterr);
    for (size_t i = 0; code == 0 && i < leat_result_count(rows); i++) {
        const char *name = leat_result_str(rows, i, "name");
        if (leat_result_int(rows, i, "internal") == 0 && matches(a, name)) {
            code = add_topic(a, name, reterr);
        }
    }
    leat_result_free(rows);
    if (code != 0 || a->topic_count > 0) {
        return code;
    }
    if (a->to_end || a->range.to.kind != CLI_POINT_NONE) {
        return lt_error_set(reterr, LEAT_ENOENT,
                            "no topic matches; 'leat topic list' shows those that there are");
    }
    if (!a->cli->quiet) {
        fprintf(stderr, "leat: %s %s: no topic matches yet; waiting for one\n", a->cli->command,
                a->words->words[0]);
    }
    return 0;
}

/* ---- stretches ---- */

static struct cli_stretch *add_stretch(struct cli_assignment *a)
{
    /* Doubling by the power of two that the count reaches. */
    if ((a->count & (a->count - 1)) == 0) {
        struct cli_stretch *grown =
            lt_reallocarray(a->stretches, a->count == 0 ? 1 : a->count * 2, sizeof(*grown));
        if (grown == NULL) {
            return NULL;
        }
        a->stretches = grown;
    }
    return &a->stretches[a->count++];
}

/* A number that is no offset of any partition that is read is a mistake; one below the start is told. */
static int check_number(const struct cli_assignment *a,
                        const struct cli_positions *positions,
                        struct leat_error **reterr)
{
    int64_t number = a->range.from.value;
    int32_t beyond = -1;
    if (a->range.from.kind != CLI_POINT_OFFSET) {
        return 0;
    }
    for (int32_t i = 0; i < positions->count; i++) {
        if (!wanted(a, i)) {
            continue;
        }
        if (number < positions->starts[i] && !a->cli->quiet) {
            fprintf(stderr,
                    "leat: %s/%d: records before offset %" PRId64
                    " are gone; reading begins there\n",
                    positions->topic, i, positions->starts[i]);
        }
        if (number <= positions->ends[i]) {
            return 0;
        }
        beyond = i;
    }
    return beyond < 0
               ? 0
               : lt_error_set(reterr, LEAT_BROKER_ERROR(1),
                              "offset %" PRId64 " is beyond the end: %s/%d ends at %" PRId64 "",
                              number, positions->topic, beyond, positions->ends[beyond]);
}

static int64_t within(int64_t offset, int64_t start, int64_t end)
{
    return offset < start ? start : offset > end ? end : offset;
}

static int add_partitions(struct cli_assignment *a,
                          const char *topic,
                          const struct cli_positions *positions,
                          struct leat_error **reterr)
{
    int64_t *from = NULL;
    int64_t *to = NULL;
    struct cli_point end = a->range.to;
    if (end.kind == CLI_POINT_NONE && a->to_end) {
        end = (struct cli_point){CLI_POINT_END, 0};
    }
    int code = check_number(a, positions, reterr);
    code =
        code == 0 ? cli_positions_resolve(a->cli, positions, &a->range.from, &from, reterr) : code;
    if (code == 0 && end.kind != CLI_POINT_NONE) {
        code = cli_positions_resolve(a->cli, positions, &end, &to, reterr);
    }
    for (int32_t i = 0; code == 0 && i < positions->count; i++) {
        if (!wanted(a, i)) {
            continue;
        }
        struct cli_stretch *stretch = add_stretch(a);
        code = stretch == NULL ? LEAT_ENOMEM : 0;
        if (code == 0) {
            *stretch = (struct cli_stretch){
                topic, i, within(from[i], positions->starts[i], positions->ends[i]),
                to == NULL ? INT64_MAX : to[i]};
            /* "up to offset 200" of a partition that ends at 100: read what there is, with -e or in cat. */
            if (a->to_end && to != NULL && stretch->to > positions->ends[i]) {
                stretch->to = positions->ends[i];
            }
        }
    }
    lt_free(from);
    lt_free(to);
    return code;
}

static char *keep_name(struct cli_assignment *a, const char *name)
{
    char **grown = lt_reallocarray(a->topics, a->topic_count + 1, sizeof(*grown));
    if (grown == NULL) {
        return NULL;
    }
    a->topics = grown;
    grown[a->topic_count] = lt_strdup(name);
    return grown[a->topic_count] == NULL ? NULL : grown[a->topic_count++];
}

static int add_topic(struct cli_assignment *a, const char *name, struct leat_error **reterr)
{
    struct cli_positions positions = {0};
    char *topic = keep_name(a, name);
    int code = topic == NULL ? LEAT_ENOMEM : cli_positions_open(a->cli, topic, &positions, reterr);
    size_t before = a->count;
    if (code == 0) {
        code = add_partitions(a, topic, &positions, reterr);
    }
    if (code == 0 && a->count == before && positions.count > 0) {
        code = lt_error_set(reterr, LEAT_ENOENT, "no partition %s; there are %d, from 0 on",
                            a->partitions, positions.count);
    }
    cli_positions_release(&positions);
    return code;
}

int cli_assignment_open(struct cli_assignment *a,
                        const char **ret_subject,
                        struct leat_error **reterr)
{
    int code = 0;
    *ret_subject = a->words->words[0];
    if (a->regex) {
        code = open_matching(a, reterr);
    }
    for (size_t i = 0; !a->regex && code == 0 && i < a->words->count; i++) {
        *ret_subject = a->words->words[i];
        code = add_topic(a, a->words->words[i], reterr);
    }
    return code;
}

void cli_assignment_release(struct cli_assignment *a)
{
    for (size_t i = 0; i < a->pattern_count; i++) {
        regfree(&a->patterns[i]);
    }
    for (size_t i = 0; i < a->topic_count; i++) {
        lt_free(a->topics[i]);
    }
    lt_free(a->patterns);
    lt_free(a->topics);
    lt_free(a->stretches);
}

/* ---- the consumer ---- */

int cli_assignment_apply(struct cli_assignment *a,
                         struct leat_consumer *consumer,
                         struct leat_error **reterr)
{
    struct leat_offsets *parts = leat_offsets_new();
    int code = parts == NULL ? LEAT_ENOMEM : 0;
    for (size_t i = 0; code == 0 && i < a->count; i++) {
        const struct cli_stretch *s = &a->stretches[i];
        int64_t position = leat_consumer_position(consumer, s->topic, s->partition);
        int64_t from = position >= 0 ? position : s->from;
        if (from < s->to) {
            code = leat_offsets_add(parts, s->topic, s->partition, from);
        }
    }
    if (code == 0) {
        code = leat_consumer_assign(consumer, parts, reterr);
    }
    leat_offsets_free(parts);
    return code;
}

static const char *known_topic(const struct cli_assignment *a, const char *name)
{
    for (size_t i = 0; i < a->topic_count; i++) {
        if (strcmp(a->topics[i], name) == 0) {
            return a->topics[i];
        }
    }
    return NULL;
}

/* Partitions of this topic that are not read yet, from their start. */
static int add_new(struct cli_assignment *a, const char *name, int32_t partition_count)
{
    const char *topic = known_topic(a, name);
    int32_t known = 0;
    for (size_t i = 0; topic != NULL && i < a->count; i++) {
        known += a->stretches[i].topic == topic ? 1 : 0;
    }
    if (topic == NULL) {
        topic = keep_name(a, name);
    }
    int code = topic == NULL ? LEAT_ENOMEM : 0;
    for (int32_t i = known; code == 0 && i < partition_count; i++) {
        struct cli_stretch *stretch = add_stretch(a);
        code = stretch == NULL ? LEAT_ENOMEM : 0;
        if (code == 0) {
            *stretch = (struct cli_stretch){topic, i, LEAT_OFFSET_START, INT64_MAX};
        }
    }
    return code;
}

int cli_assignment_refresh(struct cli_assignment *a,
                           struct leat_consumer *consumer,
                           struct leat_error **reterr)
{
    int64_t now_ns = lt_clock_mono_ns(lt_clock_real());
    bool follows = !a->to_end && a->range.to.kind == CLI_POINT_NONE && a->partitions == NULL;
    bool first = a->refresh_ns == 0;
    if (!follows || now_ns < a->refresh_ns) {
        return 0;
    }
    a->refresh_ns = now_ns + (a->regex ? REFRESH_REGEX_NS : REFRESH_NAMED_NS);
    struct leat_result *rows = NULL;
    if (first || leat_list_topics(a->cli->client, a->cli->timeout_ms, &rows, NULL) != 0) {
        return 0;
    }
    size_t before = a->count;
    int code = 0;
    for (size_t i = 0; code == 0 && i < leat_result_count(rows); i++) {
        const char *name = leat_result_str(rows, i, "name");
        bool ours = a->regex ? leat_result_int(rows, i, "internal") == 0 && matches(a, name)
                             : known_topic(a, name) != NULL;
        if (ours) {
            code = add_new(a, name, (int32_t)leat_result_int(rows, i, "partitions"));
        }
    }
    leat_result_free(rows);
    return code == 0 && a->count > before ? cli_assignment_apply(a, consumer, reterr) : code;
}

bool cli_assignment_has(struct cli_assignment *a,
                        const char *topic,
                        int32_t partition,
                        int64_t offset)
{
    for (size_t i = 0; i < a->count; i++) {
        size_t at = a->nearest + i < a->count ? a->nearest + i : a->nearest + i - a->count;
        const struct cli_stretch *s = &a->stretches[at];
        if (s->partition == partition && strcmp(s->topic, topic) == 0) {
            a->nearest = at;
            return offset < s->to;
        }
    }
    return false;
}

bool cli_assignment_done(struct cli_assignment *a, struct leat_consumer *consumer)
{
    if (!a->to_end && a->range.to.kind == CLI_POINT_NONE) {
        return false;
    }
    for (; a->done < a->count; a->done++) {
        const struct cli_stretch *s = &a->stretches[a->done];
        if (s->from < s->to && leat_consumer_position(consumer, s->topic, s->partition) < s->to) {
            return false;
        }
    }
    return true;
}
