"""Reading the whole book and naming every damage: in which contract, which record, what.

Documents stream through the calling thread in one snapshot; blobs are decompressed and hashed in
threads beside it (both leave the interpreter's lock). Whatever the bytes are, this names it and
does not crash.
"""

import os
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import Connection, RowMapping, func, select

from tasks.errors import OpsError
from tasks.model import Evidence
from tasks.records import document as documents
from tasks.records.blobs import Blobs, Damaged
from tasks.records.database import Database, NewerBook, records, schema
from tasks.records.seals import EMPTY, Head, Seal, Seals
from tasks.texts import t

Progress = Callable[[int, int], None]  # records read, records there are

BLOBS_IN_FLIGHT = 64
PROGRESS_EVERY = 200


class What(StrEnum):
    FIELD_CHANGED = "field_changed"
    FIELD_MASKED = "field_masked"
    RECORD_MISSING = "record_missing"
    RECORD_INSERTED = "record_inserted"
    ORDER = "order"
    HASH_WRONG = "hash_wrong"
    PREV_WRONG = "prev_wrong"
    COLUMN_DIFFERS = "column_differs"
    BLOB_MISSING = "blob_missing"
    BLOB_TRUNCATED = "blob_truncated"
    BLOB_CHANGED = "blob_changed"
    BLOB_UNREADABLE = "blob_unreadable"
    SEAL_DIFFERS = "seal_differs"
    SEAL_MISSING = "seal_missing"
    SEAL_UNREADABLE = "seal_unreadable"
    HEAD_DIFFERS = "head_differs"
    SCHEMA_DIFFERS = "schema_differs"
    TRIGGER_MISSING = "trigger_missing"
    DATABASE_MISSING = "database_missing"
    DATABASE_DAMAGED = "database_damaged"
    NEWER_BOOK = "newer_book"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Problem:
    """One damage: `subject` is the field, column, digest, file or range it is about."""

    what: What
    contract: str = ""
    seq: int | None = None
    subject: str = ""
    detail: str = ""

    def __str__(self) -> str:
        where = self.contract or t("records.whole_book")
        if self.seq is not None:
            where = t("records.at", contract=where, seq=self.seq)
        return f"{where}: {t(f'records.what_{self.what}', subject=self.subject, detail=self.detail)}"


@dataclass(frozen=True, slots=True)
class Chain:
    """What was read of one contract."""

    contract: str
    records: int
    blobs: int
    bytes: int
    head: Head
    problems: int


@dataclass(frozen=True, slots=True)
class Verification:
    chains: tuple[Chain, ...]
    problems: tuple[Problem, ...]
    heads_checked: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


@dataclass(slots=True)
class _Walk:
    """Where the reader of one chain is."""

    contract: str
    count: int = 0
    size: int = 0
    blobs: int = 0
    seq: int = 0
    hash: str | None = documents.START
    row: int = 0
    wanted: set[int] = field(default_factory=set)
    hashes: dict[int, str | None] = field(default_factory=dict)


