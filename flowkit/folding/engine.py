"""The fold's SQL, written once in DuckDB's words, and run where the records are: DuckDB, Spark, Athena, Trino.

A statement names the tables that it reads: ``flows`` and the statements before it. They become one query of common
table expressions, so that nothing is compiled on DuckDB, and no name is made in the engine of a user.
"""

import re
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pandas as pd
import sqlglot
from ibis.expr.operations import InMemoryTable
from sqlglot import exp

from flowkit.fields import COLUMNS, MOST
from flowkit.loading.records import literal, quoted


def total(number: str) -> str:
    """Return SQL for the exact sum of whole numbers over a group, at most 2^63 - 1: two records may hold more."""
    return f"CAST(least(sum({number}), {MOST}) AS BIGINT)"


def in_dialect(sql: str, engine: str) -> str:
    """Return a statement in the words of an engine; elsewhere than on DuckDB sums of 64 bits wrap around or fail."""
    if engine == "duckdb":
        return sql
    tree = sqlglot.parse_one(sql, read="duckdb")
    for each in tree.find_all(exp.Sum):
        each.set("this", exp.cast(each.this, "decimal(38, 0)"))
    return tree.sql({"pyspark": "spark"}.get(engine, engine))


class Engine:
    """The engine that holds `flows`, and the tables of one fold in it by name."""

    def __init__(self, flows: ir.Table) -> None:
        self.flows, self.backend = flows, flows.get_backend()
        self.is_duckdb = self.backend.name == "duckdb"
        if self.backend.name == "pyspark":  # a name of ours, which no step has
            flows = self.backend.create_view(ibis.util.gen_name("flowkit"), flows)
        elif flows.op().find(InMemoryTable):
            flows.limit(0).execute()  # Ibis hands small tables of ours to an engine when asking
        columns = [name for name in (*COLUMNS, "file_id") if name in flows.columns]
        self._tables = {"flows": self.backend.compile(flows.select(columns))}
        self._kept: list[object] = []

    @classmethod
    def of(cls, flows: "ir.Table | Engine") -> "Engine":
        """Return the engine of `flows`."""
        return flows if isinstance(flows, cls) else cls(flows)

    def define(self, **statements: str) -> None:
        """Take statements that later ones read."""
        self._tables |= {name: in_dialect(sql, self.backend.name) for name, sql in statements.items()}

    def put(self, name: str, frame: pd.DataFrame, types: dict[str, str]) -> None:
        """Take a small table of ours."""
        table = ibis.memtable(frame[[*types]], schema=types)
        self.backend._run_pre_execute_hooks(table)
        self._kept.append(table)
        self._tables[name] = f"SELECT * FROM {table.get_name()}"

    def keep(self, name: str, sql: str, place: Path) -> None:
        """Compute a statement once for those that read it: DuckDB in the file `place`, Spark in its memory and disk;
        where an engine keeps no temporary tables (Athena, Trino), it is computed each time."""
        if self.is_duckdb:
            self.write(sql, place)
            self._tables[name] = f"SELECT * FROM read_parquet({literal(place)})"
        elif self.backend.name == "pyspark":
            cached = self.table(sql).cache()
            self._kept.append(cached)
            self._tables[name] = f"SELECT * FROM {cached.get_name()}"
        else:
            self.define(**{name: sql})

    def query(self, sql: str) -> str:
        """Return a statement with all that it reads as one query in the engine's own words."""
        if self.backend.name == "pyspark":  # it takes minutes to plan so many common table expressions
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
        return f"WITH {tables} {in_dialect(sql, self.backend.name)}" if read else in_dialect(sql, self.backend.name)

    def answer(self, sql: str) -> pd.DataFrame:
        """Return the rows of a statement."""
        return self.backend.con.execute(self.query(sql)).df() if self.is_duckdb else self.table(sql).execute()

    def table(self, sql: str) -> ir.Table:
        """Return a statement as a table of the engine, computed when asked."""
        if not self.is_duckdb:
            return self.backend.sql(self.query(sql), dialect=self.backend.name)
        name = ibis.util.gen_name("flowkit")  # Ibis 12's `.sql` calls a method that DuckDB 2 no longer has
        self.backend.con.execute(f"CREATE VIEW {name} AS {self.query(sql)}")
        return self.backend.table(name)

    def write(self, sql: str, place: Path) -> None:
        """Write the rows of a statement to the Parquet file `place` on this machine."""
        if self.is_duckdb:
            self.backend.con.execute(f"COPY ({self.query(sql)}) TO {literal(place)} (FORMAT parquet)")
            return
        table = self.table(sql)
        whole = {"int64": "Int64", "int32": "Int32", "int8": "Int8"}  # pandas would make numbers beside nulls floats
        kinds = {name: whole[str(kind)] for name, kind in table.schema().items() if str(kind) in whole}
        table.execute().astype(kinds).to_parquet(place)
