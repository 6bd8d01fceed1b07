/* One thread-local stack of guards; the handler looks for the innermost one that names the faulting address. The
 * signal of a load is delivered to the thread that did it, so that the stack needs no lock.
 *
 * sigsetjmp does not save the signal mask (a system call per read otherwise): the handler puts back the one that the
 * fault interrupted, which stands in its context. */
#include "storage/map_guard.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <ucontext.h>

#include "base/error.h"

struct guard {
    const struct log_guard_range *ranges;
    size_t count;
    struct guard *outer;
    sigjmp_buf back;
};

static _Thread_local struct guard *volatile guard_top;
static struct sigaction handler_before;
static pthread_once_t handler_once = PTHREAD_ONCE_INIT;

static bool in_ranges(const struct guard *guard, const uint8_t *address)
{
    for (size_t i = 0; i < guard->count; i++) {
        const struct log_guard_range *range = &guard->ranges[i];
        if (address >= range->map && address < range->map + range->size) {
            return true;
        }
    }
    return false;
}

static void on_sigbus(int signo, siginfo_t *info, void *context)
{
    const uint8_t *address = info->si_addr;
    for (struct guard *guard = guard_top; guard != NULL; guard = guard->outer) {
        if (in_ranges(guard, address)) {
            const ucontext_t *interrupted = context;
            guard_top = guard->outer;
            (void)pthread_sigmask(SIG_SETMASK, &interrupted->uc_sigmask, NULL);
            siglongjmp(guard->back, 1);
        }
    }
    if ((handler_before.sa_flags & SA_SIGINFO) != 0) {
        handler_before.sa_sigaction(signo, info, context);
    } else if (handler_before.sa_handler != SIG_DFL && handler_before.sa_handler != SIG_IGN) {
        handler_before.sa_handler(signo);
    } else {
        /* Back to the default: the load is tried again when we return, and ends the process with a core. */
        (void)sigaction(SIGBUS, &handler_before, NULL);
    }
}

static void install(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = on_sigbus;
    action.sa_flags = SA_SIGINFO;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGBUS, &action, &handler_before); /* cannot fail for a valid signal */
}

int log_map_guard(const struct log_guard_range *ranges,
                  size_t count,
                  int (*fn)(void *arg),
                  void *arg)
{
    (void)pthread_once(&handler_once, install);
    struct guard guard;
    guard.ranges = ranges;
    guard.count = count;
    guard.outer = guard_top;
    if (sigsetjmp(guard.back, 0) != 0) {
        return LEAT_EIO; /* the handler took the guard off the stack */
    }
    guard_top = &guard;
    atomic_signal_fence(memory_order_seq_cst); /* no load of fn may move out of the guarded part */
    int result = fn(arg);
    atomic_signal_fence(memory_order_seq_cst);
    guard_top = guard.outer;
    return result;
}
