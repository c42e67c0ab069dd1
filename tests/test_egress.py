"""New destinations, unusual volumes and beacons: what is told, with which numbers, and what is not."""

import json
import random
import re

import pytest
from support import write_log
from test_network import group, interface, write_snapshot
from worlds.egress import DAYS, PLANTED, told_of

from flowkit import cli, load
from flowkit.loading.sample import NOTEBOOKS, SAMPLE
from flowkit.reporting.talkers import talkers

V5 = (
    "version interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status tcp-flags"
    " flow-direction"
)
DAY, HOUR, GB = 86400, 3600, 10**9
T0 = 1_700_000_000 // DAY * DAY
ME, KNOWN, NEW = "10.0.0.5", "198.51.100.7", "203.0.113.9"


def sent(to, size, at, lasts=20, port=443, me=ME, eni="eni-a", got=2_000, status="OK"):
    """A session of `me` that sends `size` bytes from the second `at` on, as records of a minute."""
    client, rows = 32768 + at % 28000, []
    for way in range(max(1, lasts // 60)):
        begin, end, flags = T0 + at + 60 * way, T0 + at + min(60 * way + 59, max(lasts, 1)), 3 if way == 0 else 0
        part = size // max(1, lasts // 60)
        rows += [f"5 {eni} {me} {to} {client} {port} 6 9 {part} {begin} {end} ACCEPT {status} {flags} egress",
                 f"5 {eni} {to} {me} {port} {client} 6 9 {got} {begin} {end} ACCEPT {status} {flags and 19} ingress"]  # fmt: skip
    return rows


def usual(days, me=ME, eni="eni-a"):
    """Small sessions with a known address, at random."""
    rng = random.Random(7)
    return [
        row
        for at in [0, *sorted(rng.sample(range(days * DAY), days * 40)), days * DAY - 60]
        for row in sent(KNOWN, 20_000, at, me=me, eni=eni)
    ]


def silence(days):
    """A NODATA record a minute, which tell the aggregation interval of the log."""
    return [f"5 eni-a - - - - - - - {at} {at + 59} - NODATA - -" for at in range(T0, T0 + days * DAY, 60)]


def answer(tmp_path, rows, **more):
    return talkers(load(str(write_log(tmp_path / "flow.log", rows, V5.split()))), **more)


def told(made):
    return [(f.kind, f.severity) for f in made.findings if f.kind in ("new-destination", "unusual-egress")]


def numbers_of(title):
    plain = re.sub(r"\d+\.\d+\.\d+\.\d+|tcp/\d+|\d{4}-\d\d-\d\d|\d\d:\d\d", "", title)
    return {float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\.?\d*", plain)}


def test_24_gb_in_half_an_hour_to_an_address_never_seen_is_a_high_finding_with_all_its_numbers(tmp_path):
    made = answer(tmp_path, [*usual(3), *sent(NEW, 24 * GB, 2 * DAY + 5 * HOUR, 1800)])
    [one] = made.findings
    assert (one.kind, one.severity, one.confidence) == ("new-destination", "high", "medium"), (
        "a log without NODATA covers little"
    )
    assert one.title.startswith(
        f"{ME} sent 24.0 GB in 30 min to {NEW} tcp/443 https, an address that it had not contacted in 2 d 5 h"
    )
    assert numbers_of(one.title) <= set(one.counts.values())
    assert one.subject == {"interface_id": "eni-a", "srcaddr": ME, "dstaddr": NEW, "protocol": 6, "dstport": 443}
    assert one.bytes == 24 * GB and one.records == 60
    assert "1 new destination" in made.summary[-2]
    assert made.destinations[["host", "destination", "sent_bytes"]].to_numpy().tolist() == [[ME, NEW, 24 * GB]]


def test_within_a_first_day_it_is_told_with_less_confidence(tmp_path):
    made = answer(tmp_path, [*usual(1), *sent(NEW, 24 * GB, 15 * HOUR, 1800)])
    assert [(f.kind, f.severity, f.confidence) for f in made.findings] == [("new-destination", "high", "low")]
    assert made.summary[-2].startswith(
        "Too little history to tell new destinations and unusual egress: 12 h of history before"
    )


def test_a_backup_of_every_night_is_none_and_the_same_volume_at_once_is_one(tmp_path):
    nights = [row for day in range(4) for row in sent(KNOWN, 20 * GB, day * DAY + 2 * HOUR, 1800)]
    assert told(answer(tmp_path / "nights", [*usual(4), *nights])) == []
    made = answer(tmp_path / "once", [*usual(4), *sent(KNOWN, 20 * GB, 3 * DAY, 1800)])
    assert told(made) == [("unusual-egress", "high")]
    assert numbers_of(made.findings[0].title) <= set(made.findings[0].counts.values())


def test_a_backup_to_an_address_of_its_own_is_routine_from_its_first_night(tmp_path):
    nights = [row for day in range(4) for row in sent(NEW, 20 * GB, day * DAY + 2 * HOUR, 1800)]
    assert told(answer(tmp_path, [*usual(4), *nights])) == []


def test_many_small_new_destinations_of_a_host_are_one_low_finding(tmp_path):
    news = [row for n in range(120) for row in sent(f"203.0.{n}.9", 4_000, 3 * DAY + 60 * n)]
    made = answer(tmp_path, [*usual(4), *news])
    assert told(made) == [("new-destination", "low")]
    assert f"{ME} contacted 120 new destinations, not seen there in 3 d" in made.findings[0].title
    assert numbers_of(made.findings[0].title) <= set(made.findings[0].counts.values())


def test_one_new_destination_of_many_hosts_is_one_finding(tmp_path):
    rows = [row for n in range(9) for row in [*usual(4, f"10.0.0.{n + 20}", f"eni-{n}"),
            *sent(NEW, 4_000, 3 * DAY + n, me=f"10.0.0.{n + 20}", eni=f"eni-{n}")]]  # fmt: skip
    made = answer(tmp_path, rows)
    assert told(made) == [("new-destination", "low")]
    assert made.findings[0].title.startswith(f"9 hosts contacted {NEW} tcp/443 https")


def test_regular_small_sessions_are_a_beacon_and_those_at_random_are_not(tmp_path):
    regular = [row for n in range(200) for row in sent(NEW, 900, 3 * DAY + 300 * n + n % 20)]
    made = answer(tmp_path / "regular", [*usual(4), *silence(4), *regular])
    assert told(made) == [("new-destination", "medium")]
    assert f"begins a session every 5 min with {NEW}" in made.findings[0].title
    rng = random.Random(5)
    chance = [row for at in sorted(rng.sample(range(3 * DAY, 4 * DAY), 200)) for row in sent(NEW, 900, at)]
    assert told(answer(tmp_path / "chance", [*usual(4), *silence(4), *chance])) == [("new-destination", "low")]


@pytest.mark.parametrize(("every", "port"), [(60, 443), (120, 443), (300, 123), (300, 53)])
def test_the_cadence_of_the_log_and_of_ntp_and_dns_is_no_beacon(tmp_path, every, port):
    rows = [row for n in range(200) for row in sent(NEW, 900, 3 * DAY + every * n, port=port)]
    assert "medium" not in [severity for _, severity in told(answer(tmp_path, [*usual(4), *silence(4), *rows]))]


def test_customers_who_come_for_the_first_time_are_no_new_destinations(tmp_path):
    visits = [
        f"5 eni-a 80.1.{n}.9 {ME} 40000 443 6 4 900 {T0 + 1000 * n} {T0 + 1000 * n + 9} ACCEPT OK 3 ingress"
        for n in range(250)
    ]
    replies = [
        f"5 eni-a {ME} 80.1.{n}.9 443 40000 6 9 90000 {T0 + 1000 * n} {T0 + 1000 * n + 9} ACCEPT OK 19 egress"
        for n in range(250)
    ]
    made = answer(tmp_path, [*usual(3), *visits, *replies])
    assert told(made) == [] and made.destinations.empty


def test_compare_at_divides_a_short_log(tmp_path):
    rows = [*usual(1), *sent(NEW, 4_000, 20 * HOUR)]
    assert told(answer(tmp_path, rows)) == []
    assert told(answer(tmp_path, rows, compare_at="2023-11-14T18:00Z")) == [("new-destination", "low")]


def test_the_sample_has_no_alarm_and_says_that_a_day_is_too_short():
    made = talkers(load("sample"))
    assert told(made) == [] and SAMPLE.exists()
    assert made.summary[-2].startswith(
        "Too little history to tell new destinations and unusual egress: 12 h of history before 2026-11-20 11:59"
    )


def test_what_is_planted_is_told_and_nothing_else_is_loud():
    found, alarms = told_of(701)
    assert set(found) == set(PLANTED) and None not in found.values() and DAYS == 4
    assert [f.title for f in alarms if f.severity in ("high", "medium")] == []


def test_a_host_that_only_its_nat_gateway_logged_has_its_new_destination(tmp_path):
    nat, rows = "10.0.9.9", []
    fields = f"{V5} pkt-srcaddr pkt-dstaddr".split()
    for to, size, at in [*((KNOWN, 20_000, HOUR * n) for n in range(72)), (NEW, 24 * GB, 53 * HOUR)]:
        begin, end, port = T0 + at, T0 + at + 50, 40000 + at // HOUR
        tail = f"{begin} {end} ACCEPT OK"
        rows += [
            f"5 eni-nat {ME} {nat} {port} 443 6 9 {size} {tail} 3 ingress {ME} {to}",
            f"5 eni-nat {nat} {to} {port} 443 6 9 {size} {tail} 3 egress {nat} {to}",
            f"5 eni-nat {to} {nat} 443 {port} 6 9 2000 {tail} 19 ingress {to} {nat}",
            f"5 eni-nat {nat} {ME} 443 {port} 6 9 2000 {tail} 19 egress {to} {ME}",
        ]
    made = talkers(load(str(write_log(tmp_path / "flow.log", rows, fields))))
    assert told(made) == [("new-destination", "high"), ("unusual-egress", "info")], "and every hour a session"
    assert made.destinations[["host", "destination", "sent_bytes"]].to_numpy().tolist() == [[ME, NEW, 24 * GB]]


def test_a_log_of_version_2_without_flags_tells_it_too(tmp_path):
    rows = [" ".join(["2", *row.split()[1:-2]]) for row in [*usual(3), *sent(NEW, 24 * GB, 2 * DAY + 5 * HOUR, 1800)]]
    made = talkers(load(str(write_log(tmp_path / "flow.log", rows, V5.split()[:-2]))))
    assert told(made) == [("new-destination", "high")]
    assert made.findings[-1].bytes == 24 * GB


def test_ipv6_is_told_with_its_network_of_48_bits(tmp_path):
    me, known, new = "2600:1f18:1:2::5", "2a00:1450:4001::7", "2a02:26f0:9400::9"
    before = [row.replace(KNOWN, known) for row in usual(3, me=me)]
    made = answer(tmp_path / "new", [*before, *sent(new, 24 * GB, 2 * DAY + 5 * HOUR, 1800, me=me)])
    assert told(made) == [("new-destination", "high")]
    assert made.findings[0].subject["dstaddr"] == new
    near = answer(tmp_path / "near", [*before, *sent("2a00:1450:4001:8::9", 4_000, 2 * DAY + 5 * HOUR, me=me)])
    assert told(near) == []


def test_changing_addresses_of_an_aws_service_are_one_destination_and_not_new(tmp_path):
    fields = f"{V5} pkt-srcaddr pkt-dstaddr pkt-src-aws-service pkt-dst-aws-service".split()

    def with_service(row, service):
        src, dst, way = *row.split()[2:4], row.split()[-1]
        return f"{row} {src} {dst} {f'- {service}' if way == 'egress' else f'{service} -'}"

    def told_with(service, name):
        rows = [with_service(row, "-") for row in usual(4)]
        rows += [
            with_service(row, service) for n in range(60) for row in sent(f"52.218.{n}.9", 4_000, 3 * DAY + 60 * n)
        ]
        return told(talkers(load(str(write_log(tmp_path / name / "flow.log", rows, fields)))))

    assert told_with("S3", "s3") == []
    assert told_with("EC2", "ec2") == [("new-destination", "low")], "anybody may have an instance"


def test_skipdata_before_weakens_never_seen_and_the_grounds_say_so(tmp_path):
    begins = range(T0, T0 + 3 * DAY, 60)
    said = {}
    for status in ("NODATA", "SKIPDATA"):
        fill = [f"5 eni-a - - - - - - - {at} {at + 59} - {status if at < T0 + DAY else 'NODATA'} - -" for at in begins]
        made = answer(tmp_path / status, [*usual(3), *fill, *sent(NEW, 24 * GB, 2 * DAY + 5 * HOUR, 1800)])
        one = next(f for f in made.findings if f.kind == "new-destination")
        said[status] = one.confidence, one.grounds[0], one.coverage
    assert said["NODATA"][0] == "high" and said["NODATA"][2] > 0.95
    assert said["SKIPDATA"][0] == "medium" and said["SKIPDATA"][2] < 0.7
    assert re.fullmatch(r"the log covers [\d.]+ % of the interface's time before", said["SKIPDATA"][1])


@pytest.mark.parametrize("kind", ["nat_gateway", "transit_gateway"])
def test_an_interface_that_only_passes_traffic_on_is_no_host(tmp_path, kind):
    fields, gate = [*V5.split(), "interface-type"], "10.0.9.9"
    rows = [
        f"{row} {kind}"
        for row in [*usual(3, gate, "eni-gate"), *sent(NEW, 24 * GB, 53 * HOUR, 1800, me=gate, eni="eni-gate")]
    ]
    made = talkers(load(str(write_log(tmp_path / "alone.log", rows, fields))))
    assert told(made) == [] and made.destinations.empty
    # What a host behind it sent is the host's, which its own interface logged, too.
    own = [f"{row} interface" for row in [*usual(3), *sent(NEW, 24 * GB, 53 * HOUR, 1800)]]
    made = talkers(load(str(write_log(tmp_path / "both.log", [*rows, *own], fields))))
    assert [(f.kind, f.subject["srcaddr"]) for f in made.findings] == [("new-destination", ME)]


def test_a_redacted_report_hides_destination_and_name_and_keeps_the_numbers(tmp_path):
    network = write_snapshot(tmp_path / "network", [interface("eni-a", ME, ["sg-a"]) | {
        "TagSet": [{"Key": "Name", "Value": "projectx-db"}]}], [group("sg-a")], [])  # fmt: skip
    log = write_log(tmp_path / "flow.log", [*usual(3), *sent(NEW, 24 * GB, 53 * HOUR, 1800)], V5.split())
    words = [
        "report",
        str(log),
        "--network",
        str(network),
        "--notebook",
        "direction",
        "--redact",
        "--out",
        str(tmp_path / "out"),
    ]
    assert cli.main(words) == 0
    for path in (tmp_path / "out" / "latest").iterdir():
        assert NEW not in path.read_text() and KNOWN not in path.read_text() and "projectx" not in path.read_text(), (
            path
        )
    [one] = json.loads((tmp_path / "out" / "latest" / "findings.json").read_text())["findings"]
    hidden = one["subject"]["dstaddr"]
    assert one["kind"] == "new-destination" and f"({ME}) sent 24.0 GB in 30 min to {hidden} tcp/443" in one["title"]
    assert f"ss -tunp dst {hidden}" in one["action"] and one["counts"]["sent_GB"] == 24


@pytest.mark.parametrize(("interval", "every", "is_told"), [(60, 300, True), (600, 900, False), (600, 1800, True)])
def test_a_beacon_is_told_only_beyond_two_aggregation_intervals(tmp_path, interval, every, is_told):
    fill = [f"5 eni-a - - - - - - - {at} {at + interval - 1} - NODATA - -" for at in range(T0, T0 + 4 * DAY, interval)]
    rows = [row for n in range(DAY // every) for row in sent(NEW, 900, 3 * DAY + every * n + n % 20)]
    made = answer(tmp_path, [*usual(4), *fill, *rows])
    assert any("begins a session every" in f.title for f in made.findings) == is_told


def test_the_page_says_which_beacons_the_aggregation_interval_hides():
    cells = json.loads((NOTEBOOKS / "direction.ipynb").read_text())["cells"]
    said = "".join(line for cell in cells for line in cell["source"])
    assert "calls more often than every two aggregation intervals (20 min where they are 10 min)" in said
