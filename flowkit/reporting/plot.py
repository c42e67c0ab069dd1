"""Every figure: `fk.plot.<name>(answer)`, with the title and alt text that come with the answer."""

from flowkit.reporting.plot_gaps import coverage, missing_records, skips_by_hour
from flowkit.reporting.plot_reachability import reachability
from flowkit.reporting.plot_rejected import rejections_over_time
from flowkit.reporting.plot_talkers import bytes_by_interface, bytes_over_time, evidence, pairs

__all__ = [
    "bytes_by_interface", "bytes_over_time", "coverage", "evidence", "missing_records", "pairs", "reachability",
    "rejections_over_time", "skips_by_hour",
]  # fmt: skip
