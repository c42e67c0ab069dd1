"""What the logs did not see: the answer for a notebook, from `flowkit.questions.gaps`.

Gaps of one kind at one time are one finding, however many interfaces they concern.
"""

import hashlib
import re
import shlex
from dataclasses import dataclass

import pandas as pd

from flowkit.folding.coverage import clock_time, coverage_text, covered_share, duration, percent
from flowkit.loading.window import moment
from flowkit.questions.gaps import GapTables
from flowkit.questions.gaps import gaps as gap_tables
from flowkit.reporting.answer import Answer
from flowkit.reporting.finding import Finding
from flowkit.reporting.html import period, when

#: A gap lies at a peak where so large a share of the interface's intervals was less busy than those near it.
PEAK = 0.75
#: From this length on, a gap is more than an episode.
LONG = pd.Timedelta(minutes=10)
HOUR = pd.Timedelta(hours=1)
#: Gaps of one kind at the same interfaces that are told one by one; more of them are one finding.
EPISODES = 5
#: Findings of a kind, the largest; one more holds the rest.
MOST = 20
#: Interfaces that a finding names; the table of gaps has all.
NAMED = 20
NO_RECORD = "no record in this window"
SILENT = "stopped logging (no OK, NODATA or SKIPDATA)"
NO_NODATA = "the log has no NODATA records, so that idle time cannot be told from missing records"
DELIVERY = (
    "aws ec2 describe-flow-logs --query 'FlowLogs[].[FlowLogId,ResourceId,DeliverLogsStatus,DeliverLogsErrorMessage]'"
)


@dataclass(frozen=True, kw_only=True)
class Gaps(Answer, GapTables):
    """What `gaps` returns: summary, findings, coverage and titles beside the tables of `GapTables`."""


def gaps(log) -> Gaps:
    """Return where `log` has gaps, what is known of the records in them, what they probably hid, and what to do."""
    tables = gap_tables(log)
    return Gaps(
        **vars(tables),
        summary=tuple(summary(tables, log)),
        findings=tuple(findings(tables, log)),
        coverage=coverage_text(tables.intervals, log.files),
        titles={
            "coverage": coverage_text(tables.intervals),
            "missing_records": f"{_in_all(tables.gaps)}.",
            "skips_by_hour": _busiest_hour(tables.by_hour),
        },
    )


def summary(tables: GapTables, log) -> list[str]:
    """Return what the page says first, in at most five sentences, the largest gaps first."""
    intervals, found = tables.intervals, tables.gaps
    if intervals.empty:
        why = [intervals.attrs["unjudged"], log.outside if NO_RECORD in intervals.attrs["unjudged"] else ""]
        return [f"Log coverage cannot be judged: {'; '.join(filter(None, why))}."]
    time = duration(intervals.end.max() - intervals.start.min())
    share, many = percent(covered_share(intervals)), _count(intervals.interface_id.nunique(), "interface")
    said = [f"Log coverage {share} ({many}, {time})."]
    if only := intervals.attrs["action"]:
        other = "accepted" if only == "REJECT" else "rejected"
        said[0] += f" The log holds {only} records only, so NODATA proves nothing about what was {other}."
    if not intervals.attrs.get("nodata", True):
        said[0] += f" {NO_NODATA[0].upper()}{NO_NODATA[1:]}."
    sentences = {"skipdata": _skips, "silent-interface": _silences, "not-delivered": _undelivered}
    missing = (found.uncertain * found.interfaces).groupby(found.kind).sum().sort_values(ascending=False)
    said += [sentences[kind](found[found.kind == kind], intervals, log) for kind in missing.index]
    if "skipdata" not in missing:
        said.append("AWS skipped no records.")
    if found.high.sum():
        rates = tables.backtest[tables.backtest.measure == "records"].set_index("kind").rate.dropna()
        names = {"ordinary": "ordinary", "busiest": "the busiest"}
        test = " and ".join(f"{rate:.0%} of {names[kind]}" for kind, rate in rates.items()).replace("%", " %")
        peers = f"; the other end logged {found.seen_by_peer.sum():,} of them" if found.seen_by_peer.any() else ""
        test = f" In a back-test such estimates held for {test} intervals." if test else ""
        said.append(f"{_in_all(found)}{peers}. Estimates are not in totals.{test}")
    return said[:5]


