"""What the logs did not see: the answer for a notebook, from `flowkit.questions.gaps`."""

import re
import shlex
from collections import defaultdict
from dataclasses import dataclass

import pandas as pd

from flowkit.folding.coverage import clock_time, coverage_text, covered_share, duration
from flowkit.language import translated
from flowkit.loading.window import moment
from flowkit.questions.gaps import GapTables
from flowkit.questions.gaps import gaps as gap_tables
from flowkit.reporting.answer import LITTLE, Answer, little
from flowkit.reporting.finding import Finding, finding, incident_id
from flowkit.reporting.html import percent, period
from flowkit.reporting.kinds import text
from flowkit.reporting.names import called, shortened

#: A gap lies at a peak where so large a share of the interface's intervals was less busy than those near it.
PEAK = 0.75
#: So many skipped intervals tell whether they have to do with the load.
FEW = 5
#: From this length on, a gap is more than an episode.
LONG = pd.Timedelta(minutes=10)
HOUR = pd.Timedelta(hours=1)
#: Gaps of one kind at the same interfaces that are listed one by one; more of them are one finding.
EPISODES = 5
#: Findings of a kind, the largest; one more holds the rest.
MOST = 20
#: Interfaces that a finding names; the table of gaps has all.
NAMED = 20
DELIVERY = text("delivery.command")
NO_RECORD = "no record in this window"
UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Gaps(Answer, GapTables):
    """What `gaps` returns: summary, findings, coverage and titles beside the tables of `GapTables`."""


def gaps(log) -> Gaps:
    """Return where `log` has gaps, what is known of the records in them, what they probably hid, and what to do."""
    tables = gap_tables(log)
    hours, skipped = tables.by_hour, text("gaps.no-hour")
    if hours.minutes.any():
        most = hours.loc[hours.minutes.idxmax()]
        share = percent(most.minutes / hours.minutes.sum())
        skipped = text("gaps.hour", share=share, hour=f"{most.hour:02}")
    titles = {"missing_records": f"{_in_all(tables.gaps)}.", "skips_by_hour": skipped}
    sure = tables.gaps[tables.gaps.steady & tables.gaps.kind.isin(["skipdata", "silent-interface"])]
    return Gaps(
        **vars(tables),
        summary=tuple(_summary(tables, log)),
        findings=tuple(_findings(tables, log)),
        numbers=sure.groupby("kind").interface_id.nunique().to_dict(),
        coverage=coverage_text(tables.intervals, log.files, translated),
        titles={"coverage": coverage_text(tables.intervals, say=translated), **titles},
    )


def _summary(tables: GapTables, log) -> list[str]:
    """Return what the page says first, in at most five sentences, the largest gaps first."""
    intervals, found = tables.intervals, tables.gaps
    if intervals.empty:
        why = [translated(intervals.attrs["unjudged"]), log.outside if NO_RECORD in intervals.attrs["unjudged"] else ""]
        return [text("gaps.unjudged", why="; ".join(filter(None, why)))]
    time, count = duration(intervals.end.max() - intervals.start.min()), intervals.interface_id.nunique()
    share = covered_share(intervals)
    seen = text("gaps.coverage", share=percent(share), n=count, time=time)
    if only := intervals.attrs["action"]:
        seen += text(f"gaps.only-{only.lower()}")
    if not intervals.attrs.get("nodata", True):
        no_nodata = text("silent.no-nodata")
        seen += f" {no_nodata[0].upper()}{no_nodata[1:]}."
    missing = (found.uncertain * found.interfaces).groupby(found.kind).sum().sort_values(ascending=False)
    said = [_kind_summary(kind, found[found.kind == kind], intervals, log) for kind in missing.index]
    none = [] if "skipdata" in missing else [text("gaps.none-skipped" if (share or 0) >= LITTLE else "gaps.none-seen")]
    said = [*little(share), *said, seen, *none]
    if found.high.sum():
        rates = tables.backtest[tables.backtest.measure == "records"].set_index("kind").held_share.dropna()
        test = translated(" and ").join(text(f"gaps.held-{kind}", rate=percent(rate)) for kind, rate in rates.items())
        peers = text("gaps.peers", n=found.seen_by_peer.sum()) if found.seen_by_peer.any() else ""
        test = text("gaps.back-test", held=test) if test else ""
        said.append(text("gaps.estimates", in_all=_in_all(found), peers=peers, test=test))
    return said[:5]


