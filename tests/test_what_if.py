"""What if: changed rules against the log, on small networks by hand and on simulated worlds by the worlds' own rules."""

import json
import re
import shutil

import ibis
import nbformat
import pandas as pd
import pytest
import simulate
from support import write_log
from test_network import ANY, OPEN, acl, entry, group, interface, permission, write_snapshot
from worlds.changed import run

import flowkit as fk
from flowkit import cli
from flowkit.fields import VPC_FIELDS
from flowkit.loading.network import read_snapshot
from flowkit.loading.sample import SAMPLE
from flowkit.questions.rule_changes import rules_after

VPC_DEFAULT = [each.name.replace("-", "_") for each in VPC_FIELDS if each.version == 2]
START = 1_700_006_400
DB = [permission("tcp", 5432, 5432, group="sg-app"), permission("tcp", 8000, 8010, cidr="10.0.0.0/16")]


def network(folder, db=DB, entries=OPEN, lists=(), app=("sg-app",), interfaces=("app1", "app2", "db")):
    """An application's two hosts and a database in another subnet."""
    made = {
        "app1": interface("eni-app1", "10.0.0.5", app),
        "app2": interface("eni-app2", "10.0.0.6", ["sg-app"]),
        "db": interface("eni-db", "10.0.1.7", ["sg-db"], "subnet-2"),
    }
    groups = [group("sg-app", egress=[permission("-1", cidr=ANY)]), group("sg-db", db)]
    acls = [acl("acl-app", OPEN), acl("acl-db", entries, ["subnet-2"])]
    return write_snapshot(folder, [made[name] for name in interfaces], groups, acls, lists=lists)


def both(src, sport, dport, start=0, action="ACCEPT", eni="eni-db", reply=True):
    rows = [("10.0.1.7", src, dport, sport)] if reply else []
    return [
        f"2 123456789010 {eni} {a} {b} {p} {q} 6 5 900 {START + start} {START + start + 59} {action} OK"
        for a, b, p, q in [(src, "10.0.1.7", sport, dport), *rows]
    ]


def minutes(number=20, dport=5432, sport=40000, src="10.0.0.5"):
    """A conversation a minute with the database."""
    return [one for n in range(number) for one in both(src, sport + n, dport, 60 * n)]


@pytest.fixture
def log(tmp_path):
    """The database's log: app1 is served, app2 refused on 6379."""
    refused = [one for n in range(3) for one in both("10.0.0.6", 50000 + n, 6379, 60 * n, "REJECT", reply=False)]
    return log_of(tmp_path, [*minutes(), *refused])


def log_of(tmp_path, records):
    return fk.load(str(write_log(tmp_path / "logs" / "flow.log", records)), network=network(tmp_path / "today"))


def told(answer) -> list[tuple]:
    return [(one.verdict, one.client, one.server_port, one.sessions) for one in answer.replay.clients.itertuples()]


# ------------------------------------------------------------------------------------ by hand


def test_a_narrowed_rule_rejects_whom_it_admitted_and_names_both_rules(tmp_path, log):
    answer = fk.what_if(log, network(tmp_path / "after", [permission("tcp", 5432, 5432, cidr="10.0.0.6/32")]))
    assert answer.verdict == "rejected"
    assert told(answer) == [("newly rejected", "10.0.0.5", 5432, 20)]
    row = answer.clients.iloc[0]
    assert (row.client, row.server) == ("eni-app1's description (10.0.0.5)", "eni-db's description (10.0.1.7)")
    assert row.service == "tcp/5432 postgresql"
    assert row.today.startswith("security group sg-db allows it (ingress rule: tcp/5432 from sg-app)")
    assert row.after.startswith("security group sg-db has no ingress rule for tcp/5432 from 10.0.0.5")
    assert f"{row['first']:%H:%M:%S} {row['last']:%H:%M:%S}" == "00:00:00 00:19:59"
    assert answer.summary[0] == (
        "Accepted in 20 min, and rejected by the changed rules: 20 sessions of 1 client, most of"
        " eni-app1's description (10.0.0.5) to eni-db's description (10.0.1.7) tcp/5432 postgresql."
    )
    assert answer.coverage == "100 % of the time of 1 interface whose rules change was seen"


