"""leat produce, consume, cat and tail: every flag, the copy of a topic through a pipe, what happens when something ends.

All of this holds for every broker that speaks the protocol: tests/compat/test_leat_on_kafka.py runs the same functions
against a Kafka. What is leatd's own stands in test_records_leatd.py.
"""

import base64
import itertools
import json
import os
import signal
import subprocess
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.cli import Running, environment, json_lines, run, wait_for
from tests.support.leatd import BUILD, Leatd

MS = 1_771_063_923_101  # 2026-02-14T10:12:03.101Z
_numbers = itertools.count()


@pytest.fixture(scope="module")
def broker():
    with Leatd() as leatd:
        yield leatd


@pytest.fixture
def topic(broker, request):
    """A topic of one partition that no other test uses, and its broker's address."""
    return make(broker, request.node.name.split("[")[0].replace("_", "-"))


def make(broker, stem, partitions=1, *more):
    name = f"{stem}-{os.getpid()}-{next(_numbers)}"
    run(broker.address, "topic", "create", name, "-p", str(partitions), *more)
    return name


def fill(broker, topic, lines, *more):
    run(broker.address, "produce", topic, *more, stdin="".join(line + "\n" for line in lines))


# ---- the copy ----

maybe_bytes = st.none() | st.binary(max_size=20) | st.text(max_size=10).map(lambda s: s.encode("utf-8", "surrogatepass"))
header_name = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=5)
records = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, MS), maybe_bytes, maybe_bytes,
        st.lists(st.tuples(st.sampled_from(["a", "b"]) | header_name, maybe_bytes), max_size=4),
    ),
    max_size=12,
)


def put(obj, name, data):
    try:
        obj[name] = None if data is None else data.decode()
    except UnicodeDecodeError:
        obj[name + "_base64"] = base64.b64encode(data).decode()
    return obj


def as_json(record):
    partition, timestamp, key, value, headers = record
    obj = {"partition": partition, "timestamp": timestamp}
    put(put(obj, "key", key), "value", value)
    obj["headers"] = [put({"name": name}, "value", data) for name, data in headers]
    return obj


def read_back(broker, topic):
    """The records by partition, each in the order of its offsets."""
    rows = json_lines(run(broker.address, "cat", topic, "--json").stdout)
    assert all(row.pop("topic") == topic for row in rows)
    for partition in {row["partition"] for row in rows}:
        offsets = [row["offset"] for row in rows if row["partition"] == partition]
        assert offsets == list(range(len(offsets)))
    return sorted(rows, key=lambda row: (row["partition"], row["offset"]))


def copies_exactly(broker, sent):
    first, second = make(broker, "copy", 3, "-c", "retention.ms=-1"), make(broker, "copy", 3, "-c", "retention.ms=-1")
    text = "".join(json.dumps(as_json(record)) + "\n" for record in sent)
    run(broker.address, "produce", first, "--json", stdin=text)
    stored = read_back(broker, first)
    wanted = sorted((as_json(r) for r in sent), key=lambda row: row["partition"])  # stable: the order in a partition stays
    assert [{k: v for k, v in row.items() if k not in ("offset", "timestamp_iso")} for row in stored] == wanted
    source = subprocess.Popen(
        [BUILD / "leat", "consume", first, "--json", "-e", "-b", broker.address], stdout=subprocess.PIPE, env=environment()
    )
    subprocess.run(
        [BUILD / "leat", "produce", second, "--json", "-q", "-b", broker.address], stdin=source.stdout, check=True, timeout=60,
        env=environment(),
    )
    source.stdout.close()
    assert source.wait(timeout=30) == 0
    assert read_back(broker, second) == stored


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(sent=records)
@example(sent=[(0, 0, "\u0085\u2028".encode(), b"\r\x1e", [("\u0085", b"\n")])])  # what ends a line elsewhere
def test_consume_into_produce_copies_exactly(broker, sent):
    """Headers with repeated names and null values, null and empty keys and values, bytes of all kinds, times, partitions."""
    copies_exactly(broker, sent)


