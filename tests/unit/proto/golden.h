/* golden.h: record batches as Kafka 4.3.1's own classes write them, in hex.
 *
 * Threads: constants only. */
#ifndef TEST_PROTO_GOLDEN_H
#define TEST_PROTO_GOLDEN_H

/* Two records: k1 -> v1; 5 ms later no key -> v2 with headers h=x and n=null. */
#define GOLDEN_TWO_RECORDS                                                      \
    "0000000000000000 0000004c ffffffff 02 83bddbbf 0000 00000001"              \
    "0000018bcfe56800 0000018bcfe56805 ffffffffffffffff ffff ffffffff 00000002" \
    "14 00 00 00 04 6b31 04 7631 00"                                            \
    "1e 00 0a 02 01 04 7632 04 02 68 02 78 02 6e 01"

/* Transactional, producer 42 epoch 1 sequence 0: no key -> hello. */
#define GOLDEN_TRANSACTIONAL                                                    \
    "0000000000000000 0000003d ffffffff 02 e8e9ad75 0010 00000000"              \
    "0000018bcfe56800 0000018bcfe56800 000000000000002a 0001 00000000 00000001" \
    "16 00 00 00 01 0a 68656c6c6f 00"

/* Markers of producer 42 epoch 2, coordinator epoch 3, leader epoch 0, at offsets 7 and 8. */
#define GOLDEN_COMMIT                                                           \
    "0000000000000007 00000042 00000000 02 1842b904 0030 00000000"              \
    "0000018bcfe56864 0000018bcfe56864 000000000000002a 0002 ffffffff 00000001" \
    "20 00 00 00 08 00000001 0c 000000000003 00"
#define GOLDEN_ABORT                                                            \
    "0000000000000008 00000042 00000000 02 ec7c6f4c 0030 00000000"              \
    "0000018bcfe56864 0000018bcfe56864 000000000000002a 0002 ffffffff 00000001" \
    "20 00 00 00 08 00000000 0c 000000000003 00"

#define GOLDEN_TIME 1700000000000

#endif
