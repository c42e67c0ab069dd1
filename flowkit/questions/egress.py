"""What leaves for the internet and never did before: new destinations, unusual volumes, regular small sessions.

In: a log's fold. A host is the packet's own inner end; a destination is an outer address, or one of AWS's own services,
whose addresses change. What several interfaces logged counts once; bytes of a session are spread evenly over its time.
"""

import numpy as np
import pandas as pd

from flowkit.net import TCP, UDP, private

HOUR, DAY = 3600, 86400
#: How many times the usual is unusual, and the share of time steps that the usual covers.
FACTOR, QUANTILE = 3, 0.95
#: AWS services behind which anybody may stand.
ANYBODY = ("EC2", "CLOUDFRONT", "GLOBALACCELERATOR", "API_GATEWAY")
#: Beacons: least sessions and time steps, most bytes a session, least share of regular pauses. A pause, the mean of n, is
#: regular within `TOLERANCE` / sqrt(n) of the usual one: of pauses at random one in five is, whatever n.
SESSIONS, STEPS, SMALL, REGULAR, TOLERANCE = 12, 8, 100_000, 0.8, 0.25
#: Pairs and hosts with the most bytes that are looked at one by one.
MOST = 200

#: Addresses, each once, and what is known of them. AWS's own services are one destination and one network each.
KNOWN = f"""
CREATE OR REPLACE TEMP TABLE known AS SELECT address, service IS NOT NULL AND service NOT IN {ANYBODY} AS aws,
    {private("address")} OR address IN (SELECT address FROM own) AS inside, CASE WHEN aws THEN service ELSE address END
    AS destination, CASE WHEN aws THEN service WHEN contains(address, ':') THEN regexp_extract(address, '^[^:]*:[^:]*:[^:]*')
        ELSE regexp_extract(address, '^[0-9]+[.][0-9]+[.][0-9]+') END AS network
FROM (SELECT client AS address FROM edges UNION SELECT server FROM edges) LEFT JOIN aws_services USING (address)
WHERE regexp_matches(address, '^[0-9a-f.:]+$') AND NOT regexp_matches(address, '^(0\\.|22[4-9]\\.|23.\\.|255\\.|ff|::$)')"""
#: What an inner host and an outer address had to do with each other. ``asked``: the host began; ``unsure``: perhaps.
CONTACTS = """
CREATE OR REPLACE TEMP TABLE contacts AS
SELECT CASE WHEN c.inside THEN client ELSE server END AS host, CASE WHEN c.inside THEN s.destination ELSE c.destination END
    AS destination, CASE WHEN c.inside THEN s.network ELSE c.network END AS network, c.aws OR s.aws AS aws,
    CASE WHEN c.inside THEN server_port END AS port, CASE WHEN c.inside THEN client_bytes - client_rejected_bytes
        ELSE server_bytes - server_rejected_bytes END AS sent,
    client_bytes, server_bytes, client_packets, server_packets,
    client_accepted + client_rejected + server_accepted + server_rejected AS records,
    evidence IN ('first', 'unknown') AS unsure, c.inside AND NOT unsure AS asked,
    interface_id, counted, protocol, evidence, sessions, step, first, last
FROM edges JOIN known c ON c.address = client JOIN known s ON s.address = server
WHERE c.inside <> s.inside AND NOT denied AND first IS NOT NULL AND (counted OR way = 'transit')"""
#: Where no interface of a host is logged, one that passes its packets on speaks for it, and never for itself.
PASSED_TWICE = """
DELETE FROM contacts one WHERE NOT counted AND (host IN (SELECT host FROM contacts WHERE counted)
    OR host IN (SELECT address FROM own WHERE transit) OR EXISTS (FROM contacts other WHERE other.host = one.host
        AND other.destination = one.destination AND other.interface_id < one.interface_id))"""
#: What a host and a destination had to do with each other in all.
TOTALS = """host, destination, bool_or(aws) AS aws, arg_max(interface_id, sent) AS interface_id,
    arg_max(protocol, sent) AS protocol, arg_max(port, sent) AS port, bool_or(asked) AS asked, bool_or(unsure) AS unsure,
    min(first) AS first_seen, max(last) AS last_seen, exact(sessions) AS sessions, exact(sent) AS sent_bytes,
    exact(client_bytes::HUGEINT + server_bytes) AS size, exact(client_packets::HUGEINT + server_packets) AS packets,
    exact(records) AS records"""
