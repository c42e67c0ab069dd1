"""The skipdata notebook in words: one finding a gap, what was probably missed, and how far to trust that."""

import shlex

import pandas as pd

from flowkit.analysis.coverage import covered_share
from flowkit.analysis.gaps import by_hour, by_interface
from flowkit.reporting.findings import Finding
from flowkit.reporting.markup import period

#: A gap lies at a peak where so large a share of the interface's windows was less busy than those around it.
PEAK = 0.75
#: From this length on, a gap is more than an episode.
LONG = pd.Timedelta(minutes=10)
HOUR = pd.Timedelta(hours=1)
DELIVERY = (
    "aws ec2 describe-flow-logs "
    "--query 'FlowLogs[].[FlowLogId,ResourceId,DeliverLogsStatus,DeliverLogsErrorMessage]'"
)


def skipdata_findings(
    lost: pd.DataFrame, cells: pd.DataFrame, snapshot=None, top: int = 200
) -> list[Finding]:
    """One finding a gap of `lost` (as `losses` makes it), with the coverage of its interface in `cells`.

    At most `top` gaps are told one by one, the longest; interfaces that fall silent again and again, as in a
    log without NODATA records, share one finding.
    """
    steady = lost[lost.steady]
    told = steady.loc[(steady.end - steady.start).nlargest(top).index].sort_index()
    certain = dict(by_interface(cells)[["interface_id", "certain"]].itertuples(index=False))
    whole = covered_share(cells)
    say = {"skipdata": _skipdata, "silent-interface": _silent, "not-delivered": _not_delivered}
    found = []
    for gap in told.itertuples():
        eni = None if pd.isna(gap.interface_id) else gap.interface_id
        severity, confidence, title, action, grounds = say[gap.kind](gap, eni, snapshot)
        finding = Finding(
            gap.kind, severity, confidence, title, {"interface_id": eni}, action=action,
            grounds=(*grounds, *_missed(gap)), first_seen=gap.start, last_seen=gap.end,
            records=gap.records, samples=gap.samples, coverage=certain.get(eni, whole),
        )  # fmt: skip
        found.append(finding)
    return found + _irregular(lost[~lost.steady], whole)


def skipdata_verdict(
    lost: pd.DataFrame, cells: pd.DataFrame, tested: pd.DataFrame, snapshot=None
) -> list[str]:
    """What the page says first, in at most five sentences; `tested` is what `backtest` made."""
    if cells.empty:
        return [f"Coverage cannot be judged: {cells.attrs['unjudged']}."]
    time = span(cells.end.max() - cells.start.min())
    said = [
        f"{coverage_line(cells).split(' · ')[0]} ({_count(cells.interface_id.nunique(), 'interface')}, {time})."
    ]
    if only := cells.attrs["action"]:
        other = "let in" if only == "REJECT" else "refused"
        said[0] += f" The log holds {only} records only, so NODATA proves nothing about what was {other}."
    steady = lost[lost.steady]
    kinds = dict(list(steady.groupby("kind")))
    said.append(_skips_in_all(kinds.get("skipdata"), snapshot))
    said += _silences(kinds.get("silent-interface"), lost[~lost.steady], snapshot)
    if (gone := kinds.get("not-delivered")) is not None:
        when = ", ".join(period(gap.start, gap.end) for gap in gone[:3].itertuples())
        more = ", …" if len(gone) > 3 else ""
        said.append(f"Nothing was delivered in {span((gone.end - gone.start).sum())}: {when}{more}.")
    if steady.high.notna().any():
        said.append(_in_all(steady, tested))
    return said


def coverage_line(cells: pd.DataFrame, files: pd.DataFrame | None = None) -> str:
    """The coverage box: how much is certain, how much is not and why, and what could not be read."""
    if cells.empty:
        return f"cannot be judged: {cells.attrs['unjudged']}"
    time = (cells.end - cells.start).groupby(cells.state).sum()
    words = {
        "SKIPDATA": "SKIPDATA", "OK+SKIP": "SKIPDATA in part", "SILENT": "silent",
        "NOT_DELIVERED": "not delivered", "PENDING": "too new to be here",
    }  # fmt: skip
    share = covered_share(cells)
    parts = [f"{_share(share)} of interface time is certain"]
    parts += [f"{span(time[state])} {word}" for state, word in words.items() if state in time]
    if files is not None and len(files):
        wrong = {"bad line": files.malformed.sum(), "damaged file": files.damage.notna().sum()}
        parts += [_count(number, noun) for noun, number in wrong.items() if number]
    return " · ".join(parts)


