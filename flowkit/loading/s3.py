"""Flow logs in S3: which objects a window needs, and their bytes.

AWS writes ``<prefix>/AWSLogs/[<organisation>/]<account>/vpcflowlogs/<region>/<yyyy>/<mm>/<dd>/[<hh>/]`` or
the same with Hive's ``name=value`` folders, and names each file after its five-minute slot:
https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html
"""

import itertools
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from flowkit.loading.boto import client, sentences
from flowkit.loading.errors import SourceError
from flowkit.loading.sources import DAY, LATE, SLOT, SourceFile, at_once, may_hold

#: Objects of known other kinds; all others are looked into, whatever they are called (Firehose gives no ending).
_OTHER = re.compile(
    r"(^|/)[._][^/]*$|(^|/)_[^/]*/|\.(md|html?|xml|ya?ml|png|jpe?g|gif|svg|pdf|py|ipynb|sql|tf|tfstate|exe|metadata|crc)$"
    r"|/(CloudTrail(-Digest|-Insight)?|elasticloadbalancing|vpcdnsquerylogs|Config|GuardDuty|WAFLogs|S3-Access-Logs)/",
    re.IGNORECASE,
)
_REGION = re.compile(
    r"(?:.*/)?AWSLogs/(?:o-[^/]+/)?(?:aws-account-id=)?\d{12}/(?:aws-service=)?vpcflowlogs/(?:aws-region=)?[^/]+/"
)
_ABOVE_REGION = re.compile(
    r"(?:.*/)?AWSLogs/(?:o-[^/]+/)?(?:(?:aws-account-id=)?\d{12}/(?:(?:aws-service=)?vpcflowlogs/)?)?"
)
_ENDING = re.compile(r"(\.(log|gz|parquet|json|jsonl|ndjson|csv|txt))*$", re.IGNORECASE)
#: What no key comes after, and a second that every calendar still has.
_LAST, _FAR = "\U0010ffff", 250_000_000_000
#: Folders above AWSLogs are searched this deep, and only where they are this few.
_DEPTH, _FOLDERS = 3, 50
#: How often an object is read whose bytes stop coming.
_READS = 4


def list_objects(uri: str, start: int | None, end: int | None, profile: str | None = None) -> Iterator[SourceFile]:
    """The flow log objects below `uri` that may hold records of the window, each once, and those left aside.

    In AWS's layout only the folders of the window's days are listed. Raises ValueError where `uri` names no bucket,
    SourceError when AWS refuses or no object there may be a flow log, whatever the window.
    """
    name, prefix = split_uri(uri)
    pages = partial(_pages, client("s3", profile), name)
    folder = prefix if not prefix or prefix.endswith("/") else prefix + "/"
    roots = _roots(pages, folder)
    listed = at_once(lambda root: list(_objects(pages, root, *_days(root, start, end))), roots or [folder], 8)
    objects = list(itertools.chain.from_iterable(listed))
    if not objects and (not roots or folder != prefix):  # no folder: one object, or the beginning of names
        objects = list(_objects(pages, prefix))
    if all(each.aside for each in objects) and all(each.aside for each in _objects(pages, prefix)):
        reasons = "".join(f"; {each.place}: {each.aside}" for each in objects[:2])
        if set(uri) & set("*?["):
            reasons += "; S3 takes the beginning of names (s3://bucket/prefix), not globs"
        raise SourceError(f"no files in {uri}{reasons}")
    yield from (each for each in objects if each.aside or each.place == uri or may_hold(each.place, start, end))


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key (or prefix) of ``s3://bucket/key``. Raises ValueError where it names no bucket."""
    name, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}", name):
        raise ValueError(f"{uri} names no bucket: write s3://bucket/prefix")
    return name, key


def _pages(s3, bucket: str, prefix: str, **more) -> Iterator[dict]:
    with sentences(f"s3://{bucket}/{prefix}"):
        yield from s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **more, **_payer())


def _objects(pages: Callable, prefix: str, first: str = "", last: str = _LAST) -> Iterator[SourceFile]:
    """The objects below `prefix` whose keys lie between `first` and `last`, in their order."""
    for page in pages(prefix, StartAfter=first):
        for entry in page.get("Contents", ()):
            key, other = entry["Key"], "" if entry["Size"] else "empty"
            if key >= last:
                return
            if key != prefix and _OTHER.search(key):
                other = "by its name no flow log"
            if not key.endswith("/"):
                yield SourceFile(f"s3://{page['Name']}/{key}", entry["ETag"].strip('"'), entry["Size"], aside=other)


def _roots(pages: Callable, folder: str, depth: int = _DEPTH) -> list[str]:
    """The regions' folders at or below `folder`, none where nothing is laid out as AWS does."""
    if _REGION.match(folder):
        return [folder]
    known = _ABOVE_REGION.fullmatch(folder)
    if not known and not depth:
        return []
    steps = [each["Prefix"] for page in pages(folder, Delimiter="/") for each in page.get("CommonPrefixes", ())]
    if known:
        steps = [each for each in steps if _ABOVE_REGION.fullmatch(each) or _REGION.fullmatch(each)]
    elif folder + "AWSLogs/" in steps:
        steps = [folder + "AWSLogs/"]
    elif len(steps) > _FOLDERS:
        steps = []
    return [root for step in steps for root in _roots(pages, step, depth - 1)]


def _days(root: str, start: int | None, end: int | None) -> tuple[str, str]:
    """Between which keys the files of the window lie: a region's folders of days are in the order of time."""
    region = _REGION.match(root)
    if not region:
        return "", _LAST
    names = "year={0:%Y}/month={0:%m}/day={0:%d}/" if "aws-region=" in region[0] else "{0:%Y/%m/%d}/"
    first, last = (
        at is not None and region[0] + names.format(datetime.fromtimestamp(min(max(0, at + more), _FAR), UTC))
        for at, more in ((start, -SLOT), (end, LATE + DAY))
    )
    return first or "", last or _LAST


def fetch(
    files: Iterable[SourceFile], folder: Path, workers: int = 8
) -> Iterator[tuple[SourceFile, Path | SourceError]]:
    """Each object, with the size and ETag of the moment when it was read, and a new file in `folder` of its bytes.

    Where it cannot be read, a SourceError stands in the file's place and the rest goes on.
    """
    s3 = client("s3")
    return at_once(lambda each: _download(s3, each, folder), files, workers)


def _download(s3, each: SourceFile, folder: Path) -> tuple[SourceFile, Path | SourceError]:
    bucket, key = split_uri(each.place)
    for _ in range(_READS):
        try:
            with sentences(each.place):
                answer = s3.get_object(Bucket=bucket, Key=key, **_payer())
        except SourceError as error:
            return each, error
        with tempfile.NamedTemporaryFile(dir=folder, suffix=_ENDING.search(key)[0].lower(), delete=False) as file:
            try:
                with sentences(each.place), closing(answer["Body"]) as body:
                    shutil.copyfileobj(body, file, 1 << 20)
            except SourceError:  # the connection broke half-way, which botocore does not retry
                Path(file.name).unlink()
                continue
        return replace(each, size=answer["ContentLength"], stamp=answer["ETag"].strip('"')), Path(file.name)
    said = f"AWS cannot be reached for {each.place}: the connection broke {_READS} times while it was read."
    return each, SourceError(said)


def _payer() -> dict[str, str]:
    """Who pays for the requests: never the reader, unless told so as other tools are told."""
    payer = os.environ.get("AWS_REQUEST_PAYER")
    return {"RequestPayer": payer} if payer else {}
