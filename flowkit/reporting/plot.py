"""Every figure: `fk.plot.<name>(answer)`, with the title and alt text that come with the answer."""

from flowkit.reporting.plot_gaps import coverage, missing_records, skips_by_hour

__all__ = ["coverage", "missing_records", "skips_by_hour"]
