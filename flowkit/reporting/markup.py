"""Names that moved to `flowkit.reporting.html`, for modules that still import them from here."""

from flowkit.reporting.html import escaped, period, visible, when

__all__ = ["escaped", "period", "visible", "when"]
