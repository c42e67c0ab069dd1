"""The sentences that refused traffic is told in: one a finding, with its numbers and the rule to blame."""

import pandas as pd

from flowkit.analysis.network import LAST_RULES, protocol_name


def many(count: int, noun: str) -> str:
    """`count` and the noun, in the plural unless it is one."""
    return f"{int(count):,} {noun}" + ("" if count == 1 else "s")


class Titles:
    """The title of each kind of finding."""

    def __init__(self, part: pd.DataFrame, lead: pd.Series, far: str | None, verdict, snapshot) -> None:
        self.part, self.lead, self.snapshot = part, lead, snapshot
        count = part.far.nunique()
        self.far = (
            self.name(far)
            if far and "/" not in far
            else f"{count:,} addresses" + (f" of {far}" if far else "")
        )
        self.inside = self.name(lead.inside)
        port = "" if pd.isna(lead.server_port) else f"/{int(lead.server_port)}"
        # A log without a field has null in it, and -1 stands for no protocol.
        name = protocol_name(int(lead.protocol)) if lead.protocol >= 0 else "port"
        self.service = f"{name}{port}"
        self.tries = many(part.sessions.sum(), "attempt")
        first = part["first"].min()
        self.since = "" if pd.isna(first) else f" since {first:%Y-%m-%d %H:%M} UTC"
        self.by = self._by(verdict)
        self.began_inside = lead.client == lead.inside
        self.way = {True: " on their way out", False: " on their way in"}.get(lead.way, "")

    def name(self, address: str) -> str:
        """The address, with the name of its interface where the snapshot knows one."""
        owner = self.snapshot.owner(address) if self.snapshot else None
        return f"{owner.name} ({address})" if owner else address

    def _group(self, group_id: str) -> str:
        group = self.snapshot.groups.get(group_id)
        return f"{group.name} ({group_id})" if group and group.name != group_id else group_id

    def _by(self, verdict) -> str:
        lead = self.lead
        if lead.cause == "rules-changed":
            return "the rules of the snapshot would let them pass, so they have changed since"
        if lead.cause == "undetermined":
            return "security group or network ACL, the log cannot tell"
        if verdict is None:
            words = {
                "security-group": "its security group refuses it",
                "network-acl": "its subnet's network ACL refuses it",
            }
            return words.get(lead.cause, "")
        said = []
        if verdict.groups_allow is False:
            way = "egress" if verdict.packet.egress else "ingress"
            named = ", ".join(self._group(group_id) for group_id in verdict.group_ids)
            said.append(f"security group {named} lacks an {way} rule")
        if verdict.acl_allows is False:
            number = (
                "*" if verdict.entry is None or verdict.entry.number in LAST_RULES else verdict.entry.number
            )
            said.append(f"network ACL {verdict.acl_id} denies by rule {number}")
        return " and ".join(said)

    def blocked_client(self) -> str:
        client, server = (self.inside, self.far) if self.began_inside else (self.far, self.inside)
        never = (
            "" if self.part.own.any() else ", never let in" if not self.began_inside else ", never let out"
        )
        return f"{client} to {server} {self.service}: {self.tries} refused{self.since}{never}; {self.by}."

    def reply_refused(self) -> str:
        client, server = (self.inside, self.far) if self.began_inside else (self.far, self.inside)
        return (
            f"Answers of {server} {self.service} to {client} are refused{self.way}:"
            f" {self.tries}{self.since}; {self.by}."
        )

    def acl_changed(self) -> str:
        cut = int(self.part[self.part.fate == "changed"].sessions.sum())
        later = int(self.part[self.part.fate != "changed"].sessions.sum())
        after = f" and {many(later, 'later attempt')} refused" if later else ""
        return (
            f"A change of the network ACL shut out {self.far} from {self.inside} {self.service}{self.since}:"
            f" {many(cut, 'open conversation')} cut{after}; {self.by}."
        )

    def service_control(self) -> str:
        what = {
            "block-public-access": "VPC Block Public Access",
            "encryption-control": "VPC encryption control",
        }.get(self.lead.cause, f"a control that the log calls {self.lead.reject_reason}")
        client, server = (self.inside, self.far) if self.began_inside else (self.far, self.inside)
        return f"{what} refuses {client} on {server} {self.service}: {self.tries}{self.since}."

    def late_packets(self) -> str:
        return (
            f"{many(self.part.packets.sum(), 'packet')} between {self.far} and {self.inside} {self.service}"
            " came after their connection was closed: nothing is blocked."
        )
