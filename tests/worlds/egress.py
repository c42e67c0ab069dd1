"""Four days of a shop with what leaves it for the internet, and how much of that flowkit tells rightly.

cd tests && python -m worlds.egress --seeds 721-740 [--publish ../docs/calibration.md]
"""

import argparse
import re
import tempfile
from collections import Counter
from pathlib import Path

import flowkit as fk
from worlds.rules import ANY4
from worlds.scene import Scene
from worlds.world import World

DAYS, DAY, GB = 4, 86400, 10**9
#: What is planted, and the kinds and severities that tell it rightly.
PLANTED = {
    "exfiltration": ("new-destination", ("high",)),
    "burst": ("unusual-egress", ("medium", "high")),
    "beacon": ("new-destination", ("low", "medium")),
    "partner": ("new-destination", ("info", "low")),
}
HEADING = "## New destinations and unusual egress"


def outbound(seed) -> Scene:
    """Servers behind a NAT gateway: an exfiltration, a burst to a known address, a beacon, a new partner, all on the last
    days; and what is innocent: a backup every night, updates from changing addresses, a monitoring service, time."""
    s = Scene("outbound", seed, hours=24 * DAYS, window=60)
    s.start -= 6 * 3600
    s.end -= 6 * 3600
    vpc = s.vpc("shop", "10.0.0.0/16")
    edge = s.subnet(vpc, "edge", "10.0.0.0/24")
    inner = s.subnet(vpc, "inner", "10.0.1.0/24", nat=s.nat(edge))
    group = s.group(vpc, "web", ("tcp", 443, ANY4))
    web = s.host(edge, "web-1", group, public=s.stranger())
    app, job, db = (s.host(inner, name, s.group(vpc, name)) for name in ("app-1", "job-1", "db-1"))
    provider, mirror, store, watch = s.stranger(), s.draw("185.31.17.0/24", 40), s.stranger(), s.stranger()
    s.tcp(s.strangers(60), web, 443, _by_day(s, 260))
    s.tcp(app, provider, 443, _by_day(s, 160))
    for t in s.moments(120):
        s.tcp([app, job], s.rng.choice(mirror), 443, [t])
    for host in (app, job, db):
        s.tcp(host, watch, 443, s.moments(every=3600, jitter=0.02), "monitoring", dur=0, sent=3_000)
        s.udp(host, "162.159.200.1", 123, s.moments(every=2048))
    nights = [s.start + day * DAY + 7200 + s.rng.uniform(0, 300) for day in range(DAYS)]
    for t in nights:
        s.tcp(db, store, 443, [t], "backup", dur=2400, beat=20, sent=s.rng.randrange(120, 200) * GB // 1200)
    late = s.start + s.rng.uniform(2.2, 3.7) * DAY
    s.tcp(s.rng.choice([app, db]), s.stranger(), s.rng.choice([443, 22, 4444]), [late], "exfiltration", dur=1800, beat=10,
          sent=24 * GB // 181)  # fmt: skip
    s.tcp(app, provider, 443, [s.start + s.rng.uniform(2.2, 3.7) * DAY], "burst", dur=1500, beat=10, sent=6 * GB // 151)
    s.tcp(job, s.stranger(), s.rng.choice([443, 8443, 80]), s.moments(every=300, begin=s.rng.uniform(0.6, 0.75)), "beacon",
          dur=0, sent=900)  # fmt: skip
    s.tcp(job, s.stranger(), 443, s.moments(14, begin=0.7), "partner", sent=20_000)
    return s


def _by_day(s, count: int) -> list[float]:
    """Moments of the day more than of the night."""
    return [t for t in s.moments(count * DAYS) if s.rng.random() < (1.0 if 7 <= t % DAY / 3600 < 21 else 0.2)]


def judged(scene: Scene, findings) -> tuple[dict, list]:
    """Return by what is planted the severity that told it (None: missed), and the findings that tell of nothing planted."""
    result, told = {}, set()
    for name, (kind, severities) in PLANTED.items():
        session = next(one for one in scene.sessions if one.tag == name)
        host, address = session.client[1], session.server[1]
        mine = [f for f in findings if f.kind == kind and f.subject.get("srcaddr") == host
                and (f.subject.get("dstaddr") == address or any(address in line for line in f.grounds))]  # fmt: skip
        right = [f for f in mine if f.severity in severities]
        result[name] = right[0].severity if right else None
        told |= {f.id for f in mine}
    alarms = [f for f in findings if f.kind in ("new-destination", "unusual-egress") and f.id not in told]
    return result, alarms


def told_of(seed: int, version=5) -> tuple[dict, list]:
    """Return what flowkit tells of the world of a seed, as `judged` does."""
    world = World(outbound, seed)
    with tempfile.TemporaryDirectory() as folder:
        world.write(folder, version)
        return judged(world.scene, fk.talkers(fk.load(Path(folder) / "AWSLogs")).findings)


def section(results: dict, seeds: str) -> str:
    """Return the section of the page of calibration on worlds by seed."""
    days = DAYS / 2 * len(results)
    rows = []
    for name in PLANTED:
        said = Counter(found[name] for found, _ in results.values())
        words = ", ".join(f"{severity} {count}" for severity, count in said.items() if severity)
        rows.append(f"| {name} | {len(results)} | {len(results) - said[None]} | {words} |")
    alarms = Counter(f.severity for _, several in results.values() for f in several)
    lines = [f"{sum(alarms[s] for s in some)} {words} ({sum(alarms[s] for s in some) / days:.2f} a day)" for words, some in (
        ("high or medium", ("high", "medium")), ("low or info", ("low", "info")))]  # fmt: skip
    return "\n".join([
        HEADING, "",
        f"Written by `cd tests && python -m worlds.egress --seeds {seeds} --publish FILE`: a world of {DAYS} days and 5 interfaces"
        f" with NAT gateway, version 5, seeds {seeds}, which no rule was tuned on.",
        "Innocent in it are a backup at 02:00 every night, updates from changing addresses of one network, a monitoring"
        " service every hour, NTP, and customers.", "",
        "| planted | worlds | told rightly | severity |", "| --- | --- | --- | --- |", *rows, "",
        f"False alarms in the {days:g} days that are judged: {'; '.join(lines)}.", "",
    ])  # fmt: skip


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", default="701-703")
    parser.add_argument("--publish", type=Path, help="the page whose section is written anew")
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    results = {}
    for seed in range(int(first), int(last or first) + 1):
        results[seed] = told_of(seed)
        print(seed, results[seed][0], [f"{f.severity} {f.title}" for f in results[seed][1]], flush=True)
        # After each seed, so that a run that is ended early leaves what it found.
        text = section(results, f"{first}-{seed}")
        if given.publish:
            page = re.sub(rf"(?ms)^{HEADING}\n.*?(?=^## |\Z)", "", given.publish.read_text())
            given.publish.write_text(f"{page.rstrip()}\n\n{text}")
    print(text)


if __name__ == "__main__":
    main()
