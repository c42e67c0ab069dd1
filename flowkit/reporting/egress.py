"""What is told of new destinations and unusual egress: findings and a sentence, from `flowkit.questions.egress`."""

import re
from functools import partial

import pandas as pd

from flowkit.folding.coverage import covered_share, duration
from flowkit.questions.egress import DAY, FACTOR, HOUR, Egress
from flowkit.reporting.answer import incident_id
from flowkit.reporting.finding import SUBJECT, Finding
from flowkit.reporting.html import size
from flowkit.reporting.kinds import SEVERITIES
from flowkit.reporting.names import hosts, service_name
from flowkit.words import many, percent

#: Hosts that share a small new destination, from which it is one finding; times the least bytes that are grave; sessions
#: and share of regular pauses that are surely a beacon; destinations that a finding names.

SHARED, GRAVE, SURE, REGULAR, SHOWN = 3, 10, 30, 0.95, 10
#: Units that add nothing to the name of a count.
BARE = ("%", "new", "host", "hosts", "session", "sessions")
LARGE = (
    "{host} sent {sent} in {lasts} to {place}, an address that it had not contacted in {before} before: {most} of the {step}"
    " steps before had at most {usual} to the internet."
)
BEACON = (
    "{host} begins a session every {every} with {place}, an address that it had not contacted in {before} before: {starts},"
    " {regular} of the pauses alike."
)
HABIT = "{host} begins a session every {every} with {place}: {starts}, {regular} of the pauses alike."
SMALL = "{host} contacted {place}, not seen there in {before} before: {sent} sent in {sessions}."
UNUSUAL = "{host} sent {sent} to the internet in {lasts}, most of it to {place}: the busiest {step} of a day before had {usual}."
ACTION = "If nobody knows it, isolate the host and see which process talks to it.\nsudo ss -tunp dst {}"


def sentence(found: Egress) -> str:
    """Return what was compared with what, and what is new; '' where no host talked to the internet of itself."""
    if not found.fold.sql("SELECT count(*) FILTER (asked) AS n FROM pairs")["n"][0]:
        return ""
    at, history = f"{pd.Timestamp(found.split, unit='s'):%Y-%m-%d %H:%M} UTC", duration(found.history)
    if not found.enough:
        return (
            f"Too little history to tell new destinations and unusual egress: {history} before {at}, of {duration(found.need)}"
            " that it takes; only large or regular traffic to addresses not seen before is told."
        )
    some = f"{many(len(found.new), 'new destination')}, {many(len(found.unusual), 'host')} with unusual volume"
    return f"Egress to the internet since {at}, compared with {history} before: {some}."


def table(found: Egress, names: dict[str, str]) -> pd.DataFrame:
    """Return the new destinations of hosts, those with the most bytes first; ``every``: the pause of a beacon, seconds."""
    times = {name: pd.to_datetime(found.new[name], unit="s", utc=True) for name in ("first_seen", "last_seen")}
    new = found.new.assign(**times, name=found.new["host"].map(names).astype("object"))
    columns = "host name destination protocol port sent_bytes sessions first_seen every last_seen records interface_id"
    return new[columns.split()].astype({"protocol": "Int64", "port": "Int64"})


def findings(found: Egress, log, top: int) -> list[Finding]:
    """Return the `top` gravest findings: one a host and destination that is new and large, or a beacon; one a host or
    destination of other new ones, where the host does not always meet new ones; one a host with unusual volume."""
    make, told = partial(_finding, found, log, hosts(log)), []
    # A host that has just come into being knows nobody: what others knew before is not new.
    new = found.new[~(found.new["others"] & (found.new["born"] >= found.new["since"] - HOUR))]
    large, regular = new["sent_bytes"] >= found.least, new["every"].notna()
    for at, row in new[large].iterrows():
        grave = row.peak > FACTOR * row.usual and row.sent_bytes >= GRAVE * found.least and not row.others
        told.append(make("high" if grave else "medium", LARGE, new.loc[[at]]))
    for at, row in new[regular & ~large].iterrows():
        sure = row.starts >= SURE and row.regular >= REGULAR and row.since - found.first >= DAY and not row.others
        told.append(make("medium" if sure else "low", BEACON, new.loc[[at]]))
    old = found.beacons[found.beacons["since"] < found.since]
    for at in old.index[~old["destination"].duplicated(keep=False)]:
        told.append(make("info", HABIT, old.loc[[at]]))
    small = new[~large & ~regular & (new["fresh"] == 0) & ~new["port"].isin([53, 123])] if found.enough else new[:0]
    shared = small.groupby("destination")["host"].transform("nunique") >= SHARED
    for _key, rows in small.groupby(small["destination"].where(shared, small["host"])):
        told.append(make("info" if rows["others"].all() else "low", SMALL, rows))
    for row in found.unusual.to_dict("records"):
        grave = row["sent_bytes"] >= GRAVE * found.least and row["peak"] >= GRAVE * row["usual"]
        severity = "low" if row["destination"] is None else "high" if grave else "medium"
        told.append(make(severity, UNUSUAL, pd.DataFrame([row])))
    return sorted(told, key=lambda one: SEVERITIES.index(one.severity))[:top]


