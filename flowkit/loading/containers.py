"""What a file is wrapped in: plain text, gzip (one member or many), or JSON from CloudWatch.

Out come blocks of bytes or lines of text, however large the file, and a word on damage.
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from isal import isal_zlib

#: Bytes that one block holds at most, and that one read of a compressed file takes.
BLOCK, READ = 8 << 20, 256 << 10
#: A longer line is no record: what is past this is dropped, so that no file can fill the memory.
LONGEST_LINE = 64 << 10

_GZIP = b"\x1f\x8b"


class Blocks:
    """The bytes of a plain or gzip file, block by block; `damage` says after the last what is wrong with it.

    Until the damage, all that can be read comes out where `careful`; else the last blocks may be missing.
    """

    def __init__(self, path: Path, careful: bool = False):
        self.path = path
        self.damage: str | None = None
        self._last = b""
        self._careful = careful
        self._inflater = zlib.decompressobj if careful else isal_zlib.decompressobj

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            gzipped = file.read(2) == _GZIP
            file.seek(0)
            for block in self._members(file) if gzipped else iter(lambda: file.read(BLOCK), b""):
                self._last = block[-1:] or self._last
                yield block

    def cut_off(self) -> bool:
        """Whether, the last block being out, damage cut off the last line."""
        return self.damage is not None and self._last != b"\n"

    def _members(self, file) -> Iterator[bytes]:
        inflater = self._inflater(wbits=31)
        while data := file.read(READ):
            while data:
                if inflater.eof:
                    data = data.lstrip(b"\0")  # gzip pads with zeros on tapes; every reader allows it
                    if data and data[0] != _GZIP[0]:
                        self.damage = "something else follows the gzip data"
                        return
                    if data:
                        inflater = self._inflater(wbits=31)
                before, given = inflater.copy() if self._careful else None, 0
                try:
                    for block in _inflated(inflater, data):
                        given += len(block)
                        yield block
                except (zlib.error, isal_zlib.error) as error:
                    self.damage = f"the gzip data is damaged ({error})"
                    if before:
                        yield _up_to_the_error(before, data)[given:]
                    return
                data = inflater.unused_data if inflater.eof else b""
        if not inflater.eof:
            self.damage = "the gzip data ends too early"


def _inflated(inflater, data: bytes) -> Iterator[bytes]:
    while data and not inflater.eof:
        yield inflater.decompress(data, BLOCK)
        data = inflater.unconsumed_tail


def _up_to_the_error(inflater, data: bytes) -> bytes:
    out = []
    try:
        for at in range(len(data)):
            out.append(inflater.decompress(data[at : at + 1]))
    except zlib.error:
        pass
    return b"".join(out)


def lines(blocks: Iterable[bytes]) -> Iterator[str]:
    """The lines of `blocks`, without their ends; bytes that are not UTF-8 come out as U+FFFD."""
    rest = b""
    for block in blocks:
        first, *others = (rest + block).split(b"\n")
        if not others:
            rest = first[:LONGEST_LINE]
            continue
        rest = others.pop()[:LONGEST_LINE]
        for line in (first, *others):
            yield _text(line)
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    return line[:LONGEST_LINE].removesuffix(b"\r").decode("utf-8", "replace")


def messages(text: str) -> Iterator[str]:
    """The log lines inside CloudWatch's JSON: `logEvents` or `events` with `message`s, or objects with one each.

    Takes objects one after another, with or without line ends between them. What is no such object comes out
    as it stands, so that it is counted as malformed.
    """
    decoder, at, end = json.JSONDecoder(), 0, len(text)
    while at < end:
        if text[at] in " \t\r\n,[]":
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            stop = text.find("\n", at)
            stop = end if stop < 0 else stop
            yield text[at:stop].replace("\n", " ")[:LONGEST_LINE]
            at = stop
            continue
        yield from _messages_of(value)


def _messages_of(value: object) -> Iterator[str]:
    if isinstance(value, dict) and value.get("messageType") == "CONTROL_MESSAGE":
        return
    events = value.get("logEvents", value.get("events")) if isinstance(value, dict) else None
    for event in events if isinstance(events, list) else [value]:
        message = event.get("message") if isinstance(event, dict) else None
        yield (message if isinstance(message, str) else json.dumps(event)).replace("\n", " ")
