"""What a user is told when logs cannot be loaded, and how counts are told."""


class SourceError(Exception):
    """The source cannot be read; the message is one sentence: what, where, what to do."""


def many(count: int, noun: str) -> str:
    """Return `count` and the noun, in the plural unless it is one: `1 file`, `2,000 files`."""
    return f"{int(count):,} {noun}" + ("" if count == 1 else "s")
