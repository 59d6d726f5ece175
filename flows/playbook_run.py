"""One run of a playbook within a routine: approved? then begun, or gone on with from where it was left."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.credential_blocks import lookup
from flows.routine import Run
from tasks import clock
from tasks.inventory.credentials import Keyring
from tasks.log import log
from tasks.model import Host, Target
from tasks.playbooks import Site, abort
from tasks.playbooks.approvals import granted, shortfall, use
from tasks.playbooks.journal import Journal
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
    approved_by: Sequence[str] = ()
    until: datetime | None = None
    # What had been begun by an earlier process.
    resumed: bool = False

    @property
    def playbook(self) -> Playbook:
        return self.plan.playbook


def rehearsed(run: Run, playbook: Playbook, run_id: str) -> Executed:
    plan = made(playbook, run.inventory)
    journal = Journal(run.home, run_id)
    return Executed(run_id=run_id, plan=plan, result=Runner(plan, site(run), journal).rehearse())


def executed(run: Run, playbook: Playbook, run_id: str) -> Executed:
    """Nothing is touched without the approvals it takes; what is missing is the reason told."""
    plan, now = made(playbook, run.inventory), clock.now()
    approvals = granted(run.book, plan, now)
    if approvals is None:
        short = Result(End.NO_GO, t("service.not_approved", reason=shortfall(run.book, plan, now)))
        return Executed(run_id=run_id, plan=plan, result=short)
    until = min((one.end for one in approvals), default=None)
    request = run.request
    begun = Begun(
        run_id=run_id,
        contract=request.contract,
        routine=playbook.kind,
        playbook=playbook.model_dump(by_alias=True, exclude_none=True),
        started_by=request.started_by,
        note=request.note,
        due_at=request.plan.due_at.isoformat() if request.plan else "",
        until=until.isoformat() if until else "",
        approved_by=tuple(one.by for one in approvals),
    )
    use(run.book, plan, approvals, run_id)
    keep(run.home, begun)
    return gone_on(run, begun, plan)


def resumed(run: Run, begun: Begun) -> Executed:
    return gone_on(run, begun, made(begun.content(), run.inventory), resumed=True)


def gone_on(run: Run, begun: Begun, plan: Plan, resumed: bool = False) -> Executed:
    journal = Journal(run.home, begun.run_id)
    runner = Runner(plan, site(run), journal, begun.end)
    try:
        result = runner.run()
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
        approved_by=begun.approved_by,
        until=begun.end,
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
