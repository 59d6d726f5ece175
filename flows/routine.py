"""What every routine run has in common, whoever started it: lock, work, record.

A routine's own module says what its work is. `perform` is the same under Prefect and on the command
line; only `call` differs, which runs a verb as a Prefect task or as the plain function it is.
"""

import getpass
import os
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import version
from typing import Any

from flows.sessions_left import take_up_all
from tasks import clock, operations
from tasks.calendar.plans import Plan
from tasks.contracts.activation import active
from tasks.errors import OpsError, Refused
from tasks.history import History
from tasks.home import Home
from tasks.inspection.findings import FINDINGS, title, write_findings
from tasks.inventory import Inventory, load
from tasks.locks import CHANGE_PATIENCE_SECONDS, PATIENCE_SECONDS, held
from tasks.log import log
from tasks.model import Evidence, Finding, Json, Mode, Outcome, Record, Status, Tier
from tasks.operations import Operations, collecting
from tasks.records import Book, Entry
from tasks.reports import render
from tasks.reports.form import Form
from tasks.texts import t
from tasks.verb import Verb

NOTHING = Operations()
TOOL = f"opsproof {version('opsproof')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who wants what run, on which targets, and for which plan if any."""

    contract: str
    started_by: str
    only: tuple[str, ...] = ()
    note: str = ""
    plan: Plan | None = None
    # As the contract has it.
    mode: Mode = Mode.REAL
    # Only what the last run could not look at.
    again: bool = False
    # Nothing is changed, and no duty is met.
    rehearse: bool = False
    # What else the routine can be asked for, by its own names; nothing empty.
    asked: Mapping[str, str] = field(default_factory=dict)
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a routine's work has to hand."""

    home: Home
    inventory: Inventory
    book: Book
    history: History
    request: Request
    call: Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Evidence a run made, not yet in the book."""

    name: str
    content: bytes
    media_type: str = "application/json"
    tier: Tier = Tier.FAIR


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What came of a run. `form` makes the written record out of the record that is about to be."""

    findings: Sequence[Finding]
    expected: int
    topics: tuple[str, ...]
    summary: str = ""
    # Said ahead of the counts.
    before: str = ""
    not_reached: Mapping[str, str] = field(default_factory=dict)
    pieces: Sequence[Piece] = ()
    form: Callable[[Record, str], Form] | None = None
    facts: Mapping[str, Json] = field(default_factory=dict)
    # Where that is not when the run began, or now.
    started_at: datetime | None = None
    ended_at: datetime | None = None


def targets_named(home: Home, inventory: Inventory, request: Request) -> object:
    return inventory.targets(contract=request.contract, names=request.only)


@dataclass(frozen=True, slots=True, kw_only=True)
class Routine:
    """`named` refuses what the request names and is not there."""

    code: str
    work: Callable[[Run], Work]
    changes: bool = False
    named: Callable[[Home, Inventory, Request], object] = targets_named

    @property
    def title(self) -> str:
        return titled(self.code)


def titled(code: str) -> str:
    return t(f"routine.{code.replace('-', '_')}")


@dataclass(frozen=True, slots=True)
class Closed:
    """A run whose record is in the book."""

    entry: Entry
    findings: tuple[Finding, ...]


def direct(verb: Verb, *arguments: Any) -> Any:
    """Past Prefect."""
    return verb(*arguments)


def names_in(typed: str) -> tuple[str, ...]:
    """Names as people type them: with blanks, commas or semicolons of either width between."""
    return tuple(filter(None, re.split(r"[\s,\u3001\uff0c;\uff1b]+", typed)))


def user() -> str:
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container's number without a name
        name = str(os.getuid())
    return t("routine.by_cli", user=name)


def perform(home: Home, routine: Routine, request: Request, call: Callable[..., Any] = direct) -> Closed:
    """Do the work of a routine and put its record into the book.

    Refusals (not active, already running, unknown target) leave no record: nothing was done.
    Whatever fails after that leaves one that says so.
    """
    book = Book(home.ready(home.book))
    inventory = load(home.inventories, contract=request.contract)
    if request.contract not in active(book):
        raise Refused(t("routine.inactive", contract=request.contract))
    routine.named(home, inventory, request)
    mode = Mode.REHEARSAL if request.rehearse else inventory.contract(request.contract).mode
    request = replace(request, mode=mode)
    take_up_all(home, book)
    with alone(home, routine, request), collecting() as sent:
        started_at = clock.now()
        try:
            history = History(home.ready(home.history))
            history.catch_up(book, request.contract)
            run = Run(home=home, inventory=inventory, book=book, history=history, request=request, call=call)
            work = routine.work(run)
            entry = close(home, book, routine, request, started_at, work, sent)
        except Refused:
            raise
        except BaseException as problem:  # a bug and an interruption are runs that failed, too
            record = failed(routine, request, started_at, problem)
            book.append(replace(record, evidence=tuple(keep(book, piece) for piece in noted(sent))))
            raise
    log.info(t("routine.log_closed", contract=request.contract, seq=entry.seq))
    return Closed(entry, tuple(work.findings))


