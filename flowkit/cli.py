"""The command `flowkit`: parses words, calls the package, says what came of it. Exit codes: 0 done; 1 it could not be done;
2 wrong usage; 3 done, and a finding is as grave as --fail-on says."""

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import flowkit
from flowkit.aws import commands
from flowkit.explain import explained
from flowkit.loading import cache
from flowkit.loading.boto import configure
from flowkit.loading.errors import SourceError
from flowkit.loading.ingestion import ingest, records_in
from flowkit.loading.sample import NOTEBOOKS
from flowkit.loading.window import moment
from flowkit.reporting.errors import ReportError, UsageError
from flowkit.terminal import complain, discard_stdout, mend_names, mend_streams, progress, say, terminable
from flowkit.words import many, one_line

LEVELS = ("info", "low", "medium", "high")
DONE, FAILED, USAGE, FOUND = range(4)

_FORMAT = {"metavar": "FIELDS", "help": "the log's fields, where no header names them"}
#: The options of `flowkit report`, in the order of its help, and those of `flowkit ingest`.
REPORT = {
    "source": {"nargs": "?", "default": "sample", "help": "file, folder, glob, s3://bucket/prefix, "
               "cloudwatch://log-group, IBIS-URL#table, - (stdin), or sample (default)"},
    "--start": {"metavar": "T", "help": "first moment: ISO 8601 (UTC unless it says otherwise), or -24h, -7d"},
    "--end": {"metavar": "T", "help": "first moment to leave out; also now"},
    "--out": {"metavar": "DIR", "default": Path("reports"), "help": "where runs go (default: reports)"},
    "--notebook": {"metavar": "NAME", "dest": "notebooks", "action": "append", "default": [],
                   "help": "only this one (a name, or an .ipynb file)"},
    "--network": {"metavar": "DIR", "help": "the folder that `flowkit snapshot` wrote"},
    "--network-after": {"metavar": "DIR", "help": "changed rules, to replay the log on: a folder like that of --network, or "
                        "one change in quotes as the AWS CLI says it"},
    "--expect": {"metavar": "FILE", "help": "what should be reachable and what not, as CSV"},
    "--format": _FORMAT,
    "--param": {"metavar": "NAME=VALUE", "dest": "params", "action": "append", "default": [],
                "help": "a notebook's parameter: flowkit notebooks lists them"},
    "--fail-on": {"metavar": "LEVEL", "choices": LEVELS,
                  "help": "exit with 3 from this severity on: " + ", ".join(LEVELS)},
    "--lang": {"choices": ("en", "ko"), "default": "en", "help": "language of summaries, titles and headings"},
    "--redact": {"action": "store_true", "help": "replace account ids, public addresses and names, for sharing"},
    "--bundle": {"action": "store_true", "help": "write bundle.html, too: the whole run in one file, for a mail"},
    "--group-readable": {"action": "store_true", "help": "let the group read the report, not its owner alone"},
    "--keep": {"metavar": "N", "type": int, "help": "remove all but the newest N runs"},
    **commands.AWS,
}  # fmt: skip
INGEST = {
    "source": {"nargs": "+", "help": "as for report"},
    "--start": {"metavar": "T", "help": "leave out files that end before"},
    "--end": {"metavar": "T", "help": "leave out files that begin after"},
    "--format": _FORMAT,
    "--json": {"action": "store_true", "help": "print the tally as one JSON object"},
    "--again": {"action": "store_true", "help": "read files again that the cache has already"},
    **commands.AWS,
}


def main(words: Sequence[str] | None = None) -> int:
    """Run `flowkit` with the arguments `words` (default: the command line's) and return the exit code; a fault of the user or
    the machine is one sentence on stderr, and FLOWKIT_DEBUG=1 shows the traceback."""
    if words is None:
        mend_names()
    mend_streams()
    os.environ.setdefault("PYTHONSAFEPATH", "1")  # No child process imports what lies in the current folder.
    try:
        with terminable():
            given = parser().parse_args(words)
            code = given.func(given)
            sys.stdout.flush()
            return code
    except KeyboardInterrupt as stop:
        return complain(f"{str(stop) or 'interrupted'}; nothing was written", 143 if str(stop) else 130)
    except BrokenPipeError:  # `flowkit … | head`: nobody reads on, which is no fault.
        discard_stdout()
        return FAILED
    except (UsageError, SourceError, ReportError) as error:
        return complain(error, USAGE if isinstance(error, UsageError) else FAILED)
    except Exception as error:
        if os.environ.get("FLOWKIT_DEBUG"):
            raise
        if isinstance(error, OSError) and error.strerror:
            if not error.filename:
                discard_stdout()  # it cannot be written
            return complain(f"{error.filename or 'stdout'}: {error.strerror}")
        return complain(f"{type(error).__name__}: {error} (unforeseen; FLOWKIT_DEBUG=1 shows where)")


class _Parser(argparse.ArgumentParser):
    def parse_known_args(self, words=None, namespace=None):
        words = list(sys.argv[1:] if words is None else words)
        for at in range(len(words) - 1, 0, -1):  # argparse takes -24h for an option, but not --start=-24h.
            if words[at - 1] in ("--start", "--end") and re.match(r"-\d", words[at]):
                words[at - 1 : at + 1] = [f"{words[at - 1]}={words[at]}"]
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> None:
        super().error(one_line(message))


