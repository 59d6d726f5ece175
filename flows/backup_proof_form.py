"""Trials in words, for the record of what backups are worth."""

import os
from datetime import timedelta
from pathlib import Path

from flows.backup_items import point
from flows.backup_trial import HOUR, SECOND, Trial, left_out
from tasks.backups import is_elsewhere, method_named
from tasks.backups import manifest as manifests
from tasks.backups.catalogue import Backup, Proved
from tasks.backups.manifest import Level
from tasks.backups.scratch import MARKER, in_use
from tasks.backups.taking import Place
from tasks.model import Status
from tasks.reports.backup_proof import Row
from tasks.reports.daily import sm3
from tasks.texts import listed, t


def row(place: Place, trial: Trial, backup: Backup) -> Row:
    proof = trial.proof
    measured = proof is not None and proof.level.rank >= Level.L2.rank
    rto, rpo = (trial.job.rto, trial.job.rpo) if trial.job else (None, None)
    took = timedelta(seconds=proof.seconds) if proof and measured else None
    age = None if trial.chosen else trial.age
    return Row(
        target=backup.manifest.target,
        name=backup.name,
        sm3=sm3(manifests.write(backup.manifest)),
        where=where(place, backup),
        asked=t(f"backup_runs.level_{trial.asked}"),
        level=t(f"backup_runs.level_{proof.level if proof else Level.NONE}"),
        status=Status.worst(one.status for one in trial.findings),
        result=listed(one.summary for one in trial.findings if one.status is not Status.OK)
        or t("backup_runs.passed"),
        compared=compared(trial, backup, proof),
        took=t("backup_runs.took", seconds=took / SECOND) if took else "—",
        rto=promise(rto, took),
        point=point(proof.point if proof and proof.point else backup.manifest.point),
        age=t("backup_runs.age", hours=age / HOUR) if age is not None else "—",
        rpo=promise(rpo, age),
        cleared=cleared(place),
        steps=[(t("backup_runs.step_after", seconds=after), said) for after, said in trial.steps],
    )


def where(place: Place, backup: Backup) -> str:
    host = place.plan.verification.host
    if host and is_elsewhere(method_named(backup.manifest.method)):
        return t("backup_runs.where_host", host=host)
    key = "where_root" if os.geteuid() == 0 else "where_user"
    return t(f"backup_runs.{key}", folder=place.plan.verification.folder)


def compared(trial: Trial, backup: Backup, proof: Proved | None) -> str:
    if proof is None or not proof.compared:
        return t("backup_runs.compared_not", asked=trial.asked)
    if proof.failed:
        return t("backup_runs.compared_differs")
    said = t("backup_runs.compared", compared=proof.compared, rows=proof.rows)
    return said + left_out(backup, proof)


def promise(limit: timedelta | None, measured: timedelta | None) -> str:
    if limit is None:
        return t("backup_runs.promise_none")
    if measured is None:
        return t("backup_runs.promise_unmeasured", limit=span(limit))
    return t(
        "backup_runs.promise_kept" if measured <= limit else "backup_runs.promise_broken", limit=span(limit)
    )


def span(limit: timedelta) -> str:
    """As people write it in backups.yml."""
    hours = limit / HOUR
    return t("backup_runs.hours", hours=hours) if hours >= 1 else t("backup_runs.minutes", minutes=hours * 60)


def cleared(place: Place) -> str:
    """Looked at afterwards, not assumed: folders with our marker that nobody works in."""
    root = Path(place.home.root / place.plan.verification.folder)
    left = [
        path.name
        for path in (root.iterdir() if root.is_dir() else ())
        if (path / MARKER).is_file() and not in_use(path)
    ]
    return t("backup_runs.left", names=listed(left)) if left else t("backup_runs.cleared_away")
