"""Times as logs write them."""

import re
from datetime import datetime

from tasks import clock
from tasks.texts import t

MOMENT = re.compile(
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})[ T]+"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?:[.,]\d+)?\s*(?P<zone>Z|[+-]\d\d:?\d\d)?"
)


def moment(text: str) -> datetime | None:
    """None: it is none. Without a zone it is ours."""
    # Year, month, day, hour, minute, second in characters.
    plain = text.strip().translate(str.maketrans(t("sessions.units"), "-- :: "))
    found = MOMENT.fullmatch(plain.strip().removesuffix(":"))
    if not found:
        return None
    year, month, day, hour, minute = (int(found[name]) for name in ("year", "month", "day", "hour", "minute"))
    try:
        local = datetime(year, month, day, hour, minute, int(found["second"] or 0))
        return clock.parse(local.isoformat() + (found["zone"] or ""))
    except ValueError:
        return None
