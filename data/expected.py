"""The shop's expectations.csv, and how each line has to be judged."""

from shop import ANY4, Shop


def expectations(shop: Shop, truths: dict) -> tuple:
    """Lines of expectations.csv and, beside each, its line of truth.json."""
    of, places = shop.interfaces, shop.places
    app = of["app-1"]
    lines = [
        ("shop open to the internet", ANY4, of["lb-a"].address, "tcp", 443, "reach", "met", None),
        ("office to bastion", places["office"], of["bastion"].address, "tcp", 22, "reach", "met", None),
        ("app to database", app.address, of["db-1"].address, "tcp", 5432, "reach", "met", None),
        (
            "database to backup host",
            of["db-1"].address,
            of["bastion"].address,
            "tcp",
            9102,
            "reach",
            "unproven",
            None,
        ),
        (
            "no database from the internet",
            ANY4,
            of["bastion"].address,
            "tcp",
            5432,
            "block",
            "met",
            "scanner",
        ),
    ]
    for incident, name, expect, judged in (
        ("missing-rule", "worker to cache", "reach", "broken"),
        ("acl-outbound", "branch customers to the shop", "reach", "broken"),
        ("silent-service", "metrics of the web server", "reach", "broken"),
        ("exposed-admin", "no admin port from the internet", "block", "newly-reachable"),
    ):
        if incident in truths:
            t = truths[incident]
            line = (name, t["srcaddr"], t["dstaddr"], "tcp", t["dstport"], expect, judged, incident)
            lines.append(line)
    made, said = [], {}
    for name, source, destination, protocol, port, expect, judged, incident in lines:
        if incident is not None and incident not in truths:
            continue
        line = {"name": name, "source": source, "destination": destination}
        made.append(line | {"protocol": protocol, "port": str(port), "expect": expect})
        said["expect-" + name.replace(" ", "-")] = _judgement(
            name, source, destination, port, judged, incident, truths
        )
    return made, said


def _judgement(name, source, destination, port, judged, incident, truths) -> dict:
    kind = {
        "met": "expectation-met",
        "broken": "expectation-broken",
        "unproven": "expectation-unproven",
        "newly-reachable": "newly-reachable",
    }[judged]
    truth = {"kind": kind, "notebook": "reachability", "finding": judged != "met", "interface_id": None}
    truth |= {"srcaddr": source, "dstaddr": destination, "protocol": 6, "dstport": port}
    truth |= {"cause": truths[incident]["cause"] if incident and judged == "broken" else None}
    note = f"expectation '{name}' has to be judged {judged}"
    return truth | {"note": note, "expectation": name, "judgement": judged, "because_of": incident}
