"""The kinds of findings and all their sentences, as data: a new kind is one entry. Sentences are templates, as
`flowkit.words.filled` fills them; English is the default, sentences.ko.toml has the same in Korean."""

from dataclasses import dataclass, fields

from flowkit.language import LANGUAGES, catalogue, durations, said
from flowkit.words import filled

SEVERITIES = ("high", "medium", "low", "info")


@dataclass(frozen=True)
class Kind:
    """One kind of finding: its notebook, its usual severity, what it means, and its texts. `summary` says how many incidents
    (`n`) of this kind there are, `title` is the template of a finding's title, of which `TEXTS` may have other forms."""

    kind: str
    notebook: str
    severity: str
    meaning: str
    summary: str
    title: str
    action: str

    def __post_init__(self) -> None:
        if empty := [each.name for each in fields(self) if not getattr(self, each.name)]:
            raise ValueError(f"kind {self.kind!r} lacks {', '.join(empty)}")
        if self.severity not in SEVERITIES:
            raise ValueError(f"kind {self.kind!r} has no severity {self.severity!r}")
        if "{n" not in self.summary:
            raise ValueError(f"the summary of kind {self.kind!r} does not count")

    def counted(self, number: int) -> str:
        """Return `summary` for so many incidents: `2 legitimate clients appear to be blocked`."""
        return filled(said(f"kind.{self.kind}.summary", self.summary), n=number)


def text(key: str, /, **values: object) -> str:
    """Return the title of a kind, or the sentence `key` of `TEXTS`, in the reader's language, filled with `values`."""
    own = f"kind.{key}.title" if key in KINDS else key
    return filled(said(own, TEXTS[own]), **durations(values))


