// Writes golden bytes of Kafka's messages with Kafka's own message classes; see README.md for the command.
//
//   java -cp 'LIBS/*' Generate.java OUT VERSIONS NAME...
//
// OUT gets one text file per message. VERSIONS is "all" or one range ("0-0"). NAME is a message of Kafka's, "FetchRequest".
// Every line of a file is: version, variant, the bytes in hexadecimal, the field values as JSON. Variants:
//   full   every field differs from its default, arrays have two elements, nothing is null, some texts are long
//   null   whatever may be null is null, everything else has its default, arrays have one element
//   limit  numbers are the least and greatest of their type, text and arrays are empty
// The values come from the released schemas (in the same jars) and nothing but counters, so that a second run writes the
// same files.

import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

public class Generate {
    static final String[] SCHEMA_FOLDERS = {"common/message/", "message/"};
    static final String[] PACKAGES = {
        "org.apache.kafka.common.message",
        "org.apache.kafka.coordinator.group.generated",
        "org.apache.kafka.coordinator.transaction.generated",
        "org.apache.kafka.coordinator.share.generated",
        "org.apache.kafka.server.log.remote.metadata.storage.generated",
    };
    static final ObjectMapper JSON =
        JsonMapper.builder().enable(JsonReadFeature.ALLOW_JAVA_COMMENTS).build();
    static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    /** Inclusive range of versions, as the schemas write it. */
    record Range(int first, int last) {
        static final Range NONE = new Range(1, 0);

        static Range parse(String text) {
            if (text == null || text.equals("none")) {
                return NONE;
            }
            if (text.endsWith("+")) {
                return new Range(Integer.parseInt(text.substring(0, text.length() - 1)), Short.MAX_VALUE);
            }
            String[] ends = text.split("-");
            return new Range(Integer.parseInt(ends[0]), Integer.parseInt(ends[ends.length - 1]));
        }

        boolean has(int version) {
            return first <= version && version <= last;
        }
    }

    final JsonNode schema;
    final Map<String, JsonNode> structs = new HashMap<>();
    final String variant;
    final int version;
    int counter;

    Generate(JsonNode schema, String variant, int version) {
        this.schema = schema;
        this.variant = variant;
        this.version = version;
        for (JsonNode struct : schema.path("commonStructs")) {
            structs.put(struct.get("name").asText(), struct.get("fields"));
        }
        collect(schema.get("fields"));
    }

    public static void main(String[] args) throws Exception {
        Path out = Path.of(args[0]);
        Files.createDirectories(out);
        for (String name : List.of(args).subList(2, args.length)) {
            JsonNode schema = readSchema(name);
            Range versions = Range.parse(schema.get("validVersions").asText());
            if (!args[1].equals("all")) {
                versions = Range.parse(args[1]);
            }
            List<String> lines = new ArrayList<>();
            for (int version = versions.first(); version <= versions.last(); version++) {
                for (String variant : new String[] {"full", "null", "limit"}) {
                    JsonNode values = new Generate(schema, variant, version).struct(schema.get("fields"));
                    byte[] bytes = encode(schema.get("name").asText(), values, (short) version);
                    lines.add(version + " " + variant + " " + HexFormat.of().formatHex(bytes) + " "
                        + JSON.writeValueAsString(values));
                }
            }
            Files.write(out.resolve(name + ".txt"), lines, StandardCharsets.UTF_8);
        }
    }

    static JsonNode readSchema(String name) throws Exception {
        for (String folder : SCHEMA_FOLDERS) {
            try (InputStream in = Generate.class.getClassLoader().getResourceAsStream(folder + name + ".json")) {
                if (in != null) {
                    return JSON.readTree(in);
                }
            }
        }
        throw new IllegalArgumentException("no schema of " + name);
    }

    /** JSON to Kafka's object to bytes. */
    static byte[] encode(String name, JsonNode values, short version) throws Exception {
        Class<?> converter = null;
        for (String folder : PACKAGES) {
            for (String suffix : new String[] {"DataJsonConverter", "JsonConverter"}) {
                try {
                    converter = Class.forName(folder + "." + name + suffix);
                } catch (ClassNotFoundException e) {
                    continue;
                }
            }
        }
        Message message = (Message) converter.getMethod("read", JsonNode.class, short.class)
            .invoke(null, values, version);
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        if (buffer.hasRemaining()) {
            throw new IllegalStateException(name + ": size and write disagree");
        }
        return buffer.array();
    }

