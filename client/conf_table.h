/* conf_table.h: every setting of the library, one row each; leat_conf_visit, -X help and the docs are made from it.
 *
 * XX(ID, key, type, default, least, most, choices, text). Names and defaults are those of Kafka's Java client 4.3.1, librdkafka's where Java has
 * none (queued.max.messages.kbytes), leat's own with leat. in front. A key stands here only if it has its effect.
 * Below: keys of later releases with the reason why they are refused. Threads: constant. */
#ifndef LC_CONF_TABLE_H
#define LC_CONF_TABLE_H

#include <stdint.h>

enum lc_conf_type {
    LC_STRING,
    LC_LIST,
    LC_BOOL,
    LC_INT,
    LC_SIZE,
    LC_DURATION, /* ms */
    LC_CHOICE,   /* its number is the place of the word in `choices`, from 0 */
};

/* clang-format off */
#define LC_CONF_MAP(XX) \
    XX(BOOTSTRAP_SERVERS, "bootstrap.servers", LC_LIST, "localhost:9092", 0, 0, NULL, \
       "Addresses to begin with, HOST:PORT,... ; the others are learned from them") \
    XX(CLIENT_ID, "client.id", LC_STRING, "leat", 0, 0, NULL, \
       "Name of this program in the broker's logs and quotas") \
    XX(SECURITY_PROTOCOL, "security.protocol", LC_CHOICE, "PLAINTEXT", 0, 0, "PLAINTEXT", \
       "How to speak to brokers; TLS and SASL are not in this release") \
    XX(REQUEST_TIMEOUT_MS, "request.timeout.ms", LC_DURATION, "30000", 1, INT32_MAX, NULL, \
       "How long to wait for the answer to one request before the connection is given up") \
    XX(SETUP_TIMEOUT_MS, "socket.connection.setup.timeout.ms", LC_DURATION, "10000", 1, INT32_MAX, NULL, \
       "How long to wait for one connection to be made") \
    XX(RECONNECT_BACKOFF_MS, "reconnect.backoff.ms", LC_DURATION, "50", 0, INT32_MAX, NULL, \
       "Pause before connecting again after a failure; doubles up to reconnect.backoff.max.ms") \
    XX(RECONNECT_BACKOFF_MAX_MS, "reconnect.backoff.max.ms", LC_DURATION, "1000", 0, INT32_MAX, NULL, \
       "Longest pause between attempts to connect to one broker") \
    XX(RETRY_BACKOFF_MS, "retry.backoff.ms", LC_DURATION, "100", 0, INT32_MAX, NULL, \
       "Pause before a failed request is sent again; doubles up to retry.backoff.max.ms") \
    XX(RETRY_BACKOFF_MAX_MS, "retry.backoff.max.ms", LC_DURATION, "1000", 0, INT32_MAX, NULL, \
       "Longest pause before a failed request is sent again") \
    XX(METADATA_MAX_AGE_MS, "metadata.max.age.ms", LC_DURATION, "300000", 1, INT32_MAX, NULL, \
       "Ask for topics and leaders anew after this time even if nothing seems to have changed") \
    XX(AUTO_CREATE, "allow.auto.create.topics", LC_BOOL, "true", 0, 0, NULL, \
       "Producers: may sending to an unknown topic create it, where the broker allows that") \
    XX(DISPATCH, "leat.dispatch", LC_BOOL, "false", 0, 0, NULL, \
       "Run callbacks in leat_client_dispatch instead of on the I/O thread") \
    XX(ACKS, "acks", LC_CHOICE, "all", 0, 0, "all|-1|1|0", \
       "What an answer means: all (-1) = stored as safely as the topic says, 1 = in the leader's log, 0 = no answer") \
    XX(IDEMPOTENCE, "enable.idempotence", LC_CHOICE, "false", 0, 0, "false", \
       "Only false in this release: a retry after a lost answer can store records twice; order is kept") \
    XX(MAX_IN_FLIGHT, "max.in.flight.requests.per.connection", LC_INT, "5", 1, 1000, NULL, \
       "Produce requests on their way to one broker; of one partition there is never more than one") \
    XX(RETRIES, "retries", LC_INT, "2147483647", 0, INT32_MAX, NULL, \
       "How often a batch is sent again, within delivery.timeout.ms") \
    XX(DELIVERY_TIMEOUT_MS, "delivery.timeout.ms", LC_DURATION, "120000", 1, INT32_MAX, NULL, \
       "Give up on a record this long after leat_send") \
    XX(BATCH_SIZE, "batch.size", LC_SIZE, "16384", 1, 1 << 30, NULL, \
       "Send a partition's batch when it has this many bytes before compression; a larger record travels alone") \
    XX(LINGER_MS, "linger.ms", LC_DURATION, "5", 0, INT32_MAX, NULL, \
       "Wait this long for more records before a batch that is not full is sent") \
    XX(BUFFER_MEMORY, "buffer.memory", LC_SIZE, "33554432", 1, INT64_MAX, NULL, \
       "Bytes of records waiting or on their way; above it leat_send waits") \
    XX(MAX_BLOCK_MS, "max.block.ms", LC_DURATION, "60000", 0, INT32_MAX, NULL, \
       "How long leat_send waits for memory and for the topic to be known") \
    XX(MAX_REQUEST_SIZE, "max.request.size", LC_SIZE, "1048576", 1, 1 << 30, NULL, \
       "Largest record and largest produce request") \
    XX(COMPRESSION, "compression.type", LC_CHOICE, "none", 0, 0, "none|gzip|snappy|lz4|zstd", \
       "Codec of batches") \
    XX(GZIP_LEVEL, "compression.gzip.level", LC_INT, "-1", -1, 9, NULL, \
       "1 (fast) to 9 (small), -1 = zlib's default") \
    XX(LZ4_LEVEL, "compression.lz4.level", LC_INT, "9", 1, 17, NULL, \
       "1 to 17; 9, the default, is the fast compressor as in Kafka") \
    XX(ZSTD_LEVEL, "compression.zstd.level", LC_INT, "3", -131072, 22, NULL, \
       "Negative (fastest) to 22 (smallest)") \
    XX(PARTITIONER, "partitioner", LC_CHOICE, "murmur2", 0, 0, "murmur2|crc32|xxhash|random", \
       "Hash that places a key: murmur2 as Java, crc32 as librdkafka, xxhash fastest; random ignores keys") \
    XX(OFFSET_RESET, "auto.offset.reset", LC_CHOICE, "latest", 0, 0, "latest|earliest|none", \
       "Where to go on when an offset does not exist (any more); none = report it") \
    XX(ISOLATION, "isolation.level", LC_CHOICE, "read_uncommitted", 0, 0, "read_uncommitted|read_committed", \
       "read_committed leaves out records of open and aborted transactions") \
    XX(FETCH_MIN_BYTES, "fetch.min.bytes", LC_SIZE, "1", 0, INT32_MAX, NULL, \
       "The broker answers a fetch when it has this many bytes, or after fetch.max.wait.ms") \
    XX(FETCH_MAX_BYTES, "fetch.max.bytes", LC_SIZE, "52428800", 1, 1 << 30, NULL, \
       "Most bytes of one fetch answer (one batch may be larger)") \
    XX(FETCH_MAX_WAIT_MS, "fetch.max.wait.ms", LC_DURATION, "500", 0, INT32_MAX, NULL, \
       "How long the broker may hold a fetch back when there is little to read") \
    XX(PARTITION_FETCH_BYTES, "max.partition.fetch.bytes", LC_SIZE, "1048576", 1, 1 << 30, NULL, \
       "Most bytes of one partition in one fetch answer (one batch may be larger)") \
    XX(MAX_POLL_RECORDS, "max.poll.records", LC_INT, "500", 1, INT32_MAX, NULL, \
       "Most records that one leat_consumer_poll returns") \
    XX(CHECK_CRCS, "check.crcs", LC_BOOL, "true", 0, 0, NULL, \
       "Verify the checksum of every batch that is read") \
    XX(CONTROL_RECORDS, "leat.control.records", LC_BOOL, "false", 0, 0, NULL, \
       "Hand out the markers that end transactions as records too") \
    XX(QUEUED_KBYTES, "queued.max.messages.kbytes", LC_INT, "65536", 1, 1 << 21, NULL, \
       "KiB fetched ahead of leat_consumer_poll: a request goes out below half of it and asks for at most the other half")