def _kind_summary(kind: str, gaps: pd.DataFrame, intervals: pd.DataFrame, log) -> str:
    if kind == "not-delivered":
        lost = intervals[intervals.state == "NOT_DELIVERED"]
        when = ", ".join(period(gap.start, gap.end) for gap in gaps[:3].itertuples()) + (", …" if len(gaps) > 3 else "")
        number = lost.interface_id.nunique()
        return text("gaps.not-delivered", time=duration(clock_time(lost)), n=number, when=when)
    if kind == "skipdata":
        worst = gaps.groupby("interface_id").records.sum().sort_values()
        where, most = _name(log, worst.index[-1]), ""
        if len(worst) > 1:
            where, most = text("common.interfaces", n=len(worst)), text("gaps.most", where=where, n=worst.iloc[-1])
        peak, few = (gaps.load >= PEAK).mean() > 0.5, worst.sum() < FEW or gaps.load.isna().all()
        load = text("gaps.at-peaks") if peak else "" if few else text("gaps.any-load")
        return text("gaps.skipped", where=where, n=worst.sum(), most=most, load=load)
    regular, unsure, said = gaps[gaps.steady], gaps.interface_id[~gaps.steady].nunique(), []
    if len(regular):
        time = regular.end - regular.start
        longest, count = _name(log, gaps.interface_id[time.idxmax()]), regular.interface_id.nunique()
        said.append(text("gaps.silent", n=count, longest=longest, time=duration(time.max())))
    if unsure:
        said.append(text("gaps.unsure", n=unsure))
    return " ".join(said)


def _findings(tables: GapTables, log) -> list[Finding]:
    """Return one finding for all gaps of a kind at a time; interfaces that are silent again and again share one, and so do
    all short silences where they are many, or may be idle time, as in a log without NODATA records."""
    if tables.intervals.empty:
        if NO_RECORD not in tables.intervals.attrs["unjudged"]:
            return []
        first, last = (None if at is None else pd.Timestamp(moment(at)) for at in (log.start, log.end))
        window = "" if first is None or last is None else f", {period(first, last)}"
        return [finding(
            "not-delivered", form="window", window=window, grounds=(log.outside or text("delivery.no-file"),),
            action=text("delivery.check", delivery=DELIVERY), first_seen=first, last_seen=last, incident="no-record",
        )]  # fmt: skip
    shares = dict(zip(tables.interfaces.interface_id, tables.interfaces.certain, strict=True))
    whole, found = covered_share(tables.intervals), []
    groups = _grouped(tables.gaps[tables.gaps.steady])
    parts = {True: [], False: []}
    for some in groups:
        parts[some.kind.iloc[0] == "silent-interface" and (some.end - some.start).max() < LONG].append(some)
    if len(parts[True]) > EPISODES or (parts[True] and not tables.intervals.attrs.get("nodata", True)):
        groups = [*parts[False], pd.concat(parts[True])]
    for some in groups:
        whom, kind = sorted(some.interface_id.dropna().unique()), some.kind.iloc[0]
        eni = whom[0] if len(whom) == 1 and not some.interface_id.isna().any() else None
        number = 1 if eni else max(len(whom), int(some.interfaces.max()))
        special = _special(kind, some, log)
        counts, grounds = special.pop("counts") | {"interfaces": number}, special.pop("grounds")
        if len(whom) > 1:
            grounds += [", ".join(shortened([_name(log, each) for each in whom], NAMED, "gap.interfaces"))]
        first, last = some.start.min(), some.end.max()
        found.append(finding(
            kind, counts=counts, **special, interface_id=eni, estimate=_estimate(counts),
            whom=_name(log, eni) if eni else text("common.interfaces", n=number),
            first=first, first_seen=first, last_seen=last, period=period(first, last), records=int(some.records.sum()),
            grounds=(*grounds, *_missed(some)), samples=tuple(line for lines in some.samples for line in lines)[:3],
            coverage=shares.get(eni, whole), incident=incident_id(kind, eni or first),
        ))  # fmt: skip
    irregular = tables.gaps[~tables.gaps.steady]
    return found if irregular.empty else [*found, finding(
        "silent-interface", form="idle", severity="info", confidence="low", grounds=(text("silent.common"),),
        first_seen=irregular.start.min(), last_seen=irregular.end.max(), coverage=whole, incident="idle-or-silent",
        counts={"interfaces": irregular.interface_id.nunique(), "stretches": len(irregular)},
    )]  # fmt: skip


def _grouped(gaps: pd.DataFrame) -> list[pd.DataFrame]:
    """Return `gaps` by kind and time, a number in ``at``: their edges lie within two intervals of those of the first. More than
    `EPISODES` groups of the same interfaces are one, and so are those of a kind beyond the largest `MOST`."""
    groups, number = defaultdict(list), 0
    for kind, rest in gaps.groupby("kind", sort=False):
        while len(rest):
            first, slack, number = rest.iloc[0], pd.Timedelta(seconds=2 * rest.interval.iloc[0]), number + 1
            same = ((rest.start - first.start).abs() <= slack) & ((rest.end - first.end).abs() <= slack)
            same &= rest.returned == first.returned
            who = tuple(rest.interface_id[same].fillna(""))
            groups[kind, who, first.returned].append(rest[same].assign(at=number))
            rest = rest[~same]
    made = defaultdict(list)
    for (kind, _who, _returned), parts in groups.items():
        made[kind] += [pd.concat(parts)] if len(parts) > EPISODES else parts
    shown = []
    for parts in made.values():
        parts.sort(key=lambda some: (some.uncertain * some.interfaces).sum(), reverse=True)
        shown += [*parts[:MOST], *([pd.concat(parts[MOST:])] if len(parts) > MOST else [])]
    return sorted(shown, key=lambda some: some.start.min())


