"""Approvals as records of the book: who, by which one-time code, for exactly which plan, in which window.

A plan that changed has another digest and no approval; an approval serves one run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks import clock
from tasks.errors import Refused
from tasks.home import Home
from tasks.model import Outcome, Record
from tasks.people.codes import Accepted, accept
from tasks.people.operators import Role, entitled
from tasks.playbooks.plan import Plan
from tasks.records import Book, Entry
from tasks.texts import t

ROUTINE = "approval"
# Who asks and who must not approve alone is the playbook's matter; who may approve is operators.yml's.
GIVEN, DENIED, USED, REFUSED = "given", "denied", "used", "refused"


@dataclass(frozen=True, slots=True)
class Approval:
    seq: int
    by: str
    digest: str
    start: datetime
    end: datetime

    def holds(self, digest: str, at: datetime) -> bool:
        return self.digest == digest and self.start <= at <= self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody decides about: a plan, and when it may run."""

    contract: str
    plan: Plan
    start: datetime
    end: datetime


def approve(home: Home, book: Book, asked: Asked, by: str, code: str) -> Entry:
    """Recorded whatever comes of it: a wrong code, too. Refused where it is no approval."""
    now = clock.now()
    try:
        entitled(home, by, asked.contract, Role.APPROVER)
        answer = accept(home, by, code, now)
        if not isinstance(answer, Accepted):
            raise Refused(answer.reason)
        if now > asked.end or asked.end <= asked.start:
            raise Refused(t("approvals.window_over"))
        if any(one.by == by for one in usable(book, asked.contract, asked.plan, asked.start)):
            raise Refused(t("approvals.same_person", by=by))
    except Refused as problem:
        book.append(record(asked, by, REFUSED, now, str(problem)))
        raise
    return book.append(record(asked, by, GIVEN, now))


def deny(home: Home, book: Book, asked: Asked, by: str, code: str, reason: str) -> Entry:
    """By somebody who could have approved: the plan as it is does not run any more."""
    now = clock.now()
    entitled(home, by, asked.contract, Role.APPROVER)
    answer = accept(home, by, code, now)
    if not isinstance(answer, Accepted):
        book.append(record(asked, by, REFUSED, now, answer.reason))
        raise Refused(answer.reason)
    return book.append(record(asked, by, DENIED, now, reason))


def use(book: Book, asked: Asked, approvals: Sequence[Approval], run_id: str) -> None:
    """From here on they are spent, whatever comes of the run."""
    for one in approvals:
        book.append(record(asked, one.by, USED, clock.now(), run_id, used=one.seq))


def usable(book: Book, contract: str, plan: Plan, at: datetime) -> list[Approval]:
    """Those that let this plan run at that moment: given, not denied since, not spent."""
    given: dict[int, Approval] = {}
    for entry in book.entries(contract=contract, routine=ROUTINE):
        facts = entry.record.facts
        match facts["decision"]:
            case "given" if facts["digest"] == plan.digest:
                start, end = (clock.parse(str(facts[key])) for key in ("start", "end"))
                given[entry.seq] = Approval(entry.seq, entry.record.started_by, plan.digest, start, end)
            case "denied" if facts["digest"] == plan.digest:
                given.clear()
            case "used":
                given.pop(int(str(facts["used"])), None)
    return [one for one in given.values() if one.holds(plan.digest, at)]


def enough(plan: Plan, approvals: Sequence[Approval]) -> bool:
    people = {one.by for one in approvals}
    return len(people) >= (2 if plan.playbook.two_people else 1)


def record(
    asked: Asked, by: str, decision: str, at: datetime, note: str = "", used: int | None = None
) -> Record:
    title = asked.plan.playbook.title
    return Record(
        contract=asked.contract,
        routine=ROUTINE,
        title=t("approvals.title", title=title),
        started_at=at,
        ended_at=at,
        started_by=by,
        outcome=Outcome.NOTED if decision != REFUSED else Outcome.FAILED,
        summary=t(f"approvals.{decision}", by=by, title=title, note=note, start=asked.start, end=asked.end),
        facts={
            "decision": decision,
            "playbook": asked.plan.playbook.name,
            "digest": asked.plan.digest,
            "start": asked.start.isoformat(),
            "end": asked.end.isoformat(),
            "note": note,
            "used": used,
        },
    )
