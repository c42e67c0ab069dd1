"""The records behind a finding: counted as a plain reading counts them, with a request and a reply as lines."""

import pandas as pd
from test_conversations import ME, NOON, PEER, flows_from, record

from flowkit.analysis.proof import TARGET, service_records
from flowkit.reporting.findings import Finding
from flowkit.reporting.reachability import proven, targets

INSIDE = "10.0.1.7"
RECORDS = [
    record(PEER, ME, 50000, 22, 60, packets=3, bytes=180, version=2, account_id="012345678901"),
    record(ME, PEER, 22, 50000, 61, packets=2, bytes=120),
    record(INSIDE, ME, 50001, 22, 0, packets=1, bytes=60),
    record(PEER, ME, 50002, 22, 300, packets=1, bytes=44, action="REJECT"),
    record(PEER, ME, 50003, 23, 0, packets=9, bytes=999),
    record(ME, PEER, 22, 22, 400, interface_id="eni-b", packets=7, bytes=700),
    record(None, None, None, None, log_status="NODATA"),
]


def told(**target):
    row = {"number": 4, "interface_id": "eni-a", "server": ME, "protocol": 6, "port": 22, "client": None}
    table = pd.DataFrame([row | {"refused": False} | target], columns=list(TARGET))
    found = service_records(flows_from(RECORDS), table)
    return found.drop(columns="number").to_numpy().tolist()[0] if len(found) else None


def test_requests_and_replies_of_the_service_are_counted_at_the_interface():
    records, packets, bytes, samples = told()
    assert (records, packets, bytes) == (4, 7, 404)
    assert samples == (
        f"- - eni-a {INSIDE} {ME} 50001 22 6 1 60 {NOON} {NOON + 50} ACCEPT OK",
        f"- - eni-a {ME} {PEER} 22 50000 6 2 120 {NOON + 61} {NOON + 111} ACCEPT OK",
    )
    assert told(interface_id=None)[:3] == [5, 14, 1104]
    assert told(port=24) is None


def test_a_client_network_narrows_them_and_all_addresses_are_the_public_ones():
    assert told(client="10.0.1.0/24")[:3] == [1, 1, 60]
    assert told(client=INSIDE)[:3] == [1, 1, 60]
    assert told(client="0.0.0.0/0")[:3] == [3, 6, 344]


def test_the_refused_record_is_the_sample_where_refusals_are_asked_for():
    assert told(client=PEER, refused=True)[3][0].split()[6:] == [
        "22", "6", "1", "44", str(NOON + 300), str(NOON + 350), "REJECT", "OK",
    ]  # fmt: skip
    assert told(client=PEER)[3][0].startswith("2 012345678901 eni-a")


def test_a_finding_about_several_hosts_has_the_records_of_all_and_one_about_a_range_none():
    web = {"protocol": 6, "dstport": 22, "srcaddr": "0.0.0.0/0"}
    found = [
        Finding("exposed-service", "info", "high", "web", web),
        Finding("accepted-silent", "low", "high", "many", {"dstaddr": ME, "protocol": 6, "srcaddr": None}),
        Finding("lost", "low", "high", "one", web | {"dstaddr": ME, "interface_id": "eni-b"}, cause="x"),
    ]
    services = pd.DataFrame(
        [("eni-a", ME, 6, 22), ("eni-b", ME, 6, 22), ("eni-b", ME, 6, 80)],
        columns=["interface_id", "destination", "protocol", "port"],
    )
    asked = targets(found, services)
    assert asked[["number", "interface_id", "refused"]].to_numpy().tolist() == [
        [0, "eni-a", False], [0, "eni-b", False], [2, "eni-b", True],
    ]  # fmt: skip
    several, many, one = proven(found, service_records(flows_from(RECORDS), asked))
    assert (several.records, several.packets, several.bytes, len(several.samples)) == (4, 13, 1044, 2)
    assert many == found[1]
    assert (one.records, one.bytes, one.samples[0].split()[2]) == (1, 700, "eni-b")
    assert proven(found, service_records(flows_from(RECORDS), asked[:0])) == found