/* A key, or with a dot at its end all keys that begin with it; and what is said when somebody sets it. */
#define LC_CONF_LATER(XX) \
    XX("transactional.id", "transactions are not in this release") \
    XX("transaction.timeout.ms", "transactions are not in this release") \
    XX("group.", "consumer groups are not in this release; name partitions with leat_consumer_assign") \
    XX("partition.assignment.strategy", "consumer groups are not in this release") \
    XX("session.timeout.ms", "consumer groups are not in this release") \
    XX("heartbeat.interval.ms", "consumer groups are not in this release") \
    XX("max.poll.interval.ms", "consumer groups are not in this release") \
    XX("enable.auto.commit", "consumer groups are not in this release: offsets are not committed") \
    XX("auto.commit.interval.ms", "consumer groups are not in this release: offsets are not committed") \
    XX("sasl.", "SASL is not in this release") \
    XX("ssl.", "TLS is not in this release")
/* clang-format on */

enum lc_conf_id {
#define XX(id, ...) LC_CONF_##id,
    LC_CONF_MAP(XX)
#undef XX
        LC_CONF_COUNT
};

/* Numbers of LC_CHOICE values that code compares with. */
enum { LC_ACKS_ALL = 0, LC_ACKS_MINUS_ONE = 1, LC_ACKS_ONE = 2, LC_ACKS_NONE = 3 };
enum { LC_PARTITIONER_RANDOM = 3 };
enum { LC_RESET_LATEST = 0, LC_RESET_EARLIEST = 1, LC_RESET_NONE = 2 };

#endif
