"""From the blocks of a file to pieces of whole lines in one shape (tokens, one blank apart), with the format in force.

What is written otherwise as a whole (CRLF, tables with commas, tabs or semicolons, JSON, CloudWatch's times, UTF-16)
is turned into that shape a block at a time, by replacing bytes, so that the one pattern judges it at full speed.
"""

import codecs
import csv
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from flowkit.loading import messages, strict
from flowkit.loading.compression import Reader
from flowkit.loading.errors import SourceError
from flowkit.loading.grammar import DEFAULT, FIELDS, Format, header, is_default

_EXPORTED_AT = re.compile(rb"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z ")
_MESSAGE = r'"@?message"\s*:\s*"([^"\\]*)"'
_ONE_MESSAGE = re.compile(rb'\{(?:"[^"{}\[\]]*"\s*:\s*(?:"[^"{}\[\]]*"|[^"{}\[\],]*),?\s*)+\}\s*(?=\{|$)')
_MARKUP = re.compile(rb"\s*<(?:\?xml|!doctype|html|error)", re.IGNORECASE)
_BALANCER = re.compile(r"(?:(?:https?|h2|grpcs?|wss?|tls) \S+ |\S+Z \S+ [\d.]+:\d+ )")
#: Bytes of lines that come out of JSON or a table of messages in one piece.
_GATHERED = 4 << 20


class Piece(NamedTuple):
    """Whole lines: `data` in the one shape, `raw` as they stand in the file (None: the same), the first one's number.

    `cut`: damage cut the last line off.
    """

    data: bytes
    raw: bytes | None
    line: int
    delimiter: str = " "
    cut: bool = False


