"""How legitimate the client of rejected traffic looks: points for and against, which the page shows one by one."""

from flowkit.net import is_private


def own_client(group) -> bool:
    """Return whether the client is the interface's own host."""
    return group.way is not None and bool(group.way) != bool(group.from_server)


def legitimacy(group, scanner: bool, scan_targets: int, own: bool = False, accepts: bool = True) -> dict[str, int]:
    """Return the points for and against a legitimate client: reason → points, only those that apply.

    `scanner`: whether the random walk says so; `scan_targets`: targets from which on a client is taken for one; `own`:
    whether an interface of the log or the snapshot has the client's address, as with public IPv6 in a VPC; `accepts`:
    whether the log has any ACCEPT, without which a security group that lets the client in says that somebody wants it.
    """
    private = own or is_private(group.client)
    wanted = not accepts and group.verdict is not None and bool(group.verdict.groups_allow)
    points = {
        "outbound from own host": 3 * own_client(group),
        "private client": 2 * private,
        "client is accepted elsewhere": 2 * (group.known > 0),
        "others get a response there": 2 * bool(group.others and group.answers),
        "its host has connections to it": 4 * bool(group.called and not group.from_server),
        "its security group lets it in": 2 * wanted,
        "SYN retransmissions": 1 * (2 * group.retries >= group.sessions),
        "keeps trying": 2 * (group.active_intervals >= 12) or 1 * (group.active_intervals >= 3),
        "scanner by random walk": -4 * scanner,
        "many targets": -3 * (group.targets >= scan_targets),
        "single tiny packets": -2 * (group.tiny == group.sessions),
        "public client, and no client gets a response there": -1
        * (not (private or group.others or group.own or group.called)),
    }
    return {reason: int(value) for reason, value in points.items() if value}
