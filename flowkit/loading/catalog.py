"""The cache's catalogue: which source files are in which Parquet files, and what was counted in each.

One SQLite file. A part counts from the moment its transaction ends, whole; what was under way when a process was
killed was never there. https://www.sqlite.org/atomiccommit.html
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY, place TEXT NOT NULL, stamp TEXT NOT NULL, given TEXT NOT NULL, headed INTEGER NOT NULL,
    counts TEXT NOT NULL, UNIQUE (place, given));
CREATE TABLE IF NOT EXISTS parts (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, files INTEGER NOT NULL,
    bytes INTEGER NOT NULL, retired REAL);
CREATE TABLE IF NOT EXISTS contents (
    part INTEGER NOT NULL REFERENCES parts (id), file INTEGER NOT NULL, PRIMARY KEY (file, part)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS malformed (
    file INTEGER NOT NULL, line INTEGER NOT NULL, text TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS malformed_file ON malformed (file);
CREATE TABLE IF NOT EXISTS numbers (next INTEGER NOT NULL);
INSERT INTO numbers SELECT 1 WHERE NOT EXISTS (SELECT * FROM numbers);
"""


class Entry(NamedTuple):
    """A source file in the catalogue: its counts are those of `flowkit.tally`, for this one file."""

    file_id: int
    place: str
    stamp: str
    headed: bool
    counts: dict


class Part(NamedTuple):
    """A Parquet file of the cache; `others`: it also holds rows that were not asked for, or count no more."""

    part_id: int
    name: str
    kind: str
    bytes: int
    others: bool


