"""Why a report did not come about, in one sentence for the user."""


class UsageError(Exception):
    """It was asked for in a wrong way (exit code 2)."""


class ReportError(Exception):
    """It could not be done (exit code 1)."""
