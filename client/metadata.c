/* metadata.c: see metadata.h. */
#include "client/metadata.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/assert.h"

#define NS_PER_MS 1000000
#define PORT_DEFAULT 9092
#define CONNECTING_MAX 3  /* attempts under way at a time while nothing is up */
#define VERSION_NEWEST 12 /* 13 adds nothing that is used here */

TAILQ_HEAD(topic_list, lc_topic);

struct lc_metadata {
    struct topic_list topics;
    struct lc_topic *by_name;  /* the same */
    struct lc_node *bootstrap; /* ids -1 */
    size_t bootstrap_count;
    struct lc_node *nodes; /* of the last answer */
    size_t node_count;
    int32_t controller;
    bool ready;       /* an answer has come */
    bool in_flight;   /* a request of our own */
    bool want_plain;  /* ask for topics and brokers */
    bool want_create; /* ask for topics that the question may create */
    int64_t retry_at; /* ns; not before */
    int64_t backoff_ms;
    int64_t expires; /* ns; ask again then */
};

static int parse_bootstrap(struct lc_metadata *metadata, const char *list);
static void on_answer(struct leat_client *client, const struct lc_answer *answer, void *arg);
static bool needs_creation(const struct lc_topic *topic);

int lc_metadata_new(struct leat_client *client, struct lc_metadata **ret)
{
    struct lc_metadata *metadata = lt_calloc(1, sizeof(*metadata));
    int err;

    if (metadata == NULL) {
        return LEAT_ENOMEM;
    }
    TAILQ_INIT(&metadata->topics);
    metadata->controller = -1;
    metadata->expires = LC_NEVER;
    metadata->backoff_ms = lc_conf_number(client->conf, LC_CONF_RETRY_BACKOFF_MS);
    err = parse_bootstrap(metadata, lc_conf_text(client->conf, LC_CONF_BOOTSTRAP_SERVERS));
    if (err < 0) {
        lc_metadata_free(metadata);
        return err;
    }
    *ret = metadata;
    return 0;
}

static void free_nodes(struct lc_node *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        lt_free(nodes[i].host);
    }
    lt_free(nodes);
}

static void free_topic(struct lc_metadata *metadata, struct lc_topic *topic)
{
    TAILQ_REMOVE(&metadata->topics, topic, link);
    LT_ASSERT(topic->hh.tbl != NULL && metadata->by_name != NULL); /* it is in both */
    HASH_DEL(metadata->by_name, topic);
    lt_free(topic->partitions);
    lt_free(topic->name);
    lt_free(topic);
}

void lc_metadata_free(struct lc_metadata *metadata)
{
    struct lc_topic *topic;

    if (metadata == NULL) {
        return;
    }
    while ((topic = TAILQ_FIRST(&metadata->topics)) != NULL) {
        free_topic(metadata, topic);
    }
    free_nodes(metadata->bootstrap, metadata->bootstrap_count);
    free_nodes(metadata->nodes, metadata->node_count);
    lt_free(metadata);
}

/* ---- bootstrap.servers ---- */

/* One "[scheme://]host[:port]"; IPv6 as [::1]:9092. */
static int parse_address(const char *text, size_t size, struct lc_node *ret)
{
    const char *scheme = memmem(text, size, "://", 3);
    const char *end;
    const char *port;
    char *rest;
    long number = PORT_DEFAULT;

    if (scheme != NULL) {
        size -= (size_t)(scheme + 3 - text);
        text = scheme + 3;
    }
    if (size > 0 && text[0] == '[') {
        end = memchr(text, ']', size);
        if (end == NULL) {
            return LEAT_ECONFIG;
        }
        port = end + 1 < text + size ? end + 1 : NULL;
        text++;
    } else {
        port = memchr(text, ':', size);
        end = port == NULL ? text + size : port;
        if (port != NULL && memchr(port + 1, ':', size - (size_t)(port + 1 - text)) != NULL) {
            port = NULL; /* a bare IPv6 address */
            end = text + size;
        }
    }
    if (port != NULL) {
        number = *port == ':' ? strtol(port + 1, &rest, 10) : 0;
        if (number < 1 || number > 65535 || (*rest != '\0' && strchr(", /", *rest) == NULL)) {
            return LEAT_ECONFIG;
        }
    }
    if (end == text) {
        return LEAT_ECONFIG;
    }
    *ret = (struct lc_node){
        .id = -1, .port = (int32_t)number, .host = lt_strndup(text, (size_t)(end - text))};
    return ret->host == NULL ? LEAT_ENOMEM : 0;
}

