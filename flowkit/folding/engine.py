"""The fold's SQL, written once in DuckDB's words, and run where the records are: DuckDB, Spark, Athena, Trino.

A statement names the tables that it reads: ``flows`` and the statements before it. They become one query of common
table expressions, so that nothing is compiled on DuckDB, and no name is made in the engine of a user. Ibis is
imported for the tables of other engines, and for what a user works with, alone.
"""

import re
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from flowkit.fields import MOST
from flowkit.loading.records import backend, connection, literal, new_name, quoted, whole_numbers

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from flowkit.log import Log

#: The types of columns of small tables of ours, as SQL and pandas name them.
TYPES = {"string": ("VARCHAR", "string"), "int64": ("BIGINT", "Int64"), "boolean": ("BOOLEAN", "boolean")}


def total(number: str) -> str:
    """Return SQL for the exact sum of whole numbers over a group, at most 2^63 - 1: two records may hold more."""
    return f"CAST(least(sum({number}), {MOST}) AS BIGINT)"


def in_dialect(sql: str, engine: str) -> str:
    """Return a statement in the words of an engine; elsewhere than on DuckDB sums of 64 bits wrap around or fail."""
    if engine == "duckdb":
        return sql
    import sqlglot
    from sqlglot import exp

    tree = sqlglot.parse_one(sql, read="duckdb")
    for each in tree.find_all(exp.Sum):
        each.set("this", exp.cast(each.this, "decimal(38, 0)"))
    return tree.sql({"pyspark": "spark"}.get(engine, engine))


