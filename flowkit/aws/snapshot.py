"""The network's rules and interfaces, saved as the AWS CLI prints them: what `network` in the notebooks reads."""

import json
import os
import tempfile
from datetime import datetime
from pathlib import Path

from flowkit.loading.boto import client, sentences

#: Each file: the operation, the list in its answer, and what tells the list's entries apart.
_FILES = {
    "describe-network-interfaces.json": (
        "describe_network_interfaces",
        "NetworkInterfaces",
        "NetworkInterfaceId",
    ),
    "describe-security-groups.json": ("describe_security_groups", "SecurityGroups", "GroupId"),
    "describe-network-acls.json": ("describe_network_acls", "NetworkAcls", "NetworkAclId"),
    "describe-subnets.json": ("describe_subnets", "Subnets", "SubnetId"),
}


def snapshot(
    folder: Path, profiles: list[str | None] | None = None, regions: list[str | None] | None = None
) -> dict[str, int]:
    """The number of entries of each file written to `folder`, taken from every profile in every region.

    What several accounts see (a shared subnet) is written once. Nothing is written unless all of it could be
    read; each file is complete at any moment and its owner's alone. Raises SourceError when AWS refuses.
    """
    clients = [
        client("ec2", profile, region) for profile in profiles or [None] for region in regions or [None]
    ]
    files = {
        name: {key: _all(clients, operation, key, {}, identity)}
        for name, (operation, key, identity) in _FILES.items()
    }
    for ec2 in clients:
        for prefix_list in _all([ec2], "describe_managed_prefix_lists", "PrefixLists", {}, "PrefixListId"):
            name = prefix_list["PrefixListId"]
            entries = _all(
                [ec2], "get_managed_prefix_list_entries", "Entries", {"PrefixListId": name}, "Cidr"
            )
            files[f"get-managed-prefix-list-entries-{name}.json"] = {"Entries": entries}
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in files.items():
        _write(folder / name, content)
    return {name: len(entries) for name, content in files.items() for entries in content.values()}


def _all(clients: list, operation: str, key: str, wanted: dict, identity: str) -> list[dict]:
    found = {}
    for ec2 in clients:
        with sentences(f"the network in {ec2.meta.region_name}"):
            for page in ec2.get_paginator(operation).paginate(**wanted):
                for entry in page[key]:
                    found.setdefault(entry[identity], entry)
    return list(found.values())


def _write(path: Path, content: dict) -> None:
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=4, ensure_ascii=False, default=_text)
        file.write("\n")
    Path(beside).replace(path)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} has no form in JSON")
