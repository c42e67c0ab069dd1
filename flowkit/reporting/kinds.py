"""The kinds of findings, as data: a new kind is one entry, and an entry that lacks a part stops the import.

The README's table of kinds is made from here (`table`), kept equal by a test.
"""

from dataclasses import dataclass, fields

SEVERITIES = ("high", "medium", "low", "info")


@dataclass(frozen=True)
class Kind:
    """One kind of finding: its notebook, its usual severity, and its texts.

    `title` and `summary` are templates; their names are keys of a finding's `counts`, or `who`, `where` and `what`,
    and `summary` counts the incidents as `n`. `action` is the next step where no better one is known.
    """

    kind: str
    notebook: str
    severity: str
    meaning: str
    title: str
    summary: str
    action: str

    def __post_init__(self) -> None:
        if empty := [each.name for each in fields(self) if not getattr(self, each.name)]:
            raise ValueError(f"kind {self.kind!r} lacks {', '.join(empty)}")
        if self.severity not in SEVERITIES:
            raise ValueError(f"kind {self.kind!r} has no severity {self.severity!r}")
        if "{n}" not in self.summary:
            raise ValueError(f"the summary of kind {self.kind!r} does not count")


_ENTRIES = (
    Kind("blocked-client", "rejected", "medium", "a client that looks legitimate is refused",
         "{who} is blocked from {where}: {attempts} attempts.",
         "{n} legitimate clients appear to be blocked", "If this is wanted, add the least rule that allows it."),
    Kind("blocked-service", "rejected", "medium", "a service is refused to everybody",
         "{where} is refused to all {clients} clients that tried.",
         "{n} services are refused to everybody", "Allow the clients that need it, or stop what asks for it."),
    Kind("reply-refused", "rejected", "high", "the request is accepted and its reply refused: a network ACL",
         "Return traffic from {where} to {who} is rejected.",
         "{n} services have their return traffic rejected",
         "Let the network ACL pass the clients' ephemeral ports."),
    Kind("acl-changed", "rejected", "high",
         "traffic that passed is refused from one moment on: a network ACL was changed",
         "A network ACL change blocked {who} from {where}.",
         "{n} network ACL changes blocked traffic", "Compare the network ACL with CloudTrail at that time."),
    Kind("service-control", "rejected", "medium", "block public access or encryption controls refuse it",
         "{what} refused {attempts} attempts of {who}.",
         "{n} service controls refused traffic", "See whether the control is meant to cover this."),
    Kind("scan", "rejected", "info", "one source tries many ports or hosts",
         "{who} scanned {ports} ports of {hosts} hosts.",
         "{n} sources scanned the network", "No action needed unless one of them was let in."),
    Kind("late-packets", "rejected", "info", "packets refused because their connection was over",
         "{records} packets to {where} came after their connection was closed.",
         "{n} services received packets after the connection was closed",
         "No action needed: no rule is in the way."),
    Kind("noise", "rejected", "info", "background noise of the internet",
         "{clients} clients sent {records} refused records: background noise.",
         "background noise in {n} places", "No action needed: the rules work as intended."),
    Kind("exposed-service", "reachability", "high", "a service answers the internet",
         "{where} is reachable from the internet.",
         "{n} services are reachable from the internet",
         "If the internet is not meant to reach it, narrow the security group rule."),
    Kind("accepted-silent", "reachability", "medium", "allowed but not responding",
         "{where} is allowed but does not respond to {clients} clients.",
         "{n} services are allowed but do not respond",
         "See whether the service runs, and whether its reply has a way back."),
    Kind("accepted-reset", "reachability", "low", "allowed, and the port is closed (TCP RST)",
         "{where} is allowed but its port is closed, for {clients} clients.",
         "{n} services are allowed but closed", "See whether the service runs and on which port it listens."),
    Kind("expectation-broken", "reachability", "high", "an expectation of the file is not met",
         "“{what}” is broken: {who} to {where}.",
         "{n} expectations are broken", "Correct the rules, or the expectation."),
    Kind("expectation-unproven", "reachability", "low", "the log has no data for an expectation",
         "“{what}” has no data: {who} to {where}.",
         "{n} expectations have no data", "Try it once and run the report again."),
    Kind("newly-reachable", "reachability", "high", "a service answers that did not before, or should not",
         "{where} now answers {who}.",
         "{n} services became reachable", "See which rule changed: CloudTrail, AuthorizeSecurityGroupIngress."),
    Kind("lost", "reachability", "medium", "a service stopped responding",
         "{where} stopped responding to {who}.",
         "{n} services stopped responding", "See whether the service still runs, and what changed."),
    Kind("skipdata", "skipdata", "medium", "AWS skipped records (SKIPDATA)",
         "{where} skipped records in {intervals} aggregation intervals.",
         "{n} interfaces skipped records", "Counts of that time are lower bounds."),
    Kind("silent-interface", "skipdata", "medium", "an interface stopped logging (no OK, NODATA or SKIPDATA)",
         "{where} stopped logging for {minutes} minutes.",
         "{n} interfaces stopped logging", "See whether the interface was deleted, or its flow log."),
    Kind("not-delivered", "skipdata", "high", "files that should be there are not",
         "{minutes} minutes were not delivered, on {interfaces} interfaces.",
         "{n} periods were not delivered", "See how AWS delivers: flowkit status"),
    Kind("address-conflict", "direction", "medium", "one address on several interfaces",
         "{what} is the address of {interfaces} interfaces.",
         "{n} addresses are those of several interfaces",
         "Add vpc-id to the log's format, or see who holds the address."),
    Kind("low-confidence-direction", "direction", "low", "who is the client is uncertain",
         "The client is uncertain in {conversations} conversations.",
         "the client is uncertain in {n} places", "Add tcp-flags and flow-direction to the log's format."),
    Kind("new-destination", "direction", "medium", "a host talks to a destination it never talked to before",
         "{who} talks to {destinations} new destinations.",
         "{n} hosts have new destinations", "See whether the destination is known."),
    Kind("unusual-egress", "direction", "medium", "far more bytes leave than usual",
         "{who} sent {bytes} bytes to {where}, far more than usual.",
         "{n} hosts sent far more than usual", "See what was sent, and by which process."),
)  # fmt: skip
#: Every kind by its name.
KINDS = {each.kind: each for each in _ENTRIES}


def table() -> str:
    """Return the kinds as a Markdown table, for the README."""
    rows = [f"| `{each.kind}` | {each.notebook} | {each.severity} | {each.meaning} |" for each in KINDS.values()]
    return "\n".join(["| kind | notebook | usually | meaning |", "| --- | --- | --- | --- |", *rows])