def test_binary_format_copies(broker, topic):
    """The same through -f, with lengths: no byte of key or value is special."""
    other = make(broker, "other")
    rows = [{"key_base64": "AAo=", "value_base64": "Cg0KAA=="}, {"key": None, "value": ""}, {"key": "", "value": None}]
    run(broker.address, "produce", topic, "--json", stdin="".join(json.dumps(r) + "\n" for r in rows))
    form = "%K{big32}%k%V{little16}%v%H{byte}%h{%K{hex8}%k%V{big16}%v}%d,"
    data = run(broker.address, "cat", topic, "-f", form, stdin=b"").stdout
    run(broker.address, "produce", other, "-f", form, stdin=data)
    strip = lambda name: [dict(row, offset=0) for row in read_back(broker, name)]
    assert strip(other) == strip(topic)


# ---- input of produce ----

@pytest.mark.parametrize(
    "args, stdin, shown",
    [
        ([], "one\ntwo\n\nlast", "-|one -|two -| -|last "),
        (["-K", ":"], "a:1\nb:2:3\n", "a|1 b|2:3 "),
        (["-K", "\\t", "-D", ";"], "a\t1;b\t2;", "a|1 b|2 "),
        (["-D", "--"], "x-y--z", "-|x-y -|z "),
        (["-k", "all"], "1\n2\n", "all|1 all|2 "),
        (["-K", ":", "-Z"], "a:\n", "a|- "),
        (["-f", "%v:%k\\n"], "1:a\n2:b\n", "a|1 b|2 "),
        (["-f", "%K %k%v,"], "1 ab,-1 c,", "a|b -|c "),
        (["-f", "%V{big16}%v"], "\0\1x\0\2yz", "-|x -|yz "),
        (["-f", "%v{hex};"], "6f6b;", "-|ok "),
        (["-f", "%v"], "a\nb\n", "-|a\nb\n "),
    ],
)
def test_forms_of_input(broker, topic, args, stdin, shown):
    run(broker.address, "produce", topic, *args, stdin=stdin)
    rows = json_lines(run(broker.address, "cat", topic, "--json").stdout)
    dash = lambda text: "-" if text is None else text
    assert "".join(f"{dash(r['key'])}|{dash(r['value'])} " for r in rows) == shown


def test_files_values_headers_and_partition(broker, tmp_path):
    name = make(broker, "files", 3)
    (tmp_path / "a").write_text("1\n2\n")
    (tmp_path / "b").write_text("3")
    done = run(broker.address, "produce", name, tmp_path / "a", tmp_path / "b", "-H", "n=1", "-H", "n=2", "-p", "2")
    assert f"{name}  3 records  3 B" in done.stderr and done.stdout == ""
    run(broker.address, "produce", name, "--value", "4", "--value", "5", "-p", "2", stdin="not read\n")
    assert run(broker.address, "cat", name, "-f", "%p:%v:%h{%k=%v,}%H ").stdout == "2:1:n=1,n=2,2 2:2:n=1,n=2,2 2:3:n=1,n=2,2 2:4:0 2:5:0 "
    one = run(broker.address, "produce", name, "--value", "x", "-k", "key", "-p", "1")
    assert one.stderr.startswith(f"{name}/1@0  4 B  ") and one.stderr.endswith(" ms\n")
    assert run(broker.address, "produce", name, "-q", "--value", "x").stderr == ""


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_codecs_acks_and_partitioners(broker, topic, codec):
    lines = [f"{i} {'x' * 60}" for i in range(300)]
    acks, partitioner = {"none": ("0", "random"), "gzip": ("1", "crc32"), "snappy": ("all", "xxhash")}.get(codec, ("all", "murmur2"))
    fill(broker, topic, lines, "-z", codec, "--acks", acks, "--partitioner", partitioner)
    wait_for(lambda: run(broker.address, "cat", topic).stdout.splitlines() == lines)  # acks=0 says nothing about when
    assert run(broker.address, "cat", topic, "-n", "1", "-f", "%a{compression}").stdout == codec


def test_progress_says_how_far(broker, topic):
    done = run(broker.address, "produce", topic, "--progress", stdin="x\n" * 5000)
    assert "5000 of 5000 records acknowledged" in done.stderr and "\r" not in done.stderr


def test_dry_run_sends_nothing(broker, topic):
    assert "3 records would be sent" in run(broker.address, "produce", topic, "--dry-run", stdin="1\n2\n3\n").stderr
    assert run(broker.address, "cat", topic).stdout == ""


