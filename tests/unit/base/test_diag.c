/* Lines for the operator: formats, escaping, rate limit. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/os.h"
#include "tests/support/test_main.h"

static struct lt_clock_fake fake;
static int ends[2];
static char text[65536];

static void setup(void)
{
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    lt_clock_fake_init(&fake, 1700000000123);
    lt_diag_set_clock(&fake.clock);
    lt_diag_setup(LT_INFO, LT_DIAG_LOGFMT, ends[1]);
}

static void teardown(void)
{
    lt_diag_setup(LT_INFO, LT_DIAG_AUTO, STDERR_FILENO);
    lt_diag_set_clock(NULL);
    (void)lt_os_close(ends[0]);
    (void)lt_os_close(ends[1]);
}

/* What was written since the last call. */
static const char *written(void)
{
    ssize_t size = read(ends[0], text, sizeof(text) - 1);
    text[size < 0 ? 0 : size] = '\0';
    return text;
}

static unsigned lines_in(const char *lines)
{
    unsigned count = 0;
    for (; *lines != '\0'; lines++) {
        count += *lines == '\n';
    }
    return count;
}

/* logfmt: fixed fields first, values quoted only where needed. */
START_TEST(logfmt_line)
{
    lt_diag(LT_WARN, "conn", "frame_too_large", "frame of 2 GB refused",
            LT_FIELD_TEXT("peer", "127.0.0.1:55"), LT_FIELD_INT("bytes", -5),
            LT_FIELD_TEXT("client", "my \"app\""), LT_FIELD_TEXT("empty", ""));
    ck_assert_str_eq(written(),
                     "ts=2023-11-14T22:13:20.123Z level=warn component=conn event=frame_too_large "
                     "msg=\"frame of 2 GB refused\" peer=127.0.0.1:55 bytes=-5 "
                     "client=\"my \\\"app\\\"\" empty=\"\"\n");
}
END_TEST

/* text: for people; the fields are optional. */
START_TEST(text_line)
{
    lt_diag_setup(LT_INFO, LT_DIAG_TEXT, ends[1]);
    lt_diag(LT_INFO, "server", "started", "ready");
    ck_assert_str_eq(written(), "2023-11-14T22:13:20.123Z info  server: ready (started)\n");
}
END_TEST

/* json: one object, numbers as numbers. */
START_TEST(json_line)
{
    lt_diag_setup(LT_INFO, LT_DIAG_JSON, ends[1]);
    lt_diag(LT_ERROR, "log", "offline", "bad \"batch\"", LT_FIELD_INT("offset", 7),
            LT_FIELD_TEXT("dir", "a\\b"));
    ck_assert_str_eq(
        written(), "{\"ts\":\"2023-11-14T22:13:20.123Z\",\"level\":\"error\",\"component\":\"log\","
                   "\"event\":\"offline\",\"msg\":\"bad \\\"batch\\\"\",\"offset\":7,"
                   "\"dir\":\"a\\\\b\"}\n");
}
END_TEST

/* A peer can neither start a new line, nor drive the terminal, nor break the JSON. */
START_TEST(hostile_text_is_escaped)
{
    lt_diag_setup(LT_INFO, LT_DIAG_JSON, ends[1]);
    lt_diag(LT_INFO, "conn", "garbage", "a\nb\033[2J\xff\xc3\xa4\xc2\x9b",
            LT_FIELD_TEXT("id", "x\r\ny=\"1\""));
    const char *line = written();
    ck_assert_uint_eq(lines_in(line), 1);
    ck_assert_ptr_nonnull(strstr(line, "\"a\\nb\\u001b[2J\\u00ff\xc3\xa4\\u00c2\\u009b\""));
    ck_assert_ptr_nonnull(strstr(line, "\"id\":\"x\\u000d\\ny=\\\"1\\\"\""));
    lt_diag_setup(LT_INFO, LT_DIAG_TEXT, ends[1]);
    lt_diag(LT_INFO, "conn", "garbage", "a\nlevel=error \033[0m");
    ck_assert_ptr_nonnull(strstr(written(), "a\\nlevel=error \\u001b[0m"));
}
END_TEST