class Lines:
    """The pieces of one file. `format` is what its lines are judged by; whoever finds a header among them sets it."""

    def __init__(self, blocks: Iterable[bytes], given: Format | None):
        self.blocks = blocks
        self.given = given
        self.format: Format | None = given
        self.headed = False
        self.headers = self.blank = 0
        self.unended = False  # whether damage cut off the line that comes out last
        self.damaged: Callable[[], bool] = lambda: False

    def __iter__(self) -> Iterator[Piece]:
        blocks = iter(self.blocks)
        head, blank = b"", 0
        for block in blocks:
            if block.strip(b" \t\r\n\xef\xbb\xbf\0"):
                head = b"\n" * blank + block
                break
            blank += block.count(b"\n")
        if not head.strip(b"\0"):
            raise SourceError("the file is empty")
        blocks = itertools.chain([head.removeprefix(codecs.BOM_UTF8)], blocks)
        if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            blocks = (text.encode() for text in codecs.iterdecode(blocks, "utf-16", "replace"))
            head = next(blocks, b"")
            blocks = itertools.chain([head], blocks)
        head = head.removeprefix(codecs.BOM_UTF8)
        if _MARKUP.match(head):
            raise SourceError("this is an HTML or XML page, such as a download that failed, not a flow log")
        if head.lstrip()[:1] in (b"{", b"["):
            return self._json(blocks, head)
        if b"\r" in head and b"\n" not in head:
            blocks = (block.replace(b"\r", b"\n") for block in blocks)
        return self._text(self._whole_lines(blocks))

    def _text(self, blocks: Iterator[bytes]) -> Iterator[Piece]:
        first = next(blocks)
        lines = io.BytesIO(first)
        top, blank = next(((line, n) for n, line in enumerate(lines) if line.strip()), (b"\n", 0))
        line = top[:4096].decode("utf-8", "replace").strip("\r\n")
        blocks = itertools.chain([first], blocks)
        delimiter = self._delimiter(line)
        tokens = _cells(line, delimiter)
        if column := _message_column(tokens) if delimiter != " " else None:
            texts = io.TextIOWrapper(Reader(blocks), "utf-8", "replace", newline="")
            rows = itertools.islice(csv.reader(texts, delimiter=delimiter), 1, None)
            cells = (row[column - 1].splitlines() for row in rows if len(row) >= column)
            return self._gathered(itertools.chain.from_iterable(cells))
        named = header(tokens)
        named = named if named and (len(named.names) > 1 or self.given) else None
        if named:
            self.format, self.headed, self.headers = named, True, 1
        else:
            self._take_default(first, delimiter)
        return self._pieces(blocks, delimiter, skip=blank if named else None)

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
                ready = rest + block[:cut] if rest or cut < len(block) else block
                rest = block[cut:]
            else:
                rest += block
            if len(rest) > 16 * strict.LONGEST:
                rest, skipping = rest[: strict.LONGEST + 1] + b"\0", True
        if rest and self.damaged():
            if ready:
                yield ready
            self.unended, ready = True, rest + b"\n"
        elif rest:
            ready += rest + b"\n"
        if ready:
            yield ready

    def _delimiter(self, line: str) -> str:
        """What separates the cells of the first line: a table's is known by its header, or by a whole record."""
        for delimiter in (",", "\t", ";"):
            tokens = _cells(line, delimiter)
            fits = self.given and not strict._row(tokens, self.given, True)[1] if self._as_many(tokens) else False
            if len(tokens) > 1 and (fits or header(tokens) or is_default(tokens) or _message_column(tokens)):
                return delimiter
        return " "

    def _as_many(self, tokens: list[str]) -> bool:
        return self.given is not None and len(tokens) == len(self.given.names)

    def _take_default(self, block: bytes, delimiter: str = " ") -> None:
        """Without a header: the user's format, else AWS's default where a line is of it; else the file is refused."""
        if self.format:
            return
        counted = 0
        for text in io.BytesIO(block):
            line = text[: strict.LONGEST].decode("utf-8", "replace").strip("\r\n")
            tokens = strict.split(line, delimiter)
            if not tokens:
                continue
            if strict.default_inside(line, delimiter) or strict.header_inside(tokens):
                self.format = DEFAULT
                return
            counted = counted or len(tokens)
            if _BALANCER.match(line) and counted > 14:
                raise SourceError("these look like Elastic Load Balancing access logs, not VPC flow logs")
        if b"\0" in block[:4096]:
            raise SourceError("the file is binary, and of no kind that flowkit knows")
        hint = ": say which fields the lines hold with --format" if counted >= 3 else ""
        raise SourceError(f"no header, and not AWS's default format (its first line has {counted} tokens){hint}")

    def _pieces(self, blocks: Iterator[bytes], delimiter: str, skip: int | None) -> Iterator[Piece]:
        number, exported, quoted = 1, None, False
        for raw in blocks:
            if skip is not None:  # the header: what stands before it is blank
                raw = raw.split(b"\n", skip + 1)[skip + 1]  # noqa: PLW2901
                self.blank, number, skip = skip, number + skip + 1, None
                quoted = raw[:1] == b'"'
            if not raw:
                continue
            data = raw.replace(b"\r\n", b"\n") if b"\r" in raw else raw
            if delimiter != " ":
                data = _blanked(data, delimiter.encode(), quoted)
            elif b"\t" in data:
                data = data.replace(b"\t", b" ")
            exported = bool(_EXPORTED_AT.match(data)) if exported is None else exported
            if exported:
                data = _EXPORTED_AT.sub(b"", data)
            yield Piece(data, None if data is raw else raw, number, delimiter, self.unended)
            number += raw.count(b"\n")

    def _json(self, blocks: Iterator[bytes], head: bytes) -> Iterator[Piece]:
        if (one := _ONE_MESSAGE.match(head)) and re.search(_MESSAGE.encode(), one[0]):
            return self._messages(self._whole_lines(_one_a_line(blocks)), one[0])
        texts = codecs.iterdecode(blocks, "utf-8", "replace")
        return self._gathered(messages.lines(texts))

    def _messages(self, blocks: Iterator[bytes], one: bytes) -> Iterator[Piece]:
        """Objects one a line, with one message each: the message is taken out by replacing what is around it."""
        import polars as pl

        number, around = 1, re.fullmatch(rb'(\{"message"\s*:\s*")[^"\\]*("\})\s*', one)
        for raw in blocks:
            if around:
                before, after = around.groups()
                data = raw.replace(after + b"\n" + before, b"\n").removeprefix(before).removesuffix(after + b"\n")
                data += b"" if data.endswith(b"\n") else b"\n"
            else:
                lines = pl.read_lines(io.BytesIO(raw.decode("utf-8", "replace").encode()), name="line")
                inner = pl.col("line").str.extract(_MESSAGE, 1)
                lines = lines.select(pl.coalesce(inner, "line"))
                data = lines.write_csv(include_header=False, quote_style="never").encode()
            if number == 1:
                self._take_default(data)
            yield Piece(data, raw, number)
            number += data.count(b"\n")

    def _gathered(self, lines: Iterator[str]) -> Iterator[Piece]:
        """Lines that came one by one, in pieces; a row of named values (`\\1` before JSON) brings its own format."""
        number, batch, size = 1, [], 0
        for line in lines:
            if line.startswith("\1"):
                named, text = _named_values(line[1:])
                if named and named != self.format:
                    if batch:
                        yield Piece("\n".join([*batch, ""]).encode(), None, number)
                    number, batch, size = number + len(batch), [], 0
                    self.format, self.headed = named, True
            else:
                text = line.replace("\n", " ").replace("\r", " ")
            if self.format is None and not batch:
                self._take_default(text.encode(), " ")
            batch.append(text)
            size += len(text)
            if size > _GATHERED:
                yield Piece("\n".join([*batch, ""]).encode(), None, number)
                number, batch, size = number + len(batch), [], 0
        if batch:
            yield Piece("\n".join([*batch, ""]).encode(), None, number)


