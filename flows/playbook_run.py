"""One run of a playbook within a routine: approved? then begun, or gone on with from where it was left."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.credential_blocks import lookup
from flows.routine import Run
from tasks import clock
from tasks.errors import OpsError, Refused
from tasks.inventory.credentials import Keyring
from tasks.log import log
from tasks.model import Host, Target
from tasks.playbooks import Site, abort
from tasks.playbooks.approvals import granted, shortfall, use
from tasks.playbooks.journal import Event, Journal
from tasks.playbooks.plan import Plan, made
from tasks.playbooks.runner import End, Result, Runner
from tasks.playbooks.runs import Begun, keep
from tasks.playbooks.schema import Playbook
from tasks.texts import t
from tasks.transports import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """What came of one playbook; `lines`: its journal, empty where nothing was begun."""

    run_id: str
    plan: Plan
    result: Result
    lines: Sequence[Mapping[str, Any]] = ()
    # None: it never was.
    begun: Begun | None = None
    # What had been begun by an earlier process.
    resumed: bool = False

    @property
    def approved_by(self) -> Sequence[str]:
        return self.begun.approved_by if self.begun else ()

    @property
    def playbook(self) -> Playbook:
        return self.plan.playbook


def rehearsed(run: Run, playbook: Playbook, run_id: str) -> Executed:
    plan = made(playbook, run.inventory)
    journal = Journal(run.home, run_id)
    return Executed(run_id=run_id, plan=plan, result=Runner(plan, site(run), journal).rehearse())


def unapproved(run: Run, playbook: Playbook, run_id: str) -> Executed | None:
    """What a run without the approvals it takes comes to: nothing is touched. None: it has them."""
    plan, now = made(playbook, run.inventory), clock.now()
    short = shortfall(run.home, run.book, plan, now)
    if not short:
        return None
    result = Result(End.NO_GO, t("service.not_approved", reason=short))
    return Executed(run_id=run_id, plan=plan, result=result)


def executed(
    run: Run, playbook: Playbook, run_id: str, following: Sequence[tuple[str, str]] = ()
) -> Executed:
    plan, request = made(playbook, run.inventory), run.request
    approvals = granted(run.home, run.book, plan, clock.now())
    if approvals is None:  # used up or over since they were looked for
        return unapproved(run, playbook, run_id) or executed(run, playbook, run_id, following)
    until = min((one.end for one in approvals), default=None)
    begun = Begun(
        run_id=run_id,
        contract=request.contract,
        routine=playbook.kind,
        mode=request.mode,
        playbook=playbook.model_dump(by_alias=True, exclude_none=True),
        digest=plan.digest,
        begun_at=clock.now().isoformat(),
        started_by=request.started_by,
        note=request.note,
        due_at=request.plan.due_at.isoformat() if request.plan else "",
        until=until.isoformat() if until else "",
        approved_by=tuple(one.by for one in approvals),
        following=tuple(following),
    )
    use(run.book, plan, approvals, run_id, request.mode)
    keep(run.home, begun)
    return gone_on(run, begun, plan)


def resumed(run: Run, begun: Begun) -> Executed:
    """What is no longer the plan that was approved is not begun; once begun, the runner refuses it."""
    plan, journal = made(begun.content(), run.inventory), Journal(run.home, begun.run_id)
    if plan.digest != begun.digest and journal.said(Event.BEGUN) is None:
        lines, other = list(journal.lines()), Result(End.NO_GO, t("playbooks.other_plan"))
        return Executed(run_id=begun.run_id, plan=plan, result=other, lines=lines, begun=begun, resumed=True)
    return gone_on(run, begun, plan, resumed=True)


def gone_on(run: Run, begun: Begun, plan: Plan, resumed: bool = False) -> Executed:
    journal = Journal(run.home, begun.run_id)
    runner = Runner(plan, site(run), journal, begun.end)
    try:
        result = runner.run()
    except Refused as problem:  # it is left as it is: a refusal would say that nothing was done
        raise OpsError(str(problem)) from problem
    except BaseException as stop:
        if isinstance(stop, Exception):
            raise
        # Somebody cancelled it, by Ctrl-C or in the UI: what was done is undone, here or by the next process.
        abort.ask(run.home, begun.run_id, run.request.started_by, t("service.interrupted"))
        if not isinstance(stop, KeyboardInterrupt):
            raise
        result = runner.run()
    return Executed(
        run_id=begun.run_id,
        plan=plan,
        result=result,
        lines=list(journal.lines()),
        begun=begun,
        resumed=resumed,
    )


def site(run: Run) -> Site:
    targets = {one.name: one for one in run.inventory.targets(contract=run.request.contract)}
    access = Access(Keyring(run.home, lookup), hosts(targets))
    return Site(
        home=run.home,
        contract=run.request.contract,
        targets=targets,
        access=access,
        say=log.info,
        ask=asked if sys.stdin is not None and sys.stdin.isatty() else None,
    )


def hosts(targets: Mapping[str, Target]) -> dict[str, Host]:
    return {name: one for name, one in targets.items() if isinstance(one, Host)}


def asked(target: str, instruction: str) -> str:
    """A step done by hand, by whoever sits at the terminal."""
    return input(t("service.ask_manual", target=target, instruction=instruction))
