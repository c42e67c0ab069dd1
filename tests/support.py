"""Small flow logs for the tests, written out as AWS writes them, and what `flowkit` says of them."""

import gzip
import io
import json
import signal
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

from flowkit import cli, load


def write_log(path: Path, records, fields=None) -> Path:
    """`path`, holding `records` (lines) under a header of `fields`; gzip where the name ends in .gz."""
    lines = ([" ".join(fields)] if fields else []) + list(records)
    data = ("\n".join(lines) + "\n").encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def flows_of(tmp_path, records, fields=None):
    """The flows table of a log of `records` under a header of `fields` (default v2 without)."""
    return load(str(write_log(tmp_path / "flow.log", records, fields)))


def ingest(*sources, cwd=".") -> tuple[int, dict, str]:
    """The exit code, the tally, and stderr of `flowkit ingest --json`."""
    code, out, err = said("ingest", "--json", *sources, cwd=cwd)
    return code, json.loads(out or "{}"), err


def said(*words, cwd=".") -> tuple[int, str, str]:
    """The exit code, stdout and stderr of `flowkit` with the arguments `words`, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), chdir(cwd):
        code = cli.main([str(word) for word in words])
    return code, out.getvalue(), err.getvalue()


def heed_interrupts() -> None:
    """Let a process that is about to begin take Ctrl-C, also where `nohup` or `&` made the tests' own runner deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