def _cells(line: str, delimiter: str) -> list[str]:
    tokens = strict.split(line, delimiter)
    if delimiter != " " and tokens and (tokens[0] == "-" or tokens[0].startswith("Unnamed")):
        tokens[0] = "index"  # pandas writes its index under no name
    return tokens


def _message_column(tokens: list[str]) -> int | None:
    """The place, from 1, of the column of whole records in a table of events."""
    if len(tokens) < 2 or sum(bool(re.match(r"[@_A-Za-z]", token)) for token in tokens) < len(tokens):
        return None
    return next((at for at, token in enumerate(tokens, 1) if token.lower() in ("message", "@message", "_raw")), None)


def _blanked(data: bytes, delimiter: bytes, quoted: bool) -> bytes:
    """A table's lines, one blank between cells, `-` for empty ones; blanks inside become a byte that fits nothing."""
    if quoted:
        data = data.replace(b'"' + delimiter + b'"', delimiter).replace(b'"\n"', b"\n").strip(b'"')
        data = data.removesuffix(b'"\n') + b"\n" if data.endswith(b'"\n') else data
    if b" " in data:
        data = data.replace(delimiter + b" ", delimiter).replace(b" ", b"\x01")
    while delimiter * 2 in data:
        data = data.replace(delimiter * 2, delimiter + b"-" + delimiter)
    data = data.replace(b"\n" + delimiter, b"\n-" + delimiter).replace(delimiter + b"\n", delimiter + b"-\n")
    return (b"-" if data.startswith(delimiter) else b"") + data.replace(delimiter, b" ")


def _one_a_line(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Objects that follow each other without a line end, one a line."""
    rest = b""
    for block in blocks:
        text = rest + block
        rest = b"}" if text.endswith(b"}") else b""
        yield text.removesuffix(rest).replace(b"}{", b"}\n{") if rest else text.replace(b"}{", b"}\n{")
    yield rest


def _named_values(text: str) -> tuple[Format | None, str]:
    """Format and line of one row that names its values."""
    import json

    row = json.loads(text)
    named = header(list(row))
    names = named.names if named else ()
    tokens = [
        "-" if value is None or str(value) in strict._NULLS else str(value).replace(" ", "%20")
        for value in row.values()
    ]
    tokens = [
        token.split(".0")[0] if token.endswith(".0") and name in FIELDS and FIELDS[name].type != "string" else token
        for name, token in itertools.zip_longest(names, tokens[: len(names) or None])
    ]
    return named, " ".join(tokens)