@pytest.mark.parametrize(
    "args, stdin, said",
    [
        (["-K", ":"], "a:b\nno\nc:d\n", "line 2: no key delimiter ':' in 'no'"),
        (["--json"], '{"value":"a"}\n{"value":5}\n{}\n', 'line 2: "value" must be a string or null'),
        (["--json"], '{"value":"a"}\n\nnot\n{}\n', "line 3: not a JSON object"),
        (["-f", "%k:%v\\n"], "a:b\nc\n", "record 2: the input ends"),
        (["-f", "%V{big32}%v"], "\0\0\0\1a\0\0", "record 2: the input ends"),
    ],
)
def test_bad_input_is_named_and_ends_it(broker, topic, args, stdin, said):
    """What stands before it is stored, what stands behind it is not, and both are said."""
    done = run(broker.address, "produce", topic, *args, stdin=stdin, status=1)
    assert said in done.stderr, done.stderr
    assert "1 records before it were" in done.stderr
    assert len(run(broker.address, "cat", topic, "-f", "%o\n").stdout.splitlines()) == 1


@pytest.mark.parametrize("wrong", ["\\x1", "\\", "\\q", "\\x", "a\\"])
@pytest.mark.parametrize("flag", ["-D", "-K"])
def test_an_escape_that_is_none_is_refused(broker, topic, flag, wrong):
    """Also at the very end of the argument, behind which the next one stands."""
    done = run(broker.address, "produce", topic, flag, wrong, stdin="a\n", status=2)
    assert f"{flag}: '{wrong[-3:] if wrong[0] != 'a' else wrong[1:]}' is none of the escapes" in done.stderr


def test_a_zero_byte_divides(broker, topic):
    run(broker.address, "produce", topic, "-D", "\\x00", stdin="a\0b\nc\0")
    run(broker.address, "produce", topic, "-K", "\\x00=", stdin="k\0=v\n")
    assert run(broker.address, "cat", topic, "-f", "%k/%v;").stdout == "/a;/b\nc;k/v;"


@pytest.mark.parametrize("args, stdin, partition", [(["-p", "7"], "a\n", 7), (["--json"], '{"partition":3,"value":"a"}\n', 3)])
def test_a_partition_that_is_not_there_is_named(broker, args, stdin, partition):
    name = make(broker, "three", 3)
    done = run(broker.address, "produce", name, *args, stdin=stdin, status=1)
    assert f"line 1: no partition {partition}; there are 3, from 0 on" in done.stderr


@pytest.mark.parametrize("args, closed, said", [
    (["cat"], 1, "cannot write to stdout: Bad file descriptor"), (["produce"], 0, "cannot read stdin: Bad file descriptor")])
def test_a_closed_descriptor_is_no_socket(broker, topic, args, closed, said):
    """Else the first connection takes its number, and the records go to the broker."""
    fill(broker, topic, ["a"])
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}>&-', "sh", BUILD / "leat", *args, topic, "-b", broker.address], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=30, check=False, env=environment())
    assert done.returncode == 1 and said in done.stderr, done


# ---- what is read ----

def test_ranges_counts_and_partitions(broker):
    name = make(broker, "ranges", 4)
    for partition in range(4):
        fill(broker, name, [f"{partition}.{i}" for i in range(10)], "-p", str(partition))
    cat = lambda *args: run(broker.address, "cat", name, *args).stdout.split()
    assert cat("-p", "1") == [f"1.{i}" for i in range(10)]
    assert sorted(cat("-p", "0,2-3", "-o", "-1")) == ["0.9", "2.9", "3.9"]
    assert cat("-p", "3", "-o", "2:4") == ["3.2", "3.3"]
    assert cat("-p", "3", "-o", "+8") == ["3.8", "3.9"]
    assert cat("-p", "3", "-o", "-3:-1") == ["3.7", "3.8"]
    assert cat("-p", "3", "-o", ":2") == ["3.0", "3.1"]
    assert cat("-p", "3", "-o", "5:100") == [f"3.{i}" for i in range(5, 10)]
    assert cat("-o", "end") == []
    assert len(cat("-n", "7")) == 7 and len(cat()) == 40
    consume = run(broker.address, "consume", name, "-e", "-p", "2", "-o", "oldest").stdout.split()
    assert consume == [f"2.{i}" for i in range(10)]
    assert run(broker.address, "consume", name, "-n", "5", "-p", "1").stdout.split() == [f"1.{i}" for i in range(5)]
    assert "no partition 9; there are 4, from 0 on" in run(broker.address, "cat", name, "-p", "9", status=1).stderr
    beyond = run(broker.address, "cat", name, "-p", "1", "-o", "1000", status=1).stderr
    assert "offset 1000 is beyond the end" in beyond and "OFFSET_OUT_OF_RANGE" in beyond