def _finding(found: Egress, log, host, severity: str, template: str, rows: pd.DataFrame) -> Finding:
    """Return the finding on `rows` of pairs; what the log did not cover of the time before weakens it."""
    row, first, last = rows.iloc[0], rows["first_seen"].min(), rows["last_seen"].max()
    since, several = found.split if template == UNUSUAL else rows["since"].min(), rows["destination"].nunique() > 1
    places = [f"{one.destination} {service_name(-1 if pd.isna(one.protocol) else one.protocol, one.port)}"
              if one.destination else "many addresses" for one in rows.itertuples()]  # fmt: skip
    words = {
        "host": host(row.host) if rows["host"].nunique() == 1 else many(rows["host"].nunique(), "host"),
        "place": many(len(rows), "new destination") if several else places[0], "sent": size(rows["sent_bytes"].sum()),
        "lasts": duration(last - first), "before": duration(since - found.first), "step": duration(found.width),
        "sessions": many(rows["sessions"].sum(), "session"), "usual": size(row.get("usual", 0)), "most": "95 %",
    }  # fmt: skip
    if template in (BEACON, HABIT):
        words |= {"every": duration(row.every), "starts": many(row.starts, "session"), "regular": percent(row.regular)}
    numbers = {name: re.findall(r"([\d,.]+) ([A-Za-z%]+)", text) for name, text in words.items() if f"{{{name}}}" in template
               and (name not in ("host", "place") or re.fullmatch(r"[\d,]+ (hosts|new destinations)", text))}  # fmt: skip
    names = zip(SUBJECT, ("interface_id", "host", "destination", "protocol", "port"), strict=True)
    subject = {key: rows[name].iloc[0] if rows[name].nunique() == 1 else None for key, name in names}
    subject["dstaddr"] = None if rows["aws"].any() else subject["dstaddr"]
    begin, end, at = (pd.Timestamp(moment, unit="s", tz="UTC") for moment in (first, last, since))
    seen = covered_share(log.coverage, row.interface_id, None, at)
    grounds = ["what the log covers of the time before is unknown" if seen is None else
               f"the log covers {percent(seen)} of the interface's time before"]  # fmt: skip
    if short := since - found.first < DAY:
        grounds.append("the log begins less than a day before: what comes once a day cannot be told")
    return Finding(
        "unusual-egress" if template in (UNUSUAL, HABIT) else "new-destination", severity,
        ("high", "medium", "low")[int(short) + (seen is None or seen < 0.95)], template.format(**words), subject,
        grounds=(*grounds, *(f"{host(one.host)} to {place}: {size(one.sent_bytes)}" for one, place in zip(
            rows[:SHOWN].itertuples(), places, strict=False) if len(rows) > 1)),
        action=ACTION.format(subject["dstaddr"]) if subject["dstaddr"] else "", first_seen=begin, last_seen=end,
        records=rows["records"].sum(), packets=rows["packets"].sum(), bytes=rows["sent_bytes"].sum(), coverage=seen,
        counts={name if unit in BARE else f"{name}_{unit}": float(number.replace(",", ""))
                for name, some in numbers.items() for number, unit in some},
        incident=incident_id("egress", subject["dstaddr"] or subject["srcaddr"]),
    )  # fmt: skip
