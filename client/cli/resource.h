/* resource.h: settings of a topic or broker, asked for and changed by kind and name.
 *
 * Threads: the main thread. Blocks for answers, up to --timeout each. */
#ifndef CLI_RESOURCE_H
#define CLI_RESOURCE_H

#include "client/cli/context.h"

/* leat_get_configs and leat_alter_configs; kind "topic" or "broker", name "" for the cluster-wide settings of brokers. */
int cli_resource_get(struct cli *cli,
                     const char *kind,
                     const char *name,
                     struct leat_result **ret_rows,
                     struct leat_error **reterr);
int cli_resource_alter(struct cli *cli,
                       const char *kind,
                       const char *name,
                       const struct leat_conf *changes,
                       struct leat_error **reterr);

/* "key=value" words and keys to unset, and validate.only for a dry run, as a new conf that the caller frees. */
int cli_resource_changes(const struct cli *cli,
                         const char *const *pairs,
                         size_t pair_count,
                         const char *const *unset,
                         size_t unset_count,
                         struct leat_conf **ret,
                         struct leat_error **reterr);

#endif
