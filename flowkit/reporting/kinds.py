"""The kinds of findings, as data: a new kind is one entry, and an entry that lacks a part stops the import.

The README's table of kinds is made from here (`table`), kept equal by a test.
"""

import re
from dataclasses import dataclass, fields

SEVERITIES = ("high", "medium", "low", "info")


@dataclass(frozen=True)
class Kind:
    """One kind of finding: its notebook, its usual severity, what it means, and its texts.

    `summary` says how many incidents of this kind there are, in a few words: `{n}` is their number, and `[one|more]`
    the word for one of them or for several. `action` is the next step of a finding that brings none.
    """

    kind: str
    notebook: str
    severity: str
    meaning: str
    summary: str
    action: str

    def __post_init__(self) -> None:
        if empty := [each.name for each in fields(self) if not getattr(self, each.name)]:
            raise ValueError(f"kind {self.kind!r} lacks {', '.join(empty)}")
        if self.severity not in SEVERITIES:
            raise ValueError(f"kind {self.kind!r} has no severity {self.severity!r}")
        if "{n}" not in self.summary:
            raise ValueError(f"the summary of kind {self.kind!r} does not count")

    def counted(self, number: int) -> str:
        """Return `summary` for so many incidents: `2 legitimate clients appear to be blocked`."""
        words = re.sub(r"\[(.*?)\|(.*?)]", r"\1" if number == 1 else r"\2", self.summary)
        return words.format(n=f"{number:,}")


_ENTRIES = (
    Kind("blocked-client", "rejected", "medium", "a client that looks legitimate is refused",
         "{n} legitimate client[|s] appear[s|] to be blocked",
         "If this is wanted, add the least rule that allows it."),
    Kind("blocked-service", "rejected", "medium", "a service is refused to everybody",
         "{n} service[ is|s are] refused to everybody", "Allow the clients that need it, or stop what asks for it."),
    Kind("reply-refused", "rejected", "high", "the request is accepted and its reply refused: a network ACL",
         "{n} service[ has its|s have their] return traffic rejected",
         "Let the network ACL pass the clients' ephemeral ports."),
    Kind("acl-changed", "rejected", "high", "traffic that passed is refused from one moment on: a network ACL was changed",
         "{n} network ACL change[|s] blocked traffic", "Compare the network ACL with CloudTrail at that time."),
    Kind("service-control", "rejected", "medium", "block public access or encryption controls refuse it",
         "{n} service control[|s] refused traffic", "See whether the control is meant to cover this."),
    Kind("scan", "rejected", "info", "one source tries many ports or hosts",
         "{n} source[|s] scanned the network", "No action needed unless one of them was let in."),
    Kind("late-packets", "rejected", "info", "packets refused because their connection was over",
         "{n} service[|s] received packets after the connection was closed",
         "No action needed: no rule is in the way."),
    Kind("noise", "rejected", "info", "background noise of the internet",
         "background noise in {n} place[|s]", "No action needed: the rules work as intended."),
    Kind("exposed-service", "reachability", "high", "a service answers the internet",
         "{n} service[ is|s are] reachable from the internet",
         "If the internet is not meant to reach it, narrow the security group rule."),
    Kind("accepted-silent", "reachability", "medium", "allowed but not responding",
         "{n} service[ is|s are] allowed but [does|do] not respond",
         "See whether the service runs, and whether its reply has a way back."),
    Kind("accepted-reset", "reachability", "low", "allowed, and the port is closed (TCP RST)",
         "{n} service[ is|s are] allowed but closed", "See whether the service runs and on which port it listens."),
    Kind("expectation-broken", "reachability", "high", "an expectation of the file is not met",
         "{n} expectation[ is|s are] broken", "Correct the rules, or the expectation."),
    Kind("expectation-unproven", "reachability", "low", "the log has no data for an expectation",
         "{n} expectation[ has|s have] no data", "Try it once and run the report again."),
    Kind("newly-reachable", "reachability", "high", "a service answers that did not before, or should not",
         "{n} service[|s] became reachable", "See which rule changed: CloudTrail, AuthorizeSecurityGroupIngress."),
    Kind("lost", "reachability", "medium", "clients that a service answered are answered no more",
         "{n} service[|s] lost by clients that [it|they] answered before", "See whether the service still runs, and what changed."),
    Kind("skipdata", "skipdata", "medium", "AWS skipped records (SKIPDATA)",
         "{n} interface[|s] skipped records", "Counts of that time are lower bounds."),
    Kind("silent-interface", "skipdata", "medium", "an interface stopped logging (no OK, NODATA or SKIPDATA)",
         "{n} interface[|s] stopped logging", "See whether the interface was deleted, or its flow log."),
    Kind("not-delivered", "skipdata", "high", "files that should be there are not",
         "{n} period[ was|s were] not delivered", "See how AWS delivers: flowkit status"),
    Kind("address-conflict", "direction", "medium", "one address on several interfaces",
         "{n} address[ is that|es are those] of several interfaces",
         "Add vpc-id to the log's format, or see who holds the address."),
    Kind("low-confidence-direction", "direction", "low", "who is the client is uncertain",
         "the client is uncertain in {n} place[|s]", "Add tcp-flags and flow-direction to the log's format."),
    Kind("new-destination", "direction", "medium", "a host talks to a destination it never talked to before",
         "{n} host[ has|s have] new destinations", "See whether the destination is known."),
    Kind("unusual-egress", "direction", "medium", "far more bytes leave than usual",
         "{n} host[|s] sent far more than usual", "See what was sent, and by which process."),
)  # fmt: skip
#: Every kind by its name.
KINDS = {each.kind: each for each in _ENTRIES}


def table() -> str:
    """Return the kinds as a Markdown table, for the README."""
    rows = [f"| `{each.kind}` | {each.notebook} | {each.severity} | {each.meaning} |" for each in KINDS.values()]
    return "\n".join(["| kind | notebook | usually | meaning |", "| --- | --- | --- | --- |", *rows])