def findings(tables: GapTables, log) -> list[Finding]:
    """Return one finding for all gaps of a kind at a time; more than `EPISODES` of the same interfaces are one, too.

    Interfaces that are silent again and again share one finding, and so do all short silences in a log without NODATA
    records, where they may be idle time.
    """
    if tables.intervals.empty:
        return _nothing(tables, log)
    shares = dict(zip(tables.interfaces.interface_id, tables.interfaces.certain, strict=True))
    whole = covered_share(tables.intervals)
    regular, found = tables.gaps[tables.gaps.steady], []
    groups = _grouped(regular)
    if not tables.intervals.attrs.get("nodata", True):
        short = [some for some in groups if some.kind.iloc[0] == "silent-interface" and _longest(some) < LONG]
        groups = [some for some in groups if not any(some is each for each in short)]
        groups += [pd.concat(short)] if short else []
    for some in groups:
        whom, kind = sorted(some.interface_id.dropna().unique()), some.kind.iloc[0]
        eni = whom[0] if len(whom) == 1 and not some.interface_id.isna().any() else None
        number = 1 if eni else max(len(whom), int(some.interfaces.max()))
        whose = _name(log, eni) if eni else _count(number, "interface")
        title, counts, severity, confidence, grounds, action = WORDS[kind](some, whose, log)
        if len(whom) > 1:
            more = [f"and {len(whom) - NAMED:,} more: see the table of gaps"] if len(whom) > NAMED else []
            grounds += [", ".join([*(_name(log, each) for each in whom[:NAMED]), *more])]
        incident = hashlib.sha256(f"{kind} {eni or some.start.min()}".encode()).hexdigest()[:12]
        found.append(Finding(
            kind, severity, confidence, title, {"interface_id": eni}, action=action,
            grounds=(*grounds, *_missed(some)), first_seen=some.start.min(), last_seen=some.end.max(),
            records=int(some.records.sum()), samples=tuple(line for lines in some.samples for line in lines)[:3],
            coverage=shares.get(eni, whole), incident=incident, counts=counts | {"interfaces": number},
        ))  # fmt: skip
    irregular = tables.gaps[~tables.gaps.steady]
    return [*found, _irregular(tables, irregular, whole)] if len(irregular) else found


def _grouped(gaps: pd.DataFrame) -> list[pd.DataFrame]:
    """Return `gaps` by kind and time, a number in ``at``: their edges lie within two intervals of those of the first.

    More than `EPISODES` groups of the same interfaces are one, and so are those of a kind beyond the largest `MOST`.
    """
    groups, number = {}, 0
    for kind, rest in gaps.groupby("kind", sort=False):
        while len(rest):
            first, slack, number = rest.iloc[0], pd.Timedelta(seconds=2 * rest.interval.iloc[0]), number + 1
            same = ((rest.start - first.start).abs() <= slack) & ((rest.end - first.end).abs() <= slack)
            same &= rest.returned == first.returned
            who = tuple(rest.interface_id[same].fillna(""))
            groups.setdefault((kind, who, first.returned), []).append(rest[same].assign(at=number))
            rest = rest[~same]
    made = {}
    for (kind, _who, _returned), parts in groups.items():
        made.setdefault(kind, []).extend([pd.concat(parts)] if len(parts) > EPISODES else parts)
    shown = []
    for parts in made.values():
        parts.sort(key=lambda some: (some.uncertain * some.interfaces).sum(), reverse=True)
        shown += [*parts[:MOST], *([pd.concat(parts[MOST:])] if len(parts) > MOST else [])]
    return sorted(shown, key=lambda some: some.start.min())


def _skipdata(some: pd.DataFrame, whom: str, log) -> tuple:
    """Return title, counts, severity, confidence, grounds and action of skipped records."""
    count, edges = int(some.records.sum()), period(some.start.min(), some.end.max())
    peak = bool((some.load >= PEAK).any())
    text, counts = _estimated(some)
    title = f"AWS skipped records of {whom} in {_count(count, 'aggregation interval')}, {edges}.{text}"
    grounds = [f"{_count(count, 'SKIPDATA record')}; a single one can stand for many flows"]
    if peak:
        grounds.append(f"at a peak: {some.load.max():.0%} of the intervals were less busy than those near it")
    action = (
        "Take every total of this time as a lower bound, and “none seen” as unknown. "
        "Cost Explorer counts skipped flow logs too: billed minus delivered is what the whole account lost."
    )
    severity = "medium" if peak or some.uncertain.max() >= LONG else "low"
    return title, {"intervals": count} | counts, severity, "certain", grounds, action


def _longest(some: pd.DataFrame) -> pd.Timedelta:
    return (some.end - some.start).max()