def test_times(broker):
    name = make(broker, "times", 1, "-c", "retention.ms=-1")
    rows = "".join(json.dumps({"value": str(i), "timestamp": MS + 1000 * i}) + "\n" for i in range(10))
    run(broker.address, "produce", name, "--json", stdin=rows)
    cat = lambda offsets, *args: run(broker.address, "cat", name, "-o", offsets, *args).stdout.split()
    assert cat(f"@{MS + 4000}") == list("456789")
    assert cat("@2026-02-14T10:12:05Z:@2026-02-14T10:12:08Z") == list("234")
    assert cat(f"@{MS + 2000}:3s") == list("234")
    assert cat(f"s@{MS + 8000}") == list("89") and cat(f"e@{MS + 2000}") == list("01")
    assert cat("@-1m:now") == [] and cat("@-3000w:@2026-02-14T10:12:04Z") == ["0"]
    assert cat(f":@{MS + 1000}") == ["0"]
    assert cat("1", "-n", "1", "-f", "%d %d{iso} %d{strftime[%Y/%m/%d]}") == [str(MS + 1000), "2026-02-14T10:12:04.101Z", "2026/02/14"]


def test_filters_and_forms(broker, topic):
    rows = [
        {"key": "a", "value": "one", "headers": [{"name": "x", "value": "1"}]},
        {"key": None, "value": "two", "headers": [{"name": "x", "value": "2"}, {"name": "x", "value": "1"}]},
        {"key": "b", "value": None},
    ]
    run(broker.address, "produce", topic, "--json", stdin="".join(json.dumps(r) + "\n" for r in rows))
    cat = lambda *args: run(broker.address, "cat", topic, *args).stdout
    assert cat("--key", "a") == "one\n" and cat("--grep", "^t") == "two\n" and cat("--header", "x=1") == "one\ntwo\n"
    assert cat("-u") == "one\ntwo\n\n"
    meta = json_lines(cat("--json", "--meta-only"))
    assert [(m["key_size"], m["value_size"], m["header_count"]) for m in meta] == [(1, 3, 1), (-1, 3, 2), (1, -1, 0)]
    assert "value" not in meta[0] and "  key 1 B  value 3 B  1 headers\n" in cat("--meta-only")
    pretty = cat("--pretty", "-n", "1")
    assert pretty.startswith("{\n  ") and json.loads(pretty)["headers"] == [{"name": "x", "value": "1"}]
    assert run(broker.address, "cat", topic, "-n", "1", "-f", "%R%s%V{little64}", stdin=b"").stdout == b"\0\0\0\3one" + (3).to_bytes(8, "little")
    assert cat("-n", "1", "-f", "%t %T %e %[ %| %] %i %x %y %a{timestamp-type} %a{transactional}") == f"{topic} {len(topic)} 0 0 3 3 0 -1 -1 CreateTime false"


def test_several_topics_and_patterns(broker):
    stem = f"pat{next(_numbers)}x{os.getpid()}"
    names = [make(broker, f"{stem}-{n}") for n in "ab"]
    for name in names:
        fill(broker, name, [name])
    assert sorted(run(broker.address, "cat", *names).stdout.split()) == sorted(names)
    assert sorted(run(broker.address, "cat", "-r", f"^{stem}-").stdout.split()) == sorted(names)
    assert run(broker.address, "cat", "-r", f"^{stem}-a").stdout.split() == names[:1]
    assert "no topic matches" in run(broker.address, "cat", "-r", "^nothing-like-it$", status=1).stderr
    with Running(broker.address, "consume", "-r", f"^{stem}-", "-u") as running:
        assert sorted([running.line().strip(), running.line().strip()]) == sorted(names)
        late = make(broker, f"{stem}-c")
        fill(broker, late, ["late"])
        assert running.line() == "late\n"
        fill(broker, names[0], ["more"])
        assert running.line() == "more\n"