def missed_line(lost: pd.DataFrame) -> str:
    """How much all gaps of `lost` together probably hid, in one sentence."""
    told = lost[lost.steady & lost.high.notna()]
    if told.empty:
        return "No gap whose loss could be estimated."
    low = told.low.clip(lower=told.recovered)
    many = f"{low.sum():,.0f} to {told.high.clip(lower=low).sum():,.0f} records"
    return f"{many} are probably missing in {_count(len(told), 'gap')}."


def hours_line(cells: pd.DataFrame) -> str:
    """In which hour of the day most records were skipped, in one sentence."""
    hours = by_hour(cells)
    most = hours.loc[hours.minutes.idxmax()]
    if not most.minutes:
        return "No record was skipped in any hour."
    share = most.minutes / hours.minutes.sum()
    return f"{share:.0%} of the minutes with skipped records lie between {most.hour:02}:00 and {most.hour:02}:59 UTC."


def weakened(lost: pd.DataFrame, snapshot=None) -> pd.DataFrame:
    """What each gap takes from the other notebooks: interface, start, end, then a column a notebook, in words."""
    words = {
        "skipdata": (
            "counts are lower bounds; a client may be missing",
            "“unseen”, “lost” and “unproven” prove nothing here",
            "a first packet may be missing, so that a later one looks like it",
        ),
        "silent-interface": (
            "nothing is known",
            "nothing is known, but what the other ends logged",
            "sessions seem to begin after the gap",
        ),
    }
    words["not-delivered"] = words["silent-interface"]
    told = [
        [_name(gap.interface_id, snapshot), gap.start, gap.end, *words[gap.kind]] for gap in lost.itertuples()
    ]
    return pd.DataFrame(told, columns=["interface", "start", "end", "rejected", "reachability", "direction"])


