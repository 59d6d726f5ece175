"""The one place that asks what time it is, and the zone everything is written in."""

from datetime import datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")


def now() -> datetime:
    return datetime.now(ZONE)


def parse(text: str) -> datetime:
    """ISO 8601 with or without an offset; without one it is local to the contracts."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(ZONE) if moment.tzinfo else moment.replace(tzinfo=ZONE)
