"""Reports for outsiders: account ids, public addresses and names replaced, everywhere the same way.

Addresses keep their prefixes, as in Crypto-PAn (Xu, Fan, Ammar and Moon, "Prefix-preserving IP address
anonymization", 2002): two that share their first n bits still do, so a CIDR stays a CIDR and neighbours
stay neighbours. A public address stays public, and private ones are left as they are.
"""

import hashlib
import hmac
import html
import ipaddress
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from nbformat import NotebookNode

from flowkit.reporting.answer import MIME, Shown
from flowkit.reporting.finding import finding_id

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: What no outsider could tell anything by: private, shared, local, multicast and reserved (RFC 6890). The
#: documentation ranges are not here: logs that show them are made up, and are to be redacted like others.
NOT_PUBLIC = {
    4: [
        ipaddress.IPv4Network(block)
        for block in (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "224.0.0.0/3",
        )
    ],
    6: [ipaddress.IPv6Network(block) for block in ("::/3", "4000::/2", "8000::/1")],
}
_ADDRESS = re.compile(
    r"(?:(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)"
    r"|(?<![\w.:])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:]|\.\d))(?:/\d{1,3})?(?!\d)"
)
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?=_vpcflowlogs_|/vpcflowlogs/)|(?<=AWSLogs/)\d{12}|(?<=:)\d{12}(?=:)")
_SAMPLE = re.compile(r"(?<=^\d )\d{12}(?= )|(?<=\n\d )\d{12}(?= )")
#: Names that tell nothing, and that stand in too many places to be replaced.
_COMMON = {"default", "sample"}
_TABLE_SCRIPT = f"<script>{(files('flowkit.reporting') / 'template' / 'table.js').read_text()}</script>"
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"