static int parse_bootstrap(struct lc_metadata *metadata, const char *list)
{
    int err = 0;

    while (*list != '\0' && err == 0) {
        size_t size = strcspn(list, ", ");

        if (size > 0) {
            void *nodes = lt_reallocarray(metadata->bootstrap, metadata->bootstrap_count + 1,
                                          sizeof(metadata->bootstrap[0]));

            if (nodes == NULL) {
                return LEAT_ENOMEM;
            }
            metadata->bootstrap = nodes;
            err = parse_address(list, size, &metadata->bootstrap[metadata->bootstrap_count]);
            metadata->bootstrap_count += err == 0;
        }
        list += size + (list[size] != '\0');
    }
    return err == 0 && metadata->bootstrap_count == 0 ? LEAT_ECONFIG : err;
}

/* ---- topics ---- */

struct lc_topic *lc_metadata_topic(struct leat_client *client, const char *name, bool may_create)
{
    struct lc_metadata *metadata = client->metadata;
    struct lc_topic *topic = NULL;

    HASH_FIND_STR(metadata->by_name, name, topic);
    if (topic == NULL) {
        topic = lt_calloc(1, sizeof(*topic));
        if (topic == NULL) {
            return NULL;
        }
        topic->name = lt_strdup(name);
        if (topic->name == NULL) {
            lt_free(topic);
            return NULL;
        }
        HASH_ADD_KEYPTR(hh, metadata->by_name, topic->name, strlen(topic->name), topic);
        if (!lt_hash_added(topic)) {
            lt_free(topic->name);
            lt_free(topic);
            return NULL;
        }
        TAILQ_INSERT_TAIL(&metadata->topics, topic, link);
    }
    topic->users++;
    if (may_create && !topic->may_create) {
        topic->may_create = lc_conf_number(client->conf, LC_CONF_AUTO_CREATE) != 0;
    }
    if (!topic->known) {
        metadata->retry_at = 0; /* new: no reason to pause */
        lc_metadata_refresh(client);
        lc_client_again(client);
    }
    return topic;
}

void lc_metadata_drop(struct leat_client *client, struct lc_topic *topic)
{
    if (topic != NULL && --topic->users == 0) {
        free_topic(client->metadata, topic);
    }
}

void lc_metadata_refresh(struct leat_client *client)
{
    struct lc_metadata *metadata = client->metadata;

    if (metadata->want_plain && metadata->want_create) {
        return; /* another turn would find it as this one did: the answer or the end of the pause makes one */
    }
    metadata->want_plain = true;
    metadata->want_create = true;
    lc_client_again(client);
}

bool lc_metadata_ready(const struct leat_client *client)
{
    return client->metadata->ready;
}

int32_t lc_metadata_controller(const struct leat_client *client)
{
    return client->metadata->controller;
}

const struct lc_node *lc_metadata_node(const struct leat_client *client, int32_t id)
{
    const struct lc_metadata *metadata = client->metadata;

    for (size_t i = 0; i < metadata->node_count; i++) {
        if (metadata->nodes[i].id == id) {
            return &metadata->nodes[i];
        }
    }
    return NULL;
}

size_t lc_metadata_node_count(const struct leat_client *client)
{
    return client->metadata->node_count;
}

const struct lc_node *lc_metadata_node_at(const struct leat_client *client, size_t i)
{
    LT_ASSERT(i < client->metadata->node_count);
    return &client->metadata->nodes[i];
}

struct lc_broker *lc_metadata_leader(struct leat_client *client,
                                     const struct lc_topic *topic,
                                     int32_t partition,
                                     const void *owner)
{
    const struct lc_node *node = NULL;

    if (topic->known && partition < topic->partition_count) {
        node = lc_metadata_node(client, topic->partitions[partition].leader);
    }
    if (node == NULL) {
        lc_metadata_refresh(client);
        return NULL;
    }
    return lc_broker_get(client, node->id, node->host, node->port, owner);
}

/* ---- connections ---- */

struct lc_broker *lc_metadata_broker(struct leat_client *client, int32_t id, int *ret_err)
{
    const struct lc_node *node = lc_metadata_node(client, id);
    struct lc_broker *broker;

