"""Wrong attempts, counted: five within a quarter of an hour, and the name is locked out until
the fifth last of them is that old.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

LIMIT = 5
WINDOW = timedelta(minutes=15)


def recent(wrong: Sequence[float], at: datetime) -> list[float]:
    """The attempts that still count. One from the future (the clock went back) counts as made now:
    neither forgotten, nor a lock for years.
    """
    now = at.timestamp()
    return [min(moment, now) for moment in wrong if now - moment < WINDOW.total_seconds()]


def locked_until(wrong: Sequence[float], at: datetime) -> datetime | None:
    counted = sorted(recent(wrong, at))
    if len(counted) < LIMIT:
        return None
    return datetime.fromtimestamp(counted[-LIMIT], at.tzinfo) + WINDOW