def test_a_wider_rule_lets_pass_whom_it_rejected(tmp_path, log):
    answer = fk.what_if(log, network(tmp_path / "after", [*DB, permission("tcp", 6379, 6379, group="sg-app")]))
    assert answer.verdict == "nothing rejected"
    assert told(answer) == [("newly passes", "10.0.0.6", 6379, 3)]
    assert answer.summary[0] == (
        "Nothing that was accepted in 20 min would have been rejected; 100 % of interface time seen."
    )
    assert answer.summary[1].startswith("Rejected in 20 min, and let pass by the changed rules: 3 sessions of 1 client")


def test_what_the_far_ends_own_rules_reject_does_not_pass(tmp_path, log):
    folder = network(tmp_path / "after", [*DB, permission("tcp", 6379, 6379, group="sg-app")])
    groups = json.loads((folder / "describe-security-groups.json").read_text())
    groups["SecurityGroups"][0]["IpPermissionsEgress"] = [permission("tcp", 5432, 5432, cidr=ANY)]
    (folder / "describe-security-groups.json").write_text(json.dumps(groups))
    assert told(fk.what_if(log, folder)) == []


def test_an_acl_is_asked_for_the_reply_and_a_group_is_not(tmp_path, log):
    ports = [entry(50, True, "deny", ANY, "6", (40000, 40009)), *OPEN]
    answer = fk.what_if(log, network(tmp_path / "after", entries=ports))
    verdicts = {verdict: sessions for verdict, _client, _port, sessions in told(answer)}
    assert answer.verdict == "rejected" and verdicts == {"newly rejected": 10}
    assert "network ACL acl-db denies tcp/40000 to 10.0.0.5 by outbound rule 50" in answer.clients.after[0]
    without = [permission("tcp", 5432, 5432, group="sg-app")]
    assert told(fk.what_if(log, network(tmp_path / "no-egress-rule", without))) == []


def test_ports_of_replies_that_are_not_known_apart_leave_it_undetermined(tmp_path):
    log = log_of(tmp_path, [*both("10.0.0.5", 40000, 5432), *both("10.0.0.5", 50000, 5432)])
    entries = [entry(50, True, "deny", ANY, "6", (45000, 65535)), *OPEN]
    answer = fk.what_if(log, network(tmp_path / "after", entries=entries))
    assert (answer.verdict, told(answer)) == ("undetermined", [("undetermined", "10.0.0.5", 5432, 2)])
    assert "2 sessions are undetermined, such as at eni-db's description" in answer.summary[-1]


def test_what_no_traffic_tried_is_never_called_safe(tmp_path, log):
    answer = fk.what_if(log, network(tmp_path / "after", DB[:1]))
    assert (answer.verdict, answer.reasons, told(answer)) == ("nothing seen rejected", ("untried",), [])
    assert answer.untried.values.tolist() == [
        ["removed", "tcp/8000-8010 from 10.0.0.0/16", "may reject", "eni-db's description", "eni-db"]
    ]
    # What was seen is known whole, so it is said without "as far as it can be judged"; the rule is named.
    assert answer.summary == (
        "Nothing that was accepted in 20 min would have been rejected; 100 % of interface time seen.",
        "Nothing that was rejected would pass.",
        "That does not make the change safe: nothing seen tried 1 change that may reject:"
        " tcp/8000-8010 from 10.0.0.0/16 at eni-db's description.",
    )


def test_a_rule_that_another_one_holds_can_go(tmp_path):
    doubled = [*DB, permission("tcp", 8002, 8003, cidr="10.0.3.0/24")]
    log = fk.load(
        str(write_log(tmp_path / "flow.log", minutes())), network=network(tmp_path / "today", doubled)
    )  # fmt: skip
    answer = fk.what_if(log, network(tmp_path / "after"))
    assert answer.verdict == "nothing rejected" and answer.untried.empty


def test_an_entry_that_is_asked_earlier_than_before_is_a_change(tmp_path):
    late, early = (entry(number, False, "deny", ANY, "6", (22, 22)) for number in (110, 90))
    gone = entry(120, False, "deny", ANY, "6", (23, 23))
    today = network(tmp_path / "today", entries=[*OPEN, late, gone])
    log = fk.load(str(write_log(tmp_path / "flow.log", minutes())), network=today)
    answer = fk.what_if(log, network(tmp_path / "after", entries=[early, *OPEN]))
    assert (answer.verdict, answer.reasons) == ("nothing seen rejected", ("untried",))
    assert "that may reject: inbound rule 90 (deny tcp/22 from 0.0.0.0/0) at" in answer.summary[-1]


