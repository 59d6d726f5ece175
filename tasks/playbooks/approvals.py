"""Approvals as records of the book: who, by which one-time code, for exactly which plan, in which window.

A plan that changed has another digest and no approval; an approval serves one run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks import clock
from tasks.errors import Refused
from tasks.home import Home
from tasks.model import Mode, Outcome, Record
from tasks.people.codes import Accepted, accept
from tasks.people.operators import Role, entitled, load
from tasks.playbooks.plan import Plan
from tasks.records import Book, Entry
from tasks.texts import listed, t

ROUTINE = "approval"
GIVEN, DENIED, USED, REFUSED = "given", "denied", "used", "refused"
PEOPLE = {"none": 0, "one": 1, "two": 2}


@dataclass(frozen=True, slots=True)
class Approval:
    seq: int
    by: str
    playbook: str
    digest: str
    start: datetime
    end: datetime

    def holds(self, plan: Plan, at: datetime) -> bool:
        return self.digest == plan.digest and self.start <= at <= self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody decides about: a plan, and when it may run."""

    plan: Plan
    start: datetime
    end: datetime
    # The contract's.
    mode: Mode = Mode.REAL

    @property
    def contract(self) -> str:
        return self.plan.playbook.contract


def approve(home: Home, book: Book, asked: Asked, by: str, code: str) -> Entry:
    """Recorded whatever comes of it: a wrong code, too. Refused where it is no approval."""
    try:
        signed(home, asked, by, code)
        if clock.now() > asked.end or asked.end <= asked.start:
            raise Refused(t("approvals.window_over"))
        same = [one for one in open_for(book, asked.plan) if one.by == by]
        if any(one.start <= asked.end and asked.start <= one.end for one in same):
            raise Refused(t("approvals.same_person", by=by))
    except Refused as problem:
        book.append(record(asked, by, REFUSED, str(problem)))
        raise
    return book.append(record(asked, by, GIVEN))


def deny(home: Home, book: Book, asked: Asked, by: str, code: str, reason: str) -> Entry:
    """By somebody who could have approved: what was approved of the plan so far is void."""
    try:
        signed(home, asked, by, code)
    except Refused as problem:
        book.append(record(asked, by, REFUSED, str(problem)))
        raise
    return book.append(record(asked, by, DENIED, reason))


def signed(home: Home, asked: Asked, by: str, code: str) -> None:
    entitled(home, by, asked.contract, Role.APPROVER)
    answer = accept(home, by, code, clock.now())
    if not isinstance(answer, Accepted):
        raise Refused(answer.reason)


def use(book: Book, plan: Plan, approvals: Sequence[Approval], run_id: str, mode: Mode = Mode.REAL) -> None:
    """From here on they are spent, whatever comes of the run."""
    for one in approvals:
        asked = Asked(plan=plan, start=one.start, end=one.end, mode=mode)
        book.append(record(asked, one.by, USED, run_id, used=one.seq))


def unspent(book: Book, contract: str) -> list[Approval]:
    """Those given, not denied since, not used; whatever plan and window they are for."""
    given: dict[int, Approval] = {}
    for entry in book.entries(contract=contract, routine=ROUTINE):
        facts = entry.record.facts
        digest = str(facts["digest"])
        match facts["decision"]:
            case "given":
                start, end = (clock.parse(str(facts[key])) for key in ("start", "end"))
                by, name = entry.record.started_by, str(facts["playbook"])
                given[entry.seq] = Approval(entry.seq, by, name, digest, start, end)
            case "denied":
                given = {seq: one for seq, one in given.items() if one.digest != digest}
            case "used":
                given.pop(int(str(facts["used"])), None)
    return list(given.values())


def open_for(book: Book, plan: Plan) -> list[Approval]:
    return [one for one in unspent(book, plan.playbook.contract) if one.digest == plan.digest]


def granted(home: Home, book: Book, plan: Plan, at: datetime) -> list[Approval] | None:
    """Those that let the plan run at that moment, one a person and no more than it takes; None: too few."""
    people: dict[str, Approval] = {}
    approvers = still_entitled(home, plan)
    for one in open_for(book, plan):
        if one.holds(plan, at) and one.by in approvers:
            people.setdefault(one.by, one)
    needed = PEOPLE[plan.playbook.approval]
    return list(people.values())[:needed] if len(people) >= needed else None


def still_entitled(home: Home, plan: Plan) -> set[str]:
    """Who was taken off the list since has no say any more."""
    contract = plan.playbook.contract
    return {one.name for one in load(home.inventories) if one.may(Role.APPROVER, contract)}


def shortfall(home: Home, book: Book, plan: Plan, at: datetime) -> str:
    """What is missing, and what was given but does not count; empty: it may run."""
    if granted(home, book, plan, at) is not None:
        return ""
    approvers = still_entitled(home, plan)
    there = [one for one in unspent(book, plan.playbook.contract) if one.playbook == plan.playbook.name]
    counted = [one for one in there if one.holds(plan, at) and one.by in approvers]
    names = list(dict.fromkeys(one.by for one in counted))
    needed = PEOPLE[plan.playbook.approval]
    told = t("approvals.short", needed=needed, count=len(names), names=listed(names) or "—")
    return told + "".join(useless(one, plan) for one in there if one not in counted)


def useless(one: Approval, plan: Plan) -> str:
    if one.digest != plan.digest:
        return t("approvals.other_plan", by=one.by)
    return t("approvals.other_time", by=one.by, start=one.start, end=one.end)


def record(asked: Asked, by: str, decision: str, note: str = "", used: int | None = None) -> Record:
    playbook, now = asked.plan.playbook, clock.now()
    told = {"by": by, "title": playbook.title, "note": note, "start": asked.start, "end": asked.end}
    return Record(
        contract=asked.contract,
        routine=ROUTINE,
        title=t("approvals.title", title=playbook.title),
        started_at=now,
        ended_at=now,
        started_by=by,
        outcome=Outcome.NOTED if decision != REFUSED else Outcome.FAILED,
        mode=asked.mode,
        summary=t(f"approvals.{decision}", **told),
        facts={
            "decision": decision,
            "playbook": playbook.name,
            "digest": asked.plan.digest,
            "start": asked.start.isoformat(),
            "end": asked.end.isoformat(),
            "note": note,
            "used": used,
        },
    )
