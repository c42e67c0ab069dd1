"""What people call an interface and whom they ask about it: from tags, else from what AWS writes as its description.

In: an item of describe-network-interfaces, and the tags of instances and NAT gateways. Out: a name and an owner.
"""

import re

#: Descriptions of AWS's own making that name no host: what is said of many interfaces alike, or by their kind alone.
#: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-eni.html
UNHELPFUL = re.compile(r"(?i)^(primary network interface|rdsnetworkinterface|aws-k8s-.*|arn:.*|)$")
#: The name stands in the middle of `ELB app/shop/50dc6c495c0c9188`, at the end of `Interface for NAT Gateway nat-0123`.
LOAD_BALANCER = re.compile(r"^ELB (?:(?:app|net|gwy)/)?([^/]+)")
NAT_GATEWAY = re.compile(r"\b(nat-[0-9a-f]+)\b")
#: Tags that say whom to ask, the first that is there.
OWNER = ("Owner", "owner", "Team", "team", "Contact", "contact")


def tags_of(item: dict) -> tuple[str, str]:
    """Return the name and the owner that the tags give."""
    tags = {tag["Key"]: tag.get("Value") for tag in item.get("Tags") or item.get("TagSet") or []}
    return str(tags.get("Name") or ""), next((str(tags[key]) for key in OWNER if tags.get(key)), "")


def named(item: dict, tags: dict[str, tuple[str, str]]) -> tuple[str, str]:
    """Return name and owner of the interface `item`; `tags`: name and owner of instances and NAT gateways by their id."""
    text, (name, owner) = str(item.get("Description") or "").strip(), tags_of(item)
    balancer, gateway = LOAD_BALANCER.match(text), NAT_GATEWAY.search(text)
    described = "" if UNHELPFUL.match(text) else balancer[1] if balancer else text
    holder = tags.get((item.get("Attachment") or {}).get("InstanceId"), ("", ""))
    if gateway:
        behind = tags.get(gateway[1], ("", ""))
        described, owner = f"NAT gateway {behind[0] or gateway[1]}", owner or behind[1]
    return name or holder[0] or described, owner or holder[1]