def test_a_rule_of_an_ip_version_that_the_interface_has_no_address_of_rejects_nothing(tmp_path):
    six = permission("-1", six="2001:db8::/32")
    log = fk.load(str(write_log(tmp_path / "flow.log", minutes())), network=network(tmp_path / "today", [*DB, six]))
    answer = fk.what_if(log, network(tmp_path / "after"))
    assert (answer.verdict, answer.untried.empty, answer.reasons) == ("nothing rejected", True, ())


def test_time_that_was_not_seen_is_said_and_forbids_the_claim(tmp_path):
    skip = [f"2 123456789010 eni-db - - - - - - - {START + at} {START + at + 59} - SKIPDATA" for at in (660, 720, 780)]
    log = log_of(tmp_path, [*minutes(10), *skip, *both("10.0.0.5", 41000, 5432, 840)])
    answer = fk.what_if(log, network(tmp_path / "after", [*DB, permission("tcp", 6379, 6379, group="sg-app")]))
    assert answer.verdict == "undetermined"
    assert "only 80.1 % of the time was seen" in answer.summary[-1]


def test_an_unknown_prefix_list_is_undetermined(tmp_path, log):
    answer = fk.what_if(log, network(tmp_path / "after", [permission("tcp", 5432, 5432, prefix_list="pl-1"), *DB[1:]]))
    assert (answer.verdict, told(answer)) == ("undetermined", [("undetermined", "10.0.0.5", 5432, 20)])
    assert "does not say which addresses pl-1 stands for" in answer.summary[-1]
    known = network(
        tmp_path / "known", [permission("tcp", 5432, 5432, prefix_list="pl-1"), *DB[1:]],
        lists={"pl-1": [{"Cidr": "10.0.0.0/24"}]},
    )  # fmt: skip
    assert fk.what_if(log, known).verdict == "nothing rejected"


def test_what_only_a_rule_of_an_unknown_peer_can_have_let_pass_is_undetermined_if_it_goes(tmp_path):
    unknown = permission("tcp", 5432, 5432, group="sg-0999")
    today = network(tmp_path / "today", [unknown, *DB[1:]])
    log = fk.load(str(write_log(tmp_path / "flow.log", minutes())), network=today)
    answer = fk.what_if(
        log, "revoke-security-group-ingress --group-id sg-db --protocol tcp --port 5432 --source-group sg-0999"
    )
    assert (answer.verdict, told(answer)) == ("undetermined", [("undetermined", "10.0.0.5", 5432, 20)])
    assert (answer.untried.empty, answer.reasons) == (True, ("undetermined",))
    assert answer.summary[-1].startswith(
        "That does not make the change safe: 20 sessions are undetermined, such as at eni-db's description: the snapshot does"
        " not say which addresses sg-0999 stands for; security group sg-db has no ingress rule for tcp/5432"
    )
    # Where it stays, so does what it let pass; what the network ACL denies is rejected whoever the peer is.
    more = [unknown, *DB[1:], permission("tcp", 22, 22, cidr="10.0.0.0/16")]
    assert told(fk.what_if(log, network(tmp_path / "more", more))) == []
    shut = [entry(90, False, "deny", ANY, "6", (5432, 5432)), *OPEN]
    denied = fk.what_if(log, network(tmp_path / "shut", DB[1:], entries=shut))
    assert told(denied) == [("newly rejected", "10.0.0.5", 5432, 20)]


def test_an_interface_that_a_snapshot_lacks_is_named(tmp_path):
    records = [*minutes(), *both("10.0.0.5", 42000, 443, eni="eni-gone")]
    log = log_of(tmp_path, records)
    answer = fk.what_if(log, network(tmp_path / "after", [*DB, permission("tcp", 6379, 6379, group="sg-app")]))
    assert answer.verdict == "undetermined"
    assert (
        "1 interface of the log cannot be judged, such as eni-gone: it is not in both snapshots" in answer.summary[-1]
    )
    less = network(tmp_path / "less", interfaces=("app1", "app2"))
    assert "such as eni-db's description: it is not in both snapshots" in fk.what_if(log, less).summary[-1]


def test_the_members_of_a_group_that_change_change_its_rules(tmp_path, log):
    answer = fk.what_if(log, network(tmp_path / "after", app=("sg-db",)))
    assert ("newly rejected", "10.0.0.5", 5432, 20) in told(answer)


