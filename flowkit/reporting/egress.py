"""What is told of new destinations and unusual egress: findings and a sentence, from `flowkit.questions.egress`."""

from functools import partial

import pandas as pd

from flowkit.folding.coverage import covered_share, duration, spans
from flowkit.questions.egress import DAY, FACTOR, HOUR, QUANTILE, Egress
from flowkit.reporting.finding import SUBJECT, Finding, incident_id
from flowkit.reporting.html import percent, printed, size, sized
from flowkit.reporting.kinds import SEVERITIES, TEXTS, text
from flowkit.reporting.names import hosts, service_name

#: Hosts that share a small new destination, from which it is one finding; times the least bytes that are grave; sessions
#: and share of regular pauses that are surely a beacon; destinations that a finding names.
SHARED, GRAVE, SURE, REGULAR, SHOWN = 3, 10, 30, 0.95, 10
#: Forms of a title by their key: one destination that is large, a beacon, other new ones, a beacon that is not new, volume.
LARGE, BEACON, SMALL = "new-destination.large", "new-destination.beacon", "new-destination.small"
HABIT, UNUSUAL = "unusual-egress.habit", "unusual-egress.volume"


def sentence(found: Egress) -> str:
    """Return what was compared with what, and what is new; '' where no host talked to the internet of itself."""
    if not found.fold.sql("SELECT count(*) FILTER (asked) AS n FROM pairs")["n"][0]:
        return ""
    at, history = f"{pd.Timestamp(found.split, unit='s'):%Y-%m-%d %H:%M} UTC", duration(found.history)
    if not found.enough:
        return text("egress.too-little", history=history, at=at, need=duration(found.need))
    return text("egress.compared", at=at, history=history, new=len(found.new), hosts=len(found.unusual))


def table(found: Egress, names: dict[str, str]) -> pd.DataFrame:
    """Return the new destinations of hosts, those with the most bytes first; ``every``: the pause of a beacon, seconds."""
    times = {name: pd.to_datetime(found.new[name], unit="s", utc=True) for name in ("first_seen", "last_seen")}
    new = found.new.assign(**times, name=found.new["host"].map(names).astype("object"))
    columns = "host name destination protocol port sent_bytes sessions first_seen every last_seen records interface_id"
    return new[columns.split()].astype({"protocol": "Int64", "port": "Int64"})


def findings(found: Egress, log) -> list[Finding]:
    """Return the findings, the gravest first: one a host and destination that is new and large, or a beacon; one a host or
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
    return sorted(told, key=lambda one: SEVERITIES.index(one.severity))


def _finding(found: Egress, log, host, severity: str, form: str, rows: pd.DataFrame) -> Finding:
    """Return the finding on `rows` of pairs; what the log did not cover of the time before weakens it."""
    row, first, last = rows.iloc[0], rows["first_seen"].min(), rows["last_seen"].max()
    since, several = found.split if form == UNUSUAL else rows["since"].min(), rows["destination"].nunique() > 1
    places = [f"{one.destination} {service_name(-1 if pd.isna(one.protocol) else one.protocol, one.port)}"
              if one.destination else text("egress.many") for one in rows.itertuples()]  # fmt: skip
    number = rows["host"].nunique()
    words = {"host": host(row.host) if number == 1 else text("egress.hosts", n=number)}
    words["place"] = text("egress.places", n=len(rows)) if several else places[0]
    counts = {"host": number} if number > 1 else {}
    counts |= {"place": len(rows)} if several else {}
    counts |= {"sessions": rows["sessions"].sum()} if form == SMALL else {}
    times = {"lasts": last - first, "before": since - found.first, "step": found.width, "every": row.get("every", 0)}
    sizes = {"sent": rows["sent_bytes"].sum(), "usual": row.get("usual", 0)}
    shares = {"most": QUANTILE, "regular": row.get("regular", 0)}
    counts |= {"starts": row.starts} if form in (BEACON, HABIT) else {}
    for values, say, printed_as in ((times, duration, spans), (sizes, size, lambda some: [sized(some)]),
                                    (shares, percent, lambda some: [(printed(some), "")])):  # fmt: skip
        for name, value in values.items():
            if f"{{{name}}}" in TEXTS[form]:
                words[name] = say(value)
                counts |= {f"{name}_{unit}".rstrip("_"): each for each, unit in printed_as(value)}
    names = zip(SUBJECT, ("interface_id", "host", "destination", "protocol", "port"), strict=True)
    subject = {key: rows[name].iloc[0] if rows[name].nunique() == 1 else None for key, name in names}
    subject["dstaddr"] = None if rows["aws"].any() else subject["dstaddr"]
    begin, end, at = (pd.Timestamp(moment, unit="s", tz="UTC") for moment in (first, last, since))
    seen = covered_share(log.coverage, row.interface_id, None, at)
    short, pairs = since - found.first < DAY, zip(rows[:SHOWN].itertuples(), places, strict=False)
    grounds = [text("egress.unseen") if seen is None else text("egress.seen", share=percent(seen))]
    grounds += [text("egress.short")] if short else []
    grounds += [text("egress.pair", host=host(one.host), place=place, sent=size(one.sent_bytes))
                for one, place in pairs if len(rows) > 1]  # fmt: skip
    return Finding(
        form.partition(".")[0], severity, ("high", "medium", "low")[int(short) + (seen is None or seen < 0.95)],
        text(form, **counts | words), subject, grounds=tuple(grounds),
        action=text("egress.next", address=subject["dstaddr"]) if subject["dstaddr"] else "", first_seen=begin, last_seen=end,
        records=rows["records"].sum(), packets=rows["packets"].sum(), bytes=rows["sent_bytes"].sum(), coverage=seen,
        counts=counts, incident=incident_id("egress", subject["dstaddr"] or subject["srcaddr"]),
    )  # fmt: skip