def _silent(some: pd.DataFrame, whom: str, log) -> tuple:
    """Return title, counts, severity, confidence, grounds and action of interfaces without any record."""
    time, returned = _longest(some), bool(some.returned.all())
    there = log.network is not None and set(some.interface_id) <= set(log.network.interfaces)
    times, since = len(some) if some["at"].nunique() > 1 else 1, when(some.start.min())
    if times > 1:
        often = f"{times:,} times in all, the longest {duration(time)}, {period(some.start.min(), some.end.max())}"
        title = f"{whom} {SILENT} {often}, while others reported."
    elif returned:
        title = f"{whom} {SILENT} for {duration(time)} from {since} UTC while others reported."
    else:
        title = f"{whom} {SILENT} from {since} UTC on, and did not come back."
    counts = ({"times": times} if times > 1 else {}) | (_parts(time) if returned or times > 1 else {})
    grounds = ["at other times it has a record of some status in nearly every aggregation interval"]
    if not returned:
        grounds.append("the network snapshot still has it" if there else "a deleted interface looks the same")
    quoted = " ".join(shlex.quote(each) for each in sorted(some.interface_id.unique())[:NAMED])
    action = (
        "Treat this time as unseen. Find out whether the interface was there and its flow log active:\n"
        f"aws ec2 describe-network-interfaces --network-interface-ids {quoted}\n{DELIVERY}"
    )
    sure = returned or there
    confidence = "high" if sure else "medium"
    if not log.coverage.attrs.get("nodata", True):
        sure, confidence = sure and time >= LONG, "medium" if time >= LONG else "low"
        grounds += [NO_NODATA] if time < LONG else []
    return title, counts, "medium" if sure else "low", confidence, grounds, action


def _not_delivered(some: pd.DataFrame, whom: str, log) -> tuple:
    """Return title, counts, severity, confidence, grounds and action of time for which nothing was delivered."""
    time, files = pd.Timedelta(seconds=clock_time(some)), int(some.files.sum())
    text, counts = _estimated(some)
    times = some["at"].nunique()
    often = f", {times} times in all" if times > 1 else ""
    edges = period(some.start.min(), some.end.max())
    title = f"Nothing was delivered for {whom}, {edges} ({duration(time)}{often}).{text}"
    grounds = ["no interface has a record of any status"]
    if files:
        grounds = [f"{_count(files, 'five-minute file')} missing or damaged between files that came"]
    action = f"Look for the file in the bucket, and whether delivery failed:\n{DELIVERY}"
    confidence = "certain" if files else "high" if some.interfaces.max() > 1 else "medium"
    counts |= _parts(time) | ({"times": times} if times > 1 else {})
    return title, counts, "high" if time >= HOUR else "medium", confidence, grounds, action


WORDS = {"skipdata": _skipdata, "silent-interface": _silent, "not-delivered": _not_delivered}


def _irregular(tables: GapTables, gaps: pd.DataFrame, whole: float | None) -> Finding:
    """Return one finding for all interfaces whose silences may be how they report."""
    number, stretches = gaps.interface_id.nunique(), len(gaps)
    title = f"{_count(number, 'interface')} had no record in {_count(stretches, 'stretch', 'stretches')}"
    return Finding(
        "silent-interface", "info", "low", f"{title} that may be idle time.", {},
        action="Log all traffic, and keep NODATA records in what is passed on: they prove that nothing was missed.",
        grounds=("silence is so common there that it cannot be told from idle time",), coverage=whole,
        first_seen=gaps.start.min(), last_seen=gaps.end.max(),
        incident="idle-or-silent", counts={"interfaces": number, "stretches": stretches},
    )  # fmt: skip


def _nothing(tables: GapTables, log) -> list[Finding]:
    """Return a finding where the log holds no record in its window; none where its records cannot be judged."""
    if NO_RECORD not in tables.intervals.attrs["unjudged"]:
        return []
    first, last = (None if at is None else pd.Timestamp(moment(at)) for at in (log.start, log.end))
    window = f", {period(first, last)}" if first is not None and last is not None else ""
    action = f"Check source and window, and whether the flow log is active and its delivery works:\n{DELIVERY}"
    return [
        Finding(
            "not-delivered", "high", "certain", f"The log holds no record in the window{window}.", {}, action=action,
            grounds=(log.outside or "no file of the source has a record in it",), first_seen=first, last_seen=last,
            incident="no-record",
        )
    ]  # fmt: skip


