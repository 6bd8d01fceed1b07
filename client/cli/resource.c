/* resource.c: see resource.h. */
#include "client/cli/resource.h"

#include "base/alloc.h"
#include "client/cli/positions.h"

int cli_resource_get(struct cli *cli,
                     const char *kind,
                     const char *name,
                     struct leat_result **ret_rows,
                     struct leat_error **reterr)
{
    char *resource = lt_asprintf("%s:%s", kind, name);
    int code = resource == NULL
                   ? LEAT_ENOMEM
                   : leat_get_configs(cli->client, resource, cli->timeout_ms, ret_rows, reterr);
    lt_free(resource);
    return code;
}

int cli_resource_alter(struct cli *cli,
                       const char *kind,
                       const char *name,
                       const struct leat_conf *changes,
                       struct leat_error **reterr)
{
    char *resource = lt_asprintf("%s:%s", kind, name);
    int code = resource == NULL
                   ? LEAT_ENOMEM
                   : leat_alter_configs(cli->client, resource, changes, cli->timeout_ms, reterr);
    lt_free(resource);
    return code;
}

int cli_resource_changes(const struct cli *cli,
                         const char *const *pairs,
                         size_t pair_count,
                         const char *const *unset,
                         size_t unset_count,
                         struct leat_conf **ret,
                         struct leat_error **reterr)
{
    struct leat_conf *changes = leat_conf_new_topic();
    int code = changes == NULL ? LEAT_ENOMEM : 0;
    for (size_t i = 0; code == 0 && i < pair_count; i++) {
        code = cli_set_pair(changes, pairs[i], reterr);
    }
    for (size_t i = 0; code == 0 && i < unset_count; i++) {
        code = leat_conf_set(changes, unset[i], NULL, reterr);
    }
    if (code == 0 && cli->dry_run) {
        code = leat_conf_set(changes, "validate.only", "true", reterr);
    }
    if (code != 0) {
        leat_conf_free(changes);
        return code;
    }
    *ret = changes;
    return 0;
}
