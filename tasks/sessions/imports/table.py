"""The CSV of a bastion: a line for each command. A mapping file says which column is which; without one,
common words do.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Mapping

from tasks.errors import Refused
from tasks.inventory.suggest import meant
from tasks.operations import Operation
from tasks.sessions.imports import KINDS, Imported, Log
from tasks.sessions.imports.moments import moment
from tasks.sessions.imports.screens import WAY
from tasks.texts import listed, t

COLUMNS = ("time", "host", "user", "command", "session", "exit_code")
NEEDED = ("time", "command")
# More than so many wrong lines are not told one by one.
TOLD = 50


@KINDS.add("table")
class Tables:
    def fits(self, log: Log) -> bool:
        return log.name.lower().endswith(".csv") or bool(log.mapping.columns)

    def read(self, log: Log) -> list[Imported]:
        rows = csv.reader(io.StringIO(log.text, newline=""), delimiter=delimiter(log))
        heading = next(rows, [])
        places = columns(log, heading)
        if "host" not in places:
            log.needs()
        problems: list[str] = []
        found: dict[tuple[str, str, str], list[Operation]] = {}
        try:
            for row in rows:
                said = {key: row[n].strip() if n < len(row) else "" for key, n in places.items()}
                if any(cell.strip() for cell in row):
                    take(log, said, rows.line_num, found, problems)
        except csv.Error as problem:
            problems.append(t("sessions.bad_csv", line=rows.line_num, reason=problem))
        if problems:
            raise Refused(t("sessions.table_invalid", name=log.name, count=len(problems)), problems[:TOLD])
        return [as_session(key, sent) for key, sent in found.items()]


def delimiter(log: Log) -> str:
    if log.mapping.delimiter:
        return "\t" if log.mapping.delimiter == "\\t" else log.mapping.delimiter[0]
    first = log.text.partition("\n")[0]
    return max(",;\t|", key=first.count)


def norm(heading: str) -> str:
    text = unicodedata.normalize("NFKC", heading).casefold()
    return re.sub(r"\([^)]*\)|[\W_]", "", text)


def columns(log: Log, heading: list[str]) -> dict[str, int]:
    """Our column → the number of theirs."""
    known = {norm(text): number for number, text in reversed(list(enumerate(heading)))}
    places: dict[str, int] = {}
    for key, wanted in log.mapping.columns.items():
        if key not in COLUMNS:
            raise Refused(t("sessions.no_column", key=key, known=listed(COLUMNS)) + meant(key, COLUMNS))
        if norm(wanted) not in known:
            raise Refused(t("sessions.no_heading", name=log.name, heading=wanted) + meant(wanted, heading))
        places[key] = known[norm(wanted)]
    for key in COLUMNS:
        if key not in log.mapping.columns:
            words = (norm(word) for word in t(f"sessions.heading_{key}").split())
            if (number := next((known[word] for word in words if word in known), None)) is not None:
                places[key] = number
    if missing := [t(f"sessions.column_{key}") for key in NEEDED if key not in places]:
        raise Refused(t("sessions.heading_missing", name=log.name, columns=listed(missing)))
    return places


def take(
    log: Log,
    said: Mapping[str, str],
    line: int,
    found: dict[tuple[str, str, str], list[Operation]],
    problems: list[str],
) -> None:
    at, code = moment(said["time"]), said.get("exit_code", "")
    host = log.named(said.get("host", "") or log.host)
    if at is None:
        problems.append(t("sessions.bad_time_at", line=line, text=said["time"][:40]))
    if not said["command"]:
        problems.append(t("sessions.no_command_at", line=line))
    if not host:
        problems.append(t("sessions.no_host_at", line=line))
    if code and not re.fullmatch(r"-?\d{1,5}", code):
        problems.append(t("sessions.bad_code_at", line=line, text=code[:40]))
        code = ""
    if at is None:
        return
    sent = Operation(
        at=at,
        target=host,
        way=WAY,
        text=said["command"],
        seconds=0.0,
        exit_code=int(code) if code else None,
    )
    found.setdefault((said.get("session", ""), host, said.get("user", "") or log.by), []).append(sent)


def as_session(key: tuple[str, str, str], sent: list[Operation]) -> Imported:
    _, host, by = key
    times = [one.at for one in sent]
    return Imported(
        host=host,
        by=by,
        started_at=min(times),
        ended_at=max(times),
        operations=sorted(sent, key=lambda o: o.at),
    )
