"""What `script` writes, with or without its file of times."""

import codecs
import re
from collections.abc import Iterator

from tasks import clock
from tasks.errors import Refused
from tasks.sessions.cast import Event
from tasks.sessions.imports import KINDS, Imported, Log
from tasks.sessions.imports.screens import COLUMNS, session
from tasks.texts import t

# In whatever language the rest of the line is.
BEGUN = re.compile(r"Script [^\n]*\n")
WHEN = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?(?:[+-]\d\d:?\d\d)?")
WIDTH = re.compile(r'COLUMNS="(\d+)"')
# Classic: delay and bytes; advanced: with the stream before them.
TIME = re.compile(r"(?:(?P<stream>[OIHS]) )?(?P<delay>\d+\.\d+) (?P<size>\S+)(?: .*)?")


def is_timing(text: str) -> bool:
    lines = text.split("\n", 20)[:20]
    return bool(lines[0]) and all(TIME.fullmatch(line.rstrip("\r")) for line in lines[:-1] or lines)


@KINDS.add("typescript")
class Typescripts:
    def fits(self, log: Log) -> bool:
        return bool(log.timing) or BEGUN.match(log.text) is not None

    def read(self, log: Log) -> list[Imported]:
        begun = BEGUN.match(log.text)
        head = begun[0] if begun else ""
        when, width = WHEN.search(head), WIDTH.search(head)
        at = clock.parse(when[0]) if when else log.at
        log.needs(at=at is None)
        assert at is not None
        events = list(timed(log)) if log.timing else [Event(0.0, "o", log.text[len(head) :])]
        columns = int(width[1]) if width and int(width[1]) else COLUMNS
        return [session(log.named(log.host), log.by, at, events, columns)]


def timed(log: Log) -> Iterator[Event]:
    """Sizes are bytes of what comes behind the first line."""
    at, place = 0.0, log.raw.find(b"\n") + 1
    decoder = codecs.getincrementaldecoder(log.encoding)("replace")
    for number, line in enumerate(log.timing.splitlines(), 1):
        found = TIME.fullmatch(line)
        if found is None:
            raise Refused(t("sessions.bad_timing", line=number))
        at += float(found["delay"])
        if found["stream"] in (None, "O") and found["size"].isdigit():
            size = int(found["size"])
            yield Event(at, "o", decoder.decode(log.raw[place : place + size]))
            place += size
    if place > len(log.raw):
        raise Refused(t("sessions.timing_too_long", name=log.name))
