"""Whatever a file holds: every line is a row, a header, a blank or malformed, and both ways of reading agree."""

import gzip
import random
import uuid

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import flowkit
from flowkit.fields import DEFAULT_FORMAT
from flowkit.loading import stage

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
    "\x7f", "\u2028", "srcaddr", "<script>", "a,b",
)  # fmt: skip


def counts(folder, **more):
    tally = flowkit.ingest(str(folder), **more)
    kept = sum(tally[name] for name in ("ok", "nodata", "skipdata", "no_status"))
    assert kept + tally["headers"] + tally["blank"] + tally["malformed"] == tally["lines"], tally
    return tally


def rows(folder):
    flows = flowkit.load_with_duplicates(str(folder)).drop("file_id").execute()
    return sorted(map(repr, flows.itertuples(index=False)))


def told(tmp_path, data: bytes, monkeypatch):
    """Tally, rows and malformed lines of `data`, read as usual and line by line."""
    answers = []
    for careful in (False, True):
        folder = tmp_path / uuid.uuid4().hex
        folder.mkdir()
        (folder / "flow.log").write_bytes(data)
        with monkeypatch.context() as patch:
            if careful:
                patch.setattr(stage, "_fast", lambda *_: None)
            try:
                tally = counts(folder)
            except flowkit.SourceError as error:
                answers.append(str(error).split(": ", 1)[1])
                continue
            del tally["seconds"]
            bad = flowkit.quarantine(str(folder))[["line", "text", "reason"]]
            answers.append((tally, rows(folder), bad.values.tolist()))
    return answers


token = st.one_of(st.sampled_from(ODD_TOKENS), st.text(max_size=6), st.integers(-9, 2**64).map(str))


@st.composite
def a_line(draw):
    line = draw(st.sampled_from((*V2, *V2, *V2, HEADER, "", "   ")))
    tokens = line.split(" ")
    for _ in range(draw(st.sampled_from((0, 0, 0, 0, 1, 2)))):
        tokens[draw(st.integers(0, len(tokens) - 1))] = draw(token)
    blank = draw(st.sampled_from((" ",) * 8 + ("  ", "\t")))
    return blank.join(tokens) + draw(st.sampled_from(("\n",) * 9 + ("\r\n",)))


@seed(20261123)
@settings(
    max_examples=80, deadline=None, print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    header=st.sampled_from((HEADER + "\n", HEADER.replace("-", "_") + "\n", "", "\ufeff" + HEADER + "\n")),
    lines=st.lists(a_line(), max_size=12),
    end=st.sampled_from(("", V2[0], "\n\n")),
)
def test_the_fast_and_the_careful_way_agree_on_every_line(tmp_path, monkeypatch, header, lines, end):
    data = (header + "".join(lines) + end).encode("utf-8", "surrogatepass")
    fast, careful = told(tmp_path, data, monkeypatch)
    assert fast == careful


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
    flows = flowkit.load_with_duplicates(str(folder))
    assert flows.count().execute() == sum(tally[name] for name in ("ok", "nodata", "skipdata", "no_status"))
    assert len(flowkit.quarantine(str(folder))) == tally["malformed"] > 50
    files = flowkit.inventory(str(folder))
    assert len(files) == 150
    assert (files["damage"].notna() | files["refusal"].notna()).sum() >= 30


@pytest.mark.parametrize(
    "field", ["srcport", "bytes", "start", "srcaddr", "action", "log-status", "account-id"]
)
def test_odd_tokens_are_judged_alike_when_many_files_are_read_together(tmp_path, monkeypatch, field):
    answers = []
    for careful in (False, True):
        folder = tmp_path / f"careful-{careful}"
        folder.mkdir()
        for number, odd in enumerate(ODD_TOKENS):
            tokens = V2[0].split(" ")
            tokens[DEFAULT_FORMAT.index(field)] = odd
            (folder / f"{number:02}.log").write_text("\n".join((HEADER, *V2, " ".join(tokens), "")))
        with monkeypatch.context() as patch:
            if careful:
                patch.setattr(stage, "_fast", lambda *_: None)
            tally = counts(folder)
        files = flowkit.inventory(str(folder)).drop(columns=["file", "file_id"])
        bad = flowkit.quarantine(str(folder))[["line", "text", "reason"]]
        answers.append(
            (tally["ok"], tally["malformed"], rows(folder), files.to_dict("list"), bad.values.tolist())
        )
    assert repr(answers[0]) == repr(answers[1])
    assert answers[0][0] + answers[0][1] == 4 * len(ODD_TOKENS)