_TALKED, _STOPPED = "{clients:client}, {sessions:session}", "stopped logging (no OK, NODATA or SKIPDATA)"
#: Every kind by its name.
KINDS = {each.kind: each for each in (
    Kind("blocked-client", "rejected", "medium", "a client that looks legitimate is refused",
         "{n} legitimate {n:client appears|clients appear} to be blocked",
         "{client} to {server} {service}: {what}{since}{met}; {by}.",
         "If this is wanted, add the least rule that allows it."),
    Kind("blocked-service", "rejected", "medium", "a service is refused to everybody",
         "{n} {n:service is|services are} refused to everybody",
         "{service} of {inside} is rejected for everybody{logged}: {clients:client}, {tries}{since}, none accepted; {by}.",
         "Allow the clients that need it, or stop what asks for it."),
    Kind("reply-refused", "rejected", "high", "the request is accepted and its reply refused: a network ACL",
         "{n} {n:service has its|services have their} return traffic rejected",
         "Return traffic from {server} {service} to {client} is rejected{way}: {what}{since}; {by}.",
         "Let the network ACL pass the clients' ephemeral ports."),
    Kind("acl-changed", "rejected", "high", "traffic that passed is refused from one moment on: a network ACL was changed",
         "{n} network ACL {n:change|changes} blocked traffic",
         "A network ACL change blocked {client} from {server} {service}{since}: {what}; {by}.",
         "Compare the network ACL with CloudTrail at that time."),
    Kind("service-control", "rejected", "medium", "block public access or encryption controls refuse it",
         "{n} service {n:control|controls} refused traffic",
         "{control} rejects {client} to {server} {service}: {tries}{since}.",
         "See whether the control is meant to cover this: aws ec2 describe-vpc-block-public-access-options"),
    Kind("scan", "rejected", "info", "one source tries many ports or hosts",
         "{n} {n:source|sources} scanned the network",
         "{client} scanned {ports:port} of {hosts:host}: {records:rejected record}, {accepted}.",
         "No action needed: the rules work as intended."),
    Kind("late-packets", "rejected", "info", "packets refused because their connection was over",
         "{n} {n:service|services} received packets after the connection was closed",
         "{packets:packet} between {far} and {inside} {service} came {late}",
         "No action needed: no rule blocks this."),
    Kind("noise", "rejected", "info", "background noise of the internet",
         "background noise in {n} {n:place|places}",
         "{who} sent {records:rejected record}: {verdict}.",
         "No action needed: the rules work as intended."),
    Kind("exposed-service", "reachability", "high", "a service answers the internet",
         "{n} {n:service is|services are} reachable from the internet",
         f"{{where}} {{hosts:is|are}} reachable from the internet on {{service}}: {_TALKED}.",
         "If the internet is not meant to reach it, narrow the security group rule."),
    Kind("accepted-silent", "reachability", "medium", "allowed but not responding",
         "{n} {n:service is|services are} allowed but {n:does|do} not respond",
         "{where} is allowed but not responding: {clients:client} in {network}, {sessions:session}.",
         "See whether the service runs, and whether its reply has a way back."),
    Kind("accepted-reset", "reachability", "low", "allowed, and the port is closed (TCP RST) or seems so",
         "{n} {n:service is|services are} allowed but closed",
         "{where} is allowed but closed (TCP RST): {clients:client} in {network}, {sessions:session}.",
         "See whether the service runs and on which port it listens."),
    Kind("expectation-broken", "reachability", "high", "an expectation of the file is not met",
         "{n} {n:expectation is|expectations are} broken",
         "“{name}” is broken: {who} to {where}: {state} ({sessions:session}).",
         "Correct the rules, or the expectation."),
    Kind("expectation-unproven", "reachability", "low", "the log has no data for an expectation",
         "{n} {n:expectation has|expectations have} no data",
         "“{name}” has no data: {who} to {where}, {why}.",
         "Try it once and run the report again, or drop the line if nothing needs it."),
    Kind("newly-reachable", "reachability", "high", "a service answers that did not before, or should not",
         "{n} {n:service|services} became reachable",
         "{where} now answers {who} ({sessions:session}); before it was {was}.",
         "See which rule changed: CloudTrail, AuthorizeSecurityGroupIngress."),
    Kind("lost", "reachability", "medium", "clients that a service answered are answered no more",
         "{n} {n:service|services} lost by clients that {n:it|they} answered before",
         "{who} lost {where}: answered {until}, since then {state} ({sessions:session}).",
         "See whether the service still runs, and what changed."),
    Kind("skipdata", "skipdata", "medium", "AWS skipped records (SKIPDATA)",
         "{n} {n:interface|interfaces} skipped records",
         "AWS skipped records of {whom} in {intervals:aggregation interval}, {period}.{estimate}",
         "Take every total of this time as a lower bound, and “none seen” as unknown. Cost Explorer counts skipped flow"
         " logs too: billed minus delivered is what the whole account lost."),
    Kind("silent-interface", "skipdata", "medium", "an interface stopped logging (no OK, NODATA or SKIPDATA)",
         "{n} {n:interface|interfaces} stopped logging",
         f"{{whom}} {_STOPPED} for {{time}} from {{first}} UTC while others reported.",
         "Log all traffic, and keep NODATA records in what is passed on: they prove that nothing was missed."),
    Kind("not-delivered", "skipdata", "high", "files that should be there are not",
         "{n} {n:period was|periods were} not delivered",
         "Nothing was delivered for {whom}, {period} ({time}).{estimate}",
         "See how AWS delivers: flowkit status"),
    Kind("address-conflict", "direction", "medium", "one address on several interfaces",
         "{n} {n:address is that|addresses are those} of several interfaces",
         "{address} was the address of {interfaces} interfaces at the same time: {names}.",
         "Add vpc-id to the log's format, or see who holds the address."),
    Kind("low-confidence-direction", "direction", "low", "who is the client is uncertain",
         "the client is uncertain in {n} {n:place|places}",
         "The client is a guess or unknown in {part} of {sessions:session}.",
         "Create a flow log whose format has tcp-flags and flow-direction; a format cannot be changed afterwards."),
    Kind("new-destination", "direction", "medium", "a host talks to a destination it never talked to before",
         "hosts contacted {n:new destination}", "{host} talks to {destinations:new destination}.",
         "See whether the destination is known."),
    Kind("unusual-egress", "direction", "medium", "far more bytes leave than usual",
         "{n} {n:host|hosts} sent far more than usual", "{host} sent far more than usual.",
         "See what was sent, and by which process."),
)}  # fmt: skip
#: Every sentence in English by its key, as `blame.network-acl` and `kind.scan.title`.
_PARTS = ("title", "summary", "action", "meaning")
TEXTS = {f"kind.{kind}.{part}": getattr(entry, part) for kind, entry in KINDS.items() for part in _PARTS}
TEXTS |= catalogue(LANGUAGES[0])
