"""The record book: append-only, one hash chain per contract, evidence beside it.

A folder: `book.sqlite`, `blobs/`, `seals/`, `book.lock`. Reading needs no lock and makes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Connection, Select, func, insert, select

from tasks import clock
from tasks.errors import OpsError, Refused
from tasks.files import sync_folder
from tasks.model import Evidence, Outcome, Record, Tier
from tasks.records import document as documents
from tasks.records.blobs import Blobs, Damaged
from tasks.records.database import MIGRATIONS, Database, Migration, records, troubles
from tasks.records.lock import PATIENCE_SECONDS, held
from tasks.records.seals import EMPTY, Head, Seal, Seals
from tasks.records.verification import Progress, Verification, Verifier
from tasks.texts import t

PAGE = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """A record in its place in the chain of its contract."""

    seq: int
    record: Record
    recorded_at: datetime
    prev: str
    hash: str
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def contract(self) -> str:
        return self.record.contract

    @property
    def head(self) -> Head:
        return Head(self.seq, self.hash)


class Book:
    def __init__(
        self,
        path: Path,
        migrations: Sequence[Migration] = MIGRATIONS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.path = Path(path)
        self.patience = patience
        self.database = Database(self.path / "book.sqlite", migrations)
        self.blobs = Blobs(self.path / "blobs")
        self.seals = Seals(self.path / "seals")

    def keep(self, content: bytes | BinaryIO, name: str, media_type: str, tier: Tier) -> Evidence:
        """Put a piece of evidence on disk; it counts once a record that names it is appended."""
        with troubles(self.path / "blobs"):
            if not self.database.exists():
                with self._writing():
                    pass
            blob = self.blobs.keep(content)
        return Evidence(blob.digest, name, media_type, blob.size, tier)

    def read(self, evidence: Evidence | str) -> bytes:
        return b"".join(self.chunks(evidence))

    def chunks(self, evidence: Evidence | str) -> Iterator[bytes]:
        """The content piece by piece; what was altered is refused at the latest at its end."""
        digest = evidence if isinstance(evidence, str) else evidence.digest
        try:
            yield from self.blobs.chunks(digest)
        except Damaged as damage:
            raise OpsError(t(f"records.blob_{damage.how}", digest=digest)) from damage

    def append(self, record: Record) -> Entry:
        return self.append_all([record])[0]

    def append_all(self, batch: Iterable[Record]) -> list[Entry]:
        """All of them or none. Once this returns, they are on disk."""
        salted = [(record, documents.salted_fields(record)) for record in batch]
        for record, _ in salted:
            self._has_evidence(record)
        if not salted:
            return []
        with self._writing() as connection:
            before = {name: self._sealed_head(connection, name) for name in {r.contract for r, _ in salted}}
            written = _chained(salted, before)
            after = before | {document["contract"]: _head(document) for document in written}
            rows = [
                {**documents.columns(document), "document": documents.canonical(document)}
                for document in written
            ]
            connection.execute(insert(records), rows)
            for name, head in before.items():
                self.seals.write(name, Seal(head, after[name]))
            connection.commit()
            self._settle(after)
        return [_entry(document) for document in written]

    def entries(
        self,
        contract: str | None = None,
        routine: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        plan_id: str | None = None,
        outcome: Outcome | None = None,
        after: int | None = None,
        before: int | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[Entry]:
        """In the order of writing; since <= started_at < until; after < seq < before."""
        query = select(records.c.id, records.c.document)
        wanted = {"contract": contract, "routine": routine, "plan_id": plan_id, "outcome": outcome}
        for name, value in wanted.items():
            if value is not None:
                query = query.where(records.c[name] == str(value))
        if after is not None:
            query = query.where(records.c.seq > after)
        if before is not None:
            query = query.where(records.c.seq < before)
        if since is not None:
            query = query.where(records.c.started_at >= documents.moment(since))
        if until is not None:
            query = query.where(records.c.started_at < documents.moment(until))
        return self._pages(query, newest_first, limit)

    def entry(self, contract: str, seq: int) -> Entry:
        query = select(records.c.document).where(records.c.contract == contract, records.c.seq == seq)
        text = None
        with self._reading() as connection:
            if connection is not None:
                text = connection.execute(query).scalar()
        if text is None:
            raise Refused(t("records.no_such_record", contract=contract, seq=seq))
        return _entry(_read(text))

    def head(self, contract: str) -> Head | None:
        """The last record of the chain; None while there is none."""
        with self._reading() as connection:
            return _last(connection, contract) if connection is not None else None

    def contracts(self) -> list[str]:
        with self._reading() as connection:
            if connection is None:
                return []
            query = select(records.c.contract).distinct().order_by(records.c.contract)
            return list(connection.execute(query).scalars())

    def verify(
        self,
        contract: str | None = None,
        heads: Mapping[str, Head] | None = None,
        progress: Progress | None = None,
    ) -> Verification:
        """Read everything and name whatever is not as it was written. `heads` are what the
        client kept: without them nobody can tell a book that was rewritten as a whole."""
        return Verifier(self.database, self.blobs, self.seals, progress).run(contract, heads or {})

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep writers out, as a writer does."""
        with troubles(self.path / "book.lock"):
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            with held(self.path / "book.lock", self.patience):
                yield

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self.lock():
            if not self.database.exists() and any(self.seals.contracts()):
                raise OpsError(t("records.database_missing", path=self.database.path))
            for folder in (self.seals.folder, self.blobs.folder):
                if not folder.is_dir():
                    folder.mkdir(mode=0o700)
                    sync_folder(self.path)
            self.seals.sweep()
            with self.database.writing() as connection:
                yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection | None]:
        """None while there is no book yet, or one whose first writer died before it had tables."""
        if not self.database.exists():
            yield None
            return
        with self.database.reading() as connection:
            yield connection if self.database.version(connection) else None

    def _has_evidence(self, record: Record) -> None:
        for item in record.evidence:
            try:
                with troubles(self.path / "blobs"):
                    size = self.blobs.size(item.digest)
            except Damaged as damage:
                how = t(f"records.blob_{damage.how}", digest=item.digest)
                raise Refused(t("records.no_evidence", name=item.name, reason=how)) from damage
            if size != item.size:
                reason = t("records.size_differs", claimed=item.size, size=size)
                raise Refused(t("records.no_evidence", name=item.name, reason=reason))

    def _sealed_head(self, connection: Connection, contract: str) -> Head:
        """Where the chain ends, if seal and database agree; a chain that was tampered with
        gets no further record."""
        head = _last(connection, contract) or EMPTY
        try:
            seal = self.seals.read(contract) or Seal(EMPTY)
        except documents.Unreadable as problem:
            raise OpsError(t("records.seal_refused", contract=contract)) from problem
        if not seal.fits(head):
            raise OpsError(t("records.seal_refused", contract=contract))
        return head

    def _settle(self, heads: Mapping[str, Head]) -> None:
        """The records are committed already: a seal that cannot be written now still fits, and
        the next writer settles it."""
        for name, head in heads.items():
            try:
                self.seals.write(name, Seal(head))
            except OSError:
                return

    def _pages(self, query: Select[Any], newest_first: bool, limit: int | None) -> Iterator[Entry]:
        """Page by page, so that a slow reader holds no snapshot open."""
        order = records.c.id.desc() if newest_first else records.c.id
        last: int | None = None
        left = limit
        while left is None or left > 0:
            page = query.order_by(order).limit(PAGE if left is None else min(PAGE, left))
            if last is not None:
                page = page.where(records.c.id < last if newest_first else records.c.id > last)
            with self._reading() as connection:
                rows = connection.execute(page).all() if connection is not None else []
            for row in rows:
                yield _entry(_read(row.document))
            if not rows:
                return
            last = rows[-1].id
            left = None if left is None else left - len(rows)


