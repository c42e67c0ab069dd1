"""The commands `flowkit ingest` and `flowkit cache`: words in, counts on stdout, what went wrong on stderr."""

import argparse
import json
import sys

from flowkit.loading import cache, upkeep
from flowkit.loading.errors import SourceError
from flowkit.loading.ingestion import Ingested, bring_in, ingest, refuse_nothing
from flowkit.loading.sources import is_table

DONE, FAILED, USAGE = range(3)
#: Files and places that stderr names at most.
SHOWN = 5


def add_ingest(subparsers) -> None:
    """Add `flowkit ingest`."""
    parser = subparsers.add_parser(
        "ingest",
        help="parse logs into the cache and count their lines",
        epilog="example: flowkit ingest s3://bucket/prefix --start -24h --json",
    )
    parser.set_defaults(func=run_ingest)
    parser.add_argument("source", nargs="+", help="as for report; - is stdin")
    parser.add_argument("--start", metavar="T", help="leave out files that end before")
    parser.add_argument("--end", metavar="T", help="leave out files that begin after")
    parser.add_argument("--format", metavar="FIELDS", help="the log's fields, where no header names them")
    parser.add_argument("--json", action="store_true", help="print the tally as one JSON object")
    parser.add_argument("--again", action="store_true", help="read files again that the cache has already")
    parser.add_argument("--region", metavar="R", help="AWS region (default: AWS_REGION, or the profile's)")
    parser.add_argument("--profile", metavar="P", help="AWS profile (default: AWS_PROFILE)")


def run_ingest(given: argparse.Namespace) -> int:
    """Read the sources, print the tally; 1 where nothing can be read, or no line of them is a record."""
    from flowkit.loading.boto import configure

    configure(given.region, given.profile)
    try:
        if any(map(is_table, given.source)):
            print_tally(ingest(given.source, given.start, given.end, given.format), given.json)
            return DONE
        tally, done = _ingested(given)
        refuse_nothing(done)
    except SourceError as error:
        return complain(error)
    except ValueError as error:
        return complain(error, USAGE)
    print_tally(tally, given.json)
    records = sum(tally[name] for name in ("ok", "nodata", "skipdata", "no_status"))
    troubles = _troubles(tally, done)
    if not records and (tally["malformed"] or tally["unreadable_files"]):
        return complain(f"no line is a record: {troubles}")
    if troubles:
        complain(troubles)
    return DONE


def _ingested(given: argparse.Namespace) -> tuple[dict, Ingested]:
    import time

    from tqdm import tqdm

    begun = time.monotonic()
    with tqdm(desc="files", disable=None, leave=False, file=sys.stderr) as bar:

        def progress(done: int, to_do: int) -> None:
            bar.total = to_do
            bar.update(done - bar.n)

        done = bring_in(given.source, given.start, given.end, given.format, progress, given.again)
    return {**done.tally, "seconds": round(time.monotonic() - begun, 3)}, done


def _troubles(tally: dict, done: Ingested) -> str:
    """One sentence on what was not counted as records: counts, and the first reason of each kind."""
    said = []
    facts = done.facts.to_dicts()
    if tally["malformed"]:
        first = next(each for each in facts if each["malformed"])
        said.append(
            f"{tally['malformed']:,} of {tally['lines']:,} lines malformed, the first in {first['place']}"
            f" ({first['reason']})"
        )
    refused = [(each["place"], each["refusal"]) for each in facts if each["refusal"]] + list(
        done.failures.items()
    )
    if refused:
        said.append(
            f"{len(refused):,} of {tally['files']:,} files not read, the first {': '.join(refused[0])}"
        )
    if damaged := [each for each in facts if each["damage"]]:
        said.append(
            f"{len(damaged):,} files damaged, the first {damaged[0]['place']}: {damaged[0]['damage']}"
        )
    if odd := [each for each in facts if each["odd_times"]]:
        count = sum(each["odd_times"] for each in odd)
        said.append(
            f"{count:,} records with times that no flow log can have, such as {odd[0]['odd_example']}"
            f" in {odd[0]['place']}"
        )
    if gateway := sum(each["gateway"] for each in facts):
        said.append(f"{gateway:,} records of transit gateways, which the notebooks do not ask")
    if done.aside:
        names = ", ".join(f"{place} ({why})" for place, why in list(done.aside.items())[:SHOWN])
        said.append(f"{len(done.aside):,} left aside: {names}")
    return "; ".join(said)


def add_cache(subparsers) -> None:
    """Add `flowkit cache`."""
    parser = subparsers.add_parser(
        "cache",
        help="show the cache of parsed logs, clear it, or prune it",
        epilog="example: flowkit cache prune",
    )
    parser.set_defaults(func=run_cache)
    parser.add_argument("action", nargs="?", choices=("show", "clear", "prune"), default="show")


def run_cache(given: argparse.Namespace) -> int:
    """Show, clear or prune the cache; 1 where its folder is none of flowkit's."""
    try:
        where = cache.home()
        if given.action == "clear":
            upkeep.clear()
            print(printable(str(where)))
            print_tally(dict.fromkeys(("files", "parts", "bytes"), 0), False)
            return DONE
        if given.action == "prune":
            print(f"{upkeep.prune()} files are gone from their place and from the cache")
        print(printable(str(where)))
        print_tally(upkeep.size(), False)
    except SourceError as error:
        return complain(error)
    except OSError as error:
        return complain(f"the cache cannot be written: {error.strerror}; set FLOWKIT_CACHE")
    return DONE


def print_tally(numbers: dict, as_json: bool) -> None:
    """Print counts for people, or as one JSON object."""
    if as_json:
        print(json.dumps(numbers))
        return
    for name, number in numbers.items():
        print(f"{name:<18}{number:>18,}")


def complain(problem: object, code: int = FAILED) -> int:
    """Say a problem in one line on stderr; returns the exit code."""
    print(f"flowkit: {printable(str(problem))}", file=sys.stderr)
    return code


def printable(text: str) -> str:
    """Return the text as one line without what a terminal would obey, or what stderr cannot write."""
    text = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
