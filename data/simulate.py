"""A small shop's VPC flow logs with planted incidents, and the truth about each of them.

    python data/simulate.py OUT [--seed N] [--hours H] [--start T] [--scale S] [--incident ID ...]
                                [--format v2|v5|"FIELD FIELD ..."] [--layout L] [--container C] [--no-header]

`simulate(...)` returns a `World`; `World.write(folder)` writes it as AWS would deliver it. A world is a pure
function of its arguments. `data/sample` is exactly what the command writes with its defaults.

    simulate(seed=2026, hours=24, start="2026-11-20T00:00:00Z", incidents=None, scale=1.0) -> World
        hours >= 2; incidents: ids to plant, None plants `INCIDENTS`, () none; "rule-fixed" only if named.
        scale: times the number of customers (1.0: about 2,000 sessions a day).

    World.records       DataFrame, one row a record as logged, NODATA and SKIPDATA rows included, in no order:
                        the 29 fields of versions 2 to 5 under AWS's names with `_` (`-` stays "-"), and:
        true_cause      accepted | security-group | network-acl | security-group-and-network-acl |
                        closed-connection (a late packet after close); null for NODATA and SKIPDATA
        true_snapshot_cause  the same by the snapshot's rules: differs only with "rule-fixed", where it is
                        rules-changed for what was refused before a rule was added
        true_rule       what refused it: "acl-…:ingress:140", "sg-…[,sg-…]" (the groups that lack a rule),
                        both joined by " + ", or null. Rule 32767 is an ACL's final deny (32768 for IPv6)
        true_client     the endpoint of this record (srcaddr or dstaddr) that began the conversation;
                        true_client == srcaddr: the record is of the request's way, else of the reply's
        true_direction  ingress (the client reaches the interface) | egress (the interface's own address
                        began it) | through (the NAT gateway carries it)
        true_state      what becomes of the conversation: answered | silent | reset | reply-refused | refused
        conversation    number of the conversation (the same at every interface that saw it)
        incident        id of the incident that the row belongs to, else null
        window          start of the row's aggregation window, Unix seconds; all interfaces share the windows
        hidden          False
    World.hidden        the rows that were not logged, same columns, `hidden` = skipdata | silent | lost-file
    World.truth         list of dicts, as in truth.json (columns: data/README.md)
    World.network       dict: file name -> object, as `aws ec2 describe-*` prints it (after every change)
    World.expectations  list of dicts: name, source, destination, protocol, port, expect
    World.shop          names, ids, CIDRs (shop.py): World.shop.interfaces["db-1"].id, World.shop.places
    World.write(folder, fields=FIELDS_V5, layout="plain"|"hourly"|"hive"|"hive-hourly",
                container="gzip"|"text"|"parquet"|"cloudwatch-export", header=True) -> list of paths
                        logs under folder/AWSLogs/…, network/, expectations.csv and truth.json beside
    lines(records, fields=FIELDS_V5) -> list of str, in the order of `records`
    FIELDS_V2, FIELDS_V5: tuples of AWS's field names
"""

import argparse
import copy
import csv
import json
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import incidents as planting
import numpy as np
import pandas as pd
from expected import expectations
from gaps import GAPS, apply, iso, with_nodata
from shop import Shop, build, snapshot
from traffic import Clock, everyday
from windows import records
from writers import CONTAINERS, FIELDS_V2, FIELDS_V5, LAYOUTS, lines, write_logs

__all__ = ["FIELDS_V2", "FIELDS_V5", "INCIDENTS", "World", "lines", "simulate"]

#: Ids of all that is planted if nothing else is asked for.
INCIDENTS = (*planting.TRAFFIC, *GAPS)
TRUTH = [
    "true_cause",
    "true_snapshot_cause",
    "true_rule",
    "true_client",
    "true_direction",
    "true_state",
    "conversation",
    "incident",
]
TRUTH += ["window", "hidden"]


@dataclass
class World:
    """One simulated window of one VPC's flow logs; the module's docstring has the columns."""

    records: pd.DataFrame
    hidden: pd.DataFrame
    truth: list
    network: dict
    expectations: list
    shop: Shop

    def write(self, folder, fields=FIELDS_V5, layout="plain", container="gzip", header=True) -> list:
        """Logs, network/, expectations.csv and truth.json under `folder`; the paths of the log files."""
        folder = Path(folder)
        (folder / "network").mkdir(parents=True, exist_ok=True)
        for name, made in self.network.items():
            _write_json(folder / "network" / name, made)
        _write_json(folder / "truth.json", self.truth)
        with (folder / "expectations.csv").open("w", newline="") as file:
            names = ["name", "source", "destination", "protocol", "port", "expect"]
            table = csv.DictWriter(file, names, lineterminator="\n")
            table.writeheader()
            table.writerows(self.expectations)
        return write_logs(self.records, folder, self.shop.flow_log, fields, layout, container, header)


