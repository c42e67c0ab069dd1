"""The network's rules and interfaces, saved as the AWS CLI prints them: what `network` in the notebooks reads."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from flowkit.loading.boto import client, sentences
from flowkit.loading.errors import SourceError
from flowkit.reporting.history import write

#: Each operation: the list in its answer, what tells the list's entries apart, and whether it must succeed.
OPERATIONS = {
    "describe_network_interfaces": ("NetworkInterfaces", "NetworkInterfaceId", True),
    "describe_security_groups": ("SecurityGroups", "GroupId", True),
    "describe_network_acls": ("NetworkAcls", "NetworkAclId", True),
    "describe_subnets": ("Subnets", "SubnetId", True),
    "describe_instances": ("Reservations", "ReservationId", False),
    "describe_route_tables": ("RouteTables", "RouteTableId", False),
    "describe_nat_gateways": ("NatGateways", "NatGatewayId", False),
}


def snapshot(
    folder: Path, profiles: list[str | None] | None = None, regions: list[str | None] | None = None
) -> tuple[dict[str, int], list[str]]:
    """Return the number of entries of each file written to `folder`, and a note for each that AWS did not permit.

    Everything is taken from every profile in every region; what several accounts see (a shared subnet) is written
    once. Nothing is written unless all that the notebooks need could be read; each file is complete at any
    moment and its owner's alone. Raises SourceError when AWS refuses.
    """
    clients = [client("ec2", profile, region) for profile in profiles or [None] for region in regions or [None]]
    contents, notes = {}, []
    for operation, (key, identity, needed) in OPERATIONS.items():
        name = f"{operation.replace('_', '-')}.json"
        try:
            contents[name] = {key: _all(clients, operation, key, identity)}
        except SourceError as error:
            if needed:
                raise
            notes.append(f"{name} is left out: {error}")
    for ec2 in clients:
        for listed in _all([ec2], "describe_managed_prefix_lists", "PrefixLists", "PrefixListId"):
            known = listed["PrefixListId"]
            entries = _all([ec2], "get_managed_prefix_list_entries", "Entries", "Cidr", PrefixListId=known)
            contents[f"get-managed-prefix-list-entries-{known}.json"] = {"Entries": entries}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in contents.items():
            write(folder / name, json.dumps(content, indent=4, ensure_ascii=False, default=_text) + "\n")
    except OSError as error:
        raise SourceError(f"{folder} cannot be written: {error.strerror}") from None
    return {name: len(entries) for name, content in contents.items() for entries in content.values()}, notes


def _all(clients: Iterable, operation: str, key: str, identity: str, **wanted: str) -> list[dict]:
    found = {}
    for ec2 in clients:
        with sentences(f"the network in {ec2.meta.region_name}"):
            for page in ec2.get_paginator(operation).paginate(**wanted):
                for entry in page[key]:
                    found.setdefault(entry[identity], entry)
    return list(found.values())


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} has no form in JSON")
