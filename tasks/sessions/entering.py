"""A recorded session as a record of the book, with the recording and its commands as evidence."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tasks import clock, operations
from tasks.errors import Refused
from tasks.home import Home
from tasks.model import Json, Mode, Outcome, Record, Tier
from tasks.operations import Answer, Operation, Operations
from tasks.records import Book, Entry
from tasks.sessions import ROUTINE, TOPIC
from tasks.sessions.cast import MEDIA_TYPE, Cast, read
from tasks.sessions.recording import CAST, About, cast_of, forget, left, read_about
from tasks.texts import t

WAY = "session"


@dataclass(frozen=True, slots=True)
class End:
    """How it ended: `exit`, `left`, `idle`, `lost`, `closed`, `broken`."""

    how: str
    exit_code: int | None = None


def enter(book: Book, about: About, content: bytes, end: End, mode: Mode) -> Entry:
    cast = parsed(content)
    sent = commands(cast, clock.parse(about.started_at), about.host)
    lasted = cast.events[-1].at if cast.events else 0.0
    started_at = clock.parse(about.started_at)
    ended_at = started_at + timedelta(seconds=lasted) if end.how == "broken" else clock.now()
    how = t(f"sessions.end_{end.how}", code="—" if end.exit_code is None else end.exit_code)
    facts: dict[str, Json] = {
        "session": "broken" if end.how == "broken" else "own",
        "host": about.host,
        "login": about.login,
        "reason": about.reason,
        "ended": end.how,
        "exit_code": end.exit_code,
        "commands": len(sent),
    }
    record = Record(
        contract=about.contract,
        routine=ROUTINE,
        title=t("sessions.title", host=about.host),
        started_at=started_at,
        ended_at=ended_at,
        started_by=about.by,
        outcome=Outcome.NOTED,
        mode=mode,
        topics=(TOPIC,),
        expected=1,
        reached=1,
        summary=t("sessions.summary", host=about.host, minutes=lasted / 60, commands=len(sent), how=how),
        facts=facts,
    )
    return book.append(with_evidence(book, record, {CAST: (content, MEDIA_TYPE)}, sent))


def with_evidence(
    book: Book, record: Record, files: Mapping[str, tuple[bytes, str]], sent: Operations
) -> Record:
    kept = [book.keep(content, name, kind, Tier.VERY) for name, (content, kind) in files.items() if content]
    if len(sent):
        kept.append(book.keep(sent.content(), operations.FILE, "application/json", Tier.FAIR))
    return replace(record, evidence=tuple(kept))


def parsed(content: bytes) -> Cast:
    """A recording that was cut before its first line is one of nothing."""
    try:
        return read(content)
    except Refused:
        return Cast({}, (), cut=True)


def commands(cast: Cast, started_at: datetime, host: str) -> Operations:
    """Each command, and the digest of what the screen showed until the next one."""
    sent = Operations()
    for begun, ended, text, answer in stretches(cast):
        sent.add(
            Operation(
                at=started_at + timedelta(seconds=begun),
                target=host,
                way=WAY,
                text=text,
                seconds=ended - begun,
                digest=answer.digest,
                size=answer.size,
            )
        )
    return sent


def stretches(cast: Cast) -> Iterator[tuple[float, float, str, Answer]]:
    begun, text, answer = 0.0, "", Answer()
    for event in cast.events:
        if event.kind == "m":
            if text:
                yield begun, event.at, text, answer
            begun, text, answer = event.at, event.text, Answer()
        elif event.kind == "o":
            answer.heard(operations.encoded(event.text))
    if text:
        yield begun, cast.events[-1].at, text, answer


def take_up(home: Home, book: Book, modes: Mapping[str, Mode]) -> list[Entry]:
    """Sessions whose process died, entered as broken off; of the contracts in `modes`."""
    entries: list[Entry] = []
    if not modes:
        return entries
    with left(home) as folders:
        for folder in folders:
            about = read_about(folder)
            if about and about.contract in modes:
                broken = End("broken")
                entries.append(enter(book, about, cast_of(folder), broken, modes[about.contract]))
                forget(folder)
    return entries
