"""Flow log records as AWS delivers them: text, gzip, Parquet, or what CloudWatch Logs exports."""

import gzip
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from gaps import SLOT
from shop import ACCOUNT, REGION

V2 = """version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action
log-status"""
V3 = "vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr"
V4 = "region az-id sublocation-type sublocation-id"
V5 = "pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path"
#: AWS's default format.
FIELDS_V2 = tuple(V2.split())
#: A custom format as it is often chosen: all 29 fields of versions 2 to 5 in AWS's order.
FIELDS_V5 = FIELDS_V2 + tuple(f"{V3} {V4} {V5}".split())
INTS = {
    "Int32": ("version", "srcport", "dstport", "protocol", "tcp-flags", "traffic-path"),
    "Int64": ("packets", "bytes", "start", "end"),
}
LAYOUTS = {
    "plain": "AWSLogs/{account}/vpcflowlogs/{region}/%Y/%m/%d",
    "hourly": "AWSLogs/{account}/vpcflowlogs/{region}/%Y/%m/%d/%H",
    "hive": "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/year=%Y/month=%m/day=%d",
    "hive-hourly": "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/"
    "year=%Y/month=%m/day=%d/hour=%H",
}
CONTAINERS = {"gzip": ".log.gz", "text": ".log", "parquet": ".log.parquet", "cloudwatch-export": ".gz"}


def lines(records: pd.DataFrame, fields=FIELDS_V5) -> list:
    """Each record as a flow log line of `fields`, in the order of `records`."""
    columns = [records[name.replace("-", "_")].astype(str) for name in _checked(fields)]
    if "version" in fields:
        columns[list(fields).index("version")] = pd.Series(_version(fields), records.index)
    return [" ".join(row) for row in zip(*columns, strict=True)]


def write_logs(records: pd.DataFrame, folder: Path, flow_log: str, fields, layout, container, header) -> list:
    """One file a five-minute slot (a slot holds the records that end in it); the paths written."""
    if container == "cloudwatch-export":
        return _cloudwatch(records, folder, fields)
    paths = []
    told = np.array(lines(records, fields), dtype=object)
    slots = (records["end"] // SLOT * SLOT).astype(int).to_numpy()
    for slot in np.unique(slots):
        here = slots == slot
        text = ("\n".join(([" ".join(fields)] if header else []) + list(told[here])) + "\n").encode()
        moment = datetime.fromtimestamp(int(slot), UTC)
        place = folder / moment.strftime(LAYOUTS[layout].format(account=ACCOUNT, region=REGION))
        place.mkdir(parents=True, exist_ok=True)
        mark = hashlib.sha256(text).hexdigest()[:8]
        stem = f"{ACCOUNT}_vpcflowlogs_{REGION}_{flow_log}_{moment:%Y%m%dT%H%M}Z_{mark}"
        path = place / (stem + CONTAINERS[container])
        if container == "parquet":
            _write_parquet(records[here], fields, path)
        else:
            path.write_bytes(gzip.compress(text, 6, mtime=0) if container == "gzip" else text)
        paths.append(path)
    return paths


def _write_parquet(rows, fields, path: Path) -> None:
    """Typed columns under AWS's Parquet names; `-` is null."""
    types = {name: kind for kind, names in INTS.items() for name in names}
    columns = {}
    for name in _checked(fields):
        column = name.replace("-", "_")
        values = rows[column].where(rows[column].astype(str) != "-", None)
        columns[column] = values.astype(types.get(name, "object"))
    if "version" in columns:
        columns["version"] = pd.Series(int(_version(fields)), rows.index, dtype="Int32")
    pd.DataFrame(columns).to_parquet(path, index=False, engine="pyarrow")


def _cloudwatch(records, folder, fields) -> list:
    """What `aws logs create-export-task` writes: a folder a log stream, each line led by its timestamp."""
    paths = []
    for interface_id, rows in records.groupby("interface_id"):
        rows = rows.sort_values("start", kind="stable")
        stamps = pd.to_datetime(rows["start"].astype(int), unit="s").dt.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        text = [f"{stamp} {line}" for stamp, line in zip(stamps, lines(rows, fields), strict=True)]
        path = folder / "AWSLogs" / "export" / f"{interface_id}-all" / "000000.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(("\n".join(text) + "\n").encode(), mtime=0))
        paths.append(path)
    return paths


def _checked(fields):
    unknown = [name for name in fields if name not in FIELDS_V5]
    if unknown:
        raise ValueError(f"the simulator does not make the field {unknown[0]}")
    return fields


def _version(fields) -> str:
    """The highest version among the fields: versions 2 to 5 have 14, 21, 25 and 29 of them."""
    last = max(FIELDS_V5.index(name) for name in fields)
    return str(2 + sum(last >= count for count in (14, 21, 25)))
