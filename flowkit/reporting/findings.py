"""Names that moved to `finding` and `answer`, for modules that still import them from here."""

from flowkit.reporting.answer import MIME, tell
from flowkit.reporting.finding import Finding

__all__ = ["MIME", "Finding", "tell"]
