/* err.h: the one table of error codes.
 *
 * Every fallible function of leat returns an int: 0 (or a positive count) on success, a negative
 * code on failure. Codes -1 to -900 are leat's own and stand in LEAT_ERR_MAP. Codes of a Kafka
 * broker are carried unchanged as -1000 - wire_code (LEAT_BROKER_ERROR), wire code -1 as -999, so
 * that the two never clash.
 *
 * The list is append-only: numbers never change their meaning.
 * Threads: constants only. */
#ifndef LEAT_ERR_H
#define LEAT_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

/* XX(NAME, number, text) makes the enum LEAT_E<NAME>, its name and its text. */
#define LEAT_ERR_MAP(XX)                                                     \
    XX(NOMEM, -1, "out of memory")                                           \
    XX(IO, -2, "file system error")                                          \
    XX(CORRUPT, -3, "stored data failed a check")                            \
    XX(INVAL, -4, "invalid argument")                                        \
    XX(AGAIN, -5, "would have to wait")                                      \
    XX(TIMEDOUT, -6, "timed out")                                            \
    XX(CANCELED, -7, "canceled")                                             \
    XX(NOENT, -8, "no such file, topic or key")                              \
    XX(EXISTS, -9, "already exists")                                         \
    XX(FULL, -10, "no room left in this segment or buffer")                  \
    XX(NOSPACE, -11, "no space left on the disk")                            \
    XX(RANGE, -12, "offset out of range")                                    \
    XX(2BIG, -13, "larger than the limit")                                   \
    XX(PENDING, -14, "the answer comes later")                               \
    XX(CLOSED, -15, "closed")                                                \
    XX(UNREACHABLE, -16, "cannot reach the peer")                            \
    XX(PROTOCOL, -17, "the peer sent bytes that are not the protocol")       \
    XX(UNSUPPORTED, -18, "not supported")                                    \
    XX(LOCKED, -19, "in use by another process")                             \
    XX(READONLY, -20, "read-only")                                           \
    XX(FAILED, -21, "failed earlier and stays offline until it is reopened") \
    XX(FORKED, -22, "not usable in a forked child")                          \
    XX(CONFLICT, -23, "changed by somebody else meanwhile")                  \
    XX(SESSION, -24, "the session has ended")                                \
    XX(UNKNOWN, -25, "the outcome is not known")                             \
    XX(UNAVAIL, -26, "not available now")                                    \
    XX(DELETED, -27, "deleted")                                              \
    XX(TIMESTAMP, -28, "timestamp outside the allowed window")               \
    XX(RECORD, -29, "invalid record")                                        \
    XX(CODEC, -30, "unknown or unsupported compression codec")               \
    XX(FENCED, -31, "an older leader epoch than the current one")            \
    XX(EPOCH, -32, "a newer leader epoch than the current one")              \
    XX(CONFIG, -33, "unknown setting or bad value")                          \
    XX(MISMATCH, -34, "belongs to another cluster, node or topic")           \
    XX(INTR, -35, "interrupted")                                             \
    XX(LIMIT, -36, "a configured limit is reached")                          \
    XX(NAME, -37, "not a valid name")                                        \
    XX(NOTLEADER, -38, "not the leader")                                     \
    XX(REPLICAS, -39, "not enough replicas in sync")                         \
    XX(SEQUENCE, -40, "a producer's batch is missing before this one")       \
    XX(PRODUCER, -41, "an older producer epoch than the current one")

enum leat_err {
#define XX(name, number, text) LEAT_E##name = number,
    LEAT_ERR_MAP(XX)
#undef XX
};

/* A broker's wire code as a leat code, and back (see the head of this file). Constant expressions.
 */
#define LEAT_BROKER_ERROR(wire_code) ((wire_code) == -1 ? -999 : -1000 - (wire_code))
#define LEAT_IS_BROKER_ERROR(code) ((code) == -999 || (code) < -1000)
#define LEAT_WIRE_CODE(code) ((code) == -999 ? -1 : -1000 - (code))

/* A code and a sentence that says what, where and what to do. Made by functions with a `reterr`
 * parameter; the receiver frees it with leat_error_free. */
struct leat_error;

#ifdef __cplusplus
}
#endif
#endif
