"""Every figure: `fk.plot.<name>(answer)`, with the title and alt text that come with the answer."""

from flowkit.reporting.plot_talkers import bytes_by_interface, bytes_over_time, evidence, pairs

__all__ = ["bytes_by_interface", "bytes_over_time", "evidence", "pairs"]
