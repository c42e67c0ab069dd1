"""Reports for outsiders: the user's snapshot, expectations, notebooks and paths in, the same without secrets out.

Names are replaced at the door, in copies of the snapshot and the expectations, so that nothing made of them can hold
one, however it is cut or escaped. Addresses, account ids, ARNs and paths have a grammar that tells them anywhere; they
are replaced in what comes out. What has neither (messages of errors, malformed lines, pictures of pixels) is left out.

Addresses keep their prefixes, as in Crypto-PAn (Xu, Fan, Ammar and Moon, "Prefix-preserving IP address anonymization",
2002): a CIDR stays a CIDR, neighbours stay neighbours, public stays public, and private ones are left as they are.
"""

import csv
import hashlib
import hmac
import html
import ipaddress
import json
import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from nbformat import NotebookNode

from flowkit.fields import FIELDS
from flowkit.language import LANGUAGES, catalogue
from flowkit.loading.hostnames import LOAD_BALANCER, NAT_GATEWAY, UNHELPFUL
from flowkit.loading.sources import aws_name
from flowkit.net import SERVICE_PORTS, is_network
from flowkit.questions.rule_changes import ENTRY, GROUP, VERBS
from flowkit.reporting.answer import MIME, TEMPLATES, Shown
from flowkit.reporting.errors import ReportError
from flowkit.reporting.finding import CAUSES, CONFIDENCES, finding_id
from flowkit.reporting.kinds import KINDS, SEVERITIES, TEXTS
from flowkit.reporting.notebooks import Executed

