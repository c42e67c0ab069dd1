"""Whatever a file holds: every line is a row, a header, a blank or malformed, as an independent counter has it."""

import gzip
import random
import uuid
import zipfile

import counter
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import flowkit
from flowkit.fields import DEFAULT_FORMAT
from flowkit.log import load

V2 = (
    "2 012345678901 eni-0a1 10.0.0.5 203.0.113.9 443 50123 6 10 840 1700000000 1700000059 ACCEPT OK",
    "2 012345678901 eni-0a1 203.0.113.9 10.0.0.5 50123 443 6 12 1840 1700000000 1700000059 REJECT OK",
    "2 012345678901 eni-0a1 - - - - - - - 1700000060 1700000119 - NODATA",
    "2 012345678901 eni-0e2 - - - - - - - 1700000060 1700000060 - SKIPDATA",
    "2 012345678901 eni-0e2 2001:db8::1 2001:db8:1e3::2 1 2 58 1 104 1700000000 1700000059 ACCEPT OK",
)
HEADER = " ".join(DEFAULT_FORMAT)
ODD_TOKENS = (
    "5.7", "1e3", "1e2", "+5", "-5", "1_000", "0x10", "0b1", "007", "NaN", "None", "65536", "256", "true", "",
    "99999999999999999999", "9223372036854775807", "9223372036854775808", "1700000000123", "-", "10.0.0.256",
    "1.2.3.4.", "01.2.3.4", "::", "fe80::1%eth0", "accept", "OK ", "OK\t", "\"", "'", "ACCEPT", "é", "\x00", "\x1c",
    "\x7f", "\u2028", "srcaddr", "<script>", "a,b", "1234567890123", "00", "-0",
)  # fmt: skip


def counts(folder, **more):
    tally = flowkit.ingest(str(folder), **more)
    kept = sum(tally[name] for name in ("ok", "nodata", "skipdata", "no_status"))
    assert kept + tally["headers"] + tally["blank"] + tally["malformed"] == tally["lines"], tally
    return tally


def read(folder, data: bytes):
    """Counts and rows of `data` as flowkit reads it, in a file of its own; None where it is refused."""
    folder = folder / uuid.uuid4().hex
    folder.mkdir()
    (folder / "flow.log").write_bytes(data)
    try:
        tally = counts(folder)
    except flowkit.SourceError:
        return None
    table = load(str(folder)).raw.select(*(name.replace("-", "_") for name in DEFAULT_FORMAT)).to_pyarrow().to_pylist()
    return tally, sorted((tuple(row.values()) for row in table), key=repr)


token = st.one_of(st.sampled_from(ODD_TOKENS), st.text(max_size=6), st.integers(-9, 2**64).map(str))


@st.composite
def a_line(draw):
    line = draw(st.sampled_from((*V2, *V2, *V2, HEADER, "", "   ")))
    tokens = line.split(" ")
    for _ in range(0 if line == HEADER else draw(st.sampled_from((0, 0, 0, 0, 1, 2)))):
        tokens[draw(st.integers(0, len(tokens) - 1))] = draw(token)
    blank = draw(st.sampled_from((" ",) * 8 + ("  ", "\t")))
    return blank.join(tokens) + draw(st.sampled_from(("\n",) * 9 + ("\r\n",)))


@seed(20261123)
@settings(
    max_examples=50, deadline=None, print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    header=st.sampled_from((HEADER + "\n", HEADER.replace("-", "_") + "\n", "", "\ufeff" + HEADER + "\n")),
    lines=st.lists(a_line(), max_size=12),
    end=st.sampled_from(("", V2[0], "\n\n")),
)
def test_every_line_is_what_an_independent_counter_says(tmp_path, header, lines, end):
    data = (header + "".join(lines) + end).encode("utf-8", "surrogatepass")
    expected, rows = counter.counted(data.decode("utf-8", "replace"))
    found = read(tmp_path, data)
    if found is None:  # nothing says which fields the lines hold
        assert not header and expected["ok"] + expected["nodata"] + expected["skipdata"] == 0 or expected["lines"] == 0
        return
    tally, values = found
    if not header and not expected["headers"] and tally["headers"]:
        return  # a line of few names at the top is a header to flowkit
    assert {name: tally[name] for name in expected} == expected
    assert values == sorted((tuple(row.values()) for row in rows), key=repr)


