"""From conversations to flow log records: judged, logged at each interface, split over 60-second windows."""

import numpy as np
import pandas as pd
from shop import ACCOUNT, REGION, Shop
from traffic import TCP, Clock
from verdicts import Rules

WINDOW = 60
#: Seconds after the first SYN at which Linux sends it again.
BACKOFF = np.array([0.0, 1.03, 3.05, 7.11, 15.3, 31.4])
#: Seconds after the last answer at which a cut session's data is sent again.
RETRANSMITS = np.array([0.4, 1.2, 2.8, 6.0, 12.5, 25.0, 51.0, 102.0, 205.0])
FIN, SYN, RST, SYNACK = 1, 2, 4, 18
FIELDS = ["interface_id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "action", "pkt_srcaddr"]
FIELDS += ["pkt_dstaddr", "flow_direction"]


def records(shop: Shop, before: dict, network: dict, clock: Clock, phase: int, convs: pd.DataFrame, rng):
    """The records of `convs` as their interfaces log them, with their truth; one row a record.

    `network` is the snapshot, `before` the rules up to the clock's moment of change.
    """
    views = _views(shop, convs, rng)
    after = _judged(Rules(network), convs, views)
    before = _judged(Rules(before), convs, views)
    for side in ("ask", "reply"):
        allowed = after[f"{side}_ok"] & ~before[f"{side}_ok"]
        before[f"{side}_told"] = before[f"{side}_cause"].mask(allowed, "rules-changed")
        after[f"{side}_told"] = after[f"{side}_cause"]
    segments = _segments(convs, before, after, clock.change, rng)
    pieces = _split(segments, phase)
    pieces = pieces[(pieces["first"] >= clock.start) & (pieces["last"] < clock.start + clock.seconds)]
    seen = [
        _seen(pieces[pieces["late_rules"] == late], verdict, convs)
        for late, verdict in ((False, before), (True, after))
    ]
    return _aggregated(pd.concat(seen, ignore_index=True), shop)


def _views(shop: Shop, convs: pd.DataFrame, rng) -> pd.DataFrame:
    """One row a conversation and interface that sees it, in the order the request passes them."""
    owner = shop.owner_of()
    nat = shop.interfaces["nat"].address
    base = pd.DataFrame(
        {
            "conv": convs.index,
            "client": convs["client"],
            "server": convs["server"],
            "cport": convs["cport"],
            "pkt_client": convs["client"],
            "pkt_server": convs["server"],
            "through": False,
        }
    )
    translated = convs["through"] != ""
    first = base.assign(name=base["client"].map(owner), hop=0, out=True)
    inner = base[translated].assign(name="nat", hop=1, out=False, server=nat, through=True)
    outer = base[translated].assign(name="nat", hop=2, out=True, client=nat, pkt_client=nat, through=True)
    outer["cport"] = rng.integers(1024, 65536, len(outer))
    last = base.assign(name=base["server"].map(owner), hop=3, out=False)
    views = pd.concat([first, inner, outer, last]).dropna(subset="name")
    views = views.sort_values(["conv", "hop"], kind="stable", ignore_index=True)
    views["interface_id"] = views["name"].map({n: i.id for n, i in shop.interfaces.items()})
    return views


def _judged(rules: Rules, convs: pd.DataFrame, views: pd.DataFrame) -> pd.DataFrame:
    """`views` with the verdict on request and reply there, whether each gets that far, and the outcome."""
    conv = convs.loc[views["conv"]].reset_index(drop=True)
    common = {"interface_id": views["interface_id"], "protocol": conv["protocol"]}
    far = views["pkt_server"].where(views["out"], views["pkt_client"])
    ask = pd.DataFrame(common | {"egress": views["out"], "peer": far, "port": conv["sport"]})
    ask = ask.assign(icmp_type=conv["icmp_type"], tracked=False)
    reply = ask.assign(egress=~views["out"], port=views["cport"], icmp_type=0, tracked=True)
    asked, replied = rules.judge(ask), rules.judge(reply)
    made = views.assign(
        ask_ok=asked["ok"], ask_cause=asked["cause"], ask_rule=asked["rule"],
        reply_ok=replied["ok"], reply_cause=replied["cause"], reply_rule=replied["rule"],
    )  # fmt: skip
    stopped = (~made["ask_ok"]).groupby(made["conv"]).cumsum()
    made["asked"] = (stopped - ~made["ask_ok"]) == 0
    backwards = made.iloc[::-1]
    held = (~backwards["reply_ok"]).groupby(backwards["conv"]).cumsum().iloc[::-1]
    made["replied"] = (held - ~made["reply_ok"]) == 0
    refused = ~made.groupby("conv")["ask_ok"].transform("all")
    unanswered = ~made.groupby("conv")["reply_ok"].transform("all")
    mode = conv["mode"].replace({"full": "answered"})
    made["outcome"] = np.select([refused, (mode != "silent") & unanswered], ["refused", "reply-refused"], mode)
    return made


def _segments(convs, before, after, moment, rng) -> pd.DataFrame:
    """Runs of evenly spaced packets: conv, side (0 client, 1 server), t0, t1, packets, bytes, flags."""
    outcome = before.groupby("conv")["outcome"].first()
    then = after.groupby("conv")["outcome"].first()
    conv = convs.assign(outcome=outcome.where(convs["t0"] < moment, then), then=then)
    conv["late_rules"] = conv["t0"] >= moment
    tcp = conv["protocol"] == TCP
    whole = (conv["outcome"] == "answered") | ~tcp
    cut = whole & tcp & (conv["then"] != "answered") & (conv["t0"] < moment)
    cut &= conv["t0"] + conv["dur"] > moment
    parts = list(_whole(conv[whole & ~cut])) + list(_cut(conv[cut], moment))
    parts += list(_attempts(conv[tcp & ~whole]))
    parts.append(_late(conv[whole & tcp & (conv["late"] > 0)], rng))
    return pd.concat(parts, ignore_index=True)


def _run(conv, side, t0, t1, packets, size, first=0, last=0, **more) -> pd.DataFrame:
    columns = {"conv": conv.index, "side": side, "t0": t0, "t1": t1, "packets": packets, "bytes": size}
    columns |= {"first_flag": first, "last_flag": last, "late": False, "late_rules": conv["late_rules"]} | more
    return pd.DataFrame(columns).reset_index(drop=True)


def _whole(conv):
    tcp = (conv["protocol"] == TCP).to_numpy()
    end = conv["t0"] + conv["dur"]
    closed = np.where(tcp, conv["close"], 0)
    yield _run(conv, 0, conv["t0"], end, conv["cpk"], conv["cby"], np.where(tcp, SYN, 0), closed)
    half = conv["rtt"] / 2
    reset = np.where(closed == FIN, FIN, 0)
    back = conv[(conv["mode"] == "full") & (conv["outcome"] != "refused")]
    keep = conv.index.isin(back.index)
    yield _run(
        back, 1, (conv["t0"] + half)[keep], (end + half)[keep], back["spk"], back["sby"],
        np.where(tcp, SYNACK, 0)[keep], reset[keep],
    )  # fmt: skip


def _cut(conv, moment):
    """A session that the change of rules cuts: packets up to it, then what both sides send again."""
    share = (moment - conv["t0"]) / conv["dur"]
    for side, packets, size, flag in ((0, "cpk", "cby", SYN), (1, "spk", "sby", SYNACK)):
        sent = np.maximum((conv[packets] * share).astype(int), 2)
        mean = conv[size] / conv[packets]
        yield _run(conv, side, conv["t0"], moment - 0.1, sent, (sent * mean).astype(int), flag)
        for wait in RETRANSMITS:
            again = moment + wait + 0.3 * side
            yield _run(conv, side, again, again, 1, mean.astype(int), late_rules=True)


def _attempts(conv):
    """SYN packets that are refused, lost, answered by RST, or whose SYN-ACK is refused."""
    answered = conv["outcome"] == "reset"
    for number, wait in enumerate(BACKOFF):
        some = conv[(conv["tries"] > number) & (~answered | (number == 0))]
        at = some["t0"] + wait
        size = np.where(some["tries"] == 1, 40, 60)
        yield _run(some, 0, at, at, 1, size, SYN)
        replies = some[some["outcome"] == "reply-refused"]
        at = replies["t0"] + wait + replies["rtt"] / 2
        yield _run(replies, 1, at, at, 1, 60, SYNACK)
    reset = conv[answered]
    at = reset["t0"] + reset["rtt"] / 2
    yield _run(reset, 1, at, at, 1, 40, RST)


def _late(conv, rng) -> pd.DataFrame:
    """Packets that a client still sends after the connection was closed."""
    at = conv["t0"] + conv["dur"] + rng.uniform(4, 100, len(conv))
    flags = rng.choice([0, FIN, RST], len(conv))
    more = {"late": True}
    return _run(conv, 0, at, at + conv["late"] - 1, conv["late"], conv["late"] * 40, flags, **more)


def _split(runs: pd.DataFrame, phase: int) -> pd.DataFrame:
    """`runs` cut at the window edges: first, last, packets, bytes, flags and window of each piece."""
    first = ((runs["t0"] - phase) // WINDOW).astype(int)
    count = (((runs["t1"] - phase) // WINDOW).astype(int) - first + 1).to_numpy()
    pieces = runs.loc[runs.index.repeat(count)].reset_index(drop=True)
    nth = np.arange(len(pieces)) - np.repeat(np.cumsum(count) - count, count)
    window = (np.repeat(first.to_numpy(), count) + nth) * WINDOW + phase
    packets, t0 = pieces["packets"].to_numpy(), pieces["t0"].to_numpy()
    step = np.maximum((pieces["t1"].to_numpy() - t0) / np.maximum(packets - 1, 1), 1e-9)
    low = np.clip(np.ceil((window - t0) / step), 0, packets).astype(int)
    high = np.clip(np.ceil((window + WINDOW - t0) / step), 0, packets).astype(int)
    sizes = pieces["bytes"].to_numpy()
    ended = (high == packets) * pieces["last_flag"].to_numpy()
    pieces = pieces.assign(
        window=window,
        first=np.floor(t0 + low * step).astype(int),
        last=np.floor(t0 + (high - 1) * step).astype(int),
        packets=high - low,
        bytes=sizes * high // packets - sizes * low // packets,
        tcp_flags=(low == 0) * pieces["first_flag"].to_numpy() | ended,
    )
    return pieces[high > low]


def _seen(pieces: pd.DataFrame, views: pd.DataFrame, convs: pd.DataFrame) -> pd.DataFrame:
    """Each piece at each interface that sees it, with the verdict there."""
    rows = pieces.merge(views, on="conv")
    reply = rows["side"] == 1
    rows = rows[np.where(reply, rows["replied"], rows["asked"] & ~(rows["late"] & (rows["hop"] == 0)))]
    reply = (rows["side"] == 1).to_numpy()
    conv = convs.loc[rows["conv"]].reset_index(drop=True)
    rows = rows.reset_index(drop=True)
    ok = np.where(reply, rows["reply_ok"], rows["ask_ok"] & ~rows["late"])
    asked = np.where(rows["late"], "closed-connection", rows["ask_cause"])
    told = np.where(rows["late"], "closed-connection", rows["ask_told"])
    sport = conv["sport"]
    direction = np.where(rows["through"], "through", np.where(rows["out"], "egress", "ingress"))
    return rows.assign(
        srcaddr=rows["client"].where(~reply, rows["server"]),
        dstaddr=rows["server"].where(~reply, rows["client"]),
        srcport=rows["cport"].where(~reply, sport),
        dstport=sport.where(~reply, rows["cport"]),
        pkt_srcaddr=rows["pkt_client"].where(~reply, rows["pkt_server"]),
        pkt_dstaddr=rows["pkt_server"].where(~reply, rows["pkt_client"]),
        pkt_src_aws_service=np.where(reply, conv["service"], "-"),
        pkt_dst_aws_service=np.where(reply, "-", conv["service"]),
        protocol=conv["protocol"],
        action=np.where(ok, "ACCEPT", "REJECT"),
        flow_direction=np.where(rows["out"].to_numpy() ^ reply, "egress", "ingress"),
        true_cause=np.where(reply, rows["reply_cause"], asked),
        true_snapshot_cause=np.where(reply, rows["reply_told"], told),
        true_rule=np.where(reply, rows["reply_rule"], np.where(rows["late"], "", rows["ask_rule"])),
        true_client=rows["client"],
        true_direction=direction,
        true_state=rows["outcome"],
        conversation=rows["conv"],
        incident=conv["incident"],
    )


def _aggregated(rows: pd.DataFrame, shop: Shop) -> pd.DataFrame:
    """One row an interface, 5-tuple, window and action, with the fields that the interface decides."""
    for bit, name in ((1, "b1"), (2, "b2"), (4, "b4"), (16, "b16")):
        rows[name] = rows["tcp_flags"] & bit
    first = {"pkt_src_aws_service", "pkt_dst_aws_service", "true_cause", "true_rule", "true_client"}
    first |= {"true_snapshot_cause", "true_direction", "true_state", "conversation", "incident", "name"}
    how = dict.fromkeys(sorted(first), "first") | {"packets": "sum", "bytes": "sum", "first": "min", "last": "max"}
    how |= dict.fromkeys(("b1", "b2", "b4", "b16"), "max")
    made = rows.groupby([*FIELDS, "window"], sort=False, observed=True).agg(how).reset_index()
    made["tcp_flags"] = made[["b1", "b2", "b4", "b16"]].sum(axis=1)
    made["true_rule"] = made["true_rule"].replace("", None)
    made = made.drop(columns=["b1", "b2", "b4", "b16"]).rename(columns={"first": "start", "last": "end"})
    made["type"] = np.where(made["srcaddr"].str.contains(":"), "IPv6", "IPv4")
    made["log_status"] = "OK"
    return described(made, shop, _path(made, shop))


def _path(made: pd.DataFrame, shop: Shop) -> np.ndarray:
    """traffic-path: 1 inside the VPC or by the NAT gateway, 7 gateway endpoint, 8 internet gateway."""
    inside = made["pkt_dstaddr"].isin(list(shop.owner_of()))
    private = ~made["name"].isin([i.name for i in shop.interfaces.values() if i.tier == "public"])
    endpoint = made["name"].str.startswith("db-") & (made["pkt_dst_aws_service"] == "S3")
    path = np.select([endpoint, inside | private], ["7", "1"], "8")
    return np.where(made["flow_direction"] == "egress", path, "-")


def described(made: pd.DataFrame, shop: Shop, path="-") -> pd.DataFrame:
    """`made` (with column `name`) and the fields that follow from its interface."""
    of = shop.interfaces
    zones = {name: shop.subnet_of(name)["AvailabilityZoneId"] for name in of}
    return made.assign(
        interface_id=made["name"].map({name: i.id for name, i in of.items()}),
        version=5,
        account_id=ACCOUNT,
        vpc_id=shop.vpc,
        subnet_id=made["name"].map({name: shop.subnet_of(name)["SubnetId"] for name in of}),
        instance_id=made["name"].map({name: i.instance or "-" for name, i in of.items()}),
        region=REGION,
        az_id=made["name"].map(zones),
        sublocation_type="-",
        sublocation_id="-",
        traffic_path=path,
    )
