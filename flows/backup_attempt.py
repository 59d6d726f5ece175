"""One item's backup within a run: taken, copied, older ones cleared away; whatever fails is its own."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from flows.backup_items import MIB, Ready, size
from flows.routine import Run
from tasks import clock
from tasks.backups.cadence import kind_today
from tasks.backups.catalogue import Backup
from tasks.backups.copying import copy
from tasks.backups.locking import NotLocked
from tasks.backups.manifest import Kind
from tasks.backups.plan import Item
from tasks.backups.removing import tidy
from tasks.backups.retention import retention
from tasks.backups.signs import findings
from tasks.calendar.days import Calendar
from tasks.errors import OpsError
from tasks.locks import is_held
from tasks.log import log
from tasks.model import Finding, Number, Status
from tasks.take_backup import take_backup
from tasks.texts import listed, t

CHECK = "backup"
COPY_CHECK = "backup-copy"
KEEP_CHECK = "backup-keep"
# Who must not be left without what they read.
READERS = ("backup-proof", "backup-check", "restore")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """What all attempts of a run share. `asked`: the kind that somebody wants; None: by the plan."""

    run: Run
    ready: Ready
    asked: Kind | None
    calendar: Calendar


@dataclass
class Attempt:
    """`kind` None: nothing is due. `problem`: why there is no backup, or what came of it afterwards."""

    item: Item
    kind: Kind | None
    started_at: datetime
    ended_at: datetime
    backup: Backup | None = None
    problem: str = ""
    said: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    removed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "/".join(self.item.key)

    def hear(self, text: str) -> None:
        self.said.append(f"{clock.now():%H:%M:%S} {text}")

    def tell(self, text: str) -> None:
        log.info(text)
        self.hear(text)

    def find(self, check: str, status: Status, summary: str, *numbers: Number, advice: str = "") -> None:
        job, target = self.item.key
        self.findings.append(Finding(check, target, job, status, summary, numbers, advice=advice))


def attempted(taking: Taking, item: Item) -> Attempt:
    now = clock.now()
    attempt = Attempt(item, taking.asked or Kind.FULL, now, now)
    with costing_no_other(attempt):
        take(taking, attempt)
    attempt.ended_at = clock.now()
    judge(taking, attempt)
    if attempt.backup:
        with costing_no_other(attempt):
            afterwards(taking, attempt)
        if attempt.problem:
            text = t("backup_runs.after_failed", reason=attempt.problem)
            attempt.find(KEEP_CHECK, Status.WARN, text, advice=t("backup_runs.after_advice"))
    return attempt


@contextmanager
def costing_no_other(attempt: Attempt) -> Iterator[None]:
    """What fails is this item's own; a bug, too, told without its text, which may hold what a program was
    given."""
    try:
        yield
    except OpsError as problem:
        attempt.problem = str(problem)
    except Exception as problem:  # noqa: BLE001 - each item for itself
        kind = type(problem).__name__
        log.error("%s\n%s", kind, "".join(traceback.format_tb(problem.__traceback__)))
        attempt.problem = t("routine.bug", kind=kind)


def wanted_kind(taking: Taking, item: Item, now: datetime) -> Kind | None:
    """Somebody who asks for a backup gets one, whatever day it is."""
    if taking.asked:
        return taking.asked
    plan = taking.run.request.plan
    before = taking.ready.place.catalogue.of(item.key)
    kind = kind_today(item.job, plan.due_at if plan else now, before, taking.calendar)
    return kind or (None if plan else Kind.FULL)


def take(taking: Taking, attempt: Attempt) -> None:
    item, found = attempt.item, taking.ready
    if closed := found.closed.get(item.job.store):
        raise OpsError(t("backup_runs.store_closed", store=item.job.store, reason=closed))
    attempt.kind = wanted_kind(taking, item, attempt.started_at)
    if attempt.kind is None:
        return
    attempt.tell(begun(taking, attempt))
    try:
        attempt.backup = taking.run.call(
            take_backup, found.place, item, attempt.kind, found.access, attempt.hear
        )
    except NotLocked as problem:
        attempt.backup = problem.backup
        attempt.find(KEEP_CHECK, Status.FAIL, str(problem), advice=t("backup_runs.lock_advice"))


def begun(taking: Taking, attempt: Attempt) -> str:
    items = taking.ready.items
    return t(
        "backup_runs.begun",
        number=items.index(attempt.item) + 1,
        total=len(items),
        target=attempt.name,
        kind=t(f"backup_runs.kind_{attempt.kind}"),
        store=attempt.item.job.store,
    )


def judge(taking: Taking, attempt: Attempt) -> None:
    """Taken is not proven: what the finding says is how far the bytes came."""
    if attempt.kind is None:
        attempt.find(CHECK, Status.OK, t("backup_runs.not_due"))
        return
    if attempt.backup is None:
        contract, job = taking.run.request.contract, attempt.item.job.name
        advice = t("backup_runs.failed_advice", contract=contract, job=job)
        attempt.find(CHECK, Status.FAIL, t("backup_runs.failed", reason=attempt.problem), advice=advice)
        return
    manifest = attempt.backup.manifest
    seconds = (attempt.ended_at - attempt.started_at).total_seconds()
    attempt.tell(t("backup_runs.done", target=attempt.name, name=manifest.name))
    attempt.find(
        CHECK,
        Status.OK,
        t(
            "backup_runs.taken",
            kind=t(f"backup_runs.kind_{manifest.kind}"),
            size=size(manifest.size),
            stored=size(manifest.stored_size),
            seconds=seconds,
        ),
        Number(f"{manifest.kind}_size_mib", round(manifest.size / MIB, 3), "MiB"),
        Number(f"{manifest.kind}_stored_mib", round(manifest.stored_size / MIB, 3), "MiB"),
        Number(f"{manifest.kind}_seconds", round(seconds, 1), "s"),
        Number(
            f"{manifest.kind}_ratio", round(manifest.stored_size / manifest.size, 4) if manifest.size else 0.0
        ),
    )


def afterwards(taking: Taking, attempt: Attempt) -> None:
    """Of a complete backup: what fails here leaves it complete."""
    assert attempt.backup is not None
    place = taking.ready.place
    for store in attempt.item.job.copies:
        copied(taking, attempt, store)
    attempt.backup = place.catalogue.named(attempt.backup.name)
    signs = findings(attempt.backup, place.catalogue.of(attempt.item.key))
    attempt.findings += signs
    # What looks like ransomware must not push out what was there before it.
    if all(one.status is Status.OK for one in signs):
        tidied(taking, attempt)


def copied(taking: Taking, attempt: Attempt, store: str) -> None:
    """With all that it cannot be restored without: copies that failed on other days are made up for."""
    assert attempt.backup is not None
    place, contract = taking.ready.place, taking.run.request.contract
    try:
        if closed := taking.ready.closed.get(store):
            raise OpsError(t("backup_runs.store_closed", store=store, reason=closed))
        for link in place.catalogue.chain(attempt.backup):
            if store not in link.stores:
                copy(place, link, store)
                attempt.tell(t("backup_runs.copied", name=link.name, store=store))
    except OpsError as problem:
        text = t("backup_runs.copy_failed", store=store, reason=problem)
        advice = t("backup_runs.copy_advice", contract=contract, job=attempt.item.job.name)
        attempt.find(COPY_CHECK, Status.FAIL, text, advice=advice)
        return
    attempt.find(COPY_CHECK, Status.OK, t("backup_runs.copied", name=attempt.backup.name, store=store))


def tidied(taking: Taking, attempt: Attempt) -> None:
    """What retention gives up; not while somebody reads it."""
    run, place, job = taking.run, taking.ready.place, attempt.item.job
    if any(is_held(run.home, run.request.contract, code) for code in READERS):
        attempt.find(KEEP_CHECK, Status.OK, t("backup_runs.keep_waits"))
        return
    verdict = retention(place.catalogue.of(attempt.item.key), job.keep, job.asked, clock.now())
    why = {one.backup.name: listed(one.why) for one in verdict.verdicts}
    for one in tidy(place, verdict, job.asked):
        if one.problem:
            text = t("backup_runs.keep_failed", name=one.name, reason=one.problem)
            attempt.find(KEEP_CHECK, Status.WARN, text, advice=t("backup_runs.keep_advice"))
        else:
            attempt.tell(t("backup_runs.removed_one", name=one.name, store=one.store))
            attempt.removed.append((t("backup_runs.in_store", name=one.name, store=one.store), why[one.name]))
    if attempt.removed:
        attempt.find(KEEP_CHECK, Status.OK, t("backup_runs.removed", count=len(attempt.removed)))
