/* interrupt.c: see interrupt.h. */
#include "client/cli/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "leat/leat.h"

static atomic_bool interrupted;
static atomic_int event_fd = -1;
static struct leat_consumer *_Atomic waiting;

static void on_signal(int number)
{
    const uint64_t one = 1;
    int saved = errno;
    (void)number;
    atomic_store(&interrupted, true);
    if (write(atomic_load(&event_fd), &one, sizeof(one)) < 0) {
        /* Without a descriptor the flag has to do. */
    }
    struct leat_consumer *consumer = atomic_load(&waiting);
    if (consumer != NULL) {
        leat_consumer_wakeup(consumer);
    }
    errno = saved;
}

void cli_interrupt_catch(struct leat_consumer *consumer)
{
    /* No SA_RESTART: a write to a pipe that nobody reads ends too. SA_RESETHAND: the second one kills. */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    if (atomic_load(&event_fd) < 0) {
        atomic_store(&event_fd, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    }
    atomic_store(&waiting, consumer);
    if (consumer != NULL || !atomic_load(&interrupted)) {
        (void)sigaction(SIGINT, &action, NULL); /* valid signals cannot fail */
        (void)sigaction(SIGTERM, &action, NULL);
    }
}

bool cli_interrupted(void)
{
    return atomic_load(&interrupted);
}

int cli_interrupt_fd(void)
{
    return atomic_load(&event_fd);
}