def test_tail_shows_the_last_and_follows(broker, topic):
    run(broker.address, "produce", topic, "--json", stdin="".join(
        json.dumps({"key": f"k{i}", "value": f"v{i}", "timestamp": MS, "headers": [{"name": "h", "value": "w"}]}) + "\n" for i in range(15)))
    with Running(broker.address, "tail", topic) as running:
        assert [running.line() for _ in range(10)] == [
            f"2026-02-14T10:12:03.101Z  {topic}/0@{i}  k{i}  v{i}  h=w\n" for i in range(5, 15)
        ]
        run(broker.address, "produce", topic, "--json", stdin=json.dumps({"key": None, "value": None, "timestamp": MS}) + "\n")
        assert running.line() == f"2026-02-14T10:12:03.101Z  {topic}/0@15  -  -\n"
        status, out, err = running.interrupt()
        assert status == 130 and out == "" and err == "\n11 records\n"


def test_what_needs_groups_and_transactions_is_refused(broker, topic):
    for args, said in (
        (["consume", topic, "-g", "billing"], "consumer groups are not built yet"),
        (["consume", topic, "--group-instance-id", "x"], "consumer groups are not built yet"),
        (["produce", topic, "--txn", "x"], "transactions are not built yet"),
        (["consume", topic, "-o", "committed"], "groups are not built yet"),
    ):
        assert said in run(broker.address, *args, status=2).stderr


# ---- ends ----

def test_ctrl_c_ends_a_consumer_that_waits(broker, topic):
    fill(broker, topic, ["one"])
    with Running(broker.address, "consume", topic) as running:
        assert running.line() == "one\n"
        begin = time.monotonic()
        assert running.interrupt() == (130, "", "\n1 records\n")
        assert time.monotonic() - begin < 5


def test_ctrl_c_ends_a_producer_that_waits(broker, topic):
    """What was typed before is stored and counted."""
    with Running(broker.address, "produce", topic) as running:
        running.process.stdin.write("typed\n")
        running.process.stdin.flush()
        wait_for(lambda: run(broker.address, "cat", topic).stdout == "typed\n")
        running.process.send_signal(signal.SIGINT)
        running.process.wait(timeout=30)
        assert running.process.returncode == 130 and running.process.stderr.read().startswith(f"{topic}/0@0  5 B")


def test_a_reader_that_goes_ends_a_consumer_quietly(broker, topic):
    """`| head -1`: also while nothing more comes."""
    fill(broker, topic, ["one"])
    read_end, write_end = os.pipe()
    with Running(broker.address, "consume", topic, stdout=write_end) as running:
        os.close(write_end)
        assert os.read(read_end, 100) == b"one\n"
        os.close(read_end)
        assert running.process.wait(timeout=30) == -signal.SIGPIPE
        assert running.process.stderr.read() == ""


def test_a_reader_that_goes_ends_cat_quietly(broker, topic):
    fill(broker, topic, ["x" * 100] * 5000)
    done = subprocess.run(
        ["bash", "-c", f'"$0" cat {topic} -b {broker.address} | head -n 2; echo "${{PIPESTATUS[0]}}"', BUILD / "leat"],
        capture_output=True, text=True, timeout=60, env=environment(), check=True,
    )
    assert done.stdout == ("x" * 100 + "\n") * 2 + "141\n" and done.stderr == ""


def test_a_full_disk_is_told(broker, topic):
    fill(broker, topic, ["x"])
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BUILD / "leat", "cat", topic, "-b", broker.address], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr == "leat: cat: cannot write to stdout: No space left on device\n"


def test_records_that_are_refused_are_named(broker, topic):
    run(broker.address, "config", "set", "--topic", topic, "max.message.bytes=200")
    done = run(broker.address, "produce", topic, "-X", "batch.size=1", stdin="small\n" + "x" * 500 + "\nsmall\n", status=1)
    assert f"leat: produce {topic}: 1 of 3 records were not acknowledged\n" in done.stderr, done.stderr
    assert "leat:   line 2: " in done.stderr and "(MESSAGE_TOO_LARGE)" in done.stderr
    assert run(broker.address, "cat", topic).stdout == "small\nsmall\n"
