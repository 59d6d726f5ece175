"""What the source holds at one point, for a physical backup to be compared with."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field

from tasks.backups.digests import Digest
from tasks.backups.postgres.digests import definitions, rows, sequences, shapes, spans, tables, unlike
from tasks.backups.postgres.point import Point, Points
from tasks.backups.postgres.sessions import Way, databases
from tasks.texts import t


@dataclass(frozen=True, slots=True)
class Made:
    """How things were made at a point, and which files tables were in."""

    point: Point
    digests: list[Digest] = field(default_factory=list)
    shapes: Mapping[str, dict[str, str]] = field(default_factory=dict)


def found_at(points: Points, without: dict[str, str]) -> Made:
    """Definitions are read before the snapshot and in it: what others change meanwhile shows, and is not
    compared."""
    looks = {name: shapes(session, name) for name, session in points.sessions.items()}
    before, moved = everything(points), positions(points)
    point = points.find()
    changed = t("backup_postgres.changed")
    without |= dict.fromkeys((one.name for one in set(before) ^ set(everything(points))), changed)
    after = positions(points)
    values = [span for name in points.sessions for span in spans(name, moved[name], after[name], logged=True)]
    return Made(point, [*before, *values], looks)


def everything(points: Points) -> list[Digest]:
    found = definitions(next(iter(points.sessions.values())), "")
    for name, session in points.sessions.items():
        found += definitions(session, name)
    return found


def positions(points: Points) -> Mapping[str, dict[str, tuple[int, int]]]:
    return {name: sequences(session) for name, session in points.sessions.items()}


def compared(way: Way, points: Points, made: Made, without: dict[str, str]) -> tuple[Digest, ...]:
    """With the rows of every table in the snapshot of its database."""
    digests = list(made.digests)
    for name, session in points.sessions.items():
        found = rows(way.session, name, tables(session, logical=False), made.point.snapshots[name])
        digests += found.digests
        without |= found.without
        with closing(way.session(name)) as now:
            without |= unlike(made.shapes[name], shapes(now, name))
    return tuple(one for one in digests if one.name not in without)


def names_of(way: Way) -> list[str]:
    with closing(way.session()) as session:
        return databases(session)
