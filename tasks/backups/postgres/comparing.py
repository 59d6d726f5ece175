"""What the source holds at one point, for a physical backup to be compared with."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import psycopg

from tasks.backups.digests import Digest
from tasks.backups.postgres.digests import definitions, hold, rows, sequences, spans, tables
from tasks.backups.postgres.point import NoPoint, Point, Points
from tasks.backups.postgres.sessions import Way, databases
from tasks.texts import t

TRIES = 20


@dataclass(frozen=True, slots=True)
class Made:
    """How things were made when they were the same before and after the snapshot."""

    point: Point
    digests: list[Digest]


def stable_point(points: Points) -> Made:
    """Definitions are read before the snapshot and in it: what others change meanwhile shows, and it is tried
    again."""
    for _ in range(TRIES):
        before = everything(points)
        moved = positions(points)
        point = points.find()
        if held(points) and everything(points) == before:
            after = positions(points)
            found = [
                span
                for name in points.sessions
                for span in spans(name, moved[name], after[name], logged=True)
            ]
            return Made(point, [*before, *found])
        points.end()
    raise NoPoint(t("backup_postgres.changing", tries=TRIES))


def everything(points: Points) -> list[Digest]:
    found = definitions(next(iter(points.sessions.values())), "")
    for name, session in points.sessions.items():
        found += definitions(session, name)
    return found


def positions(points: Points) -> Mapping[str, dict[str, tuple[int, int]]]:
    return {name: sequences(session) for name, session in points.sessions.items()}


def held(points: Points) -> bool:
    try:
        return all(hold(session, tables(session, logical=False)) for session in points.sessions.values())
    except (psycopg.errors.LockNotAvailable, psycopg.errors.UndefinedTable):
        return False


def compared(
    way: Way, points: Points, point: Point, made: Sequence[Digest], without: dict[str, str]
) -> tuple[Digest, ...]:
    """With the rows of every table in the snapshot of its database."""
    digests = list(made)
    for name, session in points.sessions.items():
        found = rows(way.session, name, tables(session, logical=False), point.snapshots[name])
        digests += found.digests
        without |= found.without
    return tuple(digests)


def names_of(way: Way) -> list[str]:
    with closing(way.session()) as session:
        return databases(session)
