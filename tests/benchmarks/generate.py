"""Flow logs of a made-up VPC for the bench: `generate.py FOLDER FILES LINES FIRST KIND`, gzip, default v2 format.

KIND is `strangers` (nearly every record is a conversation of its own: the worst case for questions about
conversations) or `conversations` (both halves over one to four windows: about four records a conversation, as in
the simulated network of data/), or `nodata` (5,000 interfaces without traffic, a record a minute).
"""

import sys
from pathlib import Path

import duckdb

_LINE = """
SELECT 2 AS version, '012345678901' AS "account-id", 'eni-' || substr(md5(own::VARCHAR), 1, 17) AS "interface-id",
    if(out, mine, peer) AS srcaddr, if(out, peer, mine) AS dstaddr,
    if(out = serves, port, client) AS srcport, if(out = serves, client, port) AS dstport,
    if(port = 53, 17, 6) AS protocol,
    packets, packets * (40 + r % 1300) AS bytes, began AS start, began + r % 60 AS "end",
    if(refused, 'REJECT', 'ACCEPT') AS action, 'OK' AS "log-status"
FROM (
    SELECT *, '10.0.' || own // 25 || '.' || 1 + own % 25 AS mine,
        if(inside, '10.0.' || other % 400 // 25 || '.' || 1 + other % 25,
           (1 + other % 223) || '.' || other % 251 || '.' || other % 241 || '.' || other % 239) AS peer
    FROM (
        SELECT h % 400 AS own, [443, 80, 22, 5432, 53, 8080][1 + (h >> 20) % 6] AS port,
            1024 + (h >> 8) % 64511 AS client, {what}))
"""
#: 400 interfaces, half the peers inside and half of 50,000 outside; one record in ten refused.
_STRANGERS = """
            (h >> 12) % 50000 AS other, (h >> 30) % 100000 AS r, r % 2 = 0 AS inside, r % 10 = 0 AS refused,
            (h >> 47) % 2 = 0 AS out, true AS serves, 1 + (h >> 50) % 40 AS packets, {start} + (h >> 40) % 240 AS began
        FROM (SELECT (hash(i + {seed}) & 9223372036854775807)::BIGINT AS h FROM range({lines}) AS t(i))
"""
#: 400 interfaces that serve seven conversations of eight, with 16 peers inside each and 50,000 outside; one
#: conversation in ten is refused and has no second half.
_CONVERSATIONS = """
            (h >> 12) % 4 > 0 AS inside, if(inside, own + 1 + (h >> 15) % 16, (h >> 15) % 50000) AS other,
            (hash(h + shift * 2 + half) % 100000)::BIGINT AS r, (h >> 51) % 10 = 0 AS refused,
            half = 0 AS out, (h >> 47) % 8 > 0 AS serves, 1 + r % 40 AS packets,
            {start} + (h >> 40) % 60 + shift * 60 AS began
        FROM (SELECT (hash(i + {seed}) & 9223372036854775807)::BIGINT AS h FROM range({lines}) AS t(i)),
            range(4) AS v(shift), range(2) AS w(half)
        WHERE shift < [1, 1, 2, 4][1 + (h >> 55) % 4] AND ((h >> 51) % 10 > 0 OR half = ((h >> 47) % 8 > 0)::INT)
        LIMIT {lines}
"""
_NODATA = """
SELECT 2 AS version, '012345678901' AS "account-id", 'eni-' || substr(md5((i % 5000)::VARCHAR), 1, 17) AS "interface-id",
    '-' AS srcaddr, '-' AS dstaddr, '-' AS srcport, '-' AS dstport, '-' AS protocol, '-' AS packets, '-' AS bytes,
    {start} + i // 5000 * 60 AS start, {start} + i // 5000 * 60 + 59 AS "end", '-' AS action, 'NODATA' AS "log-status"
FROM range({lines}) AS t(i)
"""
RECORDS = {"nodata": _NODATA} | {
    kind: _LINE.replace("{what}", what.strip())
    for kind, what in (("strangers", _STRANGERS), ("conversations", _CONVERSATIONS))
}


def main(folder: Path, files: int, lines: int, first: int, kind: str) -> None:
    """Write `files` files of `lines` records, beginning with number `first`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + files):
        slot = f"202611{20 + number // 288 % 10:02}T{number % 288 // 12:02}{number % 12 * 5:02}Z"
        path = folder / f"012345678901_vpcflowlogs_eu-west-1_fl-{1000 + number // 2880:04}_{slot}_{number:08x}.log.gz"
        query = RECORDS[kind].format(start=1795132800 + number * 300, seed=number * lines, lines=lines)
        duckdb.execute(f"COPY ({query}) TO '{path}' (FORMAT csv, DELIMITER ' ', HEADER, COMPRESSION gzip)")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]), sys.argv[5])
