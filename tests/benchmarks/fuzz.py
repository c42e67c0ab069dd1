"""`fuzz.py [LINES] [SEED]`: mutated lines through flowkit and through tests/counter.py; differences, or figures."""

import os
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from counter import FIELDS, counted  # noqa: E402
from test_accounting import HEADER, ODD_TOKENS, V2  # noqa: E402


def line(chance: random.Random) -> str:
    """One line, mostly good."""
    tokens = chance.choice((*V2, *V2, *V2, *V2, HEADER, "", "   ")).split(" ")
    if tokens[0] == "version":  # a header with another name in it is another format: not the counter's business
        return HEADER + "\n"
    if chance.random() < 0.25:
        for _ in range(chance.randint(1, 2)):
            tokens[chance.randrange(len(tokens))] = chance.choice((*ODD_TOKENS, str(chance.randint(-9, 2**64))))
    if chance.random() < 0.05:
        tokens.insert(chance.randrange(len(tokens) + 1), chance.choice(ODD_TOKENS))
    if chance.random() < 0.05:
        del tokens[chance.randrange(len(tokens))]
    return chance.choice((" ",) * 8 + ("  ", "\t")).join(tokens) + chance.choice(("\n",) * 9 + ("\r\n",))


def main(lines: int = 1_000_000, seed: int = 20261126) -> None:
    """Write, ingest, count, compare tallies file by file and the values row by row."""
    chance, files = random.Random(seed), 50
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FLOWKIT_CACHE"] = f"{folder}/cache"
        import flowkit
        from flowkit.log import load

        logs, expected = Path(folder) / "logs", {}
        logs.mkdir()
        for number in range(files):
            text = HEADER + "\n" + "".join(line(chance) for _ in range(lines // files))
            text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
            (logs / f"{number:03}.log").write_bytes(text.encode())
            expected[f"{number:03}.log"] = counted(text)
        begun = time.monotonic()
        tally = flowkit.ingest(str(logs))
        seconds = time.monotonic() - begun
        log = load(str(logs))
        got = {row["file"].rsplit("/", 1)[1]: row for row in log.files.to_dict("records")}
        wrong = [
            (name, key, got[name][key], value)
            for name, (counts, _) in expected.items()
            for key, value in counts.items()
            if key in got[name] and got[name][key] != value
        ]
        names = [name.replace("-", "_") for name in FIELDS]
        rows = log.raw.select(*names, "file_id")
        ids = {row["file_id"]: name for name, row in got.items()}
        table = rows.to_pyarrow().to_pylist()
        by_file: dict[str, list] = {}
        for row in table:
            by_file.setdefault(ids[row.pop("file_id")], []).append(tuple(row.values()))
        values = sum(
            sorted(by_file.get(name, []), key=repr) != sorted((tuple(row.values()) for row in rows), key=repr)
            for name, (_, rows) in expected.items()
        )
        total = {key: sum(counts[key] for counts, _ in expected.values()) for key in ("lines", "ok", "malformed")}
        sums = [tally["ok_bytes"], sum(counts["ok_bytes"] for counts, _ in expected.values())]
        print(f"{total}, {len(table):,} rows compared, read in {seconds:.1f} s; ok_bytes equal: {sums[0] == sums[1]}")
        print(f"differences in counts: {wrong[:10]} ({len(wrong)}); files whose rows differ: {values}")
        sys.exit(bool(wrong or values or sums[0] != sums[1]))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
