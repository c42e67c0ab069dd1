"""Every figure: `fk.plot.<name>(answer)`, with the title and alt text that come with the answer."""

from flowkit.reporting.plot_gaps import coverage, missing_records, skips_by_hour
from flowkit.reporting.plot_reachability import reachability, sessions_over_time
from flowkit.reporting.plot_rejected import rejections_over_time
from flowkit.reporting.plot_talkers import evidence, talkers, traffic_by_interface, traffic_over_time

__all__ = [
    "coverage", "evidence", "missing_records", "reachability", "rejections_over_time", "sessions_over_time",
    "skips_by_hour", "talkers", "traffic_by_interface", "traffic_over_time",
]  # fmt: skip