def test_what_is_no_address_is_undetermined_and_stops_nothing(tmp_path):
    records = pd.DataFrame([line.split() for line in [*minutes(), *both("<b>", 40000, 5432)]], columns=VPC_DEFAULT)
    numbers = {
        name: "int64"
        for name in VPC_DEFAULT
        if name not in ("account_id", "interface_id", "srcaddr", "dstaddr", "action", "log_status")
    }
    table = ibis.memtable(records.astype(numbers))
    log = fk.load(table, network=network(tmp_path / "today"))
    answer = fk.what_if(log, network(tmp_path / "after", [permission("tcp", 5432, 5432, cidr="10.0.0.6/32")]))
    assert ("newly rejected", "10.0.0.5", 5432, 20) in told(answer)
    assert answer.replay.totals.sessions["undetermined"] == 1


def test_the_same_rules_change_nothing(tmp_path, log):
    answer = fk.what_if(log, network(tmp_path / "again"))
    assert answer.verdict == "nothing rejected"
    assert answer.summary == ("The changed rules are those of today, for every interface that can be judged.",)
    assert fk.what_if(log, log.network).summary == answer.summary


def test_a_log_of_one_action_says_what_it_cannot(tmp_path):
    wide = network(tmp_path / "after", [*DB, permission("tcp", 6379, 6379, group="sg-app")])
    accepts = fk.what_if(log_of(tmp_path, minutes()), wide)
    assert accepts.summary[1] == "The log holds no rejected traffic, so what would newly pass is not known."
    refused = [one for n in range(20) for one in both("10.0.0.6", 50000, 6379, 60 * n, "REJECT", reply=False)]
    rejects = fk.what_if(log_of(tmp_path, refused), wide)
    assert rejects.verdict == "undetermined" and "only 0 % of the time was seen" in rejects.summary[-1]


def test_without_changed_rules_nothing_is_replayed_and_without_todays_nothing_can_be(tmp_path, log):
    answer = fk.what_if(log)
    assert answer.summary == ("No changed rules are given (network_after), so nothing is replayed.",)
    assert answer.clients.empty and answer.untried.empty and answer.verdict == ""
    assert "No changed rules" in repr(answer)
    bare = fk.load(log.source)
    assert fk.what_if(bare).narrowest.empty
    with pytest.raises(ValueError, match="compared with today's: give these, too"):
        fk.what_if(bare, network(tmp_path / "after"))


# ------------------------------------------------------------------------------------ one change, in AWS's words

GOOD = [
    ("aws ec2 revoke-security-group-ingress --group-id sg-db --protocol tcp --port 5432 --source-group sg-app",
     ["-tcp/5432 from sg-app"]),
    ("authorize-security-group-ingress --group-id sg-db --protocol tcp --port 1-9 --cidr 10.0.0.0/8",
     ["+tcp/1-9 from 10.0.0.0/8"]),
    ("authorize-security-group-egress --group-id sg-db --protocol all --cidr ::/0", ["+all traffic to ::/0"]),
    ("authorize-security-group-ingress --group-id sg-db --protocol icmp --port 8-0 --cidr 10.0.0.0/8",
     ["+icmp type 8 code 0 from 10.0.0.0/8"]),
    ("aws ec2 revoke-security-group-ingress --group-id sg-db --ip-permissions 'IpProtocol=tcp,FromPort=5432,ToPort=5432,"
     "UserIdGroupPairs=[{GroupId=sg-app}]'", ["-tcp/5432 from sg-app"]),
    ("create-network-acl-entry --network-acl-id acl-db --ingress --rule-number 7 --protocol 6 --port-range From=22,To=22"
     " --cidr-block 0.0.0.0/0 --rule-action deny", ["+inbound rule 7 (deny tcp/22 from 0.0.0.0/0)"]),
    ("replace-network-acl-entry --network-acl-id acl-db --egress --rule-number 100 --protocol icmp --icmp-type-code"
     " Type=-1,Code=-1 --ipv6-cidr-block ::/0 --rule-action allow",
     ["+outbound rule 100 (allow all icmp to ::/0)", "-outbound rule 100 (allow all traffic to 0.0.0.0/0)"]),
    ("delete-network-acl-entry --network-acl-id acl-db --ingress --rule-number 100",
     ["-inbound rule 100 (allow all traffic from 0.0.0.0/0)"]),
]  # fmt: skip