def _missed(some: pd.DataFrame) -> list[str]:
    """Return what is known and estimated of the records that gaps hid."""
    said = []
    if peers := int(some.seen_by_peer.sum()):
        said.append(f"{_count(peers, 'missing record')} known: the interface at the other end logged them")
    if flows := int(some.flows_across_gap.sum()):
        said.append(f"{_count(flows, 'flow')} ran up to the gap and on after it, unseen in between")
    if some.high.notna().any():
        near = "the estimate is what the certain intervals near it hold, in four cases of five"
        # Records are skipped at peaks, which the intervals near a gap do not show.
        peak = (
            f"; {some.at_peak.sum():,.0f} if it was as busy as the busiest" if some.kind.iloc[0] == "skipdata" else ""
        )
        said.append(near + peak)
    return said


def _estimated(gaps: pd.DataFrame) -> tuple[str, dict]:
    """Return in a sentence how many records `gaps` probably hid, and its numbers by name; nothing where it is none."""
    low = gaps.low.clip(lower=gaps.seen_by_peer)
    counts = {"records_low": round(low.sum()), "records_high": round(gaps.high.clip(lower=low).sum())}
    if not counts["records_high"]:
        return "", {}
    low, high = (f"{number:,}" for number in counts.values())
    return f" An estimated {low if low == high else f'{low} to {high}'} records are missing.", counts


def _in_all(gaps: pd.DataFrame) -> str:
    """Return in words how many records all gaps with an estimate probably hid."""
    some = gaps[gaps.high.notna()]
    if some.empty:
        return "No gap has an estimate of what it hid"
    text = _estimated(some)[0].strip(" .") or "No records are probably missing"
    return f"{text} in {_count(len(some), 'gap')}"


def _skips(gaps: pd.DataFrame, intervals: pd.DataFrame, log) -> str:
    worst = gaps.groupby("interface_id").records.sum().sort_values()
    first = _name(log, worst.index[-1])
    where, most = first, ""
    if len(worst) > 1:
        where, most = _count(len(worst), "interface"), f", most on {first} ({worst.iloc[-1]:,})"
    peak = "at peaks of the load" if (gaps.load >= PEAK).mean() > 0.5 else "unrelated to load"
    load = "" if gaps.load.isna().all() else f", {peak}"
    return f"AWS skipped records on {where}, in {_count(worst.sum(), 'aggregation interval')}{most}{load}."


def _silences(gaps: pd.DataFrame, intervals: pd.DataFrame, log) -> str:
    regular, unsure = gaps[gaps.steady], gaps.interface_id[~gaps.steady].nunique()
    said = []
    if len(regular):
        many, worst = _count(regular.interface_id.nunique(), "interface"), (regular.end - regular.start).idxmax()
        longest = f"{_name(log, gaps.interface_id[worst])} for {duration(_longest(regular))}"
        said.append(f"{many} {SILENT} while others reported; the longest: {longest}.")
    if unsure:
        whether = "1 interface was idle or unseen between its" if unsure == 1 else (
            f"{unsure:,} interfaces were idle or unseen between their"
        )  # fmt: skip
        said.append(f"Whether {whether} records cannot be known.")
    return " ".join(said)


def _undelivered(gaps: pd.DataFrame, intervals: pd.DataFrame, log) -> str:
    lost = intervals[intervals.state == "NOT_DELIVERED"]
    when = ", ".join(period(gap.start, gap.end) for gap in gaps[:3].itertuples()) + (", …" if len(gaps) > 3 else "")
    return f"{duration(clock_time(lost))} not delivered, on {_count(lost.interface_id.nunique(), 'interface')}: {when}."


def _busiest_hour(hours: pd.DataFrame) -> str:
    if not hours.minutes.any():
        return "AWS skipped no records in any hour of the day."
    most = hours.loc[hours.minutes.idxmax()]
    share = f"{most.minutes / hours.minutes.sum():.0%}".replace("%", " %")
    return f"{share} of the minutes with skipped records lie between {most.hour:02}:00 and {most.hour:02}:59 UTC."


def _parts(time: pd.Timedelta) -> dict:
    """Return the numbers of a duration in words by name: {hours: 4, minutes: 12}."""
    units = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}
    return {units[unit]: int(number) for number, unit in re.findall(r"(\d+) (\w+)", duration(time))}


def _name(log, eni: str) -> str:
    """Return the interface's name with its id, or the id."""
    name = log.network.label(eni) if log.network else eni
    return str(eni) if name == eni else f"{name} ({eni})"


def _count(number: float, noun: str, plural: str | None = None) -> str:
    return f"{int(number):,} {noun if number == 1 else plural or noun + 's'}"