def test_mutated_bytes_never_break_the_equation(tmp_path):
    chance = random.Random(20261123)
    print("seed 20261123")
    good = ("\n".join((HEADER, *V2 * 40)) + "\n").encode()
    folder = tmp_path / "mutated"
    folder.mkdir()
    for number in range(150):
        data = bytearray(gzip.compress(good, mtime=0) if number % 2 else good)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(data))
            data[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        (folder / f"{number:03}.log").write_bytes(data[: chance.randint(1, len(data))])
    tally = counts(folder)
    assert tally["files"] == tally["new_files"] == 150
    assert 3_000 < tally["ok"] < 150 * 160
    flows = flowkit.load(str(folder)).raw
    assert flows.count().execute() == sum(tally[name] for name in ("ok", "nodata", "skipdata", "no_status"))
    assert len(flowkit.load(str(folder)).malformed) == tally["malformed"] > 50
    files = flowkit.load(str(folder)).files
    assert len(files) == 150
    assert (files["damage"].notna() | files["refusal"].notna()).sum() >= 30


@pytest.mark.parametrize("field", ["srcport", "bytes", "start", "srcaddr", "action", "log-status", "account-id"])
def test_odd_tokens_are_judged_alike_when_many_files_are_read_together(tmp_path, field):
    expected = []
    for number, odd in enumerate(ODD_TOKENS):
        tokens = V2[0].split(" ")
        tokens[DEFAULT_FORMAT.index(field)] = odd
        text = "\n".join((HEADER, *V2, " ".join(tokens), ""))
        (tmp_path / f"{number:02}.log").write_text(text)
        expected.append(counter.counted(text)[0])
    counts(tmp_path)
    files = flowkit.load(str(tmp_path)).files.to_dict("records")
    for odd, file, each in zip(ODD_TOKENS, files, expected, strict=True):
        names = ("lines", "headers", "blank", "ok", "nodata", "skipdata", "malformed")
        assert [file[name] for name in names] == [each[name] for name in names], odd


def test_what_was_read_before_an_error_in_the_middle_of_a_file_is_accounted_for(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.log", "\n" + HEADER + f"\n{V2[0]}" * 60_000 + "\n")
        archive.writestr("b.parquet", "PAR1")
    tally = counts(tmp_path)
    assert (tally["damaged_files"], tally["headers"], tally["blank"]) == (1, 1, 1)
    assert tally["ok"] > 10_000


def test_a_token_too_many_never_makes_up_for_one_too_few(tmp_path):
    """As long together as the records that they are not."""
    good = ["2 10.0.0.1 OK i-1"] * 50
    for number, bad in enumerate((["2 10.0.0.1 OK i-1 -", "2 10.0.0.1 OK"], ["02 10.0.0.1 OK -", "2  OK i-1"])):
        path = tmp_path / f"{number}.log"
        path.write_text("\n".join(("version srcaddr log-status instance-id", *good, *bad, *good, "")))
        assert counts(path)["malformed"] == (2, 1)[number]


@pytest.mark.parametrize("field", ["bytes", "srcaddr", "log-status"])
def test_a_record_behind_a_time_is_judged_as_without_it(tmp_path, field):
    for number, odd in enumerate(token for token in ODD_TOKENS if token.isprintable() and token.strip(' "') == token):
        tokens = V2[0].split(" ")
        tokens[DEFAULT_FORMAT.index(field)] = odd or "x"
        for folder, stamp in (("plain", ""), ("stamped", "2026-11-20T12:00:00.000Z ")):
            (tmp_path / folder).mkdir(exist_ok=True)
            text = "".join(f"{stamp}{line}\n" for line in (*V2, " ".join(tokens), *V2))
            (tmp_path / folder / f"{number:02}.log").write_text(text)
    plain, stamped = (counts(tmp_path / folder) for folder in ("plain", "stamped"))
    names = ("lines", "ok", "nodata", "skipdata", "malformed", "ok_bytes", "ok_packets")
    assert [stamped[name] for name in names] == [plain[name] for name in names]
