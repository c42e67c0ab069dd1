"""What a user is told when logs cannot be loaded."""


class SourceError(Exception):
    """The source cannot be read; the message is one sentence: what, where, what to do."""
