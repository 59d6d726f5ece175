"""Routine: services started and stopped by playbook, around holidays or on request."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from flows.header import header
from flows.playbook_run import Executed, executed, rehearsed, resumed, unapproved
from flows.routine import Piece, Request, Routine, Run, Work
from tasks import clock
from tasks.errors import Refused
from tasks.home import Home
from tasks.inventory import Inventory
from tasks.model import Finding, Record, Status
from tasks.playbooks import library
from tasks.playbooks.runner import End
from tasks.playbooks.runs import ENDS, Begun, begun, left
from tasks.playbooks.schema import Playbook
from tasks.playbooks.told import STANDING, Told, told
from tasks.records import Book
from tasks.reports import service as record_of
from tasks.reports.form import Form
from tasks.texts import listed, t

KIND = "service"
CHECK, GO_CHECK = "service", "service-go"
# What a request is asked for: the run that is gone on with.
RESUME = "resume"


def playbooks(home: Home, inventory: Inventory, request: Request) -> list[Playbook]:
    """Those the request names; refused where one is not there, or a run before it is not at its end."""
    unfinished = [one for one in left(home, Book(home.book)) if one.contract == request.contract]
    if run_id := request.asked.get(RESUME):
        if run_id not in [one.run_id for one in unfinished]:
            raise Refused(t("service.no_such_run", run=run_id))
        return []
    if not request.only:
        known = of_kind(home, request.contract)
        raise Refused(t("service.no_playbook_named", known=listed(known) or "—"))
    found = [library.named(home, request.contract, name) for name in request.only]
    if wrong := [one.name for one in found if one.kind != KIND]:
        raise Refused(t("service.wrong_kind", name=listed(wrong)))
    if unfinished and not request.rehearse:
        one = unfinished[0]
        raise Refused(t("service.left_over", run=one.run_id, title=one.title))
    return found


def of_kind(home: Home, contract: str) -> list[str]:
    return library.names(home, contract, KIND)


def serve(run: Run) -> Work:
    request = run.request
    wanted = playbooks(run.home, run.inventory, request)
    parts, not_begun = carried_out(run, wanted)
    stories = [told(part.plan, part.lines, part.result) for part in parts]
    findings = [one for part, moves in zip(parts, stories, strict=True) for one in found(part, moves)]
    findings += [waiting(one) for one in not_begun]
    pieces = [
        Piece(name=f"{part.run_id}.jsonl", content=journal(part), media_type="application/jsonl")
        for part in parts
        if part.lines
    ]
    return Work(
        findings=findings,
        expected=len(targets(wanted, parts)),
        topics=("service",),
        summary=summary(parts, stories),
        not_reached=not_reached(parts, stories, not_begun),
        pieces=pieces,
        form=lambda record, number: form(run, record, number, parts, stories, findings, pieces),
        facts={
            ENDS: {part.run_id: part.result.end for part in parts},
            "playbooks": {part.playbook.name: part.plan.digest for part in parts},
            "approved_by": [name for part in parts for name in part.approved_by],
        },
        started_at=began(parts),
    )


def carried_out(run: Run, wanted: Sequence[Playbook]) -> tuple[list[Executed], list[Playbook]]:
    """One after the other; behind one that did not come to its end nothing more is begun."""
    if run_id := run.request.asked.get(RESUME):
        broken_off = begun(run.home, run_id)
        assert broken_off is not None, "looked at before"
        return [resumed(run, broken_off)], never_begun(run, broken_off)
    ids = [
        run.request.run_id if len(wanted) == 1 else f"{run.request.run_id}.{n}"
        for n, _ in enumerate(wanted, 1)
    ]
    if run.request.rehearse:
        return [rehearsed(run, one, run_id) for one, run_id in zip(wanted, ids, strict=True)], []
    for one, run_id in zip(wanted, ids, strict=True):
        if short := unapproved(run, one, run_id):
            return [short], [other for other in wanted if other is not one]
    parts: list[Executed] = []
    for number, one in enumerate(wanted):
        following = [(ids[n], wanted[n].name) for n in range(number + 1, len(wanted))]
        parts.append(executed(run, one, ids[number], following))
        if parts[-1].result.end is not End.DONE:
            break
    return parts, list(wanted[len(parts) :])


def never_begun(run: Run, one: Begun) -> list[Playbook]:
    """What the broken run's request wanted behind it, where nothing of that was begun."""
    if not one.following or begun(run.home, one.following[0][0]):
        return []
    known = set(of_kind(run.home, one.contract))
    return [library.named(run.home, one.contract, name) for _, name in one.following if name in known]