def _chained(salted: Sequence[tuple[Record, Any]], before: Mapping[str, Head]) -> list[documents.Document]:
    heads = dict(before)
    now = clock.now()
    written = []
    for record, fields in salted:
        head = heads[record.contract]
        document = documents.compose(record.contract, fields, head.seq + 1, head.hash, now)
        heads[record.contract] = _head(document)
        written.append(document)
    return written


def _head(document: documents.Document) -> Head:
    return Head(document["seq"], document["hash"])


def _last(connection: Connection, contract: str) -> Head | None:
    last = select(func.max(records.c.seq)).where(records.c.contract == contract).scalar_subquery()
    query = select(records.c.seq, records.c.hash).where(records.c.contract == contract, records.c.seq == last)
    row = connection.execute(query).first()
    return Head(row.seq, row.hash) if row else None


def _read(text: object) -> documents.Document:
    try:
        return documents.read(text)
    except documents.Unreadable as problem:
        raise OpsError(t("records.entry_unreadable", reason=problem)) from problem


def _entry(document: documents.Document) -> Entry:
    try:
        record = documents.to_record(document)
        recorded_at = datetime.fromisoformat(document["recorded_at"]).astimezone(clock.ZONE)
    except (ValueError, OverflowError) as problem:
        raise OpsError(t("records.entry_unreadable", reason=problem)) from problem
    return Entry(
        seq=document["seq"],
        record=record,
        recorded_at=recorded_at,
        prev=document["prev"],
        hash=document["hash"],
        document=document,
    )
