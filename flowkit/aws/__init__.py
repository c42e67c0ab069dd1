"""The calls to AWS beside reading logs: create a flow log, see how it does, save the network's rules."""

from flowkit.aws.commands import add_commands
from flowkit.aws.enable import create, overlapping, request
from flowkit.aws.policies import policies
from flowkit.aws.snapshot import snapshot
from flowkit.aws.status import status

__all__ = ["add_commands", "create", "overlapping", "policies", "request", "snapshot", "status"]
