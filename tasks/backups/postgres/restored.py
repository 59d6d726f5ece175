"""A restored cluster, looked at in the way its source was."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import psycopg

from tasks.backups import CouldNotLook, Unsound
from tasks.backups.digests import Digest
from tasks.backups.manifest import Manifest
from tasks.backups.postgres.cluster import Cluster
from tasks.backups.postgres.digests import (
    NOT_MADE,
    PASSWORD,
    VALUE,
    definitions,
    named,
    rows,
    sequences,
    tables,
    within,
)
from tasks.backups.postgres.sessions import Failed, Session, databases, failed
from tasks.texts import t

# No room, no memory: of the host proof is done on.
RESOURCES = "53"


class Restored:
    def __init__(self, cluster: Cluster, manifest: Manifest, logical: bool) -> None:
        self._cluster, self._manifest, self._logical = cluster, manifest, logical

    def connect(self, name: str) -> Session:
        return self._cluster.connect(name)

    def digests(self, expected: Sequence[Digest]) -> tuple[Digest, ...]:
        with refused():
            with closing(self._cluster.connect("template1")) as session:
                self._at_the_point(session)
                names = databases(session)
                found = definitions(session, "")
            for name in names:
                found += self._of(name, {one.name: one for one in expected})
        without = {*self._manifest.not_digested, *([NOT_MADE] if self._logical else [])}
        if not any(one.name.startswith(PASSWORD) for one in expected):  # the source did not tell them
            without |= {one.name for one in found if one.name.startswith(PASSWORD)}
        return tuple(one for one in found if one.name not in without)

    def _of(self, name: str, expected: dict[str, Digest]) -> Iterator[Digest]:
        with closing(self._cluster.connect(name)) as session:
            yield from definitions(session, name)
            yield from rows(self._cluster.connect, name, tables(session, self._logical)).digests
            for sequence, (value, _) in sequences(session).items():
                span = expected.get(named(name, VALUE, sequence))
                if span and within(span, value):
                    yield span
                else:
                    yield Digest("definition", named(name, VALUE, sequence), str(value))

    def _at_the_point(self, session: Session) -> None:
        """Transactions that nobody had seen the end of must have none here."""
        for xid in filter(None, self._manifest.digest_point.get("running", "").split(",")):
            if session.execute("SELECT txid_status(%s)", (int(xid),)).fetchone() == ("committed",):
                raise CouldNotLook(t("backup_postgres.not_the_point", xid=xid))

    def sentinel(self) -> str:
        name = self._manifest.facts.get("sentinel", "")
        if not name:
            return ""
        with refused(), closing(self._cluster.connect(name)) as session:
            row = session.execute("SELECT value FROM opsproof.sentinel").fetchone()
        return str(row[0]) if row else ""


@contextmanager
def refused() -> Iterator[None]:
    """What a restored server refuses is the backup's fault, unless it lacks room or memory."""
    try:
        yield
    except (Failed, psycopg.Error) as problem:
        said = problem if isinstance(problem, Failed) else failed("", problem)
        kind = CouldNotLook if said.code.startswith(RESOURCES) else Unsound
        raise kind(str(said)) from problem
