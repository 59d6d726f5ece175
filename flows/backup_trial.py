"""One backup's proof within a run, and what is to be said of it."""

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flows.backup_items import Ready
from flows.routine import Run
from tasks.backups import keys
from tasks.backups.catalogue import Backup, Proved
from tasks.backups.manifest import Level
from tasks.backups.plan import Job
from tasks.errors import OpsError, Refused
from tasks.log import log
from tasks.model import Finding, Number, Status
from tasks.prove_backup import prove_backup
from tasks.texts import listed, t

CHECK = "backup-proof"
RTO_CHECK, RPO_CHECK, WRITTEN_CHECK = "backup-rto", "backup-rpo", "backup-written"
NAMED = 8
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@dataclass
class Trial:
    """`chosen`: named by somebody, so that its age says nothing. `reason`: why nothing was tried."""

    item: tuple[str, str]
    asked: Level
    job: Job | None
    backup: Backup | None
    chosen: bool = False
    proof: Proved | None = None
    reason: str = ""
    steps: list[tuple[float, str]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def find(self, check: str, status: Status, summary: str, *numbers: Number, advice: str = "") -> None:
        job, target = self.item
        self.findings.append(Finding(check, target, job, status, summary, numbers, advice=advice))

    def not_written(self, store: str, reason: str) -> None:
        assert self.backup is not None
        text = t("backup_runs.not_written", name=self.backup.name, store=store, reason=reason)
        self.find(WRITTEN_CHECK, Status.WARN, text, advice=t("backup_runs.not_written_advice"))

    @property
    def age(self) -> timedelta | None:
        """What would be lost, had the source gone when this was proven."""
        if self.backup is None or self.proof is None:
            return None
        return self.proof.at - self.backup.manifest.started_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Trying:
    """`against`: why nothing may be restored here; reading what lies in storage is always allowed."""

    run: Run
    ready: Ready
    number: int
    total: int
    against: str


def tried(trying: Trying, trial: Trial) -> None:
    if trial.backup is None:
        return
    begun = time.monotonic()

    def heard(said: str) -> None:
        trial.steps.append((time.monotonic() - begun, said))

    name, found = trial.backup.name, trying.ready
    log.info(t("backup_runs.proving", number=trying.number, total=trying.total, name=name, asked=trial.asked))
    heard(t("backup_runs.step_begun"))
    try:
        if trying.against and trial.asked is not Level.L0:
            raise Refused(trying.against)
        openable(found, trial.backup)
        identities: Sequence[Any] = (
            keys.identities(found.place.plan, found.access.keyring) if trial.backup.manifest.keys else ()
        )
        trial.proof = trying.run.call(prove_backup, found.place, trial.backup, trial.asked, identities, heard)
        trial.reason = trial.proof.unsure
    except OpsError as problem:
        trial.reason = str(problem)
    except Exception as problem:  # noqa: BLE001 - a bug in one method costs no other its proof
        kind = type(problem).__name__
        log.error("%s\n%s", kind, "".join(traceback.format_tb(problem.__traceback__)))
        trial.reason = t("routine.bug", kind=kind)
    heard(ended(trial))


def openable(found: Ready, backup: Backup) -> None:
    """A store that cannot be opened says nothing of what lies in it."""
    for one in found.place.catalogue.chain(backup):
        if one.stores and all(name in found.closed for name in one.stores):
            store = one.stores[0]
            raise OpsError(t("backup_runs.store_closed", store=store, reason=found.closed[store]))


def ended(trial: Trial) -> str:
    if trial.proof and trial.proof.holds:
        return t("backup_runs.step_ended_holds", level=trial.proof.level)
    return t("backup_runs.step_ended_failed", reason=trial.reason or (trial.proof and trial.proof.failed))


def judged(contract: str, trial: Trial) -> None:
    """Ok only what holds."""
    backup, proof = trial.backup, trial.proof
    if backup is None:
        advice = t("backup_runs.no_backup_advice", contract=contract, job=trial.item[0])
        trial.find(CHECK, Status.FAIL, t("backup_runs.no_backup"), advice=advice)
        return
    if trial.reason or proof is None:
        level = t(f"backup_runs.level_{proof.level if proof else Level.NONE}")
        text = t("backup_runs.unsure", name=backup.name, level=level, reason=trial.reason)
        advice = t("backup_runs.unsure_advice", contract=contract, name=backup.name)
        trial.find(CHECK, Status.UNKNOWN, text, advice=advice)
        return
    said = {"name": backup.name, "level": t(f"backup_runs.level_{proof.level}")}
    numbers = (
        Number("level", proof.level.rank),
        Number("objects", proof.compared),
        Number("rows", proof.rows),
        Number("left_out", len(backup.manifest.not_digested)),
    )
    if proof.holds:
        text = t(
            "backup_runs.proved", **said, compared=proof.compared, rows=proof.rows, seconds=proof.seconds
        )
        trial.find(CHECK, Status.OK, text + left_out(backup, proof), *numbers)
        promised(trial, proof)
        return
    broke = list(Level)[min(proof.level.rank + 1, trial.asked.rank)]
    text = t("backup_runs.not_proved", **said, broke=broke, reason=proof.failed)
    trial.find(CHECK, Status.FAIL, text, *numbers, advice=t("backup_runs.not_proved_advice"))


def left_out(backup: Backup, proof: Proved) -> str:
    """What L3 says nothing of; empty: nothing."""
    names = list(backup.manifest.not_digested) if proof.compared else []
    return t("backup_runs.left_out", count=len(names), names=listed(names[:NAMED])) if names else ""


def promised(trial: Trial, proof: Proved) -> None:
    """What was measured beside what was promised."""
    rto = trial.job.rto if trial.job else None
    if proof.level.rank >= Level.L2.rank:
        number = Number("seconds", round(proof.seconds, 1), "s", rto / SECOND if rto else None)
        slow = rto is not None and proof.seconds > rto / SECOND
        text = (
            t("backup_runs.slow", seconds=proof.seconds, limit=rto / SECOND)
            if slow and rto
            else t("backup_runs.took", seconds=proof.seconds)
        )
        status = Status.WARN if slow else Status.OK
        trial.find(RTO_CHECK, status, text, number, advice=t("backup_runs.slow_advice") if slow else "")
    rpo, age = trial.job.rpo if trial.job else None, trial.age
    if age is None or trial.chosen:
        return
    hours = Number("hours", round(age / HOUR, 2), "h", rpo / HOUR if rpo else None)
    if rpo and age > rpo:
        text = t("backup_runs.old", hours=age / HOUR, limit=rpo / HOUR)
        trial.find(RPO_CHECK, Status.WARN, text, hours, advice=t("backup_runs.old_advice"))
    else:
        trial.find(RPO_CHECK, Status.OK, t("backup_runs.age", hours=age / HOUR), hours)
