"""What questions cost on a large log: each is a number of queries that no log changes, joined by equal columns."""

import pytest

import flowkit as fk
from flowkit.folding.store import Fold

QUESTIONS = ("rejected", "reachability", "gaps", "talkers")
#: Operators of DuckDB that compare every row with every other.
QUADRATIC = ("BLOCKWISE_NL_JOIN", "NESTED_LOOP_JOIN", "CROSS_PRODUCT")
#: Frames of a few rows, with which all rows may be compared.
SMALL = ("ports", "busy")


@pytest.fixture
def asked(monkeypatch):
    """The queries that were asked of folds, with the operators of their plans."""
    seen, ask = [], Fold.sql

    def sql(self, query, *values, **frames):
        if not query.lstrip().upper().startswith("CREATE"):
            plan = ask(self, f"EXPLAIN {query}", *values, **frames)
            seen.append((query, " ".join(plan.iloc[:, -1])))
        return ask(self, query, *values, **frames)

    monkeypatch.setattr(Fold, "sql", sql)
    return seen


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_compares_every_row_with_every_other(question, asked):
    getattr(fk, question)(fk.load("sample"))
    slow = [query for query, plan in asked if any(name in plan for name in QUADRATIC)]
    assert asked
    assert [query for query in slow if not any(f" {name} " in query for name in SMALL)] == []


def services(tmp_path, number):
    """A log of so many services that answer one public network and reject strangers, and as many that never answer."""
    lines = []
    for at in range(number):
        for client in range(4):
            pair = f"198.51.100.{client} 10.0.{at}.5"
            back = f"10.0.{at}.5 198.51.100.{client}"
            lines += [f"{pair} 40000 9000 6 9 900 1795176000 1795176050 ACCEPT OK",
                      f"{back} 9000 40000 6 9 900 1795176000 1795176050 ACCEPT OK",
                      f"203.0.{client}.9 10.0.{at}.5 40000 9000 6 3 180 1795176000 1795176050 REJECT OK",
                      f"10.9.0.{client} 10.0.{at}.5 40000 9100 6 9 900 1795176000 1795176050 ACCEPT OK"]  # fmt: skip
        lines = [line if line.startswith("2 ") else f"2 123456789012 eni-{at:017x} {line}" for line in lines]
    path = tmp_path / f"{number}.log"
    path.write_text("\n".join(lines) + "\n")
    return fk.load(path)


@pytest.mark.parametrize("question", QUESTIONS)
def test_many_services_are_asked_in_as_many_queries_as_few(question, asked, tmp_path):
    counts = []
    for number in (3, 30):
        asked.clear()
        getattr(fk, question)(services(tmp_path, number))
        counts.append(len(asked))
    assert counts[0] == counts[1] > 0
