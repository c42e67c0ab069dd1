"""For questions that are still to move: the rules snapshot has its home in `flowkit.loading.network`."""

from flowkit.loading.network import *  # noqa: F403
from flowkit.net import ICMP, Network, protocol_name  # noqa: F401
