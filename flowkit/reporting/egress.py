"""Findings of new destinations and unusual egress, and a sentence on them, from `flowkit.questions.egress`."""

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
#: How values of a title are said, and the numbers with their units in that; the others are times.
_SIZE, _SHARE = (size, lambda value: [sized(value)]), (percent, lambda value: [(printed(value), "")])
SAID = {"sent": _SIZE, "usual": _SIZE, "most": _SHARE, "regular": _SHARE}


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
    make, made = partial(_finding, found, log, hosts(log)), []
    # A host that has just come into being knows nobody: what others knew before is not new.
    new = found.new[~(found.new["others"] & (found.new["born"] >= found.new["since"] - HOUR))]
    large, regular = new["sent_bytes"] >= found.least, new["every"].notna()
    for row in new[large].to_dict("records"):
        grave = row["peak"] > FACTOR * row["usual"] and row["sent_bytes"] >= GRAVE * found.least and not row["others"]
        made.append(make("high" if grave else "medium", LARGE, [row]))
    for row in new[regular & ~large].to_dict("records"):
        sure = row["starts"] >= SURE and row["regular"] >= REGULAR and row["since"] - found.first >= DAY
        made.append(make("medium" if sure and not row["others"] else "low", BEACON, [row]))
    old = found.beacons[found.beacons["since"] < found.since].drop_duplicates("destination", keep=False)
    made += [make("info", HABIT, [row]) for row in old.to_dict("records")]
    small = new[~large & ~regular & (new["fresh"] == 0) & ~new["port"].isin([53, 123])] if found.enough else new[:0]
    shared = small.groupby("destination")["host"].transform("nunique") >= SHARED
    for _key, rows in small.groupby(small["destination"].where(shared, small["host"])):
        made.append(make("info" if rows["others"].all() else "low", SMALL, rows))
    for row in found.unusual.to_dict("records"):
        grave = row["sent_bytes"] >= GRAVE * found.least and row["peak"] >= GRAVE * row["usual"]
        made.append(make("low" if row["destination"] is None else "high" if grave else "medium", UNUSUAL, [row]))
    return sorted(made, key=lambda one: SEVERITIES.index(one.severity))


def _finding(found: Egress, log, host, severity: str, form: str, rows: list[dict] | pd.DataFrame) -> Finding:
    """Return the finding on `rows` of pairs; what the log did not cover of the time before weakens it."""
    rows = pd.DataFrame(rows)
    row, first, last, number = rows.iloc[0], rows["first_seen"].min(), rows["last_seen"].max(), rows["host"].nunique()
    since, sent = found.split if form == UNUSUAL else rows["since"].min(), rows["sent_bytes"].sum()
    services = [service_name(-1 if pd.isna(one.protocol) else one.protocol, one.port) for one in rows.itertuples()]
    ends = zip(rows["destination"], services, strict=True)
    places = [f"{to} {service}" if to else text("egress.many") for to, service in ends]
    words, counts = {"host": host(row.host), "place": places[0]}, {}
    if number > 1:
        words["host"], counts["host"] = text("egress.hosts", n=number), number
    if rows["destination"].nunique() > 1:
        words["place"], counts["place"] = text("egress.places", n=len(rows)), len(rows)
    counts |= {"sessions": rows["sessions"].sum()} if form == SMALL else {}
    counts |= {"starts": row.starts} if form in (BEACON, HABIT) else {}
    values = {"lasts": last - first, "before": since - found.first, "step": found.width, "every": row.get("every"),
              "sent": sent, "usual": row.get("usual"), "most": QUANTILE, "regular": row.get("regular")}  # fmt: skip
    for name in (name for name in values if f"{{{name}}}" in TEXTS[form]):
        say, units = SAID.get(name, (duration, spans))
        words[name] = say(values[name])
        counts |= {f"{name}_{unit}".rstrip("_"): each for each, unit in units(values[name])}
    names = zip(SUBJECT, ("interface_id", "host", "destination", "protocol", "port"), strict=True)
    subject = {key: rows[name].iloc[0] if rows[name].nunique() == 1 else None for key, name in names}
    subject["dstaddr"] = None if rows["aws"].any() else subject["dstaddr"]
    begin, end, at = (pd.Timestamp(moment, unit="s", tz="UTC") for moment in (first, last, since))
    seen, short = covered_share(log.coverage, row.interface_id, None, at), since - found.first < DAY
    grounds = [text("egress.unseen") if seen is None else text("egress.seen", share=percent(seen))]
    grounds += [text("egress.short")] if short else []
    some = zip(rows["host"], places, rows["sent_bytes"], strict=True) if len(rows) > 1 else ()
    grounds += [text("egress.pair", host=host(one), place=to, sent=size(part)) for one, to, part in [*some][:SHOWN]]
    return Finding(
        form.partition(".")[0], severity, ("high", "medium", "low")[int(short) + (seen is None or seen < 0.95)],
        text(form, **counts | words), subject, grounds=tuple(grounds),
        action=text("egress.next", address=subject["dstaddr"]) if subject["dstaddr"] else "", first_seen=begin, last_seen=end,
        records=rows["records"].sum(), packets=rows["packets"].sum(), bytes=sent, coverage=seen,
        counts=counts, incident=incident_id("egress", subject["dstaddr"] or subject["srcaddr"]),
    )  # fmt: skip
