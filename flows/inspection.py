"""Routine: the daily inspection of a contract's hosts and databases."""

from collections.abc import Collection, Sequence
from functools import partial

from flows.credential_blocks import lookup
from flows.foresight import foresee, limits_of
from flows.routine import TOOL, Piece, Routine, Run, Work
from tasks import clock
from tasks.calendar.days import Calendar, unpublished_text
from tasks.checks import CHECKS
from tasks.errors import OpsError, Refused
from tasks.history.decisions import with_known
from tasks.history.missed import last_missed
from tasks.inspect_targets import in_batches, inspect_targets
from tasks.inspection.collect import Collected, Wanted
from tasks.inspection.findings import ANSWERS, title, write_answers
from tasks.inspection.judge import judge_target
from tasks.inventory.contract import Contract
from tasks.inventory.credentials import Keyring
from tasks.model import Device, Finding, Host, Record, Status, Target
from tasks.reports import daily as daily_record
from tasks.reports.form import Form
from tasks.texts import listed, t
from tasks.transports import Access


def inspect(run: Run) -> Work:
    missed = last_missed(run.book, run.request.contract) if run.request.again else None
    targets = wanted(run, missed.checks if missed else {})
    marks = run.history.marks(run.request.contract)
    asked = Wanted(missed.checks if missed else {}, marks)
    access = Access(Keyring(run.home, lookup), hosts_of(run))
    batches = in_batches(targets)
    collected = [one for batch in batches for one in run.call(inspect_targets, batch, asked, access)]
    seen = judged(run, collected)
    foreseen = foresee(run, [one.target for one in collected if one.reached], seen)
    findings = [*seen, *foreseen.findings]
    not_reached = {one.target.name: reason(one) for one in collected if not one.reached}
    about = topics_of(findings)
    answers = write_answers(collected)

    def form(record: Record, number: str) -> Form:
        contract = run.inventory.contracts[run.request.contract]
        calendar = Calendar.load(run.home.inventories)
        return daily_record.build(
            daily_record.Facts(
                record=record,
                number=number,
                contract_name=contract.name,
                findings=findings,
                not_reached=not_reached,
                titles={found.check: title(found.check) for found in findings},
                attachments={ANSWERS: answers},
                clauses=[duty.clause for duty in contract.duties_about(set(about), INSPECTION.code)],
                run_id=f"{run.request.run_id} / {TOOL}",
                unpublished=unpublished_text(calendar.unpublished([clock.now().year])),
                parties=parties(contract),
                pictures=foreseen.pictures,
            )
        )

    return Work(
        findings=findings,
        expected=len(targets),
        topics=about,
        not_reached=not_reached,
        pieces=[Piece(name=ANSWERS, content=answers)],
        form=form,
        before=t("routine.again", seq=missed.seq) if missed else "",
        facts=missed.facts if missed else {},
    )


def hosts_of(run: Run) -> dict[str, Host]:
    """By name: what a connection has to go through need not be inspected in the same run."""
    targets = run.inventory.targets(contract=run.request.contract)
    return {target.name: target for target in targets if isinstance(target, Host)}


def judged(run: Run, collected: Sequence[Collected]) -> list[Finding]:
    before = run.history.before(run.request.contract)
    known = run.history.acknowledged(run.request.contract)
    found = [
        found
        for one in collected
        for found in judge_target(
            one, partial(limits_of, run), lambda check, target: before(check.name, target.name)
        )
    ]
    return with_known(found, known, clock.now().date())


def topics_of(findings: Sequence[Finding]) -> tuple[str, ...]:
    """What was really looked at: a check that could not look is about nothing."""
    seen = {found.check for found in findings if found.status is not Status.UNKNOWN}
    return tuple(sorted({topic for check in map(CHECKS.get, seen) if check for topic in check.topics}))


def wanted(run: Run, missed: Collection[str] = ()) -> list[Target]:
    """The targets asked for; of all of them, those that a machine can look at."""
    code, only = run.request.contract, run.request.only
    if missed and not only:  # one that has since left the inventory is nobody's any more
        only = tuple(one.name for one in run.inventory.targets(contract=code) if one.name in missed)
        if not only:
            raise OpsError(t("routine.no_targets", contract=code))
    targets = run.inventory.targets(contract=code, names=only)
    if not only:
        targets = [target for target in targets if by_machine(target)]
    elif other := [target.name for target in targets if not by_machine(target)]:
        raise Refused(t("routine.not_inspectable", names=listed(other)))
    if not targets:
        raise OpsError(t("routine.no_targets", contract=code))
    return list(targets)


def by_machine(target: Target) -> bool:
    """Devices that only people can look at have records of their own."""
    return not (isinstance(target, Device) and target.reach == "manual")


def reason(one: Collected) -> str:
    """Why a target was not reached: the way to it, or the first of its probes that failed."""
    failures = [one.failure, *(output.failure for output in one.outputs.values())]
    return next((failure for failure in failures if failure), "")


def parties(contract: Contract) -> dict[str, str]:
    level = t("routine.protection", level=contract.protection) if contract.protection else ""
    return {"client": contract.client, "provider": contract.provider, "level": level}


INSPECTION = Routine(code="inspection", work=inspect)