#: IPv6 addresses that hold an IPv4 address in their last 32 bits: RFC 4291, 6052 and 2765.
EMBEDDING = [ipaddress.IPv6Network(block) for block in ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "::ffff:0:0:0/96")]
#: What no outsider could tell anything by: private, shared, local, multicast and reserved (RFC 6890); 64:ff9b:1::/48
#: (RFC 8215) holds IPv4 addresses. The documentation ranges are not here: logs that show them are redacted like others.
NOT_PUBLIC = {
    4: [ipaddress.IPv4Network(block) for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16", "224.0.0.0/3")],
    6: [*ipaddress.IPv6Network("::/3").address_exclude(ipaddress.IPv6Network("64:ff9b:1::/48")),
        ipaddress.IPv6Network("4000::/2"), ipaddress.IPv6Network("8000::/1")],
}  # fmt: skip
#: Members of `aws ec2 describe-*` output whose texts are ids, addresses or words of AWS's; every other text is a name.
_KEPT = re.compile(
    r"\w*Id|Cidr\w*|Ipv6CidrBlock|PrivateIpAddress|Ipv6Address|Ipv4Prefix|PublicIp|Protocol|IpProtocol|RuleAction"
    r"|InterfaceType|Status|State|AvailabilityZone"
)
#: What `read_snapshot` reads.
_SNAPSHOT = re.compile(
    r"describe-(network-interfaces|security-groups|network-acls|subnets|instances|nat-gateways)\.json"
    r"|get-managed-prefix-list-entries-.*\.json"
)
#: Ids of AWS's making: no other word before such digits is one, for names end in dates and in hexadecimal words.
_ID = re.compile(
    r"(?:eni|i|sg|subnet|vpc|acl|nat|igw|eigw|rtb|pl|vpce|pcx|tgw|tgw-attach|vgw|lgw|cagw|fl|eipalloc)"
    r"-[0-9a-f]{8,17}"
)
#: Names that tell nothing, and words of paths that tell nothing and stand in many other places.
_NO_NAMES = {"", "default", "sample", "any"}
#: Words of paths and of what pages are made of, beside those of `own_words`.
_NO_SECRETS = set(
    """
    awslogs vpcflowlogs logs flow flowlogs data home user users root default sample reports network east
    expectations work temp prod test stage staging private folders opt mnt west north south central
    northeast southeast parquet json gzip notebooks flowkit cache duckdb athena trino pyspark cloudwatch
    pandas dataframe import from print matplotlib papermill nbconvert python python3 ipython ipykernel ibis framework
    load plot edges replies requests reading windows roles execute optional prefix paths
    height image span fill stroke rect defs clippath transform translate rotate viewbox xmlns xlink https strong square
    miter anchor fromport toport cidrip cidripv6 ipprotocol ipranges ipv6ranges useridgrouppairs ippermissions ipv4 ipv6
    """.split()
)
_ADDRESS = re.compile(
    r"(?:(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d)"
    r"|(?<![\w.:])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:]|\.\d))(?:/\d{1,3})?(?!\d)",
    re.ASCII,  # letters of other scripts, as after a number in Korean, belong to no address
)
_ACCOUNT = re.compile(r"(?<!data-v=')(?<![0-9A-Fa-f])(?<!\d\.)\d{12}(?![0-9A-Fa-f])(?!\.\d)")
_PLACE = re.compile(
    r"""arn:aws[^\s"'<>&]*|\b(?:s3|cloudwatch|file|duckdb|pyspark|athena|trino)://[^\s"'<>&]+"""
    r"""|(?<![\w:/.<~&;-])~?(?:/[\w.@+=-]+){2,}/?"""
)
_TABLE_SCRIPT = f"<script>{(TEMPLATES / 'table.js').read_text()}</script>"
_UNREADABLE = re.compile(r"(?i)<script\b[\s\S]*?(?:</script>|$)|data:[\w/+.-]+;base64,[\w+/=]+")
#: What findings.json has of words of its own: none of them is free text.
_FIXED = {*KINDS, *SEVERITIES, *CONFIDENCES, *CAUSES}
LEFT_OUT = "left out: redaction cannot read it"


class Redactor:
    """Replaces names (`name`, `snapshot`, `expectations`), and what texts, findings and notebooks give away by itself: one
    `key` gives one mapping, `secrets` are words and paths of the user's that go wherever they stand, `aside` is the folder
    of the copies that the notebooks get, `replaced` are the names met."""

    def __init__(self, key: bytes, secrets: Iterable[str] = (), aside: str = "") -> None:
        self._key, self._aside, self._hidden = key, aside, set()
        self.replaced: set[str] = set()
        self._mapped = cache(self._address)
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Replace `secrets` in texts, too, from here on: paths with what follows in them, other words as such."""
        self._hidden |= {form for secret in secrets if len(secret) > 2 for form in (secret, html.escape(secret))}
        known = sorted(map(re.escape, self._hidden), key=len, reverse=True)
        paths, words = ("|".join(each for each in known if ("/" in each) is wanted) for wanted in (True, False))
        parts = [rf"(?:{paths})[\w./@+=-]*"] * bool(paths) + [rf"(?<![a-z0-9])(?:{words})(?![a-z0-9])"] * bool(words)
        self._pattern = re.compile("|".join(parts) or "(?!)", re.IGNORECASE)

    def name(self, text: str) -> str:
        """Return what stands for the name `text`; ids, and what the report itself adds to a name, stay."""
        kind, name, end = re.fullmatch(
            r"(NAT gateway )?(.*?)((?: …\w{4})?(?: \([\d.a-f:/]+\))?)", text, re.DOTALL
        ).groups("")
        if name in _NO_NAMES or _ID.fullmatch(name):
            return text
        self.replaced.add(name)
        return kind + self._word(name) + end

    def text(self, text: str) -> str:
        """Return `text` redacted."""
        text = text.replace(self._aside, "redacted") if self._aside else text
        for pattern in (self._pattern, _PLACE):
            text = pattern.sub(lambda found: self._word(found[0]), text)
        text = _ADDRESS.sub(lambda found: self._mapped(found[0]), text)
        return _ACCOUNT.sub(lambda found: f"{self._number('account', found[0]) % 10**12:012}", text)

    def value(self, value: object) -> object:
        """Return a JSON value with every text in it redacted; a finding in it gets the id of its redacted subject."""
        if not isinstance(value, dict):
            value = self.text(value) if isinstance(value, str) and value not in _FIXED else value
            return [self.value(each) for each in value] if isinstance(value, list) else value
        redacted = {key: self.value(each) for key, each in value.items()}
        if {"id", "kind", "subject"} <= redacted.keys():
            redacted["id"] = finding_id(redacted["kind"], redacted["subject"]) + value["id"][12:]
            redacted["incident"] = value["incident"] and f"{self._number('incident', value['incident']):016x}"[:12]
        return redacted

    def file(self, place: str) -> str:
        """Return the name of a file: AWS's own pattern stays, with another account; of others the ending alone."""
        name = place.rsplit("/", 1)[-1]
        ending = "".join(re.findall(r"\.(?:gz|log|txt|csv|json|parquet|zst)(?=\.|$)", name))
        return self.text(name) if aws_name(place) else self._word(place) + ending

    def snapshot(self, folder: Path, target: Path) -> Path:
        """Write the snapshot in `folder` into the new folder `target`, with other names; returns `target`."""
        target.mkdir()
        for path in folder.expanduser().iterdir():
            if _SNAPSHOT.fullmatch(path.name):
                content = self._member("", json.loads(path.read_text("utf-8-sig")))
                (target / path.name).write_text(json.dumps(content), "utf-8")
        return target

    def _member(self, key: str, value: object) -> object:
        if isinstance(value, dict):
            is_name = value.get("Key") == "Name"  # Of tags, flowkit reads no other.
            return {own: "Name" if own == "Key" and is_name else self._member(own, each) for own, each in value.items()}
        if isinstance(value, list):
            return [self._member(key, each) for each in value]
        if not isinstance(value, str) or (_KEPT.fullmatch(key) and re.fullmatch(r"[\w:./-]*", value)):
            return value
        if key == "Description":
            if UNHELPFUL.match(value):
                return ""
            if gateway := NAT_GATEWAY.search(value):
                return f"Interface for NAT Gateway {gateway[1]}"
            if balancer := LOAD_BALANCER.match(value):
                return f"ELB app/{self.name(balancer[1])}/0"
        return self.name(value)

    def expectations(self, path: Path, target: Path) -> Path:
        """Write the expectations in the CSV file `path` to `target`, with other names, line by line; returns `target`."""
        named: list[bool] = []
        with target.open("w", newline="", encoding="utf-8") as file:
            for line in path.read_text("utf-8-sig").splitlines():
                cells = [] if line.lstrip().startswith("#") else next(csv.reader([line.strip()]), [])
                cells = [cell.strip() for cell in cells]
                pairs = zip(named or [False] * len(cells), cells, strict=False)
                row = (self.name(cell) if name and not is_network(cell) else cell for name, cell in pairs)
                csv.writer(file).writerow(row)
                named = named or [column in ("name", "source", "destination") for column in cells]
        return target

    def networks(self, text: str) -> str:
        """Return `name=CIDR, name=CIDR` with other names."""
        parts = (part.partition("=") for part in text.split(","))
        return ",".join(f"{self.name(name.strip())}={cidr}" for name, _, cidr in parts)

    def executed(self, executed: Executed) -> Executed:
        """Return what was run, redacted: of errors their kind stays, of pictures made of pixels nothing."""
        notebook, failure = executed.notebook, executed.failure
        for cell in notebook.cells:
            cell.source = self.text(cell.source)
            for output in cell.get("outputs", ()):
                if output.output_type == "error":
                    output |= {"evalue": "", "traceback": [f"{output.ename} ({LEFT_OUT})"]}
                elif "text" in output:
                    output.text = self.text(output.text)
                self._data(output.get("data", {}))
        notebook.metadata = NotebookNode(self.value(notebook.metadata))
        if failure:
            failure = failure | {"message": f"{failure['kind']} (what it says is {LEFT_OUT})"}
        return replace(executed, failure=failure)

    def _data(self, data: dict) -> None:
        for kind in [kind for kind in data if kind.startswith("image/") and kind != "image/svg+xml"]:
            del data[kind]
            if "image/svg+xml" not in data:
                data["text/plain"] = f"(a picture, {LEFT_OUT})"
        for kind, value in data.items():
            if kind in ("text/html", "image/svg+xml"):
                # Other libraries' scripts may hold a table's rows.
                parts = (self.text(_UNREADABLE.sub("", part)) for part in value.split(_TABLE_SCRIPT))
                data[kind] = _TABLE_SCRIPT.join(parts)
            else:
                data[kind] = self.value(value)
        if MIME in data:
            data |= Shown(data[MIME], 30)._repr_mimebundle_()

    def _word(self, word: str) -> str:
        number = self._number("name", html.unescape(word).lower())
        return "n-" + "".join("0123456789abcdefghjkmnpqrstvwxyz"[number >> 5 * at & 31] for at in range(6))

    def _number(self, purpose: str, text: str) -> int:
        data = f"{purpose} {text}".encode("utf-8", "surrogateescape")
        return int.from_bytes(hmac.digest(self._key, data, hashlib.sha256)[:8])

    def _address(self, text: str) -> str:
        plain, slash, length = text.partition("/")
        try:
            plain = plain if ":" in plain else ".".join(str(int(part)) for part in plain.split("."))
            address = ipaddress.ip_address(plain)
            moved = type(address)(self._shuffled(address))
            if moved == address:
                return text
            if slash and ipaddress.ip_interface(f"{plain}/{length}").ip == ipaddress.ip_network(text, strict=False)[0]:
                return str(ipaddress.ip_network(f"{moved}/{length}", strict=False))
        except ValueError:
            return text
        return f"{moved}{slash}{length}"

    def _shuffled(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
        """Each bit turned round or not as the key and the bits before it say; never where that could end in private."""
        version = address.version
        if version == 6 and any(address in block for block in EMBEDDING):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
            return int(address) - int(inner) + self._shuffled(inner)
        if any(address in block for block in NOT_PUBLIC[version]):
            return int(address)
        bits, moved = f"{int(address):0{address.max_prefixlen}b}", 0
        for length, bit in enumerate(bits):
            turned = _all_public(version, bits[:length]) and self._number(f"address {version}", bits[:length]) & 1
            moved = moved << 1 | int(bit) ^ turned
        return moved


@cache
def _all_public(version: int, prefix: str) -> bool:
    network = {4: ipaddress.IPv4Network, 6: ipaddress.IPv6Network}[version]
    branch = network((int(prefix.ljust(32 if version == 4 else 128, "0"), 2), len(prefix)))
    return not any(branch.overlaps(block) for block in NOT_PUBLIC[version])


@cache
def own_words() -> frozenset[str]:
    """Return the words of flowkit's sentences, pages and commands. They stand in every report: hidden, they would destroy
    its causes, titles and commands, and would give nothing away where they stay."""
    english = catalogue(LANGUAGES[1]).keys() | {*TEXTS, *TEXTS.values()}  # its keys are the English of pages
    pages = (path.read_text("utf-8") for path in TEMPLATES.glob("*.j2"))
    texts = " ".join([*english, *pages, *VERBS, *GROUP, *ENTRY, *FIELDS, *SERVICE_PORTS.values()]).lower()
    whole = {*re.findall(r"[a-z][\w-]+", texts)}
    return frozenset(_NO_SECRETS | whole | {part for word in whole for part in re.split(r"[\W_]+", word)})


def telling(words: Iterable[str], least: int = 4) -> set[str]:
    """Return those of `words` that tell something: of `least` letters or more, neither a number nor one of `own_words`."""
    return {word for word in words if len(word) >= least and not word.isdigit() and word.lower() not in own_words()}


def secrets_of(*places: str | None) -> set[str]:
    """Return what the places of inputs give away: paths, and the words that they are made of; the user's name, too."""
    given = [place for place in places if place and place != "sample"]
    around = {str(Path.home()), str(Path.cwd()), *(str(Path(place).expanduser().absolute()) for place in given)}
    parts = {part for place in given for part in re.split(r"[/#:]+", place)} | {Path.home().name}
    words = parts | {word for part in parts for word in re.split(r"[\W_]+", part)}
    return telling(words) | (around | {*given}) - {"/"}


def own_key() -> bytes:
    """Return the user's redaction key, made on first use; raises ReportError where it is too short to hide anything."""
    path = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "flowkit" / "redaction.key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        make = partial(open, path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))
        with suppress(FileExistsError), make() as held:
            held.write(secrets.token_bytes(32))
    except OSError:
        return secrets.token_bytes(32)
    key = path.read_bytes()
    if len(key) < 16:
        raise ReportError("the redaction key is too short to hide anything: remove flowkit/redaction.key")
    return key