BAD = [
    ("aws ec2 terminate-instances --instance-ids i-1", "it must begin with one of authorize-security-group-ingress,"),
    ("aws ec2", "it must begin with one of"),
    ("revoke-security-group-ingress --group-id sg-db 'x", "No closing quotation"),
    ("revoke-security-group-ingress --group-id sg-db; rm -rf /", "unrecognized arguments"),
    ("revoke-security-group-ingress --group-id sg-no --protocol tcp --port 1 --cidr ::/0", "has no security group sg-no"),
    ("revoke-security-group-ingress --group-id sg-db --protocol tcp --port 1 --cidr ::/0",
     "sg-db does not have the rule tcp/1 from ::/0 (its rules: tcp/5432 from sg-app; tcp/8000-8010 from 10.0.0.0/16)"),
    ("authorize-security-group-ingress --group-id sg-db --protocol tcp --port 5432 --source-group sg-app", "already has"),
    ("authorize-security-group-ingress --group-id sg-db --protocol tcp --cidr ::/0", "it lacks '--port'"),
    ("authorize-security-group-ingress --group-id sg-db --protocol tcp --port x --cidr ::/0", "x is no range"),
    ("authorize-security-group-ingress --group-id sg-db --protocol tcp --port 99999 --cidr ::/0", "99999 is no range"),
    ("authorize-security-group-ingress --group-id sg-db --protocol tcp --port 1 --cidr 1.2.3.4/99", "1.2.3.4/99"),
    ("authorize-security-group-ingress --group-id sg-db --ip-permissions [1]", "cannot be made"),
    ("authorize-security-group-ingress --group-id sg-db --ip-permissions IpProtocol", "--ip-permissions is not IpProtocol"),
    ("delete-network-acl-entry --network-acl-id acl-no --ingress --rule-number 1", "has no network ACL acl-no"),
    ("delete-network-acl-entry --network-acl-id acl-db --ingress --rule-number 1", "does not have inbound rule 1"),
    ("delete-network-acl-entry --network-acl-id acl-db --rule-number 100", "it takes --ingress or --egress"),
    ("delete-network-acl-entry --network-acl-id acl-db --egress --rule-number 32767", "a rule number from 1 to 32766"),
    ("authorize-x\x1b[31m\u202e", "it must begin with one of"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "changed"), GOOD)
def test_a_change_in_the_words_of_the_aws_cli_is_made_to_the_rules(tmp_path, text, changed):
    before = read_snapshot(network(tmp_path))
    after = rules_after(before, text)
    rules = [
        ({one.text for one in some.groups["sg-db"].rules} | {one.text for one in some.acls["acl-db"]})
        for some in (before, after)
    ]
    assert sorted(["-" + one for one in rules[0] - rules[1]] + ["+" + one for one in rules[1] - rules[0]]) == changed


@pytest.mark.parametrize(("text", "why"), BAD)
def test_a_change_that_is_none_is_refused_in_one_sentence(tmp_path, text, why):
    with pytest.raises(ValueError, match="cannot be made: ") as raised:
        rules_after(read_snapshot(network(tmp_path)), text)
    assert why in str(raised.value) and str(raised.value).isprintable()


def test_a_change_in_words_is_replayed_as_a_folder_is(tmp_path, log):
    words = "aws ec2 revoke-security-group-ingress --group-id sg-db --protocol tcp --port 5432 --source-group sg-app"
    assert told(fk.what_if(log, words)) == told(fk.what_if(log, network(tmp_path / "after", DB[1:])))
    assert fk.what_if(log, words).verdict == "rejected"


# ------------------------------------------------------------------------------------ simulated worlds


#: All worlds: `python -m worlds.changed`.
SOME = ("dualstack", "groups")


@pytest.mark.parametrize("name", SOME)
def test_no_wrong_word_on_random_changes_of_a_world(name):
    made, wrong = run(name, 620, number=2)
    assert wrong == []
    assert made["changes"] == 2


def test_the_default_format_gets_no_wrong_word_either():
    assert run("groups", 621, version=2, number=2)[1] == []


# ------------------------------------------------------------------------------------ least privilege


