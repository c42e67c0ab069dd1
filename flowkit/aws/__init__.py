"""The calls to AWS beside reading logs: create a flow log, see how it does, save the network's rules."""

from flowkit.aws.enable import create, overlapping, policies, request
from flowkit.aws.snapshot import snapshot
from flowkit.aws.status import status

__all__ = ["create", "overlapping", "policies", "request", "snapshot", "status"]
