/* interrupt.c: see interrupt.h. */
#include "client/cli/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

#include "leat/leat.h"

static atomic_bool interrupted;
static struct leat_consumer *_Atomic waiting;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&interrupted, true);
    struct leat_consumer *consumer = atomic_load(&waiting);
    if (consumer != NULL) {
        leat_consumer_wakeup(consumer);
    }
}

void cli_interrupt_catch(struct leat_consumer *consumer)
{
    /* No SA_RESTART: a read from stdin ends too. SA_RESETHAND: the second one kills. */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
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