    *ret_err = 0;
    if (node == NULL) {
        *ret_err = LEAT_ENOENT;
        return NULL;
    }
    broker = lc_broker_get(client, node->id, node->host, node->port, NULL);
    if (broker == NULL) {
        *ret_err = LEAT_ENOMEM;
        return NULL;
    }
    return lc_broker_connect(broker) ? broker : NULL;
}

/* Connect to some of these nodes, so that no more than CONNECTING_MAX attempts are under way. */
static void
connect_some(struct leat_client *client, const struct lc_node *nodes, size_t count, int *connecting)
{
    for (size_t i = 0; i < count && *connecting < CONNECTING_MAX; i++) {
        struct lc_broker *broker =
            lc_broker_get(client, nodes[i].id, nodes[i].host, nodes[i].port, NULL);

        if (broker != NULL && broker->state == LC_BROKER_IDLE) {
            (void)lc_broker_connect(broker); /* it shows in its state */
            *connecting += broker->state != LC_BROKER_IDLE;
        }
    }
}

struct lc_broker *lc_metadata_any(struct leat_client *client)
{
    const struct lc_metadata *metadata = client->metadata;
    struct lc_broker *best = NULL;
    struct lc_broker *broker;
    int connecting = 0;

    TAILQ_FOREACH (broker, &client->brokers, link) {
        if (broker->owner != NULL || broker->forgotten) {
            continue;
        }
        if (broker->state == LC_BROKER_UP &&
            (best == NULL || broker->in_flight < best->in_flight)) {
            best = broker;
        }
        connecting += broker->state != LC_BROKER_IDLE && broker->state != LC_BROKER_UP;
    }
    if (best == NULL) {
        connect_some(client, metadata->nodes, metadata->node_count, &connecting);
        connect_some(client, metadata->bootstrap, metadata->bootstrap_count, &connecting);
    }
    return best;
}

bool lc_metadata_all_failed(const struct leat_client *client, int64_t since)
{
    const struct lc_metadata *metadata = client->metadata;

    for (size_t i = 0; i < metadata->bootstrap_count; i++) {
        const struct lc_node *node = &metadata->bootstrap[i];
        const struct lc_broker *broker;
        bool failed = false;

        TAILQ_FOREACH (broker, &client->brokers, link) {
            failed = failed || (broker->owner == NULL && broker->port == node->port &&
                                strcmp(broker->host, node->host) == 0 && broker->last_err < 0 &&
                                broker->failed_at >= since && broker->state == LC_BROKER_IDLE);
        }
        if (!failed) {
            return false;
        }
    }
    return true;
}

bool lc_metadata_reasons(const struct leat_client *client, struct lt_buf *text)
{
    const struct lc_broker *broker;
    bool any = false;

    TAILQ_FOREACH (broker, &client->brokers, link) {
        if (broker->owner == NULL && broker->last_message != NULL &&
            broker->state != LC_BROKER_UP) {
            /* What memory has no room for is left out. */
            (void)lt_buf_printf(text, "%s%s:%d (%s)", any ? ", " : "cannot reach ", broker->host,
                                (int)broker->port, broker->last_message);
            any = true;
        }
    }
    return any;
}

/* ---- answers ---- */

/* Connections that the new list of nodes does not name go; a bootstrap connection becomes that of the node it reached. */
static void match_brokers(struct leat_client *client)
{
    const struct lc_metadata *metadata = client->metadata;
    struct lc_broker *broker;

    TAILQ_FOREACH (broker, &client->brokers, link) {
        bool named = false;

        for (size_t i = 0; i < metadata->node_count; i++) {
            const struct lc_node *node = &metadata->nodes[i];

            if (broker->port == node->port && strcmp(broker->host, node->host) == 0 &&
                (broker->id == node->id || broker->id == -1)) {
                broker->id = node->id;
                named = true;
            }
        }
        /* Bootstrap addresses that are other names of the same brokers stay usable, but are not kept connected. */
        if (!named && metadata->node_count > 0) {
            broker->forgotten = true;
        }
    }
}

