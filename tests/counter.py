"""A counter of its own for flow log lines in AWS's default format, by AWS's rules alone; nothing of flowkit is used."""

import ipaddress

FIELDS = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
).split()
LIMITS = {
    "version": 2**31 - 1, "srcport": 65535, "dstport": 65535, "protocol": 255, "packets": 2**63 - 1,
    "bytes": 2**63 - 1, "start": 2**63 - 1, "end": 2**63 - 1,
}  # fmt: skip

WORDS = {"action": ("ACCEPT", "REJECT"), "log-status": ("OK", "NODATA", "SKIPDATA")}


def address(token: str) -> str | None:
    """The address in one spelling, None where it is none."""
    try:
        found = ipaddress.ip_address(token)
    except ValueError:
        return None
    return None if "%" in token else str(found)


def seconds(number: int) -> int:
    """A time of whatever unit in seconds."""
    for unit, least in ((10**9, 10**17), (10**6, 10**14), (10**3, 10**11)):
        if number >= least:
            return number // unit
    return number


def record(tokens: list[str]) -> dict | None:
    """The values of a record by field (None: `-`), None where the tokens are no record."""
    if len(tokens) != len(FIELDS):
        return None
    row = dict(zip(FIELDS, tokens, strict=True))
    for name, token in row.items():
        if token == "-" and name != "log-status":
            row[name] = None
        elif name in ("srcaddr", "dstaddr"):
            row[name] = address(token)
            if row[name] is None:
                return None
        elif name in LIMITS:
            if not (token.isascii() and token.isdigit()) or int(token) > LIMITS[name]:
                return None
            row[name] = seconds(int(token)) if name in ("start", "end") else int(token)
        elif name in WORDS:
            if token not in WORDS[name]:
                return None
        elif name == "account-id":
            if not (token.isascii() and (token.isdigit() and len(token) <= 12 or token[0] not in "-0123456789")):
                return None
            row[name] = token.zfill(12) if token.isdigit() else token
    return row


def counted(text: str) -> tuple[dict, list[dict]]:
    """Counts of all lines of a text, and its records."""
    count = dict.fromkeys(
        ("lines", "headers", "blank", "ok", "nodata", "skipdata", "malformed", "ok_bytes", "ok_packets"), 0
    )
    rows = []
    lines = text.removeprefix("\ufeff").split("\n")
    for line in lines if lines[-1] else lines[:-1]:
        count["lines"] += 1
        line = line.removesuffix("\r")
        tokens = line.replace("\t", " ").replace('"', "").split(" ")
        tokens = [token for token in tokens if token]
        if not line.strip(" \t\r,;"):
            count["blank"] += 1
        elif not line.replace("\t", " ").isprintable() or "\ufffd" in line:
            count["malformed"] += 1
        elif [token.replace("_", "-") for token in tokens] == FIELDS:
            count["headers"] += 1
        elif row := record(tokens):
            rows.append(row)
            count[row["log-status"].lower()] += 1
            if row["log-status"] == "OK":
                count["ok_bytes"] += row["bytes"] or 0
                count["ok_packets"] += row["packets"] or 0
        else:
            count["malformed"] += 1
    return count, rows