class Engine:
    """The engine that holds `flows` (a view of this process's DuckDB, or a table of Ibis), and the tables of one question
    in it by name."""

    def __init__(self, flows: "str | ir.Table") -> None:
        self.flows = flows
        self.backend = None if isinstance(flows, str) else flows.get_backend()
        self.name = self.backend.name if self.backend else "duckdb"
        self.is_duckdb = self.name == "duckdb"
        self.con = connection() if self.backend is None else self.backend.con if self.is_duckdb else None
        if self.name == "pyspark":  # a name of ours, which no step has
            flows = self.backend.create_view(new_name("flowkit"), flows)
        elif self.backend:
            self.backend._run_pre_execute_hooks(flows)  # Ibis hands small tables of ours to an engine when asking
        described = self.con.execute(f"DESCRIBE {flows}").fetchall() if self.backend is None else ()
        self.columns = tuple(flows.columns) if self.backend else tuple(row[0] for row in described)
        self._tables = {"flows": self.backend.compile(flows) if self.backend else f"SELECT * FROM {quoted(flows)}"}
        self._kept: list[object] = [flows]

    @classmethod
    def of(cls, flows: "str | ir.Table | Engine") -> "Engine":
        """Return the engine of `flows`."""
        return flows if isinstance(flows, cls) else cls(flows)

    def define(self, **statements: str) -> None:
        """Take statements that later ones read."""
        self._tables |= {name: in_dialect(sql, self.name) for name, sql in statements.items()}

    def put(self, name: str, frame: pd.DataFrame, types: dict[str, str] | None = None) -> None:
        """Take a small table of ours: its columns of `types`; without them all, as texts or whole numbers."""
        if types is None:
            types = {column: "string" if kind.kind == "O" else "int64" for column, kind in frame.dtypes.items()}
        if self.is_duckdb:
            made = new_name("put")
            self.con.register(made, frame[[*types]].astype({column: TYPES[kind][1] for column, kind in types.items()}))
            weakref.finalize(self, self.con.unregister, made)
        else:
            import ibis

            table = ibis.memtable(frame[[*types]], schema=types)
            self.backend._run_pre_execute_hooks(table)
            self._kept.append(table)
            made = table.get_name()
        casts = (f"CAST({quoted(column)} AS {TYPES[kind][0]}) AS {quoted(column)}" for column, kind in types.items())
        self.define(**{name: f"SELECT {', '.join(casts)} FROM {made}"})

    def keep(self, name: str, sql: str, place: Path) -> None:
        """Compute a statement once for those that read it: DuckDB in the file `place`, Spark in its memory and disk;
        where an engine keeps no temporary tables (Athena, Trino), it is computed each time."""
        if self.is_duckdb:
            self.write(sql, place)
            self._tables[name] = f"SELECT * FROM read_parquet({literal(place)})"
        elif self.name == "pyspark":
            made, cached = new_name("kept"), self._spark(sql).cache()
            cached.createOrReplaceTempView(made)
            weakref.finalize(self, cached.unpersist)
            self._tables[name] = f"SELECT * FROM {made}"
        else:
            self.define(**{name: sql})

    def query(self, sql: str) -> str:
        """Return a statement with all that it reads as one query in the engine's own words."""
        if self.name == "pyspark":  # it takes minutes to plan so many common table expressions
            import sqlglot
            from sqlglot import exp

            sources = {name: sqlglot.parse_one(text, read="spark") for name, text in self._tables.items()}
            return exp.expand(sqlglot.parse_one(in_dialect(sql, "pyspark"), read="spark"), sources).sql("spark")
        read, texts = set(), [sql]
        while texts:  # a statement that is not read costs its parsing all the same
            new = self._tables.keys() & set(re.findall(r"\w+", texts.pop())) - read
            read |= new
            texts += [self._tables[name] for name in new]
        tables = ", ".join(
            f"{quoted(name) if self.is_duckdb else name} AS ({text})"
            for name, text in self._tables.items()
            if name in read
        )
        return f"WITH {tables} {in_dialect(sql, self.name)}" if read else in_dialect(sql, self.name)

    def _spark(self, sql: str):
        """Return a statement as a frame of Spark, computed when asked; by way of Ibis it would be planned three times."""
        return self.backend.raw_sql(self.query(sql))

    def answer(self, sql: str) -> pd.DataFrame:
        """Return the rows of a statement."""
        if self.name == "pyspark":
            return self._spark(sql).toArrow().to_pandas()
        return self.con.execute(self.query(sql)).df() if self.is_duckdb else self.table(sql).execute()

    def view(self, sql: str) -> "str | ir.Table":
        """Return a statement as what an engine can be made of, computed when asked."""
        if self.backend:
            return self.table(sql)
        return self._viewed(sql)

    def table(self, sql: str) -> "ir.Table":
        """Return a statement as a table of Ibis, computed when asked."""
        if not self.is_duckdb:
            return self.backend.sql(self.query(sql), dialect=self.name)
        return (self.backend or backend()).table(self._viewed(sql))

    def _viewed(self, sql: str) -> str:
        """Return the name of a new view, which leaves nothing in a user's file and needs none that can be written."""
        name = new_name("flowkit_view")  # Ibis 12's `.sql` calls a method that DuckDB 2 no longer has
        self.con.execute(f"CREATE TEMP VIEW {name} AS {self.query(sql)}")
        return name

    def write(self, sql: str, place: Path) -> None:
        """Write the rows of a statement to the Parquet file `place` on this machine."""
        if self.is_duckdb:
            self.con.execute(f"COPY ({self.query(sql)}) TO {literal(place)} (FORMAT parquet)")
            return
        if self.name == "pyspark":
            import pyarrow.parquet  # takes time that no other engine's kernel has to give

            pyarrow.parquet.write_table(self._spark(sql).toArrow(), place)
            return
        table = self.table(sql)
        whole = {"int64": "Int64", "int32": "Int32", "int8": "Int8"}  # pandas would make numbers beside nulls floats
        kinds = {name: whole[str(kind)] for name, kind in table.schema().items() if str(kind) in whole}
        table.execute().astype(kinds).to_parquet(place)


def sql(query: str, **tables: "Log | ir.Table") -> pd.DataFrame:
    """Return the answer to `query`, DuckDB's SQL over tables by name: `sql("SELECT …", today=a, yesterday=b)`.

    A log stands for its records. A table of another engine can be asked there, alone. Raises ValueError for tables of
    several engines or connections.
    """
    import ibis
    import ibis.expr.types as ir

    named = {name: table if isinstance(table, ir.Table) else table.records for name, table in tables.items()}
    backends = {each for table in named.values() for each in table._find_backends()[0]} or {backend()}
    if any(each.name != "duckdb" for each in backends):
        if len(named) > 1:
            raise ValueError("tables of another engine than DuckDB are asked one at a time")
        [(name, table)] = named.items()
        return table.alias(name).sql(query).execute()
    [engine, *others] = {id(each.con): each for each in backends}.values()
    if others:
        raise ValueError(
            "tables of two DuckDB connections cannot be asked together: copy one into the other's database"
        )
    con = engine.con
    for name, table in named.items():
        engine._run_pre_execute_hooks(table)  # small tables of ours, such as the names of hosts
        # Ibis 12's own `.sql` calls a method that DuckDB 2 no longer has.
        con.execute(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS {ibis.to_sql(table, dialect='duckdb')}")
    answer = con.sql(query)
    return pd.DataFrame() if answer is None else whole_numbers(answer)