#: On day one of 644 nobody came by IPv6, on day two somebody did.
@pytest.fixture(scope="module", params=[641, 644])
def days(request, tmp_path_factory):
    """Two days of a shop: the rules of the first, and the log of the second."""
    folder = tmp_path_factory.mktemp("shop")
    world = simulate.simulate(seed=request.param, hours=48, incidents=(), scale=0.3)
    world.write(folder)
    logs, rules = str(folder / "AWSLogs"), folder / "network"
    return [
        fk.load(logs, start, end, network=rules)
        for start, end in (("2026-11-20", "2026-11-21"), ("2026-11-21", "2026-11-22"))
    ]


def test_the_narrowest_rules_admit_what_is_wanted_on_a_day_that_was_held_out(days):
    first, second = days
    narrowed = fk.what_if(first).narrowed
    assert fk.what_if(first, narrowed).verdict != "rejected"
    lost = fk.what_if(second, narrowed).replay.clients
    lost = lost[lost.verdict == "newly rejected"]
    wanted = second.fold.sql("SELECT DISTINCT client, server, server_port FROM edges WHERE server_accepted > 0")
    again = lost.merge(wanted, on=["client", "server", "server_port"])
    assert again.empty, "nothing that was answered on the second day is rejected, whoever came on the first"


def test_the_narrowest_rules_of_the_sample_stand_beside_its_rules():
    table = fk.what_if(fk.load("sample")).narrowest.set_index(["name", "direction"])
    web = table.loc["shop-web", "ingress"]
    assert web.stands == (
        "tcp/8080 from sg-006dca5ccd015df2c; tcp/22 from sg-0962d24723d9f0948; all icmp from sg-0962d24723d9f0948;"
        " tcp/9100 from sg-0962d24723d9f0948"
    )
    assert web.narrowest == (
        "tcp/8080 from sg-006dca5ccd015df2c; tcp/22 from sg-0962d24723d9f0948; all icmp from sg-0962d24723d9f0948"
    )
    assert web.commands.splitlines()[-1].endswith(
        "'IpProtocol=tcp,FromPort=9100,ToPort=9100,UserIdGroupPairs=[{GroupId=sg-0962d24723d9f0948}]'"
    )
    assert "referenced_security_group_id" in web.terraform and web.coverage == 0.9789
    assert web.gaps.startswith("Log coverage 97.9 %; 51 min without any record, on 1 interface")
    assert table.loc["shop-app", "egress"].narrowest.count("tcp/6380") == 1
    assert table.loc["shop-database", "egress"].commands == ""


def test_the_commands_of_the_narrowest_rules_can_be_replayed_themselves():
    log = fk.load("sample")
    least = fk.what_if(log)
    after = log.network
    for command in "\n".join(least.narrowest.commands).split("\n"):
        after = rules_after(after, command) if command else after
    for name, wanted in least.narrowed.groups.items():
        assert set(after.groups[name].rules) == set(wanted.rules)


def test_the_readme_shows_what_its_example_says():
    readme = (SAMPLE.parents[1] / "README.md").read_text()
    change = next(line for line in readme.splitlines() if line.startswith("change = ")).split('"')[1]
    answer = fk.what_if(fk.load("sample", start="2026-11-20T06:00Z", end="2026-11-20T12:00Z"), change)
    assert "\n".join(["```", *answer.summary, answer.coverage, "```"]) in readme


# ------------------------------------------------------------------------------------ in a report


def changed_sample(folder, name="shop-bastion"):
    """The sample's rules, with SSH for the bastion's group closed and a name of the caller's."""
    shutil.copytree(SAMPLE / "network", folder)
    place = folder / "describe-security-groups.json"
    content = json.loads(place.read_text())
    for one in content["SecurityGroups"]:
        if one["GroupName"] == "shop-bastion":
            one["IpPermissions"] = [each for each in one["IpPermissions"] if each.get("FromPort") != 22]
            one["GroupName"] = name
    place.write_text(json.dumps(content))
    names = folder / "describe-network-interfaces.json"
    names.write_text(names.read_text().replace('"bastion"', json.dumps(name)))
    return folder


def cells(folder) -> list[str]:
    notebook = nbformat.read(folder / "latest" / "rejected.ipynb", 4)
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [one.data["text/plain"] for one in shown if "data" in one and "text/plain" in one.data]