void lc_metadata_learn(struct leat_client *client, const struct proto_metadata_response *answer)
{
    struct lc_metadata *metadata = client->metadata;
    struct lc_node *nodes;

    if (answer->brokers_count <= 0) {
        return;
    }
    nodes = lt_calloc((size_t)answer->brokers_count, sizeof(*nodes));
    if (nodes == NULL) {
        return;
    }
    for (int32_t i = 0; i < answer->brokers_count; i++) {
        const struct proto_metadata_response_broker *from = &answer->brokers[i];

        nodes[i].id = from->node_id;
        nodes[i].port = from->port;
        nodes[i].host = lt_strndup((const char *)from->host.data, from->host.size);
        if (nodes[i].host == NULL) {
            free_nodes(nodes, (size_t)answer->brokers_count);
            return;
        }
    }
    free_nodes(metadata->nodes, metadata->node_count);
    metadata->nodes = nodes;
    metadata->node_count = (size_t)answer->brokers_count;
    metadata->controller = answer->controller_id;
    match_brokers(client);
}

/* Leaders of one topic. Returns false if something is missing that a later answer may have. */
static bool take_partitions(struct lc_topic *topic,
                            const struct proto_metadata_response_topic *from)
{
    bool same_topic = proto_uuid_equal(topic->id, from->topic_id);
    bool complete = true;

    if (from->partitions_count > topic->partition_count) {
        void *grown = lt_reallocarray(topic->partitions, (size_t)from->partitions_count,
                                      sizeof(topic->partitions[0]));

        if (grown == NULL) {
            return false;
        }
        topic->partitions = grown;
        for (int32_t i = topic->partition_count; i < from->partitions_count; i++) {
            topic->partitions[i] = (struct lc_topic_partition){.leader = -1, .epoch = -1};
        }
    }
    topic->partition_count = from->partitions_count;
    for (int32_t i = 0; i < from->partitions_count; i++) {
        const struct proto_metadata_response_partition *part = &from->partitions[i];
        struct lc_topic_partition *own;

        if (part->partition_index < 0 || part->partition_index >= topic->partition_count) {
            complete = false;
            continue;
        }
        own = &topic->partitions[part->partition_index];
        if (same_topic && part->leader_epoch >= 0 && part->leader_epoch < own->epoch) {
            continue; /* an older picture from a broker that lags behind */
        }
        own->leader = part->leader_id;
        own->epoch = part->leader_epoch;
        complete = complete && part->leader_id >= 0;
    }
    topic->id = from->topic_id;
    return complete;
}

static bool take_topic(struct lc_metadata *metadata,
                       const struct proto_metadata_response_topic *from)
{
    struct lc_topic *topic = NULL;

    HASH_FIND(hh, metadata->by_name, from->name.data, from->name.size, topic);
    if (topic == NULL) {
        return true;
    }
    topic->known = true;
    topic->asked = false;
    topic->answers++;
    if (from->error_code != 0) {
        topic->code = LEAT_BROKER_ERROR(from->error_code);
        return !leat_error_is_retriable(topic->code);
    }
    topic->code = 0;
    return take_partitions(topic, from);
}

/* Has the answer left out a topic that the question named? */
static bool has_unanswered(const struct lc_metadata *metadata)
{
    const struct lc_topic *topic;

    TAILQ_FOREACH (topic, &metadata->topics, link) {
        if (topic->asked) {
            return true;
        }
    }
    return false;
}

static void pause_asking(struct leat_client *client)
{
    struct lc_metadata *metadata = client->metadata;
    int64_t backoff_max = lc_conf_number(client->conf, LC_CONF_RETRY_BACKOFF_MAX_MS);

    metadata->retry_at = lt_clock_mono_ns(client->clock) + metadata->backoff_ms * NS_PER_MS;
    metadata->backoff_ms =
        metadata->backoff_ms * 2 > backoff_max ? backoff_max : metadata->backoff_ms * 2;
    lc_metadata_refresh(client);
}

/* A picture that others find wrong is asked for again, but not at once; topics that nobody has asked for yet do not wait. */
static void
space_questions(struct lc_metadata *metadata, int64_t pause_ns, const struct lt_clock *clock)
{
    const struct lc_topic *topic;

    TAILQ_FOREACH (topic, &metadata->topics, link) {
        if (!topic->known) {
            return;
        }
    }
    metadata->retry_at = lt_clock_mono_ns(clock) + pause_ns;
}