class Redactor:
    """Replaces in texts, findings and notebooks what `accounts`, `names` and the addresses in them give away.

    One `key` gives one mapping: reports under the same key can be compared, and their findings keep their ids.
    """

    def __init__(self, key: bytes, accounts: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        self._key = key
        self._accounts = set(accounts)
        told = {name for name in names if len(name) > 1 and name not in _COMMON and not name.isdigit()}
        words = "|".join(re.escape(word) for word in sorted(told | self._accounts, key=len, reverse=True))
        self._words = re.compile(rf"(?<![\w-])(?:{words})(?![\w-])") if words else None
        self._mapped = cache(self._address)

    def text(self, text: str) -> str:
        """`text` redacted."""
        text = _ADDRESS.sub(lambda found: self._mapped(found[0]), text)
        text = _ACCOUNT.sub(self._word, text)
        text = _SAMPLE.sub(self._word, text)
        return self._words.sub(self._word, text) if self._words else text

    def value(self, value: object) -> object:
        """A JSON value with every text in it redacted; a finding in it gets the id of its redacted subject."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(each) for each in value]
        if not isinstance(value, dict):
            return value
        told = {key: self.value(each) for key, each in value.items()}
        if {"id", "kind", "subject"} <= told.keys():
            told["id"] = finding_id(told["kind"], told["subject"]) + value["id"][12:]
            told["incident"] = told["incident"] and f"{self._number('incident', told['incident']):016x}"[:12]
        return told

    def markup(self, markup: str) -> str:
        """HTML redacted in its words, in what is read aloud, and without the scripts of other libraries."""
        parts = re.split(r"(<script\b.*?</script>|<style\b.*?</style>|<[^>]*>)", markup, flags=re.DOTALL)
        return "".join(self._part(part) for part in parts)

    def notebook(self, notebook: NotebookNode) -> NotebookNode:
        """An executed notebook redacted; a picture made of pixels is left out, for words in it cannot be read."""
        for cell in notebook.cells:
            cell.source = self.text(cell.source)
            for output in cell.get("outputs", ()):
                self._output(output)
        notebook.metadata = NotebookNode(self.value(notebook.metadata))
        return notebook

    def _output(self, output: NotebookNode) -> None:
        for name in ("text", "evalue", "traceback"):
            if name in output:
                output[name] = self.value(output[name])
        data = output.get("data", {})
        for kind in [kind for kind in data if kind.startswith("image/") and kind != "image/svg+xml"]:
            del data[kind]
            if "image/svg+xml" not in data:
                data["text/plain"] = "(a picture, left out: redaction cannot read it)"
        for kind in ("text/html", "image/svg+xml"):
            if kind in data:
                data[kind] = self.markup(data[kind])
        for kind in data.keys() - {"text/html", "image/svg+xml"}:
            data[kind] = self.value(data[kind])
        if MIME in data:
            data |= Shown(data[MIME], 30)._repr_mimebundle_()

    def _part(self, part: str) -> str:
        if part.startswith("<script"):
            return part if part == _TABLE_SCRIPT else ""  # Another library's may hold a table's rows.
        if part.startswith("<style"):
            return part
        if part.startswith("<"):
            part = re.sub(r'(?<=viewBox=")0 0 ([\d.]+)', _widened, part)
            label = r"""(?<=aria-label=)("[^"]*"|'[^']*')"""
            return re.sub(label, lambda m: m[0][0] + self._escaped(m[0][1:-1]) + m[0][-1], part)
        return self._escaped(part)

    def _escaped(self, text: str) -> str:
        return html.escape(self.text(html.unescape(text))) if text.strip() else text

    def _word(self, found: re.Match) -> str:
        word = found[0]
        if re.fullmatch(r"\d{12}", word):
            return f"{self._number('account', word) % 10**12:012}"
        number = self._number("name", word)
        return "n-" + "".join(_LETTERS[number >> 5 * at & 31] for at in range(6))

    def _number(self, purpose: str, text: str) -> int:
        return int.from_bytes(hmac.digest(self._key, f"{purpose} {text}".encode(), hashlib.sha256)[:8])

    def _address(self, text: str) -> str:
        plain, slash, length = text.partition("/")
        try:
            address = ipaddress.ip_address(plain)
            if any(address in block for block in NOT_PUBLIC[address.version]):
                return text
            moved = type(address)(self._shuffled(address))
            if slash and ipaddress.ip_interface(text).ip == ipaddress.ip_network(text, strict=False)[0]:
                return str(ipaddress.ip_network(f"{moved}/{length}", strict=False))
        except ValueError:
            return text
        return f"{moved}{slash}{length}"

    def _shuffled(self, address: Address) -> int:
        bits = f"{int(address):0{address.max_prefixlen}b}"
        return int("".join(self._bit(address.version, bits[:n], bit) for n, bit in enumerate(bits)), 2)

    def _bit(self, version: int, prefix: str, bit: str) -> str:
        """`bit`, turned round or not as the key and the bits before it say; never where that could end in private."""
        if not _all_public(version, prefix):
            return bit
        return str(int(bit) ^ self._number(f"address {version}", prefix) & 1)


def _widened(found: re.Match) -> str:
    """A figure's width with room for labels that redaction made longer."""
    return f"-48 0 {float(found[1]) + 48:g}"


@cache
def _all_public(version: int, prefix: str) -> bool:
    network = {4: ipaddress.IPv4Network, 6: ipaddress.IPv6Network}[version]
    width = {4: 32, 6: 128}[version]
    branch = network((int(prefix.ljust(width, "0"), 2), len(prefix)))
    return not any(branch.overlaps(block) for block in NOT_PUBLIC[version])


def own_key() -> bytes:
    """The user's redaction key, made on first use, kept beside their other settings and never in a report."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "flowkit"
    path = home / "redaction.key"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as held:
            held.write(secrets.token_bytes(32))
    except FileExistsError:
        pass
    except OSError:
        return secrets.token_bytes(32)
    return path.read_bytes()


def names_in(folder: str | Path | None) -> frozenset[str]:
    """The names that people gave: Name tags, group names and descriptions in the JSON files of a snapshot."""
    files = sorted(Path(folder).expanduser().glob("*.json")) if folder else []
    return frozenset(name for path in files for name in _names(json.loads(path.read_text("utf-8-sig"))))


def _names(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _names(each)
    elif isinstance(value, dict):
        if value.get("Key") == "Name" and isinstance(value.get("Value"), str):
            yield value["Value"]
        for key, each in value.items():
            if key in ("GroupName", "Description", "PrefixListName") and isinstance(each, str):
                yield each
            else:
                yield from _names(each)
