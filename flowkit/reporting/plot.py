"""Every figure: `fk.plot.<name>(answer)`, with the title and alt text that come with the answer."""

from flowkit.reporting.plot_reachability import reachability, sessions_over_time
from flowkit.reporting.plot_rejected import rejections_over_time

__all__ = ["reachability", "rejections_over_time", "sessions_over_time"]
