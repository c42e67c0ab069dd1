"""The window of time that a report looks at: words in, whole seconds out."""

import re
from datetime import UTC, datetime, timedelta

_RELATIVE = re.compile(r"-(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

Moment = str | datetime | None


def moment(value: Moment, now: datetime | None = None) -> datetime | None:
    """`value` as an aware UTC datetime, or None.

    Takes ISO 8601 (UTC unless it says otherwise), `now`, or a time before now such as `-24h`, `-7d`, `-30m`.
    Raises ValueError with a sentence that says what is taken.
    """
    if value is None or isinstance(value, datetime):
        return value and (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))
    text = str(value).strip()
    now = now or datetime.now(UTC)
    if text == "now":
        return now
    relative = _RELATIVE.fullmatch(text)
    try:
        if relative:
            return now - timedelta(**{_UNITS[relative[2]]: int(relative[1])})
        return moment(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: give ISO 8601 such as 2026-11-22T06:00Z, or -24h, -7d, now") from None


def window(start: Moment, end: Moment, now: datetime | None = None) -> tuple[int | None, int | None]:
    """`start` and `end` as seconds since 1970 UTC (None: open). Raises ValueError where end is not after start."""
    first, last = moment(start, now), moment(end, now)
    if first and last and last <= first:
        raise ValueError(
            f"the end ({last:%Y-%m-%d %H:%M:%S} UTC) is not after the start ({first:%Y-%m-%d %H:%M:%S} UTC)"
        )
    return tuple(None if at is None else int(at.timestamp()) for at in (first, last))