def test_a_report_replays_the_changed_rules(tmp_path):
    hostile = "<img src=x onerror=alert(1)>"
    after = changed_sample(tmp_path / "after", hostile)
    words = ["report", "--notebook", "rejected", "--network-after", str(after), "--out", str(tmp_path / "out")]
    assert cli.main(words) == 0
    said = next(one for one in cells(tmp_path / "out") if "rejected by the changed rules" in one)
    assert said.startswith("Accepted in 24 h, and rejected by the changed rules: 16 sessions of 11 clients, most of")
    page = (tmp_path / "out" / "latest" / "rejected.html").read_text()
    assert "rejected by the changed rules" in page and hostile not in page
    told = json.loads((tmp_path / "out" / "latest" / "run.json").read_text())
    assert any("rejected by the changed rules" in one for one in told["notebooks"][0]["summary"])


def test_a_report_without_changed_rules_says_so_in_one_line(sample_reports):
    said = cells(sample_reports)
    assert "No changed rules are given (network_after), so nothing is replayed.\n" in said
    assert not any("Traffic that the changed rules judge otherwise" in one for one in said)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--network-after", "nowhere"], "nowhere is not a folder"),
        (["--network-after", "revoke-security-group-ingress --group-id sg-1"], "has no security group sg-1"),
    ],
)
def test_changed_rules_that_cannot_be_read_stop_the_report(tmp_path, capsys, words, why):
    assert cli.main(["report", *words, "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert why in said and said.count("\n") == 1 and not (tmp_path / "out").exists()


def test_changed_rules_need_todays(tmp_path, capsys):
    log = write_log(tmp_path / "flow.log", minutes(2))
    after = str(network(tmp_path / "after"))
    assert cli.main(["report", str(log), "--network-after", after, "--out", str(tmp_path / "out")]) == 2
    assert "--network-after needs --network, the rules of today to compare with" in capsys.readouterr().err


def test_a_redacted_report_gives_no_name_of_the_changed_rules_away(tmp_path):
    after = changed_sample(tmp_path / "after", "projectx-secret")
    words = [
        "report",
        "--notebook",
        "rejected",
        "--redact",
        "--network-after",
        str(after),
        "--out",
        str(tmp_path / "out"),
    ]
    assert cli.main(words) == 0
    for path in (tmp_path / "out" / "latest").iterdir():
        assert "projectx" not in path.read_text() and str(after) not in path.read_text()


def test_redaction_with_a_change_and_ordinary_words_in_paths_and_names_keeps_causes_titles_and_commands(tmp_path):
    refused = [one for n in range(20) for one in both("10.0.0.5", 50000 + n, 6379, 60 * n, "REJECT", reply=False)]
    log = str(write_log(tmp_path / "client-security-class" / "high" / "flow.log", [*minutes(), *refused]))
    rules = network(tmp_path / "acme-blocked-scan")
    named = rules / "describe-network-interfaces.json"
    items = json.loads(named.read_text())["NetworkInterfaces"]
    for item, name in zip(items, ("client", "internet", "acme-deadbeef"), strict=True):
        item["TagSet"] = [{"Key": "Name", "Value": name}]
    named.write_text(json.dumps({"NetworkInterfaces": items}))
    for path in rules.glob("*.json"):
        path.write_text(path.read_text().replace('"GroupName": "sg-db"', '"GroupName": "public"'))
    (rules / "describe-vpcs.json").write_text('{"Vpcs": [')
    change = "aws ec2 revoke-security-group-ingress --group-id sg-db --protocol tcp --port 5432 --source-group sg-app"
    words = [
        "--network",
        str(rules),
        "--network-after",
        change,
        "--notebook",
        "rejected",
        "--out",
        str(tmp_path / "out"),
    ]
    assert cli.main(["report", log, *words]) == 0
    plain = json.loads((tmp_path / "out" / "latest" / "findings.json").read_text())["findings"]
    assert cli.main(["report", log, *words, "--redact"]) == 0
    redacted = json.loads((tmp_path / "out" / "latest" / "findings.json").read_text())["findings"]
    assert len(plain) == len(redacted) > 0 and plain[0]["cause"] == "security-group"
    for before, after in zip(plain, redacted, strict=True):
        for key in ("kind", "severity", "confidence", "cause", "subject", "counts"):
            assert after[key] == before[key], key
        for key in ("title", "action"):
            hidden = re.sub("client(?= .10)|acme-deadbeef|public(?= .sg-db)", "NAME", before[key])
            assert re.sub(r"n-\w{6}", "NAME", after[key]) == hidden
    for path in (tmp_path / "out" / "latest").iterdir():
        assert "acme" not in path.read_text() and "client-security" not in path.read_text(), path
