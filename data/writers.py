"""Flow log records as AWS delivers them: text, gzip, Parquet, or what CloudWatch Logs exports."""

import gzip
import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from gaps import SLOT
from shop import ACCOUNT, REGION

FIELDS_V2 = tuple(
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status".split()
)
#: A custom format as it is often chosen: all 29 fields of version 5 in AWS's order.
FIELDS_V5 = FIELDS_V2 + tuple(
    "vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id sublocation-type "
    "sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path".split()
)
FIELDS_ALL = FIELDS_V5
INTS = {
    "int32": ("version", "srcport", "dstport", "protocol", "tcp-flags", "traffic-path"),
    "int64": ("packets", "bytes", "start", "end"),
}
LAYOUTS = {
    "plain": "AWSLogs/{account}/vpcflowlogs/{region}/%Y/%m/%d",
    "hourly": "AWSLogs/{account}/vpcflowlogs/{region}/%Y/%m/%d/%H",
    "hive": "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/"
    "year=%Y/month=%m/day=%d",
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
    text = np.array(lines(records, fields), dtype=object)
    slots = (records["end"] // SLOT * SLOT).astype(int).to_numpy()
    for slot in np.unique(slots):
        moment = datetime.fromtimestamp(int(slot), UTC)
        place = folder / moment.strftime(LAYOUTS[layout].format(account=ACCOUNT, region=REGION))
        place.mkdir(parents=True, exist_ok=True)
        here = slots == slot
        if container == "parquet":
            data = _parquet(records[here], fields)
        else:
            data = ("\n".join(([" ".join(fields)] if header else []) + list(text[here])) + "\n").encode()
            data = gzip.compress(data, mtime=0) if container == "gzip" else data
        mark = hashlib.sha256(data).hexdigest()[:8]
        name = (
            f"{ACCOUNT}_vpcflowlogs_{REGION}_{flow_log}_{moment:%Y%m%dT%H%M}Z_{mark}{CONTAINERS[container]}"
        )
        (place / name).write_bytes(data)
        paths.append(place / name)
    return paths


def _parquet(rows, fields) -> bytes:
    """Typed columns under AWS's Parquet names; `-` is null."""
    types = {name: kind for kind, names in INTS.items() for name in names}
    columns = {}
    for name in _checked(fields):
        values = rows[name.replace("-", "_")]
        values = values.where(values.astype(str) != "-", None)
        column = name.replace("-", "_")
        columns[column] = (
            values.astype(types[name].replace("i", "I")) if name in types else values.astype(object)
        )
    if "version" in columns:
        columns["version"] = pd.Series(int(_version(fields)), rows.index, dtype="Int32")
    held = io.BytesIO()
    pd.DataFrame(columns).to_parquet(held, index=False, engine="pyarrow")
    return held.getvalue()


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
    unknown = [name for name in fields if name not in FIELDS_ALL]
    if unknown:
        raise ValueError(f"the simulator does not make the field {unknown[0]}")
    return fields


def _version(fields) -> str:
    return (
        "2"
        if set(fields) <= set(FIELDS_V2)
        else "3"
        if _below(fields, 21)
        else "4"
        if _below(fields, 25)
        else "5"
    )


def _below(fields, count) -> bool:
    return set(fields) <= set(FIELDS_V5[:count])
