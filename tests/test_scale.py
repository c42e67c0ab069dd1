"""What questions cost on a large log: a number of queries that no log changes, none of which joins all with all."""

import json
import re

import pytest

import flowkit as fk
from flowkit.folding.store import Fold

QUESTIONS = ("rejected", "reachability", "gaps", "talkers")
#: Columns of few values: a join by these alone compares nearly all rows with nearly all.
FEW = {"protocol", "server_port", "port", "state", "outcome", "way"}


def joins(plan):
    """The columns by whose equality each join of a plan finds its rows; a semi-join keeps rows and makes none."""
    for part in [*plan.get("operator", ()), *plan.get("children", ())]:
        if part["type"] == "BLOCKWISE_NL_JOIN":
            yield set()
        if part["type"] == "HASH_JOIN" and part["extra_info"]["Join Type"] in ("INNER", "LEFT", "RIGHT", "FULL"):
            told = part["extra_info"]["Conditions"]
            plain = [
                re.sub(r"CAST\(([#\w]+) AS \w+\)", r"\1", one) for one in ([told] if isinstance(told, str) else told)
            ]
            found = (re.fullmatch(r"\(?([^\s(]\S*) (?:=|IS NOT DISTINCT FROM) .*", one) for one in plain)
            yield {one[1] for one in found if one}
        yield from joins(part)


@pytest.fixture
def asked(monkeypatch):
    """Of each query that a fold was asked, the columns of its joins."""
    seen, ask = [], Fold.sql

    def sql(self, query, *values, **frames):
        if not query.lstrip().upper().startswith("CREATE"):
            plan = ask(self, f"EXPLAIN (ANALYZE, FORMAT json) {query}", *values, **frames)
            seen.append((query, list(joins(json.loads(plan.iloc[0, -1])))))
        return ask(self, query, *values, **frames)

    monkeypatch.setattr(Fold, "sql", sql)
    return seen


HEADER = """version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
    tcp-flags""".split()


def services(tmp_path, number):
    """A log of so many services that answer one public network and reject strangers, and as many that never answer."""
    lines = [" ".join(HEADER)]
    for at in range(number):
        for client in range(4):
            pair, back = f"198.51.100.{client} 10.0.{at}.5", f"10.0.{at}.5 198.51.100.{client}"
            rows = (f"{pair} 40000 9000 6 9 900 1795176000 1795176050 ACCEPT OK 2",
                    f"{back} 9000 40000 6 9 900 1795176000 1795176050 ACCEPT OK 18",
                    f"203.0.{client}.9 10.0.{at}.5 40000 9000 6 3 180 1795176000 1795176050 REJECT OK 2",
                    f"10.9.0.{client} 10.0.{at}.5 40000 9100 6 3 180 1795176000 1795176050 ACCEPT OK 2")  # fmt: skip
            lines += [f"5 123456789012 eni-{at:017x} {row}" for row in rows]
    path = tmp_path / f"{number}.log"
    path.write_text("\n".join(lines) + "\n")
    return fk.load(path)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_has_a_number_of_queries_that_no_log_changes_and_no_join_of_all_with_all(question, asked, tmp_path):
    counts = []
    for log in (services(tmp_path, 12), services(tmp_path, 30), fk.load("sample")):
        asked.clear()
        getattr(fk, question)(log)
        assert [query for query, joined in asked if any(columns <= FEW for columns in joined)] == []
        counts.append(len(asked))
    assert counts[0] == counts[1] > 0