def began(parts: Sequence[Executed]) -> datetime | None:
    """A run that is gone on with began when it did."""
    times = [clock.parse(part.begun.begun_at) for part in parts if part.begun and part.resumed]
    return min(times, default=None)


def found(part: Executed, moves: Sequence[Told]) -> Iterator[Finding]:
    result = part.result
    if result.end is End.NO_GO and not result.looked:
        yield Finding(GO_CHECK, part.playbook.contract, part.playbook.title, Status.FAIL, result.reason)
    for title, target, seen in result.looked:
        yield Finding(GO_CHECK, target or part.playbook.contract, title, STANDING[seen.holds], seen.text)
    for one in moves:
        yield of_move(one, result.reason)


def of_move(one: Told, reason: str) -> Finding:
    why = one.reason or reason
    said = {"before": one.before or "—", "after": one.after or "—", "reason": why}
    return Finding(
        CHECK, one.move.target, one.move.step.title, one.status, t(f"service.finding_{one.word}", **said)
    )


def waiting(playbook: Playbook) -> Finding:
    return Finding(GO_CHECK, playbook.contract, playbook.title, Status.WARN, t("service.not_begun"))


def journal(part: Executed) -> bytes:
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in part.lines)


def targets(wanted: Sequence[Playbook], parts: Sequence[Executed]) -> set[str]:
    return {name for one in (*wanted, *(part.playbook for part in parts)) for name in one.scope}


def not_reached(
    parts: Sequence[Executed], stories: Sequence[Sequence[Told]], not_begun: Sequence[Playbook]
) -> dict[str, str]:
    """Hosts of which nobody knows at the end how they stand, and those whose turn never came."""
    never = {name: t("service.not_begun") for one in not_begun for name in one.scope}
    for part in parts:
        if not part.lines and not part.result.standing:
            never |= dict.fromkeys(part.playbook.scope, part.result.reason)
    blind = {
        one.move.target: one.after or one.reason
        for moves in stories
        for one in moves
        if one.status is Status.UNKNOWN
    }
    return {**never, **blind}


def summary(parts: Sequence[Executed], stories: Sequence[Sequence[Told]]) -> str:
    moves = [one for story in stories for one in story]
    done = sum(one.status is Status.OK for one in moves)
    ends = [
        t("service.summary_part", title=part.playbook.title, end=t(f"service.end_{part.result.end}"))
        + (t("service.summary_reason", reason=part.result.reason) if part.result.reason else "")
        for part in parts
    ]
    return t("service.summary", done=done, count=len(moves), ends=t("service.semicolon").join(ends))


def form(
    run: Run,
    record: Record,
    number: str,
    parts: Sequence[Executed],
    stories: Sequence[Sequence[Told]],
    findings: Sequence[Finding],
    pieces: Sequence[Piece],
) -> Form:
    return record_of.build(
        record_of.Facts(
            record=record,
            number=number,
            header=[
                *header(run, record, number),
                (t("service.basis"), run.request.note or t("reports.blank")),
            ],
            parts=[
                record_of.Part(
                    playbook=part.playbook,
                    result=part.result,
                    moves=moves,
                    approved_by=part.approved_by,
                    digest=part.plan.digest,
                    resumed=part.resumed,
                )
                for part, moves in zip(parts, stories, strict=True)
            ],
            findings=findings,
            attachments={piece.name: piece.content for piece in pieces},
        )
    )


SERVICE = Routine(code=KIND, work=serve, changes=True, named=playbooks)