class Catalog:
    """The catalogue in `folder`; safe with many processes at once."""

    def __init__(self, folder: Path):
        self.path = folder / "catalog.sqlite"
        with closing(self._connect()) as connection, connection:
            connection.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=120, isolation_level=None)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA temp_store = memory")
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def reserve(self, count: int) -> int:
        """The first of `count` file ids that nobody else gets."""
        with self._writing() as connection:
            first = connection.execute("SELECT next FROM numbers").fetchone()[0]
            connection.execute("UPDATE numbers SET next = next + ?", [count])
        return first

    def entries(self, places: Iterable[str], given: str) -> dict[str, Entry]:
        """By place: the files that are there, parsed by their own header or else by the format `given`."""
        with self._reading() as connection:
            return {entry.place: entry for entry in _entries(connection, places, given)}

    def holdings(self, places: Iterable[str], given: str, kind: str) -> tuple[list[Entry], list[Part]]:
        """The same files in the order of their places, and the parts with their rows of `kind`, as of one moment."""
        with self._reading() as connection:
            connection.execute("BEGIN")
            entries = sorted(_entries(connection, places, given), key=lambda entry: entry.place)
            _want(connection, (entry.file_id for entry in entries))
            rows = connection.execute(
                "SELECT parts.id, name, kind, bytes, count(*) < files FROM wanted CROSS JOIN contents USING (file)"
                " JOIN parts ON parts.id = contents.part WHERE kind = ? GROUP BY parts.id ORDER BY parts.id",
                [kind],
            ).fetchall()
        return entries, [Part(*row) for row in rows]

    def small_parts(self, below: int) -> list[Part]:
        """The parts of less than `below` bytes, by kind and age."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, name, kind, bytes, (SELECT count(*) FROM contents WHERE part = id) < files FROM parts"
                " WHERE retired IS NULL AND bytes < ? ORDER BY kind, id",
                [below],
            ).fetchall()
        return [Part(*row) for row in rows]

    def files_in(self, part: Part) -> list[int]:
        """The ids of the files whose rows of this part count."""
        with self._reading() as connection:
            return [
                row[0]
                for row in connection.execute("SELECT file FROM contents WHERE part = ?", [part.part_id])
            ]

    def commit(
        self,
        entries: Iterable[Entry],
        given: str,
        parts: dict[str, tuple[str, int, list[int]]],
        malformed: Iterable[tuple[int, int, str, str]],
    ) -> bool:
        """Put `entries` in, with their `parts` (name: kind, bytes, file ids), all or nothing.

        A file that another process has put in since is left as it is; its rows in `parts` never count.
        """
        with self._writing() as connection:
            taken = {entry.file_id for entry in entries if _replace(connection, entry, given)}
            for name, (kind, size, file_ids) in parts.items():
                part = connection.execute(
                    "INSERT INTO parts (name, kind, files, bytes) VALUES (?, ?, ?, ?) RETURNING id",
                    [name, kind, len(file_ids), size],
                ).fetchone()[0]
                rows = [(part, file_id) for file_id in file_ids if file_id in taken]
                connection.executemany("INSERT INTO contents VALUES (?, ?)", rows)
            connection.executemany(
                "INSERT INTO malformed VALUES (?, ?, ?, ?)", (row for row in malformed if row[0] in taken)
            )
            _retire(connection)
        return bool(taken)

    def malformed(self, file_ids: Iterable[int]) -> list[tuple[int, int, str, str]]:
        """file id, line, text, reason of every malformed line of these files."""
        with self._reading() as connection:
            _want(connection, file_ids)
            return connection.execute(
                "SELECT file, line, text, reason FROM wanted CROSS JOIN malformed USING (file) ORDER BY file, line"
            ).fetchall()

    def places(self) -> list[tuple[int, str]]:
        """id and place of every file in the catalogue."""
        with self._reading() as connection:
            return connection.execute("SELECT id, place FROM files ORDER BY place").fetchall()

    def forget(self, file_ids: Iterable[int]) -> None:
        """Take these files out."""
        with self._writing() as connection:
            for file_id in file_ids:
                _forget(connection, file_id)
            _retire(connection)

    def merge(self, old: list[Part], files: set[int], name: str, size: int) -> bool:
        """Put one part in place of `old`, with the rows of `files`; False where others did so, or files went since."""
        with self._writing() as connection:
            marks = ", ".join("?" * len(old))
            ids = [part.part_id for part in old]
            there = connection.execute(f"SELECT DISTINCT file FROM contents WHERE part IN ({marks})", ids)
            if {row[0] for row in there} != files:
                return False
            part = connection.execute(
                "INSERT INTO parts (name, kind, files, bytes) VALUES (?, ?, ?, ?) RETURNING id",
                [name, old[0].kind, len(files), size],
            ).fetchone()[0]
            connection.execute(f"DELETE FROM contents WHERE part IN ({marks})", ids)
            connection.executemany(
                "INSERT INTO contents VALUES (?, ?)", [(part, file_id) for file_id in files]
            )
            _retire(connection)
        return True

    def retired(self, before: float) -> list[str]:
        """The names of parts that nobody has needed since `before` (seconds since 1970); they are forgotten."""
        with self._writing() as connection:
            return [
                row[0]
                for row in connection.execute(
                    "DELETE FROM parts WHERE retired <= ? RETURNING name", [before]
                ).fetchall()
            ]

    def names(self) -> set[str]:
        """The names of all parts, retired ones too."""
        with self._reading() as connection:
            return {row[0] for row in connection.execute("SELECT name FROM parts")}


def _want(connection: sqlite3.Connection, file_ids: Iterable[int]) -> None:
    connection.execute("CREATE TEMP TABLE wanted (file INTEGER PRIMARY KEY)")
    connection.executemany("INSERT INTO wanted VALUES (?)", ((file_id,) for file_id in file_ids))


def _entries(connection: sqlite3.Connection, places: Iterable[str], given: str) -> list[Entry]:
    connection.execute("CREATE TEMP TABLE named (place TEXT PRIMARY KEY)")
    connection.executemany("INSERT OR IGNORE INTO named VALUES (?)", ((place,) for place in places))
    rows = connection.execute(
        "SELECT id, place, stamp, headed, counts FROM named CROSS JOIN files USING (place)"
        " WHERE given = ? OR given = '' AND headed",
        [given],
    ).fetchall()
    return [Entry(*row[:3], bool(row[3]), json.loads(row[4])) for row in rows]


def _replace(connection: sqlite3.Connection, entry: Entry, given: str) -> bool:
    given = "" if entry.headed else given
    there = connection.execute(
        "SELECT id, stamp FROM files WHERE place = ? AND given = ?", [entry.place, given]
    ).fetchone()
    if there and there[1] == entry.stamp:
        return False
    if there:
        _forget(connection, there[0])
    connection.execute(
        "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?)",
        [entry.file_id, entry.place, entry.stamp, given, entry.headed, json.dumps(entry.counts)],
    )
    return True


def _forget(connection: sqlite3.Connection, file_id: int) -> None:
    connection.execute("DELETE FROM files WHERE id = ?", [file_id])
    connection.execute("DELETE FROM contents WHERE file = ?", [file_id])
    connection.execute("DELETE FROM malformed WHERE file = ?", [file_id])


def _retire(connection: sqlite3.Connection) -> None:
    connection.execute(
        "UPDATE parts SET retired = unixepoch() WHERE retired IS NULL"
        " AND NOT EXISTS (SELECT * FROM contents WHERE contents.part = parts.id)"
    )
