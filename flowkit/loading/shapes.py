"""From the blocks of a file to pieces of whole lines, with the format in force: tokens, a table, messages or JSON.

Tokens and tables stay as they stand, for the format says what is around the cells; of JSON come the lines inside.
"""

import codecs
import csv
import io
import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import polars as pl

from flowkit.fields import DEFAULT_FORMAT, STATUS
from flowkit.loading import strict
from flowkit.loading.compression import Compressed
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import DEFAULT, Format, header, known, refuse_look_alikes, twice
from flowkit.words import many

_MESSAGE = re.compile(rb'"@?message"\s*:\s*"')
#: An object without lists, objects and escapes, and one alone on its line or right before the next.
_PAIR = r'"[^"\\\n]*"\s*:\s*(?:"[^"\\\n]*"|[^"{}\[\],\\\s]+)'
_OBJECT = rf"\{{\s*{_PAIR}(?:\s*,\s*{_PAIR})*\s*\}}"
_ONE_OBJECT = re.compile(rf"{_OBJECT}(?:\s*?\n|(?=\{{)|$)".encode())
_BOMS = re.compile(rb"^(?:\xef\xbb\xbf)+", re.MULTILINE)
_SOMETHING = re.compile(rb"[^ \t\r\n\xef\xbb\xbf\0]")
_JSON = re.compile(rb'\s*(?:\{\s*["}]|\[\s*(?:[\[\]{"]|$))')
#: A blank line, or the one by which Excel says what separates the cells below it.
_NOTHING = re.compile(rb"\s*(?:sep=[,;\t]\s*)?")
_MARKUP = re.compile(rb"\s*<(?:\?xml|!doctype|html|error)", re.IGNORECASE)
#: Columns of whole records in a table of events; bytes of lines that come out of it, or of JSON, in one piece.
MESSAGES, _GATHERED = ("message", "@message", "_raw"), 4 << 20


class Piece(NamedTuple):
    """Whole lines, how many they are, the number of the first, and whether damage cut the last one off."""

    data: bytes
    count: int
    line: int
    cut: bool