static void on_answer(struct leat_client *client, const struct lc_answer *answer, void *arg)
{
    struct lc_metadata *metadata = client->metadata;
    struct proto_metadata_response response;
    struct lt_arena arena;
    bool complete = true;

    (void)arg;
    metadata->in_flight = false;
    if (client->ending) {
        return;
    }
    if (answer->err < 0) {
        pause_asking(client);
        return;
    }
    lt_arena_init(&arena, 0);
    if (proto_metadata_response_decode(answer->reader, answer->version, &arena, &response) < 0) {
        lt_arena_release(&arena);
        lc_broker_close(answer->broker, LEAT_EPROTOCOL, "the answer to Metadata is malformed");
        pause_asking(client);
        return;
    }
    lc_metadata_learn(client, &response);
    for (int32_t i = 0; i < response.topics_count; i++) {
        complete = take_topic(metadata, &response.topics[i]) && complete;
    }
    complete = complete && !has_unanswered(metadata);
    lt_arena_release(&arena);
    metadata->ready = true;
    metadata->expires = lt_clock_mono_ns(client->clock) +
                        lc_conf_number(client->conf, LC_CONF_METADATA_MAX_AGE_MS) * NS_PER_MS;
    if (complete) {
        metadata->backoff_ms = lc_conf_number(client->conf, LC_CONF_RETRY_BACKOFF_MS);
        space_questions(metadata, metadata->backoff_ms * NS_PER_MS, client->clock);
    } else {
        pause_asking(client);
    }
    lc_client_again(client);
}

/* ---- questions ---- */

static bool needs_creation(const struct lc_topic *topic)
{
    return topic->may_create && (!topic->known || topic->code < 0);
}

/* Ask for the topics of one kind. Returns true if the question is on its way. */
static bool ask(struct leat_client *client, struct lc_broker *broker, bool create)
{
    struct lc_metadata *metadata = client->metadata;
    struct proto_metadata_request request;
    struct lt_arena arena;
    struct lc_topic *topic;
    int16_t version = lc_broker_version(broker, PROTO_API_METADATA, VERSION_NEWEST);
    int32_t count = 0;
    bool sent = false;

    TAILQ_FOREACH (topic, &metadata->topics, link) {
        topic->asked = needs_creation(topic) == create;
        count += topic->asked;
    }
    if (create && count == 0) {
        return false;
    }
    lt_arena_init(&arena, 0);
    proto_metadata_request_init(&request);
    request.topics = lt_arena_calloc(&arena, (size_t)count + 1, sizeof(request.topics[0]));
    request.allow_auto_topic_creation = create;
    if (request.topics != NULL) {
        request.topics_count = 0;
        TAILQ_FOREACH (topic, &metadata->topics, link) {
            if (topic->asked) {
                proto_metadata_request_topic_init(&request.topics[request.topics_count]);
                request.topics[request.topics_count++].name = lt_slice_text(topic->name);
            }
        }
        sent = lc_broker_send(broker, PROTO_API_METADATA, version, &request,
                              lc_conf_number(client->conf, LC_CONF_REQUEST_TIMEOUT_MS), 0,
                              on_answer, NULL) == 0;
    }
    lt_arena_release(&arena);
    if (!sent) {
        pause_asking(client);
    }
    metadata->in_flight = sent;
    return sent;
}

int64_t lc_metadata_turn(struct leat_client *client, int64_t now)
{
    struct lc_metadata *metadata = client->metadata;
    struct lc_broker *broker;

    if (metadata->expires <= now) {
        metadata->expires = LC_NEVER;
        metadata->want_plain = true;
    }
    if (metadata->in_flight || (!metadata->want_plain && !metadata->want_create)) {
        return metadata->expires;
    }
    if (metadata->retry_at > now) {
        return metadata->retry_at;
    }
    broker = lc_metadata_any(client);
    if (broker == NULL) {
        if (TAILQ_EMPTY(&client->brokers)) {
            pause_asking(client); /* no memory for one */
            return metadata->retry_at;
        }
        return LC_NEVER; /* the connections make turns of their own */
    }
    if (metadata->want_create) {
        metadata->want_create = false;
        if (ask(client, broker, true)) {
            return metadata->expires;
        }
    }
    if (metadata->want_plain && !metadata->in_flight && metadata->retry_at <= now) {
        metadata->want_plain = false;
        (void)ask(client, broker, false); /* a failure has set a pause */
    }
    return metadata->retry_at > now ? metadata->retry_at : metadata->expires;
}
