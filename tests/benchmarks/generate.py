"""Flow logs of a made-up VPC for the bench: `generate.py FOLDER FILES LINES FIRST`, gzip, default v2 format."""

import sys
from pathlib import Path

import duckdb

#: 400 interfaces, half the peers inside and half of 50,000 outside; one record in ten refused.
RECORDS = """
SELECT 2 AS version, '012345678901' AS "account-id", 'eni-' || substr(md5(own::VARCHAR), 1, 17) AS "interface-id",
    if(out, mine, peer) AS srcaddr, if(out, peer, mine) AS dstaddr,
    if(out, port, client) AS srcport, if(out, client, port) AS dstport, if(r % 4 = 0, 17, 6) AS protocol,
    packets, packets * (40 + r % 1300) AS bytes, began AS start, began + r % 60 AS "end",
    if(r % 10 = 0, 'REJECT', 'ACCEPT') AS action, 'OK' AS "log-status"
FROM (
    SELECT *, '10.0.' || own // 25 || '.' || 1 + own % 25 AS mine,
        if(r % 2 = 0, '10.0.' || (r % 400) // 25 || '.' || 1 + r % 25,
           (1 + other % 223) || '.' || other % 251 || '.' || other % 241 || '.' || other % 239) AS peer
    FROM (
        SELECT h % 400 AS own, (h >> 12) % 50000 AS other, (h >> 30) % 100000 AS r, (h >> 47) % 2 = 0 AS out,
            [443, 80, 22, 5432, 53, 8080][1 + (h >> 20) % 6] AS port, 1024 + (h >> 8) % 64511 AS client,
            1 + (h >> 50) % 40 AS packets, {start} + (h >> 40) % 240 AS began
        FROM (SELECT (hash(i + {seed}) & 9223372036854775807)::BIGINT AS h FROM range({lines}) AS t(i))))
"""


def main(folder: Path, files: int, lines: int, first: int) -> None:
    """Write `files` files of `lines` records, beginning with number `first`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + files):
        slot = f"202611{20 + number // 288 % 10:02}T{number % 288 // 12:02}{number % 12 * 5:02}Z"
        path = (
            folder
            / f"012345678901_vpcflowlogs_eu-west-1_fl-{1000 + number // 2880:04}_{slot}_{number:08x}.log.gz"
        )
        query = RECORDS.format(start=1795132800 + number * 300, seed=number * lines, lines=lines)
        duckdb.execute(f"COPY ({query}) TO '{path}' (FORMAT csv, DELIMITER ' ', HEADER, COMPRESSION gzip)")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