class Lines:
    """The pieces of one file. `format` is what its lines are judged by; whoever finds a header among them sets it."""

    def __init__(self, source: Compressed, blocks: Iterable[bytes], given: Format | None):
        self.source, self.blocks, self.given = source, blocks, given
        self.format: Format | None = given
        self.headed = False
        self.headers = self.blank = 0
        self.number = 1  # of the line that comes out next
        self.cut = False  # whether damage cut off the line that comes out last

    def __iter__(self) -> Iterator[Piece]:
        blocks = iter(self.blocks)
        head, blank, size = b"", 0, 0
        for block in blocks:
            if _SOMETHING.search(block):
                head = b"\n" * blank + block
                break
            blank, size = blank + block.count(b"\n"), size + len(block)
        if not head:
            raise SourceError(self.source.damage or "the file is empty" + " but for blanks" * bool(size))
        blocks = itertools.chain([head], blocks)
        if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            blocks = (text.encode() for text in codecs.iterdecode(blocks, "utf-16", "replace"))
        head = next(blocks)
        head = head[mark.end() :] if (mark := _BOMS.match(head)) else head
        blocks = itertools.chain([head], blocks)
        if _MARKUP.match(head):
            raise SourceError("this is an HTML or XML page, such as a download that failed, not a flow log")
        if _JSON.match(head):
            one = _ONE_OBJECT.match(head)
            if one and one[0].count(b'message"') == 1 and (key := _MESSAGE.search(one[0])):
                blocks = blocks if b"\n" in one[0] else _one_a_line(blocks)
                end = one[0].index(b'"', key.end())
                around = (one[0][: key.end()], one[0][end:].rstrip())
                return self._messages(self._whole_lines(blocks), key[0].decode(), *around)
            return self._gathered(strict.lines(codecs.iterdecode(blocks, "utf-8", "replace")))
        if b"\r" in head.removesuffix(b"\r\n") and b"\n" not in head[:-1]:
            blocks = (block.replace(b"\r", b"\n") for block in blocks)
        return self._text(self._whole_lines(blocks))

    def piece(self, data: bytes) -> Piece:
        """Return the next lines as a piece."""
        count = int(np.count_nonzero(np.frombuffer(data, np.uint8) == ord("\n")))  # faster than bytes.count
        self.number += count
        return Piece(data, count, self.number - count, self.cut)

    def _whole_lines(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The blocks, cut at line ends. Of a line that is far too long only the beginning comes out, marked by NUL."""
        ready, rest, skipping = b"", b"", False
        for block in blocks:
            if skipping:
                end = block.find(b"\n")
                if end < 0:
                    continue
                block, skipping = block[end:], False  # noqa: PLW2901
            if cut := block.rfind(b"\n") + 1:
                if ready:
                    yield ready
                ready = b"".join((rest, memoryview(block)[:cut])) if rest or cut < len(block) else block
                if codecs.BOM_UTF8[:1] in ready:  # of files that were joined; one byte is found fast
                    ready = _BOMS.sub(b"", ready)
                rest = block[cut:]
            else:
                rest += block
            if len(rest) > 16 * strict.LONGEST:
                rest, skipping = rest[: strict.LONGEST + 1] + b"\0", True
        if rest and self.source.damage:
            if ready:
                yield ready
            self.cut, ready = True, b""
        if ready or rest:
            yield ready + rest + b"\n" * bool(rest)

    def _text(self, blocks: Iterator[bytes]) -> Iterator[Piece]:
        """Lines of tokens or cells: their first line says what separates them, and perhaps which fields they are.

        A table is known by its header, or by a whole record; a line of words by three fields, or by nothing but fields.
        """
        first = next(blocks)
        blocks = itertools.chain([first], blocks)
        lines = enumerate(io.BytesIO(first))
        line, blank = next(((line, n) for n, line in lines if not _NOTHING.fullmatch(line)), (b"", 0))
        line = line[: strict.LONGEST].decode("utf-8", "replace").strip("\r\n")
        for separator in (",", "\t", ";", "|", " "):
            tokens = strict.split(line, separator)
            table = separator != " "
            if table and len(tokens) < 2:
                continue
            refuse_look_alikes(tokens)
            if again := twice(map(known, tokens)):
                raise SourceError(f"the header names {again} twice")
            named = header(tokens, least=2 if table else 1)
            words = [token.lower() for token in tokens] if all(re.match(r"[@_A-Za-z]", each) for each in tokens) else []
            alone = len(tokens) == 1
            column = next((at for at, word in enumerate(words, 1) if (table or alone) and word in MESSAGES), 0)
            as_given = self.given and len(tokens) == len(self.given.names)
            as_given = as_given and (" " not in line or strict.fits(tokens, self.given))
            if table and (named or column or as_given or _is_default(tokens)):
                break
        if column:
            return self._events(blocks, "," if alone else separator, column - 1, blank + 1)
        few = not table and named and len(named.names) - len(named.unknown) < 3
        if named and (named == self.given or not few or (len(named.names) > 1 and not named.unknown)):
            self.format, self.headed, self.headers, self.blank = named, True, 1, blank
        else:
            self.format = self._by_content(first, separator)
        if table:
            top = first.split(b"\n", blank + 2)[blank + self.headers]
            self.format = self.format._replace(separator=separator, quoted=top.startswith(b'"'))
        return self._pieces(blocks)

    def _by_content(self, block: bytes, separator: str = " ") -> Format:
        """The format of lines without a header: the user's, else AWS's default where a line is of it, or a refusal."""
        top, wanted = "", self.given or DEFAULT
        fits = strict.fits if self.given else lambda tokens, _format: _is_default(tokens)
        for raw in itertools.islice(io.BytesIO(block), 100 if self.given else None):
            line = raw[: strict.LONGEST].decode("utf-8", "replace").strip("\r\n")
            tokens = strict.split(line, separator)
            before = strict.place(tokens, wanted, fits)
            if before is not None:
                return wanted._replace(before=before, behind=len(tokens) - len(wanted.names) - before)
            if not self.given and header(tokens, least=3):
                return wanted
            if not self.given and tokens:
                refuse_look_alikes((), line)
            top = top or line
        if self.given:
            return self.given
        if b"\0" in block[:4096]:
            raise SourceError("the file is binary, and of no kind that flowkit knows")
        if top.lstrip().startswith(("{", "[")):
            raise SourceError("this is JSON, but its first value holds no flow log record")
        count = len(re.findall(r"[^\s,;|]+", top))
        hint = ": say which fields the lines hold with --format" if count >= 3 else ""
        raise SourceError(f"no header, and not AWS's default format (its first line has {many(count, 'token')}){hint}")

    def _pieces(self, blocks: Iterator[bytes]) -> Iterator[Piece]:
        skip = (self.blank + 1) * self.headed
        for data in blocks:
            if skip:  # the header: what stands before it is blank
                data = data.split(b"\n", skip)[skip]  # noqa: PLW2901
                self.number, skip = skip + 1, 0
            if b"\r" in data:
                data = data.replace(b"\r\n", b"\n")  # noqa: PLW2901
            if self.format.separator == " ":
                data = data.replace(b"\t", b" ")  # noqa: PLW2901
            yield self.piece(data)

    def _events(self, blocks: Iterator[bytes], separator: str, column: int, skip: int) -> Iterator[Piece]:
        """The messages in one `column` of a table of events, together while each line is a row; a row without stays."""
        cell = rf'(?:"[^"\r]*"|[^"\r{separator}]*)'
        row = rf"^(?:{cell}{separator}){{{column}}}({cell})(?:{separator}{cell})*\r?$"
        for block in blocks:
            found = as_lines(block)[skip:].str.extract(row)
            if found.has_nulls():
                blocks = itertools.chain([block], blocks)
                break
            skip, data = 0, as_text(found.str.strip_chars('"').to_frame())
            if data:
                self.format = self.format or self._by_content(data)
                yield self.piece(data)
        texts = (line.decode("utf-8", "replace") for block in blocks for line in io.BytesIO(block))
        rows = itertools.islice(_rows(texts), skip, None)
        yield from self._gathered(line for row in rows for line in strict.of_text(_cell(row, separator, column)))

    def _messages(self, blocks: Iterator[bytes], key: str, before: bytes, behind: bytes) -> Iterator[Piece]:
        """Messages of objects that stand alone on their line, behind `key`; a line that is otherwise stays as it is.

        `before` and `behind` are what the first object has around its message, as mostly all have.
        """
        for raw in blocks:
            data = raw.removeprefix(before).removesuffix(behind + b"\n") + b"\n"
            data = data.replace(behind + b"\n" + before, b"\n")
            if b'"' in data or b"\\" in data or len(raw) - len(data) != data.count(b"\n") * len(before + behind):
                line = pl.col("line").str
                message = line.splitn(key, 2).struct[1].str.splitn('"', 2).struct[0]
                plain = message.is_not_null() & (line.count_matches('message"', literal=True) == 1)
                plain &= line.contains(rf"^{_OBJECT}\s*$")
                data = as_text(as_lines(raw).to_frame().select(pl.when(plain).then(message).otherwise("line")))
            self.format = self.format or self._by_content(data)
            yield self.piece(data)

    def _gathered(self, lines: Iterable[strict.Line]) -> Iterator[Piece]:
        """Lines that come one by one, in pieces; a row of named values brings its own format."""
        batch, size = [], 0
        for named, line in itertools.chain(lines, [(None, None)]):
            if batch and (line is None or size > _GATHERED or (named and self.format and named != self.format)):
                data = "\n".join([*batch, ""]).encode("utf-8", "replace")
                self.format = self.format or self._by_content(data)
                yield self.piece(data)
                batch, size = [], 0
            if named:
                self.format, self.headed = named, True
            if line is not None:
                batch.append(line)
                size += len(line)


def as_lines(data: bytes) -> pl.Series:
    """Return the lines of a text; bytes that are no UTF-8 become U+FFFD."""
    with suppress(pl.exceptions.ComputeError):
        return pl.read_lines(io.BytesIO(data), name="line")["line"]
    return pl.read_lines(io.BytesIO(data.decode("utf-8", "replace").encode()), name="line")["line"]


def as_text(lines: pl.DataFrame) -> bytes:
    """Return a column of lines as text."""
    return lines.write_csv(include_header=False, quote_style="never").encode()


def _is_default(tokens: list[str]) -> bool:
    """Whether a line without a header is of AWS's default format: by its content, not by its length alone."""
    many, actions = len(DEFAULT_FORMAT), ("ACCEPT", "REJECT", "-")
    return len(tokens) == many and tokens[0] == "2" and tokens[12] in actions and tokens[13] in STATUS


def _rows(lines: Iterator[str]) -> Iterator[str]:
    """The rows of a table: lines, or several where a line end is within quotes; a quote that is not closed holds none."""
    held: deque[str] = deque()

    def following() -> str | None:
        return held.popleft() if held else next(lines, None)

    while (line := following()) is not None:
        row, size, odd = [line], len(line), line.count('"') % 2
        while odd and size <= strict.LONGEST and (line := following()) is not None:
            row.append(line)
            size, odd = size + len(line), (odd + line.count('"')) % 2
        if odd:
            held.extendleft(reversed(row[1:]))
            row = row[:1]
        yield "".join(row)


def _cell(row: str, separator: str, column: int) -> str:
    """One cell of a row; the row as it stands where it has none."""
    row = row.rstrip("\r\n")
    with suppress(csv.Error, StopIteration, IndexError):
        return next(csv.reader([row], delimiter=separator))[column]
    return row


def _one_a_line(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Objects that follow each other without a line end, one a line."""
    rest = b""
    for block in blocks:
        text = rest + block
        rest = b"}" if text.endswith(b"}") else b""
        yield text.removesuffix(rest).replace(b"}{", b"}\n{")
    yield rest
