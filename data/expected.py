"""The shop's expectations.csv, and how each line has to be judged."""

from shop import ANY4, Shop
from traffic import TCP

KINDS = {
    "met": "expectation-met",
    "broken": "expectation-broken",
    "unproven": "expectation-unproven",
    "newly-reachable": "newly-reachable",
}
#: Incident -> the expectation that it decides: name, expect, judgement.
DECIDED = {
    "missing-rule": ("worker to cache", "reach", "broken"),
    "acl-outbound": ("branch customers to the shop", "reach", "broken"),
    "silent-service": ("metrics of the web server", "reach", "broken"),
    "exposed-admin": ("no admin port from the internet", "block", "newly-reachable"),
}


def expectations(shop: Shop, truths: dict) -> tuple:
    """Lines of expectations.csv, and id -> line of truth.json that says how each has to be judged."""
    of, places = shop.interfaces, shop.places
    front, bastion, database = of[shop.fronts[0]].address, of["bastion"].address, of["db-1"]
    told = [
        _line("shop open to the internet", ANY4, front, 443, "reach", "met"),
        _line("office to bastion", places["office"], bastion, 22, "reach", "met"),
        _line("app to database", shop.tier_cidr("app"), database.id, 5432, "reach", "met"),
        _line("database to backup host", database.address, bastion, 9102, "reach", "unproven"),
    ]
    if "scanner" in truths:
        told.append(_line("no database port from the internet", ANY4, bastion, 5432, "block", "met"))
    for incident, (name, expect, judged) in DECIDED.items():
        if incident in truths:
            t = truths[incident]
            line, truth = _line(name, t["srcaddr"], t["dstaddr"], t["dstport"], expect, judged)
            cause = t["cause"] if judged == "broken" else None
            told.append((line, truth | {"cause": cause, "because_of": incident}))
    return [line for line, _ in told], {"expect-" + line["name"].replace(" ", "-"): t for line, t in told}


def _line(name, source, destination, port, expect, judged) -> tuple:
    line = {"name": name, "source": source, "destination": destination}
    line |= {"protocol": "tcp", "port": str(port), "expect": expect}
    truth = {"kind": KINDS[judged], "notebook": "reachability", "finding": judged != "met"}
    truth |= {"interface_id": None, "srcaddr": source, "dstaddr": destination, "protocol": TCP, "dstport": port}
    truth |= {"cause": None, "rule": None, "note": f"the expectation '{name}' has to be judged {judged}"}
    return line, truth | {"expectation": name, "judgement": judged, "because_of": None}
