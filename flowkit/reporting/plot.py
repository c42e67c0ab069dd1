"""Every figure: `fk.plot.<name>(answer)`, with the title and alt text that come with the answer."""

from flowkit.reporting.plot_rejected import rejections_over_time

__all__ = ["rejections_over_time"]
