"""The command `flowkit`: parses words, calls the package, says what came of it.

Exit codes: 0 done; 1 it could not be done; 2 wrong usage; 3 done, and a finding is as grave as --fail-on says.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from flowkit import commands_ingest, ddl
from flowkit.aws import commands
from flowkit.loading.sources import is_table

LEVELS = ("info", "low", "medium", "high")
DONE, FAILED, USAGE, FOUND = range(4)


def main(words: Sequence[str] | None = None) -> int:
    """Run `flowkit` with the arguments `words` (default: the command line's); returns the exit code."""
    given = _parser().parse_args(list(_joined(sys.argv[1:] if words is None else words)))
    try:
        return given.func(given)
    except KeyboardInterrupt:
        return _complain("interrupted; nothing was written", 130)


def _joined(words: Sequence[str]) -> Iterator[str]:
    """`words` with `--start -24h` as `--start=-24h`: argparse takes -24h for an option otherwise."""
    pending = None
    for word in words:
        if pending and re.fullmatch(r"-\d+[a-z]", word):
            yield f"{pending}={word}"
            pending = None
            continue
        if pending:
            yield pending
        pending = word if word in ("--start", "--end") else None
        if not pending:
            yield word
    if pending:
        yield pending


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flowkit", description="Answers from AWS VPC Flow Logs.")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_report(subparsers)
    commands_ingest.add_ingest(subparsers)
    commands_ingest.add_cache(subparsers)
    commands.add_commands(subparsers)
    ddl.add_command(subparsers)
    return parser


def _add_report(subparsers) -> None:
    parser = subparsers.add_parser("report", help="run the notebooks and write their pages and findings")
    parser.set_defaults(func=_report)
    add = parser.add_argument
    add(
        "source",
        nargs="?",
        default="sample",
        help="file, folder, glob, s3://bucket/prefix, cloudwatch://log-group, IBIS-URL#table, or sample (default)",
    )
    add("--start", metavar="T", help="first moment: ISO 8601 (UTC unless it says otherwise), or -24h, -7d")
    add("--end", metavar="T", help="first moment to leave out; also now")
    add(
        "--where",
        metavar="SQL",
        help="of IBIS-URL#table, only this: a condition on columns, such as partitions",
    )
    add("--out", metavar="DIR", type=Path, default=Path("reports"), help="where runs go (default: reports)")
    add(
        "--notebook",
        metavar="NAME",
        action="append",
        default=[],
        help="only this one (a name, or an .ipynb file)",
    )
    add("--network", metavar="DIR", help="the folder that `flowkit snapshot` wrote")
    add("--expect", metavar="FILE", help="what should be reachable and what not, as CSV")
    add("--format", metavar="FIELDS", help="the log's fields, where no header names them")
    add("--param", metavar="NAME=VALUE", action="append", default=[], help="a notebook's parameter")
    add(
        "--fail-on",
        metavar="LEVEL",
        choices=LEVELS,
        help="exit with 3 from this severity on: " + ", ".join(LEVELS),
    )
    add("--redact", action="store_true", help="replace account ids, public addresses and names, for sharing")
    add("--keep", metavar="N", type=int, help="remove all but the newest N runs")


def _report(given: argparse.Namespace) -> int:
    # Only this command needs papermill and nbconvert, which take a second to load.
    from flowkit.reporting.errors import ReportError, UsageError  # noqa: PLC0415
    from flowkit.reporting.report import Request, report  # noqa: PLC0415

    own = ("start", "end", "format", "network", "expect", "out", "redact", "keep")
    if given.where and not is_table(given.source):
        return _complain("--where needs a source of the form IBIS-URL#table", USAGE)
    request = Request(
        source=f"{given.source} where {given.where}" if given.where else given.source,
        notebooks=tuple(given.notebook),
        params=tuple(given.param),
        **{name: getattr(given, name) for name in own},
    )
    try:
        with _Bar() as bar:
            run = report(request, bar)
    except UsageError as error:
        return _complain(error, USAGE)
    except ReportError as error:
        return _complain(error)
    print(run["folder"] / "index.html")
    counts = ", ".join(f"{number} {level}" for level, number in run["counts"].items() if number)
    print(f"{len(run['notebooks'])} notebooks, findings: {counts or 'none'}; {run['seconds']:.1f} s")
    for each in run["notebooks"]:
        if each["failure"]:
            _complain(
                f"{each['name']} stopped at cell {each['failure']['cell']}: {each['failure']['message']}"
            )
    if run["status"] == "failed":
        return FAILED
    grave = LEVELS[LEVELS.index(given.fail_on) :] if given.fail_on else ()
    return FOUND if any(run["counts"][level] for level in grave) else DONE


def _complain(problem: object, code: int = FAILED) -> int:
    print(f"flowkit: {problem}", file=sys.stderr)
    return code


class _Bar:
    """A progress bar on stderr for one stage after the other; silent where stderr is no terminal."""

    def __enter__(self) -> Callable[[str, int, int], None]:
        self._stage, self._bar = "", tqdm(disable=True)
        return self._show

    def _show(self, stage: str, done: int, to_do: int) -> None:
        if stage != self._stage:
            self._bar.close()
            self._stage = stage
            self._bar = tqdm(desc=stage, total=to_do, disable=None, leave=False, file=sys.stderr)
        self._bar.update(done - self._bar.n)

    def __exit__(self, *problem: object) -> None:
        self._bar.close()


if __name__ == "__main__":
    sys.exit(main())
