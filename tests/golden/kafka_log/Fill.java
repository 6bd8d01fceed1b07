/* Fill.java: the records that stand in this directory, produced with Kafka's own client. */
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

public class Fill {
    static final String STRINGS = "org.apache.kafka.common.serialization.StringSerializer";

    static KafkaProducer<String, String> producer(String servers, String name, Object value) {
        Map<String, Object> conf = new HashMap<>(Map.of("bootstrap.servers", servers, "linger.ms", 50,
                "key.serializer", STRINGS, "value.serializer", STRINGS, name, value));
        if (value.equals("gzip")) {
            conf.put("enable.idempotence", false);
        }
        return new KafkaProducer<>(conf);
    }

    public static void main(String[] args) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
            admin.createTopics(List.of(
                    new NewTopic("codecs", 1, (short) 1).configs(Map.of("index.interval.bytes", "1000")),
                    new NewTopic("append", 1, (short) 1).configs(Map.of("message.timestamp.type", "LogAppendTime")),
                    new NewTopic("txn", 1, (short) 1))).all().get();
        }
        long time = 1700000000000L;
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            try (KafkaProducer<String, String> out = producer(args[0], "compression.type", codec)) {
                for (int i = 0; i < 50; i++) {
                    ProducerRecord<String, String> record = new ProducerRecord<>("codecs", 0, time++,
                            i % 5 == 0 ? null : "key" + i,
                            i % 7 == 0 ? null : codec + " value " + i + " " + "x".repeat(i));
                    if (i % 4 == 0) {
                        record.headers().add("h", "x".getBytes()).add("n", (byte[]) null);
                    }
                    out.send(record);
                    out.send(new ProducerRecord<>("append", 0, time, "k" + i, codec));
                    if (i % 20 == 19) {
                        out.flush();
                    }
                }
            }
        }
        try (KafkaProducer<String, String> out = producer(args[0], "transactional.id", "t1")) {
            out.initTransactions();
            out.beginTransaction();
            out.send(new ProducerRecord<>("txn", 0, time, "a", "1"));
            out.send(new ProducerRecord<>("txn", 0, time, "b", "2")).get();
            out.abortTransaction();
            out.beginTransaction();
            out.send(new ProducerRecord<>("txn", 0, time, "c", "3"));
            out.commitTransaction();
        }
    }
}
