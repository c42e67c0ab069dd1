"""From a file, compressed or not, to blocks of its bytes, and a word on damage; other kinds are refused by name.

gzip (members, padding, twice), bz2, xz, zip and zstd. Blocks are of 16 MB at most, however large what is inside.
"""

import bz2
import io
import itertools
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from isal import isal_zlib

from flowkit.loading.errors import SourceError

#: Bytes that one block holds at most, and that one read of a file takes.
BLOCK, READ = 16 << 20, 4 << 20

_GZIP, _BZ2, _XZ, _ZIP, _ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"PK\x03\x04", b"\x28\xb5\x2f\xfd"
#: How files of other kinds begin.
_OTHERS = {
    b"ORC": "an ORC file: write it as Parquet",
    b"Obj\x01": "an Avro file: write it as Parquet",
    b"ARROW1": "an Arrow (Feather) file: write it as Parquet",
    b"FEA1": "a Feather file: write it as Parquet",
    b"\x04\x22\x4d\x18": "compressed with lz4: decompress it first",
    b"\xff\x06\x00\x00sNaPpY": "compressed with snappy: decompress it first",
    b"7z\xbc\xaf": "a 7-Zip archive: unpack it first",
    b"\x89PNG": "a picture",
    b"%PDF": "a PDF document",
    b"SQLite format 3": "an SQLite database",
}


class Compressed:
    """The decompressed blocks of the file at `path`; once they are out, `damage` says what is wrong with it."""

    def __init__(self, path: Path):
        self.path = path
        self.damage: str | None = None

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            yield from self._opened(iter(lambda: file.read(READ), b""), depth=0)

    def _opened(self, chunks: Iterator[bytes], depth: int) -> Iterator[bytes]:
        """What is inside `chunks`, whatever they are compressed with, up to three times."""
        head = next((chunk for chunk in chunks if chunk), b"")
        for magic, what in _OTHERS.items():
            if head.startswith(magic):
                raise SourceError(f"this is {what}, not a flow log that flowkit reads")
        chunks = itertools.chain([head], chunks)
        reader = next((read for magic, read in self._readers(depth).items() if head.startswith(magic)), None)
        if reader is None or depth > 2:
            return chunks
        return self._opened(reader(chunks), depth + 1)

    def _readers(self, depth: int) -> dict[bytes, Callable[[Iterator[bytes]], Iterator[bytes]]]:
        readers = {
            _GZIP: lambda chunks: self._gzip(chunks, outermost=depth == 0),
            _BZ2: lambda chunks: self._whole(chunks, bz2.BZ2Decompressor, "bz2"),
            _XZ: lambda chunks: self._whole(chunks, lzma.LZMADecompressor, "xz"),
        }
        return readers | ({_ZIP: self._zip, _ZSTD: self._zstd} if depth == 0 else {})

    def _gzip(self, chunks: Iterator[bytes], outermost: bool) -> Iterator[bytes]:
        inflater, given = isal_zlib.decompressobj(wbits=31), 0
        for chunk in chunks:
            data = chunk
            while data:
                if inflater.eof:
                    data = data.lstrip(b"\0")  # gzip pads with zeros on tapes; every reader allows it
                    if not data:
                        break
                    if data[0] != _GZIP[0]:
                        self.damage = "something else follows the gzip data"
                        return
                    inflater = isal_zlib.decompressobj(wbits=31)
                try:
                    block = inflater.decompress(data, BLOCK)
                except isal_zlib.error as error:
                    self.damage = f"the gzip data is damaged ({error})"
                    if outermost:
                        yield from self._salvaged(given)
                    return
                given += len(block)
                if block:
                    yield block
                data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        if not inflater.eof:
            self.damage = "the gzip data ends too early"

    def _salvaged(self, given: int) -> Iterator[bytes]:
        """What zlib, byte by byte at the damage, still gets out of the file after the first `given` bytes."""
        inflater, done = zlib.decompressobj(wbits=31), 0
        with self.path.open("rb") as file:
            while data := file.read(1 << 16):
                while data:
                    before = inflater.copy()
                    try:
                        block = inflater.decompress(data)
                        broken = False
                    except zlib.error:
                        block, broken = _up_to_the_error(before, data), True
                    yield block[max(0, given - done) :]
                    done += len(block)
                    if broken:
                        return
                    data = inflater.unused_data.lstrip(b"\0") if inflater.eof else b""
                    if inflater.eof:
                        inflater = zlib.decompressobj(wbits=31)

    def _whole(self, chunks: Iterator[bytes], make: Callable, name: str) -> Iterator[bytes]:
        """bz2 and xz: streams one after another."""
        decompressor = make()
        for chunk in chunks:
            data = chunk
            while data or not (decompressor.eof or decompressor.needs_input):
                try:
                    block = decompressor.decompress(data, BLOCK)
                except (OSError, lzma.LZMAError, EOFError) as error:
                    self.damage = f"the {name} data is damaged ({error})"
                    return
                if block:
                    yield block
                data = decompressor.unused_data.lstrip(b"\0") if decompressor.eof else b""
                if data:
                    decompressor = make()
        if not decompressor.eof:
            self.damage = f"the {name} data ends too early"

    def _zip(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        del chunks  # the directory is at the file's end
        try:
            with zipfile.ZipFile(self.path) as archive:
                for member in (each for each in archive.infolist() if not each.is_dir()):
                    with archive.open(member) as inside:
                        last = b"\n"
                        while block := inside.read(BLOCK):
                            last = block[-1:]
                            yield block
                        yield b"" if last == b"\n" else b"\n"
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError) as error:
            raise SourceError(f"the zip archive cannot be read ({error})") from None

    def _zstd(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        del chunks
        try:
            import pyarrow as pa
        except ImportError:
            raise SourceError("compressed with zstd: decompress it first (zstd -d)") from None
        try:
            with pa.OSFile(str(self.path)) as raw, pa.CompressedInputStream(raw, "zstd") as stream:
                while block := stream.read(BLOCK):
                    yield block
        except (OSError, pa.ArrowException) as error:
            self.damage = f"the zstd data is damaged ({error})"


def _up_to_the_error(inflater, data: bytes) -> bytes:
    out = []
    try:
        for at in range(len(data)):
            out.append(inflater.decompress(data[at : at + 1]))
    except zlib.error:
        pass
    return b"".join(out)


class Reader(io.RawIOBase):
    """A stream over blocks of bytes, for the csv module."""

    def __init__(self, blocks: Iterator[bytes]):
        self._blocks, self._rest = blocks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        self._rest = self._rest or next(self._blocks, b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