MOST_OF = f"""SELECT {TOTALS} FROM contacts WHERE host = ? GROUP BY host, destination
ORDER BY destination = ? DESC, sent_bytes DESC, destination LIMIT 1"""
#: Of those that the host began, perhaps. ``since``: when it met the first address of this network (/24, /48), ``born``:
#: any; ``others``: another host knew the destination before; ``fresh``: networks that the host met in the later half of
#: the time before the split.
PAIRS = f"""
CREATE OR REPLACE TEMP TABLE pairs AS
WITH met AS (SELECT host, network, min(first) AS since FROM contacts GROUP BY ALL),
lives AS (SELECT host, min(since) AS born, count(*) FILTER (since >= ? AND since < ?) AS fresh FROM met GROUP BY host),
whole AS (SELECT destination, min(first) AS known FROM contacts GROUP BY ALL)
SELECT {TOTALS}, any_value(since) AS since, any_value(born) AS born, any_value(fresh) AS fresh,
    any_value(known) < min(first) AS others
FROM contacts JOIN met USING (host, network) JOIN lives USING (host) JOIN whole USING (destination)
WHERE asked OR unsure GROUP BY host, destination"""
MET = """FROM pairs WHERE (asked OR unsure AND sent_bytes >= ?) AND NOT aws AND since >= ?
ORDER BY sent_bytes DESC, host, destination"""
#: Bytes of the busiest hosts by time step, of destinations that got little together.
SPREAD = """
WITH busy AS (SELECT host FROM contacts GROUP BY host ORDER BY sum(sent) DESC, host LIMIT ?),
large AS (SELECT host, destination, true AS large FROM contacts GROUP BY host, destination HAVING sum(sent) >= ?),
spread AS (
    SELECT host, CASE WHEN large THEN destination ELSE '' END AS destination, first, last, sent, w,
        unnest(range(first // w, last // w + 1)) * w AS step
    FROM contacts SEMI JOIN busy USING (host) LEFT JOIN large USING (host, destination), (SELECT ?::BIGINT AS w))
SELECT host, destination, step,
    sum(sent / (last - first + 1)::DOUBLE * (least(last + 1, step + w) - greatest(first, step))) AS bytes
FROM spread GROUP BY ALL"""
#: Pauses between sessions: of a time step with n of them the mean, until the first one of the next. DNS and NTP are left
#: out, and what goes on without a new SYN.
BEACONS = f"""
WITH steps AS (
    SELECT host, destination, protocol, port, step, min(first) AS first, sum(sessions) AS n
    FROM contacts WHERE asked AND NOT aws AND port NOT IN (53, 123) AND (evidence = 'syn'
        OR protocol = {UDP} OR (protocol = {TCP} AND evidence <> 'carry' AND NOT ?)) GROUP BY ALL),
pauses AS (
    SELECT *, (lead(first) OVER (each ORDER BY first) - first) / n AS pause FROM steps
    WINDOW each AS (PARTITION BY host, destination, protocol, port)
    QUALIFY count(*) OVER each >= {STEPS} AND sum(n) OVER each >= {SESSIONS}),
usual AS (SELECT *, median(pause) OVER (PARTITION BY host, destination, protocol, port) AS every FROM pauses)
FROM pairs JOIN (SELECT host, destination, any_value(every) AS every, sum(n)::BIGINT AS starts,
    avg((abs(pause - every) <= {TOLERANCE} * every / sqrt(n))::INT) AS regular
    FROM usual GROUP BY host, destination, protocol, port HAVING regular >= {REGULAR}) USING (host, destination)
WHERE size <= {SMALL} * sessions ORDER BY regular DESC, host"""