def span(time: pd.Timedelta) -> str:
    """A length of time in words: 45 s, 36 min, 4 h 12 min, 2 d 3 h."""
    seconds = int(time.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours < 2:
        return f"{60 * hours + minutes} min"
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def _skipdata(gap, eni, snapshot) -> tuple:
    name = _name(eni, snapshot)
    peak = gap.load >= PEAK
    windows = _count(gap.records, "window")
    title = f"AWS skipped records of {name} in {windows}, {period(gap.start, gap.end)}"
    title += f": {_band(gap)} are probably missing." if gap.high > 0 else "."
    grounds = [f"{_count(gap.records, 'SKIPDATA record')}; a single one can stand for many flows"]
    if peak:
        grounds.append(
            f"at a peak: {gap.load:.0%} of the interface's windows were less busy than those around it"
        )
    action = (
        "Take every total of this time as a lower bound, and “none seen” as unknown. "
        "Cost Explorer counts skipped flow logs too: billed minus delivered is what the whole account lost."
    )
    return "medium" if peak or gap.uncertain >= LONG else "low", "certain", title, action, grounds


def _silent(gap, eni, snapshot) -> tuple:
    name, time = _name(eni, snapshot), span(gap.end - gap.start)
    there = snapshot is not None and eni in snapshot.interfaces
    title = f"{name} logged nothing, not even NODATA, for {time} from {gap.start:%Y-%m-%d %H:%M} UTC"
    title += " while others reported." if gap.returned else " on and did not come back."
    grounds = ["at other times it has a record of some status in nearly every aggregation interval"]
    if not gap.returned:
        grounds.append(
            "the snapshot of the network still has it" if there else "a deleted interface looks the same"
        )
    quoted = shlex.quote(str(eni))
    action = (
        "Treat this time as unseen. Find out whether the interface was there and its flow log active:\n"
        f"aws ec2 describe-network-interfaces --network-interface-ids {quoted}\n{DELIVERY}"
    )
    sure = gap.returned or there
    return "medium" if sure else "low", "high" if sure else "medium", title, action, grounds


def _not_delivered(gap, eni, snapshot) -> tuple:
    whom = _name(eni, snapshot) if eni else f"{gap.interfaces} interfaces"
    title = f"Nothing was delivered for {whom}, {period(gap.start, gap.end)} ({span(gap.end - gap.start)})"
    title += f": {_band(gap)} are probably missing." if gap.high > 0 else "."
    grounds = ["no interface has a record of any status"]
    if gap.slots:
        grounds = [f"{_count(gap.slots, 'five-minute file')} missing or damaged between files that came"]
    action = f"Look for the file in the bucket, and whether delivery failed:\n{DELIVERY}"
    sure = "certain" if gap.slots else "high" if gap.interfaces > 1 else "medium"
    return "high" if gap.end - gap.start >= HOUR else "medium", sure, title, action, grounds


def _irregular(gaps, whole) -> list[Finding]:
    """One finding for all interfaces whose silences may be how they report."""
    if gaps.empty:
        return []
    many = _count(gaps.interface_id.nunique(), "interface")
    title = f"{many} had no record in {_count(len(gaps), 'stretch', 'stretches')} that may be idle time."
    grounds = (
        "silence is so common there that it cannot be told from idleness",
        "a full log has NODATA records",
    )
    action = (
        "Log all traffic, and keep NODATA records in what is passed on: they prove that nothing was missed."
    )
    return [
        Finding(
            "silent-interface",
            "info",
            "low",
            title,
            {},
            grounds=grounds,
            action=action,
            first_seen=gaps.start.min(),
            last_seen=gaps.end.max(),
            coverage=whole,
        )  # fmt: skip
    ]


def _missed(gap) -> list[str]:
    """What is known and estimated of the records that a gap hid."""
    said = []
    if gap.recovered:
        said.append(
            f"{_count(gap.recovered, 'missing record')} known: the interface at the other end logged them"
        )
    if gap.bridged:
        said.append(f"{_count(gap.bridged, 'flow')} ran up to the gap and on after it, unseen in between")
    if gap.high == gap.high:
        peak = f", {gap.at_peak:,.0f} if it was at its peak" if gap.at_peak > gap.high else ""
        said.append(
            f"by the windows around it, {gap.low:,.0f} to {gap.high:,.0f} records are missing{peak} "
            f"({gap.observed:,.0f} were logged); an estimate, added to no total"
        )
    return said


def _skips_in_all(skips, snapshot) -> str:
    if skips is None:
        return "AWS skipped no record."
    worst = skips.groupby("interface_id").records.sum().sort_values()
    where = f"{_name(worst.index[-1], snapshot)}" if len(worst) == 1 else _count(len(worst), "interface")
    most = "" if len(worst) == 1 else f", most on {_name(worst.index[-1], snapshot)} ({worst.iloc[-1]})"
    peak = (skips.load >= PEAK).mean()
    load = "" if skips.load.isna().all() else ", with the load" if peak > 0.5 else ", whatever the load"
    return f"AWS skipped records on {where}, in {_count(skips.records.sum(), 'window')}{most}{load}."


def _silences(quiet, irregular, snapshot) -> list[str]:
    """At most one sentence: who fell silent, and for whom that cannot be said."""
    said = ""
    if quiet is not None:
        worst = quiet.loc[(quiet.end - quiet.start).idxmax()]
        many = _count(quiet.interface_id.nunique(), "interface")
        whose = f"{_name(worst.interface_id, snapshot)} for {span(worst.end - worst.start)}"
        said = f"{many} fell silent, without even NODATA, while others reported; the longest: {whose}. "
    if len(irregular):
        many = _count(irregular.interface_id.nunique(), "interface")
        said += f"Whether {many} were idle or unseen between their records, a log without NODATA cannot tell."
    return [said.strip()] if said else []


def _in_all(lost, tested) -> str:
    rates = tested[tested.measure == "records"].set_index("kind").rate.dropna()
    known = f"{lost.recovered.sum():,} of them known from the other end; " if lost.recovered.sum() else ""
    held = " and ".join(f"{rate:.0%} of the {kind}" for kind, rate in rates.items())
    test = f"; such bands held {held} windows that were hidden as a test" if held else ""
    return f"{missed_line(lost)[:-1]} ({known}added to no total){test}."


def _band(gap) -> str:
    low = max(gap.low, gap.recovered)
    return f"{low:,.0f} to {max(gap.high, low):,.0f} records"


def _name(eni, snapshot) -> str:
    """The interface's name with its id, or the id; "all" where a gap is everybody's."""
    if pd.isna(eni):
        return "all"
    name = snapshot.label(eni) if snapshot else eni
    return str(eni) if name == eni else f"{name} ({eni})"


def _share(share) -> str:
    """A share that is 100 % only where nothing is missing."""
    return "none" if share is None else "100%" if share == 1 else f"{min(share, 0.9999):.2%}"


def _count(number, noun, plural=None) -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