def _special(kind: str, some: pd.DataFrame, log) -> dict:
    """Return what the finding of gaps has by its kind: form, counts, severity, confidence, grounds and action."""
    longest, often = (some.end - some.start).max(), some["at"].nunique() > 1
    if kind == "skipdata":
        peak, count = bool((some.load >= PEAK).any()), int(some.records.sum())
        grounds = [text("skipdata.records", intervals=count)]
        grounds += [text("skipdata.peak", load=percent(some.load.max()))] if peak else []
        severity = "medium" if peak or some.uncertain.max() >= LONG else "low"
        severity = severity if covered_share(log.coverage) else "high"  # nothing was seen, so that nothing is proven
        return {"counts": {"intervals": count} | _estimated(some), "severity": severity, "grounds": grounds}
    if kind == "not-delivered":
        time, files = pd.Timedelta(seconds=clock_time(some)), int(some.files.sum())
        times = {"times": some["at"].nunique()} if often else {}
        return {
            "form": "often" if often else "", "time": duration(time), "counts": _estimated(some) | _parts(time) | times,
            "severity": "high" if time >= HOUR else "medium", "action": text("delivery.next", delivery=DELIVERY),
            "confidence": "certain" if files else "high" if some.interfaces.max() > 1 else "medium",
            "grounds": [text("delivery.files", files=files) if files else text("delivery.none")],
        }  # fmt: skip
    returned = bool(some.returned.all())
    there = log.network is not None and set(some.interface_id) <= set(log.network.interfaces)
    sure, confidence = returned or there, "high" if returned or there else "medium"
    grounds = ["silent.usual"] + ([] if returned else ["silent.there" if there else "silent.deleted"])
    if not log.coverage.attrs.get("nodata", True):
        sure, confidence = sure and longest >= LONG, "medium" if longest >= LONG else "low"
        grounds += ["silent.no-nodata"] if longest < LONG else []
    quoted = " ".join(shlex.quote(each) for each in sorted(some.interface_id.unique())[:NAMED])
    return {
        "form": "often" if often else "" if returned else "gone", "time": duration(longest),
        "counts": ({"times": len(some)} if often else {}) | (_parts(longest) if returned or often else {}),
        "severity": "medium" if sure else "low", "confidence": confidence, "grounds": [text(each) for each in grounds],
        "action": text("silent.next", interfaces=quoted, delivery=DELIVERY),
    }  # fmt: skip


def _missed(some: pd.DataFrame) -> list[str]:
    numbers = {"gap.peers": int(some.seen_by_peer.sum()), "gap.flows": int(some.flows_across_gap.sum())}
    if some.high.notna().any():
        # Records are skipped at peaks, which the intervals near a gap do not show.
        form = "-peak" if some.kind.iloc[0] == "skipdata" and some.at_peak.sum() > some.high.sum() else ""
        numbers[f"gap.estimate{form}"] = (some.at_peak + some.observed).sum()
    elif some.observed.sum():
        numbers["gap.full"] = int(some.observed.sum())
    near = {name: (some[name] + some.observed).sum() for name in ("low", "high")}
    return [text(key, n=n, **near) for key, n in numbers.items() if n or key.startswith("gap.estimate")]


def _estimated(gaps: pd.DataFrame) -> dict:
    """Return how many records `gaps` probably hid, at least and at most, by name; nothing where it is none."""
    low = gaps.low.clip(lower=gaps.seen_by_peer)
    counts = {"records_low": round(low.sum()), "records_high": round(gaps.high.clip(lower=low).sum())}
    return counts if counts["records_high"] else {}


def _estimate(counts: dict) -> str:
    """Return the estimate in `counts` as a sentence; '' for none."""
    ends = {counts[name] for name in ("records_low", "records_high") if name in counts}
    return ends and text(f"common.estimate{'-exact' if len(ends) == 1 else ''}", **counts) or ""


def _in_all(gaps: pd.DataFrame) -> str:
    """Return in words how many records all gaps with an estimate probably hid."""
    some = gaps[gaps.high.notna()]
    estimate = _estimate(_estimated(some)).strip(" .") or text("gaps.none-missing")
    return text("gaps.no-estimate") if some.empty else text("gaps.in-all", estimate=estimate, n=len(some))


def _parts(time: pd.Timedelta) -> dict:
    """Return the numbers of a duration in words by name: {hours: 4, minutes: 12}."""
    return {UNITS[unit]: int(number) for number, unit in re.findall(r"(\d+) (\w+)", duration(time))}


def _name(log, eni: str) -> str:
    return called(log.network and log.network.label(eni), eni)
