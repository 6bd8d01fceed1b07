/* call.h: one call of an application thread that waits for something the loop does.
 *
 * The caller makes a call, runs it and gets the result; the loop works on it in turns until it is finished, at the latest at its deadline, so that
 * the error says what was going on. The memory is shared by both sides and freed by whoever leaves last.
 * Threads: lc_call_new, lc_call_run: any; everything else: loop. */
#ifndef LC_CALL_H
#define LC_CALL_H

#include "client/broker_conn.h"
#include "client/client.h"

struct lc_call;

struct lc_call_ops {
    /* Do what can be done now: called in every turn while the call is neither finished nor busy. Calls lc_call_finish, or sets `busy`, or waits
     * for a later turn (set retry_at for a pause). */
    void (*step)(struct lc_call *call, int64_t now);
    /* The deadline has passed: calls lc_call_finish. NULL = the last error, or LEAT_ETIMEDOUT. */
    void (*late)(struct lc_call *call);
    void (*release)(struct lc_call *call); /* free what the call owns, not the call itself */
};

struct lc_call {
    TAILQ_ENTRY(lc_call) link;
    struct lc_command command;
    const struct lc_call_ops *ops;
    struct leat_client *client;
    _Atomic int refs; /* caller, loop, and each request in flight */
    int64_t deadline; /* ns */
    int64_t retry_at; /* ns; no step before */
    int64_t backoff_ms;
    bool busy;    /* a request is in flight */
    bool listed;  /* in client->calls */
    int last_err; /* of the last attempt; becomes the outcome if time runs out */
    char *last_message;
    bool finished; /* client->lock */
    int err;       /* valid when finished */
    char *message; /* likewise; NULL = text of err */
};

/* `size` bytes of zeroed memory that begin with a struct lc_call; NULL when memory is short. */
void *lc_call_new(struct leat_client *client, size_t size, const struct lc_call_ops *ops);
void lc_call_ref(struct lc_call *call);
void lc_call_unref(struct lc_call *call);

/* Hand it to the loop and wait. Returns its outcome; afterwards the caller may read what it left in the call (if it was finished in time:
 * not after an error) and must unref it. */
int lc_call_run(struct lc_call *call, int timeout_ms, struct leat_error **reterr);

/* loop: the outcome; message may be NULL. Later outcomes are ignored. */
void lc_call_finish(struct lc_call *call, int err, const char *message);

/* loop: the attempt failed in a way that may pass: pause, then step again, until the deadline. */
void lc_call_retry(struct lc_call *call, int err, const char *message);

/* loop: send a request for the call; `done` gets the call as arg and finds busy cleared. On an error the call is retried by itself and
 * done is not called. */
typedef void (*lc_call_cb)(struct lc_call *call, const struct lc_answer *answer);
void lc_call_send(struct lc_call *call,
                  struct lc_broker *broker,
                  int16_t api_key,
                  int16_t version,
                  const void *message,
                  lc_call_cb done);

/* Milliseconds that remain, at least 1, at most INT32_MAX: for timeouts inside requests. */
int32_t lc_call_remaining_ms(const struct lc_call *call);

/* loop: finish with the last error of a retry, or with the reasons why nobody can be reached, or LEAT_ETIMEDOUT. */
void lc_call_time_out(struct lc_call *call);

/* loop: is a broker's error worth another attempt of an admin call? Errors that only say what is (no such topic) are not. */
bool lc_call_is_passing(int err);

/* loop: turn of all calls of the client. Returns when it wants to be called again, ns. */
int64_t lc_calls_turn(struct leat_client *client, int64_t now);

#endif
