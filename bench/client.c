/* client.c: see client.h. */
#include "bench/client.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define CONNECT_MS 10000

/* Flag, then -X, then LEAT_* variables, then --command-config, then the profile: libleat keeps the order. */
static int set_all(struct leat_conf *conf,
                   const struct bench_options *o,
                   const char *address,
                   bool strict,
                   struct leat_error **reterr)
{
    int err = leat_conf_load_profile(conf, o->profile, reterr);
    if (err == 0 && o->config_file != NULL) {
        err = leat_conf_load_file(conf, o->config_file, reterr);
    }
    if (err == 0) {
        err = leat_conf_set(conf, "client.id", "leat-bench", reterr);
    }
    if (err == 0 && strict) {
        err = leat_conf_set(conf, "auto.offset.reset", "none", reterr);
    }
    for (size_t i = 0; err == 0 && i < o->property_count; i++) {
        char key[128];
        const char *equals = strchr(o->properties[i], '=');
        (void)snprintf(key, sizeof(key), "%.*s", (int)(equals - o->properties[i]),
                       o->properties[i]);
        err = leat_conf_set(conf, key, equals + 1, reterr);
    }
    return err == 0 && address != NULL ? leat_conf_set(conf, "bootstrap.servers", address, reterr)
                                       : err;
}

int bench_client_address(const struct bench_options *options,
                         char **ret_address,
                         struct leat_error **reterr)
{
    char servers[512] = "";
    struct leat_conf *conf = leat_conf_new();
    int err =
        conf == NULL ? LEAT_ENOMEM : set_all(conf, options, options->bootstrap, false, reterr);
    if (err == 0) {
        (void)leat_conf_get(conf, "bootstrap.servers", servers, sizeof(servers)); /* cut is fine */
        *ret_address = lt_strndup(servers, strcspn(servers, ", "));
        err = *ret_address == NULL ? LEAT_ENOMEM : 0;
    }
    leat_conf_free(conf);
    return err;
}

int bench_client_open(const struct bench_options *options,
                      const char *address,
                      bool strict,
                      struct leat_client **ret_client,
                      struct leat_error **reterr)
{
    struct leat_conf *conf = leat_conf_new();
    struct leat_client *client = NULL;
    int err = conf == NULL ? LEAT_ENOMEM : set_all(conf, options, address, strict, reterr);
    if (err == 0) {
        err = leat_client_new(conf, &client, reterr);
    }
    if (err == 0) {
        err = leat_client_connect(client, CONNECT_MS, reterr);
    }
    leat_conf_free(conf);
    if (err != 0) {
        leat_client_unref(client);
        return err;
    }
    *ret_client = client;
    return 0;
}
