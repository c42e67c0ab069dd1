"""From a file, compressed or not, to blocks of its bytes, and a word on damage; other kinds are refused by name.

gzip (members, padding, twice), bz2, xz, zip and zstd. Blocks are of 2 MB at most, however large what is inside.
"""

import bz2
import itertools
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from isal import igzip_lib

from flowkit.loading.errors import SourceError

#: Bytes that one block holds at most, and that one read of a file takes: what is next done with them stays in a core's
#: cache, and one bad line among them makes few others slow.
BLOCK = 2 << 20
#: How streams of a kind begin, the kind's name, and what makes a decompressor of it.
_STREAMS = {
    b"\x1f\x8b": ("gzip", lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)),
    b"BZh": ("bz2", bz2.BZ2Decompressor),
    b"\xfd7zXZ": ("xz", lzma.LZMADecompressor),
}
#: How zstd begins: with data, or with a frame to skip.
_ZSTD = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")
_MACOS = re.compile(r"__MACOSX/|(?:.*/)?\._")
#: How files of other kinds begin.
_OTHERS = {
    b"ORC": "an ORC file: write it as Parquet",
    b"Obj\x01": "an Avro file: write it as Parquet",
    b"ARROW1": "an Arrow (Feather) file: write it as Parquet",
    b"\x04\x22\x4d\x18": "a file compressed with lz4: decompress it first",
    b"\x1f\x9d": "a file compressed with compress (.Z): decompress it first",
    b"7z\xbc\xaf": "a 7-Zip archive: unpack it first",
    b"PK\x05\x06": "an empty zip archive",
}


class Compressed:
    """The file at `path`: its decompressed `parts`; once they are out, `damage` says what is wrong with it."""

    def __init__(self, path: Path):
        self.path = path
        self.damage: str | None = None

    def parts(self) -> Iterator[Iterator[bytes]]:
        """The blocks of the file, or those of each file that a zip archive holds."""
        with self.path.open("rb") as file:
            if file.read(4) == b"PK\x03\x04":
                yield from self._zip()
            else:
                file.seek(0)
                yield self._opened(iter(lambda: file.read(BLOCK), b""), outermost=True)

    def _opened(self, chunks: Iterator[bytes], outermost: bool, depth: int = 0) -> Iterator[bytes]:
        """What is inside `chunks`, whatever they are compressed with, up to three times."""
        head = next(chunks, b"")
        if other := next((what for magic, what in _OTHERS.items() if head.startswith(magic)), None):
            raise SourceError(f"this is {other}")
        with suppress(ValueError):  # a tar archive, also an old one, has the sum of its header in it, up to a NUL
            if b"\0" in head[148:156] and sum(head[:148] + b" " * 8 + head[156:512]) == int(
                head[148:156].strip(b" \0"), 8
            ):
                raise SourceError("this is a tar archive: unpack it first")
        chunks = itertools.chain([head], chunks)
        magic = next((magic for magic in _STREAMS if head.startswith(magic)), None)
        if outermost and _ZSTD.match(head):
            return self._opened(self._zstd(), False, depth + 1)
        return (
            self._opened(self._streams(chunks, magic, outermost), False, depth + 1) if magic and depth < 3 else chunks
        )

    def _streams(self, chunks: Iterator[bytes], magic: bytes, outermost: bool) -> Iterator[bytes]:
        """Streams of one kind, one after another, with zeros between and behind, as tapes pad them."""
        kind, make = _STREAMS[magic]
        stream, done = make(), 0
        for data in chunks:
            while data or not (stream.eof or stream.needs_input):
                if stream.eof:
                    data = data.lstrip(b"\0")  # noqa: PLW2901
                    if not data:
                        break
                    if not magic.startswith(data[: len(magic)]):
                        self.damage = f"something else follows the {kind} data"
                        return
                    stream = make()
                try:
                    block = stream.decompress(data, BLOCK)
                except (OSError, EOFError, lzma.LZMAError, igzip_lib.IsalError) as error:
                    self.damage = f"the {kind} data is damaged ({error})"
                    if outermost and kind == "gzip":
                        yield from self._salvaged(done)
                    return
                done += len(block)
                if block:
                    yield block
                data = stream.unused_data if stream.eof else b""  # noqa: PLW2901
        if not stream.eof:
            self.damage = f"the {kind} data ends too early"

    def _salvaged(self, given: int) -> Iterator[bytes]:
        """What zlib, byte by byte at the damage, still gets out of a gzip file after the first `given` bytes."""
        inflater, done, broken = zlib.decompressobj(wbits=31), 0, False
        with self.path.open("rb") as file:
            while not broken and (data := file.read(1 << 16)):
                while data and not broken:
                    before, blocks = inflater.copy(), []
                    try:
                        blocks.append(inflater.decompress(data))
                    except zlib.error:
                        broken = True
                        with suppress(zlib.error):
                            for byte in data:
                                blocks.append(before.decompress(bytes([byte])))
                    block = b"".join(blocks)
                    yield block[max(0, given - done) :]
                    done += len(block)
                    data = inflater.unused_data.lstrip(b"\0") if inflater.eof else b""
                    if inflater.eof:
                        inflater = zlib.decompressobj(wbits=31)

    def _zip(self) -> Iterator[Iterator[bytes]]:
        """The files of an archive, without what macOS puts beside each."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                members = [each for each in archive.infolist() if each.file_size and not _MACOS.match(each.filename)]
                if any(each.filename in ("[Content_Types].xml", "mimetype") for each in members):
                    raise SourceError("this is an office document, such as a workbook: save its table as CSV")
                if not members:
                    raise SourceError("this is an empty zip archive")
                yield from (self._member(archive, member) for member in members)
        except zipfile.BadZipFile as error:
            raise SourceError(f"the zip archive cannot be read ({error})") from None

    def _member(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
        try:
            with archive.open(member) as inside:
                yield from self._opened(iter(lambda: inside.read(BLOCK), b""), False, 1)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError) as error:
            raise SourceError(f"the zip archive cannot be read ({error})") from None

    def _zstd(self) -> Iterator[bytes]:
        import pyarrow as pa  # takes longer to import than small logs to read

        done, tail = 0, bytearray()
        try:
            with pa.OSFile(str(self.path)) as raw, pa.CompressedInputStream(raw, "zstd") as stream:
                while block := stream.read(BLOCK):
                    yield block
                    done += len(block)
        except (OSError, pa.ArrowException) as error:
            self.damage = f"the zstd data is damaged ({error})"
            with suppress(OSError, pa.ArrowException), pa.OSFile(str(self.path)) as raw:
                stream = pa.CompressedInputStream(raw, "zstd")  # once more, in small steps up to the damage
                while done > 0 and (block := stream.read(min(done, BLOCK))):
                    done -= len(block)
                while block := stream.read(64):
                    tail += block
            yield bytes(tail)
