/* help_topics.c: see help_topics.h. */
#include "client/cli/help_topics.h"

#include <stddef.h>

static const char help_format[] =
    "-f FORMAT prints a record by verbs:\n"
    "  %t topic      %T its length      %p partition   %o offset   %e leader epoch\n"
    "  %k key        %K its length      %v value       %V its length (-1 = null)\n"
    "  %d timestamp in ms; %d{iso}; %d{strftime[%F %T]}\n"
    "  %h{%k=%v }    once for each header, %k and %v are its name and value      %H header count\n"
    "  %x producer id   %y producer epoch   %i running number\n"
    "  %a{compression} %a{timestamp-type} %a{transactional} %a{control}\n"
    "  %[ log start   %| last stable offset   %] high watermark\n"
    "  %s %S as %v %V and %R as %V{big32}, as in kcat; %T is the topic's length here, the "
    "timestamp in kcat\n"
    "Texts take {hex} {base64} {json} {unpack[>I$]}, numbers {ascii} {byte} {big16} {big32} "
    "{big64}\n{little16} {little32} {little64} {hex4} {hex8} {hex16} {hex32} {hex64}.\n"
    "Escapes: \\t \\n \\r \\\\ \\xNN %% %{ %}\n\n"
    "leat produce -f FORMAT reads records by the same verbs. A text ends where the format's next "
    "characters\n"
    "stand, or at its length where %K, %V or %T came before it (-1 = null, %K{3} = always 3); %h{ "
    "} "
    "needs %H\n"
    "before it. Without '\\n' at its end the format takes lines as part of the value.\n\n"
    "Examples: leat cat orders -f '%d{iso} %t/%p@%o %k %v\\n'\n"
    "          leat produce orders -f '%k\\t%v\\n'\n"
    "          leat cat a -f '%K{big32}%k%V{big32}%v' | leat produce b -f "
    "'%K{big32}%k%V{big32}%v'\n";

static const char help_offsets[] =
    "-o OFFSETS says where reading begins, and after a ':' where it ends:\n"
    "  start end         also earliest beginning oldest, latest newest; s@MS e@MS as in kcat\n"
    "  100               this offset          100:200  up to and not including 200          :200  "
    "from the start\n"
    "  +10 -10           ten after the start, ten before the end\n"
    "  @-1h @2h30m       so long ago          @now\n"
    "  @2026-02-14       a day (UTC; --local for local time)\n"
    "  @2026-02-14T10:12:03Z  @2026-02-14T10:12+02:00   a moment\n"
    "  @1771063923 @1771063923101                       seconds, ms (16 digits us, 19 ns)\n"
    "  @2026-02-14:1h    an hour from that day's beginning: a second time may be a duration\n"
    "  @-2h:-1h          from two hours ago to one hour ago\n"
    "A time means the first record that is not older. 'committed' needs a consumer group, which is "
    "not built yet.\n";

static const char help_config[] =
    "Settings come from, strongest first: flags, -X key=value, LEAT_* variables, --command-config "
    "FILE, the profile\n"
    "(-P NAME, LEAT_PROFILE, or 'current' in the file), the top level of ~/.config/leat/config, "
    "the default.\n"
    "Names are those of Kafka's Java client; 'leat -X help' explains them all. A file has 'key = "
    "value' lines, "
    "[NAME] begins a profile\n"
    "('leat profile --help'), ${env:NAME} and ${file:PATH} stand for what is there.\n\n"
    "  # ~/.config/leat/config (XDG_CONFIG_HOME moves it, LEAT_CONFIG names another)\n"
    "  current = local\n"
    "  [local]\n"
    "  bootstrap.servers = localhost:9092\n"
    "  [prod]\n"
    "  description = EU production\n"
    "  bootstrap.servers = b1.example.net:9092,b2.example.net:9092\n"
    "  confirm = always            # every change asks, also with --yes\n\n"
    "'leat profile show -v' prints each value with its source.\n";

static const char help_auth[] =
    "This release speaks to brokers in plaintext: security.protocol is PLAINTEXT, the default, and "
    "nothing else.\n"
    "Settings that begin with sasl. or ssl. are refused with that reason, instead of being "
    "ignored, so that a file\n"
    "written for a protected cluster never sends anything in the clear by mistake.\n\n"
    "A broker that wants TLS closes the connection or answers with an alert: 'leat doctor' tells "
    "which of the two it\n"
    "was, and whether the port speaks the Kafka protocol at all.\n";

const struct cli_help_topic cli_help_topics[] = {{"format", help_format},
                                                 {"offsets", help_offsets},
                                                 {"config", help_config},
                                                 {"auth", help_auth},
                                                 {NULL, NULL}};

static const char cheat_topics[] =
    "  leat topic create orders -p 3                      make a topic\n"
    "  leat topic list                                    what there is\n"
    "  leat topic describe orders -a                      partitions, offsets, settings\n"
    "  leat topic offsets orders --at @-1h                where an hour ago is\n"
    "  leat config set --topic orders retention.ms=1d     keep records for a day\n"
    "  leat topic delete orders                           topic and records are gone\n";

static const char cheat_records[] =
    "  echo hello | leat produce orders                   one record per line of stdin\n"
    "  leat produce orders -k k1 --value v -H source=web  one record with key and header\n"
    "  leat produce orders -K : <pairs.txt                lines are KEY:VALUE\n"
    "  leat cat orders                                    everything up to now\n"
    "  leat consume orders -o end                         only what comes from now on\n"
    "  leat cat orders -o @2026-02-14:1h                  one hour of one day\n"
    "  leat cat orders -o -10 -f '%p %o %k %v\\n'         the last ten of each partition\n"
    "  leat cat a --json | leat produce b --json          copy a topic as it is\n";

static const char cheat_broker[] =
    "  leat dev --topic orders:3                          a broker until Ctrl-C\n"
    "  leat ping                                          is there a broker? exit 0 or 3\n"
    "  leat doctor                                        why is there none?\n"
    "  leat cluster info                                  id and brokers\n"
    "  leat profile create prod -b b1.example.net:9092    name an address\n"
    "  leat profile use prod                              and use it from now on\n";

const struct cli_help_topic cli_cheats[] = {
    {"topics", cheat_topics}, {"records", cheat_records}, {"broker", cheat_broker}, {NULL, NULL}};