def alone(home: Home, routine: Routine, request: Request) -> AbstractContextManager[None]:
    """A rehearsal only looks, and nobody who asks takes it for the real thing."""
    code = f"{routine.code}-rehearsal" if request.rehearse else routine.code
    changes = routine.changes and not request.rehearse
    twin, others = patience(request, changes)
    return held(
        home,
        request.contract,
        code,
        changes=changes,
        title=routine.title,
        patience=others,
        twin_patience=twin,
    )


def patience(request: Request, changes: bool) -> tuple[float, float]:
    """Seconds to wait for a run of the same routine, and for others. Who asks in person hears at once that
    somebody is at it; what a plan wants waits for as long as the plan wants it, or it would be missed."""
    if request.plan:
        wanted = (request.plan.given_up_at - clock.now()).total_seconds()
        return max(wanted, PATIENCE_SECONDS), max(wanted, PATIENCE_SECONDS)
    return PATIENCE_SECONDS, CHANGE_PATIENCE_SECONDS if changes else PATIENCE_SECONDS


def outline(
    routine: Routine, request: Request, started_at: datetime, ended_at: datetime | None = None
) -> dict[str, Any]:
    """The fields of a record that are known whatever came of the run."""
    return {
        "contract": request.contract,
        "routine": routine.code,
        "title": routine.title,
        "started_at": started_at,
        "ended_at": ended_at or clock.now(),
        "started_by": request.started_by,
        "mode": request.mode,
        "plan_id": request.plan.id if request.plan else "",
        "planned_at": request.plan.due_at if request.plan else None,
    }


def facts(request: Request) -> dict[str, Json]:
    """`only`: a run of some targets is not a run of all, whatever its counts say."""
    said: dict[str, Json] = {"run_id": request.run_id, "tool": TOOL, "note": request.note}
    if request.only:
        said["only"] = list(request.only)
    return {**said, "asked": dict(request.asked)} if request.asked else said


def failed(routine: Routine, request: Request, started_at: datetime, problem: BaseException) -> Record:
    """An unexpected error is named by its kind only: its text may hold what no record should."""
    match problem:
        case OpsError():
            reason = str(problem)
        case Exception():
            reason = t("routine.bug", kind=type(problem).__name__)
        case _:
            reason = t("routine.interrupted")
    return Record(
        **outline(routine, request, started_at),
        outcome=Outcome.FAILED,
        summary=t("routine.failed", reason=reason),
        facts=facts(request),
    )


def noted(sent: Operations) -> list[Piece]:
    """What went out to systems; nothing, where a routine only read the book."""
    return [Piece(name=operations.FILE, content=sent.content())] if len(sent) else []


def close(
    home: Home,
    book: Book,
    routine: Routine,
    request: Request,
    started_at: datetime,
    work: Work,
    sent: Operations = NOTHING,
) -> Entry:
    """Evidence first, then the record that names it: what a record names is always there."""
    new = [found for found in work.findings if not found.known]
    counts = {status: sum(found.status == status for found in new) for status in Status}
    known = len(work.findings) - len(new)
    reached = work.expected - len(work.not_reached)
    record = Record(
        **outline(routine, request, work.started_at or started_at, work.ended_at),
        outcome=Outcome.OK if counts[Status.OK] == len(new) else Outcome.FINDINGS,
        topics=work.topics,
        expected=work.expected,
        reached=reached,
        not_reached=tuple(work.not_reached),
        summary=work.summary or summary(work, reached, counts, known),
        facts={**facts(request), **work.facts},
    )
    number = t("routine.number", contract=request.contract, title=routine.title, at=started_at)
    pieces = written(home, work.form(record, number), number) if work.form else []
    pieces += [Piece(name=FINDINGS, content=write_findings(work.findings)), *work.pieces, *noted(sent)]
    return book.append(replace(record, evidence=tuple(keep(book, piece) for piece in pieces)))


def summary(work: Work, reached: int, counts: Mapping[Status, int], known: int) -> str:
    """What people have acknowledged is counted apart: it is no news."""
    named = {str(status): count for status, count in counts.items()}
    text = t("routine.summary", reached=reached, expected=work.expected, **named)
    return work.before + text + (t("routine.summary_known", known=known) if known else "")


def written(home: Home, form: Form, number: str) -> list[Piece]:
    own = home.inventories / "templates"
    return [
        Piece(name=f"{number}.html", content=render.html(form, own), media_type=render.HTML, tier=Tier.LEAST),
        Piece(name=f"{number}.docx", content=render.docx(form, own), media_type=render.DOCX, tier=Tier.LEAST),
    ]


def keep(book: Book, piece: Piece) -> Evidence:
    return book.keep(piece.content, piece.name, piece.media_type, piece.tier)


def row(found: Finding) -> dict[str, str]:
    """As people see it in a table."""
    return {
        t("routine.col_status"): t(f"reports.{found.status}"),
        t("routine.col_target"): found.target,
        t("routine.col_check"): title(found.check),
        t("routine.col_subject"): found.subject,
        t("routine.col_summary"): f"{found.summary} {found.known}".strip(),
        t("routine.col_change"): found.change or "—",
    }