class Egress:
    """What hosts sent to the internet, compared with what they sent there before.

    `compare_at` (seconds since 1970): what came after it is compared with what came before; without it, the middle of the
    window. Large is what got `least` bytes. `new`: destinations of hosts, the largest first, with ``peak`` (bytes in a
    time step), ``usual`` (of the host before) and ``every``, ``regular``, ``starts`` where it is a beacon, as in `beacons`;
    `unusual`: hosts with time steps far beyond those before; `history`: seconds before the split; `enough`: of them.
    """

    def __init__(self, log, compare_at: int | None, least: int) -> None:
        self.fold, self.least, given, facts = log.fold, least, compare_at is not None, log.fold.facts
        self.first, self.last, self.width = facts["first"] or 0, facts["last"] or 0, facts["step"]
        self.split = min(max(compare_at, self.first), self.last) if given else (self.first + self.last) // 2
        self.history, self.need = self.split - self.first, HOUR if given else DAY
        self.enough = self.history >= self.need
        # What is large or regular is compared with all that was before it, if that is an hour.
        self.since = self.split if given else min(self.split, self.first + HOUR)
        known = log.network.interfaces.values() if log.network else ()
        own = [(address, False) for one in known for address in (*one.addresses, *one.public_addresses)]
        own += log.interfaces[["address", "transit"]].dropna().to_numpy().tolist()
        own = pd.DataFrame(own, columns=["address", "transit"], dtype=object)
        self.fold.sql(KNOWN, own=own)
        self.fold.sql(CONTACTS)
        self.fold.sql(PASSED_TWICE, own=own)
        self.fold.sql(PAIRS, self.first + self.history // 2, self.split)
        sent = self.fold.sql(SPREAD, MOST, least, self.width)
        sent = sent.pivot(index="step", columns=["host", "destination"], values="bytes")
        begin = self.first - self.first % self.width
        self.steps = sent.reindex(range(begin, self.last + 1, self.width)).fillna(0.0)
        # Regular small sessions, but for those with the cadence of the log, up to two aggregation intervals.
        rows = self.fold.sql(BEACONS, bool(facts["flagged"]))
        cadence = rows["interface_id"].map(log.coverage.groupby("interface_id")["interval"].max()).fillna(600)
        self.beacons = rows[rows["every"] > 2 * cadence].drop_duplicates(["host", "destination"])
        self.new = self._new()
        self.unusual = self._unusual()

    def _new(self) -> pd.DataFrame:
        """Return the new destinations; what began within the log's first day and came again a day later is routine."""
        new = self.fold.sql(MET, self.least, self.since)
        new = new.merge(self.beacons[["host", "destination", "every", "regular", "starts"]], "left")
        new = new.assign(peak=0.0, usual=0.0, again=False)
        for row in new[(new["sent_bytes"] >= self.least) & new["host"].isin(self.steps.columns.levels[0])].itertuples():
            sent, before = self.steps[row.host][row.destination], self.steps[row.host].loc[: row.since - self.width]
            busy = np.flatnonzero(sent > sent.max() / FACTOR)
            later = busy + DAY // self.width
            again = row.since - self.first < DAY and bool(np.isin(later, [busy - 1, busy, busy + 1]).any())
            # What it knew for long before it got much is no new destination.
            late = row.since + max(HOUR, self.width)
            again |= row.since < self.split and len(busy) > 0 and sent.index[busy[0]] > late
            usual = before.sum(axis=1).quantile(QUANTILE) if len(before) else 0.0
            new.loc[row.Index, ["peak", "usual", "again"]] = sent.max(), usual, again
        notable = (new["since"] >= self.split) | (new["sent_bytes"] >= self.least) | new["every"].notna()
        return new[notable & ~new.pop("again")].reset_index(drop=True)

    def _unusual(self) -> pd.DataFrame:
        """Return hosts that sent more than `FACTOR` times the busiest time step of an ordinary day, the median of the days
        before the split: what comes every night is in it. Large new destinations are left out: they are in `new`."""
        rows, large = [], self.new.loc[self.new["sent_bytes"] >= self.least, ["host", "destination"]]
        sent = self.steps.drop(
            columns=[pair for pair in large.itertuples(index=False, name=None) if pair in self.steps]
        )
        hosts = sent.T.groupby("host").sum().T
        before, after = hosts[hosts.index + self.width <= self.split], hosts[hosts.index >= self.split]
        ago = (self.split - self.width - before.index) // DAY
        whole = ago < max(round(self.history / DAY), 1)
        usual = before[whole].groupby(ago[whole]).max().median()
        over = after > (FACTOR * usual).clip(lower=self.least)
        for host in over.columns[over.any()] if self.enough else ():
            steps, total = over.index[over[host]], hosts.loc[over.index[over[host]], host].sum()
            to = sent.loc[steps, host].drop(columns="", errors="ignore").sum()
            top = to.idxmax() if len(to) and to.max() > total / 2 else None
            rows.append(self.fold.sql(MOST_OF, host, top or "").assign(
                destination=top, sent_bytes=int(total), peak=hosts.loc[steps, host].max(), usual=usual[host],
                first_seen=steps[0], last_seen=steps[0] + len(steps) * self.width,
            ))  # fmt: skip
        return pd.concat(rows).sort_values("sent_bytes", ascending=False) if rows else self.new[:0]