    void collect(JsonNode fields) {
        for (JsonNode field : fields) {
            if (field.has("fields")) {
                structs.put(field.get("type").asText().replace("[]", ""), field.get("fields"));
                collect(field.get("fields"));
            }
        }
    }

    ObjectNode struct(JsonNode fields) {
        ObjectNode node = NODES.objectNode();
        for (JsonNode field : fields) {
            String versions = field.has("versions") ? field.get("versions").asText() : field.get("taggedVersions").asText();
            if (Range.parse(versions).has(version)) {
                String name = field.get("name").asText();
                node.set(name.substring(0, 1).toLowerCase() + name.substring(1), value(field));
            }
        }
        return node;
    }

    JsonNode value(JsonNode field) {
        String type = field.get("type").asText();
        boolean nullable = Range.parse(field.path("nullableVersions").asText(null)).has(version);
        if (variant.equals("null") && nullable) {
            return NODES.nullNode();
        }
        if (!type.startsWith("[]")) {
            return structs.containsKey(type) ? struct(structs.get(type)) : single(field, type);
        }
        ArrayNode array = NODES.arrayNode();
        int count = variant.equals("full") ? 2 : variant.equals("null") && !field.has("tag") ? 1 : 0;
        String element = type.substring(2);
        for (int i = 0; i < count; i++) {
            array.add(structs.containsKey(element) ? struct(structs.get(element)) : single(null, element));
        }
        return array;
    }

    /** A value of a primitive type; `field` is null for an array's element. */
    JsonNode single(JsonNode field, String type) {
        counter++;
        String text = field != null && field.has("default") ? field.get("default").asText() : null;
        if (variant.equals("null")) {
            return standard(type, text);
        }
        return variant.equals("limit") ? limit(type) : full(field == null ? "e" : field.get("name").asText(), type);
    }

    JsonNode standard(String type, String text) {
        switch (type) {
            case "bool": return NODES.booleanNode("true".equals(text));
            case "int8": case "int16": case "uint16": case "int32": case "uint32": case "int64":
                return NODES.numberNode(text == null ? 0L : Long.decode(text));
            case "float64": return NODES.numberNode(0.0);
            case "uuid": return NODES.textNode(Uuid.ZERO_UUID.toString());
            default: return NODES.textNode(text == null || text.equals("null") ? "" : text);
        }
    }

    JsonNode full(String name, String type) {
        switch (type) {
            case "bool": return NODES.booleanNode(true);
            case "int8": return NODES.numberNode(counter % 100 + 20);
            case "int16": return NODES.numberNode(1000 + counter);
            case "uint16": return NODES.numberNode(60000 + counter);
            case "int32": return NODES.numberNode(counter % 2 == 0 ? 1000000 + counter : -1000000 - counter);
            case "uint32": return NODES.numberNode(4000000000L + counter);
            case "int64": return NODES.numberNode(1000000000000L + counter);
            case "float64": return NODES.numberNode(counter + 0.5);
            case "uuid": return NODES.textNode(new Uuid(0x0123456789abcdefL + counter, 0xfedcba9876543210L - counter).toString());
            case "string": return NODES.textNode((name + "-" + counter + "é").repeat(counter % 7 == 0 ? 20 : 1));
            default: return NODES.textNode(Base64.getEncoder().encodeToString(new byte[] {1, 2, (byte) 0xff, (byte) counter}));
        }
    }

    JsonNode limit(String type) {
        boolean low = counter % 2 == 0;
        switch (type) {
            case "bool": return NODES.booleanNode(false);
            case "int8": return NODES.numberNode(low ? Byte.MIN_VALUE : Byte.MAX_VALUE);
            case "int16": return NODES.numberNode(low ? Short.MIN_VALUE : Short.MAX_VALUE);
            case "uint16": return NODES.numberNode(low ? 0 : 65535);
            case "int32": return NODES.numberNode(low ? Integer.MIN_VALUE : Integer.MAX_VALUE);
            case "uint32": return NODES.numberNode(low ? 0L : 4294967295L);
            case "int64": return NODES.numberNode(low ? Long.MIN_VALUE : Long.MAX_VALUE);
            case "float64": return NODES.numberNode(low ? -0.5 : 65536.5);
            case "uuid": return NODES.textNode(new Uuid(-1L, -1L).toString());
            default: return NODES.textNode("");
        }
    }
}