def _write_json(path: Path, made) -> None:
    path.write_text(json.dumps(made, indent=2) + "\n")


def simulate(seed=2026, hours=24, start="2026-11-20T00:00:00Z", incidents=None, scale=1.0) -> World:
    """A world; a pure function of its arguments."""
    wanted = INCIDENTS if incidents is None else tuple(incidents)
    if unknown := set(wanted) - {*INCIDENTS, *planting.EXTRA}:
        names = ", ".join([*INCIDENTS, *planting.EXTRA])
        raise ValueError(f"no incident is called {sorted(unknown)[0]}; there are {names}")
    if hours < 2:
        raise ValueError("the incidents need at least 2 hours")
    begin = datetime.fromisoformat(start)
    begin = int((begin if begin.tzinfo else begin.replace(tzinfo=UTC)).timestamp())
    share, phase = _rng(seed, "change").uniform(0.42, 0.58), int(_rng(seed, "phase").integers(0, 60))
    clock = Clock(begin, int(hours * 3600), begin + share * hours * 3600)
    shop = build(_rng(seed, "shop"))
    plants = {name: plant for name, plant in (planting.TRAFFIC | planting.EXTRA).items() if name in wanted}
    planted = {name: plant(shop, clock, _rng(seed, name)) for name, plant in plants.items()}
    network = snapshot(shop)
    everything = [everyday(shop, clock, _rng(seed, "everyday"), scale), *planting.tagged(planted)]
    convs = pd.concat(everything, ignore_index=True)
    made = records(shop, _before(network, planted), network, clock, phase, convs, _rng(seed, "records"))
    made = with_nodata(made, shop, clock, phase, _rng(seed, "nodata"))
    logged, hidden, truths = apply(made, shop, clock, phase, _rng(seed, "gaps"), wanted)
    truths = {name: _counted(name, plan, logged) for name, plan in planted.items()} | truths
    expected, judged = expectations(shop, truths)
    truth = [{"id": name} | told for name, told in (truths | judged).items()]
    logged = logged.iloc[_rng(seed, "order").permutation(len(logged))].reset_index(drop=True)
    columns = [name.replace("-", "_") for name in FIELDS_V5] + TRUTH
    return World(logged[columns], hidden[columns].reset_index(drop=True), truth, network, expected, shop)


def _rng(seed: int, name: str):
    """A generator of its own for each part, so that leaving one incident out changes no other."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _before(network: dict, planted: dict) -> dict:
    """The snapshot as it would have been before the clock's moment of change."""
    before = copy.deepcopy(network)
    for plan in planted.values():
        if plan.undo:
            plan.undo(before)
    return before


def _counted(name: str, plan, logged: pd.DataFrame) -> dict:
    """The incident's truth with the first and last moment and the number of its rows, as logged."""
    mine = logged[logged["incident"] == name]
    if plan.counted == "REJECT":
        mine = mine[mine["action"] == "REJECT"]
    if plan.truth["interface_id"]:
        mine = mine[mine["interface_id"] == plan.truth["interface_id"]]
    return plan.truth | {"first": iso(mine["start"].min()), "last": iso(mine["end"].max()), "records": len(mine)}


def main(arguments=None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Write a simulated VPC's flow logs with planted incidents.")
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--start", default="2026-11-20T00:00:00Z")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument(
        "--incident", action="append", choices=[*INCIDENTS, *planting.EXTRA], help="plant only these (repeatable)"
    )
    parser.add_argument("--format", default="v5", help="v2, v5 or a quoted list of field names")
    parser.add_argument("--layout", default="plain", choices=LAYOUTS)
    parser.add_argument("--container", default="gzip", choices=CONTAINERS)
    parser.add_argument("--no-header", action="store_true")
    given = parser.parse_args(arguments)
    fields = {"v2": FIELDS_V2, "v5": FIELDS_V5}.get(given.format) or tuple(given.format.split())
    world = simulate(given.seed, given.hours, given.start, given.incident, given.scale)
    paths = world.write(given.out, fields, given.layout, given.container, not given.no_header)
    print(f"{len(world.records)} records in {len(paths)} files, {len(world.truth)} truths: {given.out}")


if __name__ == "__main__":
    main()