/* Lines below the wanted level are not written. */
START_TEST(level_is_kept)
{
    lt_diag_setup(LT_WARN, LT_DIAG_TEXT, ends[1]);
    lt_diag(LT_INFO, "a", "b", "c");
    ck_assert_str_eq(written(), "");
    ck_assert(!lt_diag_enabled(LT_INFO));
    ck_assert(lt_diag_enabled(LT_ERROR));
    lt_diag_setup(LT_DEBUG_LINE, LT_DIAG_TEXT, ends[1]);
    lt_diag(LT_DEBUG_LINE, "a", "b", "c");
    ck_assert_uint_eq(lines_in(written()), 1);
}
END_TEST

/* However long the sentence and the fields, a line stays one whole line. */
START_TEST(long_line_stays_whole)
{
    char big[5000];
    memset(big, 1, sizeof(big) - 1); /* each byte is escaped to six */
    big[sizeof(big) - 1] = '\0';
    lt_diag_setup(LT_INFO, LT_DIAG_JSON, ends[1]);
    lt_diag(LT_INFO, "conn", "long", big, LT_FIELD_TEXT("first", big), LT_FIELD_TEXT("second", big),
            LT_FIELD_TEXT("third", big), LT_FIELD_INT("last", 1));
    const char *line = written();
    size_t size = strlen(line);
    ck_assert_uint_eq(lines_in(line), 1);
    ck_assert_str_eq(line + size - strlen(",\"last\":1}\n"), ",\"last\":1}\n");
    ck_assert_ptr_nonnull(strstr(line, "\"first\""));
    ck_assert_ptr_null(strstr(line, "\"third\""));
}
END_TEST

/* The eleventh line of one event within a second is counted, not written; the count comes with the
 * next second. */
START_TEST(repeated_event_is_limited)
{
    for (int i = 0; i < LT_DIAG_BURST + 7; i++) {
        lt_diag(LT_WARN, "conn", "refused", "no");
        lt_clock_fake_advance(&fake, 1);
    }
    ck_assert_uint_eq(lines_in(written()), LT_DIAG_BURST);
    lt_diag(LT_WARN, "conn", "other", "not limited by its neighbour");
    ck_assert_uint_eq(lines_in(written()), 1);
    lt_clock_fake_advance(&fake, 1000);
    lt_diag(LT_INFO, "server", "tick", "anything");
    const char *lines = written();
    ck_assert_uint_eq(lines_in(lines), 2);
    ck_assert_ptr_nonnull(strstr(
        lines,
        "level=warn component=conn event=refused msg=\"suppressed 7 similar\" suppressed=7\n"));
    lt_diag(LT_WARN, "conn", "refused", "again");
    ck_assert_uint_eq(lines_in(written()), 1);
}
END_TEST

/* At the end nothing stays unsaid. */
START_TEST(flush_says_what_was_suppressed)
{
    for (int i = 0; i < LT_DIAG_BURST + 1; i++) {
        lt_diag(LT_WARN, "conn", "refused", "no");
    }
    (void)written();
    lt_diag_flush();
    ck_assert_ptr_nonnull(strstr(written(), "suppressed 1 similar"));
    lt_diag_flush();
    ck_assert_str_eq(written(), "");
}
END_TEST

/* More kinds of events than the table has room for: counts of those that have to leave are said,
 * none is lost. */
START_TEST(many_events_lose_no_count)
{
    for (int i = 0; i < LT_DIAG_BURST + 3; i++) {
        lt_diag(LT_WARN, "conn", "first", "no");
    }
    (void)written();
    unsigned said = 0;
    for (int i = 0; i < 200; i++) {
        char event[32];
        (void)snprintf(event, sizeof(event), "event_%d", i);
        lt_diag(LT_INFO, "many", event, "x");
        said += strstr(written(), "suppressed 3 similar") != NULL;
    }
    ck_assert_uint_eq(said, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("diag");
    TCase *tcase = tcase_create("diag");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, logfmt_line);
    tcase_add_test(tcase, text_line);
    tcase_add_test(tcase, json_line);
    tcase_add_test(tcase, hostile_text_is_escaped);
    tcase_add_test(tcase, level_is_kept);
    tcase_add_test(tcase, long_line_stays_whole);
    tcase_add_test(tcase, repeated_event_is_limited);
    tcase_add_test(tcase, flush_says_what_was_suppressed);
    tcase_add_test(tcase, many_events_lose_no_count);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
