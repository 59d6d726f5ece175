"""Attempts in words, for the record of backups."""

from collections.abc import Sequence

from flows.backup_attempt import Attempt
from flows.backup_items import kept, medium, point, policy, protection, size
from tasks.backups import manifest as manifests
from tasks.backups.catalogue import Backup
from tasks.backups.manifest import Level
from tasks.backups.plan import Backups
from tasks.model import Status
from tasks.reports.backup import Row, Stored
from tasks.reports.daily import sm3
from tasks.texts import listed, t


def rows(plan: Backups, attempts: Sequence[Attempt]) -> list[Row]:
    return [row(plan, one) for one in attempts]


def row(plan: Backups, one: Attempt) -> Row:
    return Row(
        target=one.item.target.name,
        policy=policy(one.item.job),
        kind=t(f"backup_runs.kind_{one.backup.manifest.kind if one.backup else one.kind}")
        if one.kind
        else "—",
        times=times(one) if one.kind else "—",
        size=sizes(one.backup) if one.backup else "—",
        status=Status.worst(found.status for found in one.findings),
        result=result(one),
        stored=stored(plan, one, one.backup) if one.backup else None,
        log=one.said,
    )


def times(one: Attempt) -> str:
    seconds = (one.ended_at - one.started_at).total_seconds()
    return t("backup_runs.times", start=one.started_at, end=one.ended_at, seconds=seconds)


def sizes(backup: Backup) -> str:
    manifest = backup.manifest
    ratio = manifest.stored_size / manifest.size if manifest.size else 0
    return t("backup_runs.size", size=size(manifest.size), stored=size(manifest.stored_size), ratio=ratio)


def result(one: Attempt) -> str:
    if one.kind is None:
        return t("backup_runs.result_not_due")
    if one.backup is None:
        return t("backup_runs.result_failed")
    whole = set(one.item.job.copies) <= set(one.backup.stores)
    return t("backup_runs.result_ok" if whole else "backup_runs.result_copies")


def stored(plan: Backups, one: Attempt, backup: Backup) -> Stored:
    job = one.item.job
    copies = [medium(plan, name) for name in job.copies if name in backup.stores]
    return Stored(
        name=backup.name,
        medium=medium(plan, job.store),
        copies=listed(copies) or ("—" if job.copies else t("backup_runs.no_copies")),
        keep=kept(job),
        protection=protection(backup.manifest),
        level=t(f"backup_runs.level_{Level.L0}"),
        point=point(backup.manifest.point),
        sm3=sm3(manifests.write(backup.manifest)),
    )
