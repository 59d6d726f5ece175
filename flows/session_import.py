"""A jump host's session logs into the book: when it happened and when it was entered, both said."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tasks import clock
from tasks.errors import Refused
from tasks.hiding import Hiding
from tasks.inventory import Inventory
from tasks.model import Host, Mode, Outcome, Record
from tasks.operations import Operations, digest_of
from tasks.records import Book, Entry
from tasks.sessions import ROUTINE, TOPIC
from tasks.sessions.entering import with_evidence
from tasks.sessions.imports import Columns, Imported, Log, content_of, decoded, sessions_of
from tasks.sessions.imports.typescript import is_timing
from tasks.strict import Problem, read
from tasks.texts import t

ORIGINAL = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`host`, `at`: for logs that do not say it themselves. `hidden`: secrets that none of them may keep."""

    contract: str
    by: str
    host: str
    at: datetime | None
    mapping: Columns
    hidden: Hiding
    mode: Mode


@dataclass(frozen=True, slots=True)
class File:
    name: str
    raw: bytes
    text: str
    encoding: str
    timing: str = ""


def mapping_of(path: Path | None) -> Columns:
    if path is None:
        return Columns()
    problems: list[Problem] = []
    document = read(path, Columns, problems)
    if document is None or problems:
        raise Refused(t("sessions.mapping_invalid"), problems)
    return document.content


def import_all(book: Book, inventory: Inventory, wanted: Wanted, paths: Sequence[Path]) -> list[Entry]:
    """All of them or none: what is wrong with one is told before anything is entered."""
    known = {
        str(digest): entry.seq
        for entry in book.entries(contract=wanted.contract, routine=ROUTINE)
        if (digest := entry.record.facts.get("sha256"))
    }
    now, records = clock.now(), []
    names = called(inventory, wanted.contract)
    for file in files(paths):
        digest = digest_of(file.raw)
        if digest in known:
            raise Refused(t("sessions.imported_already", name=file.name, seq=known[digest]))
        known[digest] = 0
        log = Log(
            name=file.name,
            raw=file.raw,
            text=file.text,
            encoding=file.encoding,
            host=wanted.host,
            at=wanted.at,
            by=wanted.by,
            timing=file.timing,
            mapping=wanted.mapping,
            names=names,
        )
        records += [(file, record(wanted, file, digest, one, now), one) for one in sessions_of(log)]
    return book.append_all([complete(book, wanted, *one) for one in records])


def called(inventory: Inventory, contract: str) -> dict[str, str]:
    hosts = [one for one in inventory.targets(contract) if isinstance(one, Host)]
    return {address: one.name for one in hosts for address in (one.address, one.hostname) if address}


def files(paths: Sequence[Path]) -> list[File]:
    """A file of times belongs to the typescript before it."""
    found: list[File] = []
    for path in paths:
        raw = content_of(path)
        text, encoding = decoded(path.name, raw)
        if is_timing(text):
            if not found:
                raise Refused(t("sessions.timing_alone", name=path.name))
            found[-1] = replace(found[-1], timing=text)
        else:
            found.append(File(path.name, raw, text, encoding))
    return found


def record(wanted: Wanted, file: File, digest: str, one: Imported, now: datetime) -> Record:
    if one.ended_at > now:
        raise Refused(t("sessions.in_the_future", name=file.name, at=one.ended_at))
    return Record(
        contract=wanted.contract,
        routine=ROUTINE,
        title=t("sessions.title_imported", host=one.host),
        started_at=one.started_at,
        ended_at=one.ended_at,
        started_by=one.by,
        outcome=Outcome.NOTED,
        mode=wanted.mode,
        topics=(TOPIC,),
        expected=1,
        reached=1,
        summary=t(
            "sessions.summary_imported",
            name=file.name,
            host=one.host,
            commands=len(one.operations),
            happened=one.started_at,
            entered=now,
            by=wanted.by,
        ),
        facts={
            "session": "imported",
            "host": one.host,
            "happened_at": one.started_at.isoformat(),
            "entered_at": now.isoformat(),
            "entered_by": wanted.by,
            "file": file.name,
            "sha256": digest,
            "masked": wanted.hidden(file.text) != file.text,
        },
    )


def complete(book: Book, wanted: Wanted, file: File, record: Record, one: Imported) -> Record:
    """The file as it came; without its secrets, where it holds some."""
    content = wanted.hidden(file.text).encode() if record.facts["masked"] else file.raw
    sent = Operations()
    for operation in one.operations:
        sent.add(operation, wanted.hidden)
    return with_evidence(book, record, {file.name: (content, ORIGINAL)}, sent)