def _filled(text: str) -> str:
    """The value of an option; an empty one, as of a variable that is not set, would mean another thing than was meant."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty: leave it out, or say what it is")
    return text


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; what it parses has `func`, which takes it and returns the exit code."""
    top = _Parser(prog="flowkit", description="Answers from AWS VPC Flow Logs.")
    top.add_argument("--version", action="version", version=f"flowkit {flowkit.__version__}")
    subparsers = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    fields = {"line": {"help": "a record, in quotes"}, "--format": {"help": "the log's fields (default: AWS's)"}}
    folder = {"--copy": {"metavar": "DIR", "help": "copy the notebooks there, to work with them"}}
    action = {"action": {"nargs": "?", "choices": ("show", "clear", "prune"), "default": "show"}}
    for name, func, purpose, example, options in (
        ("report", _report, "run the notebooks and write their pages and findings",
         "flowkit report s3://acme-flow-logs --start -24h --network network --fail-on high", REPORT),
        ("ingest", _ingest, "parse logs into the cache and count their lines", "flowkit ingest logs/ --json", INGEST),
        ("cache", _cache, "show the cache of parsed logs, clear it, or prune it", "flowkit cache prune", action),
        ("notebooks", _notebooks, "list the notebooks and their parameters", "flowkit notebooks --copy mine", folder),
        ("explain", _explain, "say what each field of a record means", "flowkit explain '2 123456789012 eni-0a1b "
         "10.0.1.5 10.0.2.9 40123 443 6 9 900 1795132800 1795132860 ACCEPT OK'", fields),
        *commands.COMMANDS,
    ):  # fmt: skip
        added = subparsers.add_parser(name, help=purpose, description=purpose, epilog=f"example: {example}")
        for option, how in options.items():
            usual = {"type": _filled} if option.startswith("--") and "metavar" in how else {}
            added.add_argument(option, **usual | how)
        added.set_defaults(func=func)
    return top


def _report(given: argparse.Namespace) -> int:
    # Only this command needs papermill and nbconvert, which take a second to load.
    from flowkit.reporting.run import Request, report  # noqa: PLC0415

    configure(given.region, given.profile)
    own = {name: getattr(given, name) for name in Request.__dataclass_fields__} | {"out": Path(given.out)}
    with progress() as bar:
        run = report(Request(**own), bar)
    for note in run["notes"]:
        complain(note)
    say(run["folder"] / "index.html")
    stopped = [each for each in run["notebooks"] if each["failure"]]
    asked = many(len(run["notebooks"]), "notebook") + (f", {len(stopped)} of them stopped" if stopped else "")
    counts = ", ".join(f"{number} {level}" for level, number in run["counts"].items() if number)
    number = len(run["findings"]) + sum(run["unlisted"].values())
    found = f"{many(number, 'finding')} in {many(sum(run['counts'].values()), 'incident')}: {counts}"
    none = "nothing was found before" if stopped else "no findings"
    say(f"{asked}; {found if counts else none}; {run['seconds']:.1f} s")
    for each in stopped:
        complain(f"{each['name']} stopped at cell {each['failure']['cell']}: {each['failure']['message']}")
    if run["status"] == "failed":
        return FAILED
    grave = LEVELS[LEVELS.index(given.fail_on) :] if given.fail_on else ()
    return FOUND if any(run["counts"][level] for level in grave) else DONE


def _ingest(given: argparse.Namespace) -> int:
    configure(given.region, given.profile)
    troubles: list[str] = []
    try:
        with progress() as bar:
            tally = ingest(
                given.source, given.start, given.end, given.format, lambda done, to_do: bar("files", done, to_do),
                given.again, troubles.append,
            )  # fmt: skip
    except ValueError as error:
        raise UsageError(str(error)) from None
    if given.json:
        say(json.dumps(tally))
    else:
        _table(tally)
    if records_in(tally):
        for each in troubles:
            complain(each)
        return DONE
    if tally["files"]:
        read = ", ".join(many(tally[f"{each}s"], each) for each in ("file", "line", "header"))
        return complain(f"no line is a record: {(troubles or [read])[0]}")
    from flowkit.reporting.source import undelivered  # noqa: PLC0415 - it imports pandas and Ibis

    asked = {"start": moment(given.start), "end": moment(given.end), "format": given.format}
    return complain("; ".join(undelivered({"source": source, **asked}, tally)[1] for source in given.source))


def _cache(given: argparse.Namespace) -> int:
    where = cache.home()
    if given.action == "clear":
        if others := cache.clear():
            complain(f"{', '.join(others)} stays in {where}: flowkit did not write it")
    elif given.action == "prune":
        from flowkit.folding import store  # noqa: PLC0415 - it imports Ibis

        store.prune(cache.folder() / "folds")
        say(f"{many(cache.prune(), 'file')} gone from the disk, and now from the cache")
    say(where)
    _table(cache.size() if where.exists() else dict.fromkeys(("files", "parts", "bytes"), 0))
    return DONE


def _notebooks(given: argparse.Namespace) -> int:
    from flowkit.reporting.notebooks import every_notebook, parameters  # noqa: PLC0415

    own = every_notebook(NOTEBOOKS)
    if given.copy:
        target = Path(given.copy)
        target.mkdir(parents=True, exist_ok=True)
        if there := [path.name for path in own.values() if (target / path.name).exists()]:
            raise ReportError(f"{target} holds {', '.join(there)} already; nothing is overwritten")
        for path in own.values():
            say(shutil.copyfile(path, target / path.name))
        return DONE
    for name, path in own.items():
        say(name)
        for parameter, (default, meaning) in parameters(path).items():
            say(f"  {f'{parameter} = {default!r}':<24}{meaning}")
    return DONE


def _explain(given: argparse.Namespace) -> int:
    try:
        for name, value, meaning in explained(given.line, given.format):
            say(f"{name:<16}{one_line(value):<40}{meaning}")
    except ValueError as error:
        raise UsageError(str(error)) from None
    return DONE


def _table(numbers: dict) -> None:
    for name, number in numbers.items():
        say(f"{name:<18}{number:>18,}")
