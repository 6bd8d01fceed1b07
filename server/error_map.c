/* error_map.c: one switch. */
#include "server/error_map.h"

#include "leat/err.h"
#include "proto/errors.h"

int16_t srv_wire_error(int code)
{
    if (LEAT_IS_BROKER_ERROR(code)) {
        return (int16_t)LEAT_WIRE_CODE(code);
    }
    switch (code) {
    case 0:
        return PROTO_ERROR_NONE;
    case LEAT_EIO:
    case LEAT_EFAILED:
    case LEAT_ENOSPACE:
    case LEAT_EREADONLY:
        return PROTO_ERROR_KAFKA_STORAGE_ERROR;
    case LEAT_ECORRUPT:
        return PROTO_ERROR_CORRUPT_MESSAGE;
    case LEAT_E2BIG:
        return PROTO_ERROR_MESSAGE_TOO_LARGE;
    case LEAT_EFULL:
        return PROTO_ERROR_RECORD_LIST_TOO_LARGE;
    case LEAT_ERECORD:
        return PROTO_ERROR_INVALID_RECORD;
    case LEAT_ETIMESTAMP:
        return PROTO_ERROR_INVALID_TIMESTAMP;
    case LEAT_ECODEC:
        return PROTO_ERROR_UNSUPPORTED_COMPRESSION_TYPE;
    case LEAT_ERANGE:
        return PROTO_ERROR_OFFSET_OUT_OF_RANGE;
    case LEAT_ENOENT:
    case LEAT_EDELETED:
        return PROTO_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    case LEAT_EEXISTS:
        return PROTO_ERROR_TOPIC_ALREADY_EXISTS;
    case LEAT_ENAME:
        return PROTO_ERROR_INVALID_TOPIC_EXCEPTION;
    case LEAT_ECONFIG:
        return PROTO_ERROR_INVALID_CONFIG;
    case LEAT_EINVAL:
    case LEAT_EPROTOCOL:
        return PROTO_ERROR_INVALID_REQUEST;
    case LEAT_EUNSUPPORTED:
        return PROTO_ERROR_UNSUPPORTED_VERSION;
    case LEAT_ELIMIT:
        return PROTO_ERROR_POLICY_VIOLATION;
    case LEAT_EAGAIN:
    case LEAT_ETIMEDOUT:
        return PROTO_ERROR_REQUEST_TIMED_OUT;
    case LEAT_EFENCED:
        return PROTO_ERROR_FENCED_LEADER_EPOCH;
    case LEAT_EEPOCH:
        return PROTO_ERROR_UNKNOWN_LEADER_EPOCH;
    case LEAT_ENOTLEADER:
        return PROTO_ERROR_NOT_LEADER_OR_FOLLOWER;
    case LEAT_EREPLICAS:
        return PROTO_ERROR_NOT_ENOUGH_REPLICAS;
    case LEAT_EMISMATCH:
        return PROTO_ERROR_INCONSISTENT_TOPIC_ID;
    case LEAT_ESEQUENCE:
        return PROTO_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    case LEAT_EPRODUCER:
        return PROTO_ERROR_INVALID_PRODUCER_EPOCH;
    case LEAT_EUNAVAIL:
        return PROTO_ERROR_LEADER_NOT_AVAILABLE;
    /* Not enough memory for an answer: the client may well try again. */
    case LEAT_ENOMEM:
        return PROTO_ERROR_REQUEST_TIMED_OUT;
    default:
        return PROTO_ERROR_UNKNOWN_SERVER_ERROR;
    }
}
