"""Recordings of asciinema, versions 1 and 2. What was typed, where one holds it, is not read: it may be a
password.
"""

from datetime import datetime

from tasks import clock
from tasks.sessions.cast import read
from tasks.sessions.imports import KINDS, Imported, Log
from tasks.sessions.imports.screens import COLUMNS, session


@KINDS.add("cast")
class Casts:
    def fits(self, log: Log) -> bool:
        return log.name.endswith(".cast") or log.text.lstrip().startswith('{"version"')

    def read(self, log: Log) -> list[Imported]:
        cast = read(log.text.encode())
        stamp = cast.header.get("timestamp")
        at = datetime.fromtimestamp(stamp, clock.ZONE) if isinstance(stamp, int | float) else log.at
        log.needs(at=at is None)
        assert at is not None
        columns = cast.header.get("width")
        width = columns if isinstance(columns, int) and columns > 0 else COLUMNS
        return [session(log.named(log.host), log.by, at, cast.events, width)]
