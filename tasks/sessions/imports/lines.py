"""A plain log whose lines begin with a time; what follows a line without one is its answer."""

import re
from dataclasses import replace

from tasks.errors import Refused
from tasks.operations import Answer, Operation, encoded
from tasks.sessions.imports import KINDS, Imported, Log
from tasks.sessions.imports.moments import MOMENT, moment
from tasks.sessions.imports.screens import WAY
from tasks.sessions.screen import prompted
from tasks.texts import t

LINE = re.compile(rf"\[?(?P<when>{MOMENT.pattern})\]?[\s,|:]*(?P<text>.*)")


@KINDS.add("lines")
class Lines:
    def fits(self, log: Log) -> bool:
        return True

    def read(self, log: Log) -> list[Imported]:
        log.needs()
        host, found = log.named(log.host), list[tuple[Operation, Answer]]()
        for number, line in enumerate(log.text.splitlines(), 1):
            matched = LINE.fullmatch(line)
            at = moment(matched["when"]) if matched else None
            if at is None and not found and line.strip():
                raise Refused(t("sessions.no_time", name=log.name, line=number))
            if matched and at is not None:
                text = prompted(matched["text"]) or matched["text"].strip()
                found.append((Operation(at=at, target=host, way=WAY, text=text, seconds=0.0), Answer()))
            elif found:
                found[-1][1].heard(encoded(line + "\n"))
        return [whole(host, log.by, found)] if found else []


def whole(host: str, by: str, found: list[tuple[Operation, Answer]]) -> Imported:
    operations = [replace(one, digest=answer.digest, size=answer.size) for one, answer in found if one.text]
    times = [one.at for one, _ in found]
    return Imported(host=host, by=by, started_at=min(times), ended_at=max(times), operations=operations)
