/* test_quota.c: byte budgets and connections per address. */
#include "server/quota.h"

#include <arpa/inet.h>
#include <check.h>
#include <string.h>

#include "leat/err.h"
#include "server/server.h"
#include "tests/support/test_main.h"

static struct srv_server nobody; /* no loops to tell */

START_TEST(a_budget_holds_what_fits)
{
    struct srv_budget budget;

    srv_budget_init(&budget, 100);
    ck_assert(srv_budget_take(&budget, 60));
    ck_assert(srv_budget_take(&budget, 40));
    ck_assert(!srv_budget_take(&budget, 1));
    ck_assert(!srv_budget_has_room(&budget));
    srv_budget_give(&budget, 60, &nobody);
    ck_assert(srv_budget_has_room(&budget));
    ck_assert(srv_budget_take(&budget, 50));
    ck_assert_uint_eq(atomic_load(&budget.refused), 1);
}
END_TEST

/* However large: the first one comes in, the second one waits. */
START_TEST(one_is_always_let_in)
{
    struct srv_budget budget;

    srv_budget_init(&budget, 100);
    ck_assert(srv_budget_take(&budget, 1000));
    ck_assert(!srv_budget_take(&budget, 1));
    srv_budget_give(&budget, 1000, &nobody);
    ck_assert(srv_budget_take(&budget, 1000));
}
END_TEST

static struct sockaddr_storage peer(const char *text)
{
    struct sockaddr_storage address;
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

    memset(&address, 0, sizeof(address));
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(&address, &in, sizeof(in));
    } else {
        ck_assert_int_eq(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        memcpy(&address, &in6, sizeof(in6));
    }
    return address;
}

/* IPv4 by way of IPv6 is the same address. */
START_TEST(connections_are_counted_by_address)
{
    struct srv_addresses addresses;
    struct sockaddr_storage one = peer("10.0.0.1"), same = peer("::ffff:10.0.0.1");
    struct sockaddr_storage other = peer("2001:db8::1");

    srv_addresses_init(&addresses);
    ck_assert_int_eq(srv_addresses_add(&addresses, &one, 2), 0);
    ck_assert_int_eq(srv_addresses_add(&addresses, &same, 2), 0);
    ck_assert_int_eq(srv_addresses_add(&addresses, &one, 2), LEAT_ELIMIT);
    ck_assert_int_eq(srv_addresses_add(&addresses, &other, 2), 0);
    srv_addresses_remove(&addresses, &one);
    ck_assert_int_eq(srv_addresses_add(&addresses, &same, 2), 0);
    ck_assert_int_eq(srv_addresses_add(&addresses, &other, 0), LEAT_ELIMIT);
    srv_addresses_release(&addresses);
}
END_TEST

/* A second's worth at once, then one for each part of a second; what is not used does not add up. */
START_TEST(arrivals_are_spread_over_time)
{
    struct srv_rate rate = {0};
    const int64_t second = 1000000000;
    int64_t now = 5 * second;
    int came = 0;

    for (; srv_rate_has_room(&rate, 10, now); came++) {
        srv_rate_count(&rate);
    }
    ck_assert_int_eq(came, 10);
    ck_assert(!srv_rate_has_room(&rate, 10, now + second / 20));
    ck_assert(srv_rate_has_room(&rate, 10, now + second / 10));
    srv_rate_count(&rate);
    ck_assert(!srv_rate_has_room(&rate, 10, now + second / 10));
    now += 100 * second;
    for (came = 0; srv_rate_has_room(&rate, 10, now); came++) {
        srv_rate_count(&rate);
    }
    ck_assert_int_eq(came, 10);
    ck_assert(!srv_rate_has_room(&rate, 0, now + second)); /* nobody at all */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quota");
    TCase *tcase = tcase_create("quota");

    tcase_add_test(tcase, a_budget_holds_what_fits);
    tcase_add_test(tcase, one_is_always_let_in);
    tcase_add_test(tcase, connections_are_counted_by_address);
    tcase_add_test(tcase, arrivals_are_spread_over_time);
    suite_add_tcase(suite, tcase);
    return test_main(suite);
}