class Verifier:
    def __init__(self, database: Database, blobs: Blobs, seals: Seals, progress: Progress | None) -> None:
        self.database = database
        self.blobs = blobs
        self.seals = seals
        self.progress = progress or (lambda done, total: None)
        self.problems: list[Problem] = []
        self.walks: dict[str, _Walk] = {}
        self.seen: set[str] = set()
        self.running: deque[tuple[Problem, _Walk, Future[int]]] = deque()

    def run(self, contract: str | None, heads: Mapping[str, Head]) -> Verification:
        complete = False
        before = self._seals(contract)
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            try:
                complete = self._read(pool, contract, before, heads)
            except NewerBook as problem:
                self._found(Problem(What.NEWER_BOOK, detail=str(problem)))
            except OpsError as problem:
                self._found(Problem(What.DATABASE_DAMAGED, detail=str(problem)))
            while self.running:
                self._finish_blob()
        if complete:
            for name in sorted({*before, *self.walks, *heads} if contract is None else {contract}):
                self._judge_seal(name, before.get(name, Seal(EMPTY)))
                if name in heads:
                    self._judge_head(self._walk(name), heads[name])
        return Verification(self._chains(), tuple(self.problems), tuple(sorted(heads)) if complete else ())

    def _chains(self) -> tuple[Chain, ...]:
        found = [problem.contract for problem in self.problems]
        return tuple(
            Chain(
                walk.contract,
                walk.count,
                walk.blobs,
                walk.size,
                Head(walk.seq, walk.hash or ""),
                found.count(walk.contract),
            )
            for _, walk in sorted(self.walks.items())
        )

    def _found(self, problem: Problem) -> None:
        self.problems.append(problem)

    def _walk(self, contract: str) -> _Walk:
        return self.walks.setdefault(contract, _Walk(contract))

    def _seals(self, contract: str | None) -> dict[str, Seal | None]:
        """Read before the snapshot is taken; None stands for one that cannot be read."""
        names = self.seals.contracts() if contract is None else [contract]
        found: dict[str, Seal | None] = {}
        for name in names:
            try:
                if seal := self.seals.read(name):
                    found[name] = seal
            except documents.Unreadable:
                found[name] = None
        return found

    def _read(
        self,
        pool: ThreadPoolExecutor,
        contract: str | None,
        seals: Mapping[str, Seal | None],
        heads: Mapping[str, Head],
    ) -> bool:
        """Whether every record there is was read."""
        if not self.database.exists():
            if seals or any(self.blobs.digests()):
                self._found(Problem(What.DATABASE_MISSING, subject=self.database.path.name))
            return not seals
        for name in {*seals, *heads}:
            heads_of = [heads.get(name), *_heads(seals.get(name))]
            self._walk(name).wanted |= {head.seq for head in heads_of if head}
        with self.database.reading() as connection:
            sound = self._judge_database(connection)
            if not (self.database.version(connection) and sound):
                return sound
            query = select(records).order_by(records.c.contract, records.c.seq, records.c.id)
            if contract is not None:
                query = query.where(records.c.contract == contract)
            total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
            rows = connection.execute(query.execution_options(yield_per=PROGRESS_EVERY))
            for done, row in enumerate(rows, 1):
                self._judge_row(pool, row._mapping)
                if done % PROGRESS_EVERY == 0 or done == total:
                    self.progress(done, total)
        return True

    def _judge_database(self, connection: Connection) -> bool:
        """Whether its records can be read at all."""
        told = [str(line) for (line,) in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
        if told != ["ok"]:
            self._found(Problem(What.DATABASE_DAMAGED, detail="; ".join(told[:3])))
        there = schema(connection)
        expected = self.database.expected_schema(self.database.version(connection))
        for (kind, name), sql in expected.items():
            if there.get((kind, name)) != sql:
                what = What.TRIGGER_MISSING if kind == "trigger" else What.SCHEMA_DIFFERS
                self._found(Problem(what, subject=name))
        for _, name in there.keys() - expected.keys():
            self._found(Problem(What.SCHEMA_DIFFERS, subject=name))
        return ("table", "records") in there or not expected

    def _judge_row(self, pool: ThreadPoolExecutor, row: RowMapping) -> None:
        contract, seq = str(row["contract"]), row["seq"]
        walk = self._walk(contract)
        walk.count += 1
        if type(seq) is not int or seq <= walk.seq:
            subject = str(seq)
            seq = seq if type(seq) is int else None
            self._found(Problem(What.RECORD_INSERTED, contract, seq, subject))
            return
        if seq > walk.seq + 1:
            self._missing(walk, seq - 1)
            walk.hash = None
        if type(row["id"]) is not int or row["id"] <= walk.row:
            self._found(Problem(What.ORDER, contract, seq, "id"))
        else:
            walk.row = row["id"]
        walk.seq = seq
        walk.hash = self._judge_document(pool, walk, row)
        if seq in walk.wanted:
            walk.hashes[seq] = walk.hash

    def _missing(self, walk: _Walk, last: int) -> None:
        """Records after the present one up to `last` are not there."""
        first = walk.seq + 1
        subject = str(first) if first == last else f"{first}–{last}"
        self._found(Problem(What.RECORD_MISSING, walk.contract, first, subject))

    def _judge_document(self, pool: ThreadPoolExecutor, walk: _Walk, row: RowMapping) -> str | None:
        """The hash that the next record must name as its previous one; None if nobody can say."""
        here = (walk.contract, walk.seq)
        try:
            document = documents.read(row["document"])
            documents.to_record(document)
        except documents.Unreadable as problem:
            self._found(Problem(What.UNREADABLE, *here, detail=str(problem)))
            return None
        walk.size += len(row["document"].encode())
        if (document["contract"], document["seq"]) != here:
            there = t("records.at", contract=document["contract"], seq=document["seq"])
            self._found(Problem(What.ORDER, *here, there))
            return None
        for fault in documents.faults(document, masked_allowed=False):
            self._found(Problem(_FAULTS[fault.kind], *here, fault.subject))
        if walk.hash is not None and document["prev"] != walk.hash:
            self._found(Problem(What.PREV_WRONG, *here, str(walk.seq - 1)))
        for name, value in documents.columns(document).items():
            if row[name] != value:
                self._found(Problem(What.COLUMN_DIFFERS, *here, name))
        for item in documents.evidence_of(document):
            self._start_blob(pool, walk, item)
        return str(document["hash"])

    def _start_blob(self, pool: ThreadPoolExecutor, walk: _Walk, item: Evidence) -> None:
        if item.digest in self.seen:
            return
        self.seen.add(item.digest)
        if len(self.running) >= BLOBS_IN_FLIGHT:
            self._finish_blob()
        place = Problem(What.BLOB_CHANGED, walk.contract, walk.seq, item.digest, item.name)
        self.running.append((place, walk, pool.submit(self.blobs.check, item.digest)))

    def _finish_blob(self) -> None:
        place, walk, future = self.running.popleft()
        try:
            walk.size += future.result()
            walk.blobs += 1
        except Damaged as damage:
            what = What(f"blob_{damage.how}")
            self._found(Problem(what, place.contract, place.seq, place.subject, place.detail))

    def _judge_seal(self, name: str, before: Seal | None) -> None:
        """Writers may have gone on between the seal and the snapshot: then the seal has moved,
        and the chain must lie between the two."""
        walk = self._walk(name)
        try:
            now = self.seals.read(name)
        except documents.Unreadable as problem:
            self._found(Problem(What.SEAL_UNREADABLE, name, detail=str(problem)))
            return
        if now is None:
            if walk.count:
                self._found(Problem(What.SEAL_MISSING, name))
            return
        if before is None or before == now:
            self._judge_end(walk, now.committed, _heads(now))
            return
        last = max(head.seq for head in _heads(now))
        self._judge_end(walk, before.committed, [Head(min(walk.seq, last), walk.hash or "")])

    def _judge_end(self, walk: _Walk, committed: Head, ends: list[Head]) -> None:
        if walk.seq < committed.seq:
            self._missing(walk, committed.seq)
            return
        known = walk.hashes.get(committed.seq, walk.hash if walk.seq == committed.seq else None)
        if committed != EMPTY and known is not None and known != committed.hash:
            self._found(Problem(What.SEAL_DIFFERS, walk.contract, committed.seq))
        end = next((head for head in ends if head.seq == walk.seq), None)
        if end is None:
            for seq in range(max(head.seq for head in ends) + 1, walk.seq + 1):
                self._found(Problem(What.RECORD_INSERTED, walk.contract, seq, str(seq)))
        elif end != committed and walk.hash is not None and end.hash != walk.hash:
            self._found(Problem(What.SEAL_DIFFERS, walk.contract, walk.seq))

    def _judge_head(self, walk: _Walk, head: Head) -> None:
        if walk.seq < head.seq or walk.hashes.get(head.seq) not in (None, head.hash):
            self._found(Problem(What.HEAD_DIFFERS, walk.contract, head.seq, str(head)))


_FAULTS = {"field": What.FIELD_CHANGED, "hash": What.HASH_WRONG, "masked": What.FIELD_MASKED}


def _heads(seal: Seal | None) -> list[Head]:
    return [head for head in (seal.committed, seal.pending) if head] if seal else []
